package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// drawBytes draws n bytes.
func drawBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.UintN(256))
	}
	return b
}

// edgeID is an x-edge-request-id: 40 bytes in base64url.
func (w *world) edgeID() string { return base64.URLEncoding.EncodeToString(drawBytes(w.rng, 40)) }

// s3ID is an S3 request ID: 16 characters of base 36.
func (w *world) s3ID() string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var id strings.Builder
	for range 16 {
		id.WriteByte(digits[w.rng.IntN(len(digits))])
	}
	return id.String()
}

// hostID is an x-amz-id-2: 56 bytes in base64.
func (w *world) hostID() string { return base64.StdEncoding.EncodeToString(drawBytes(w.rng, 56)) }

func (w *world) hex(n int) string { return hex.EncodeToString(drawBytes(w.rng, n)) }

// unique is the unique part of a log object's name, n hex digits. It hangs on the name alone, so that
// a change of the site changes files and does not rename them all.
func unique(name string, n int) string {
	sum := sha1.Sum([]byte(name))
	return hex.EncodeToString(sum[:])[:n]
}

// address draws an IPv4 address of the range.
func (w *world) address(in netip.Prefix) string {
	b := in.Addr().As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n += 1 + w.rng.Uint32N(1<<(32-in.Bits())-2)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
}

// A signer signs CloudFront URLs. Its key pair is drawn from the seed: nobody else's key, and no
// private key lies in the repository.
type signer struct{ key *rsa.PrivateKey }

func newSigner(rng *rand.Rand) *signer {
	one := big.NewInt(1)
	e := big.NewInt(65537)
	prime := func() *big.Int {
		for {
			b := drawBytes(rng, 128)
			b[0] |= 0xc0
			b[127] |= 1
			p := new(big.Int).SetBytes(b)
			rest := new(big.Int).Sub(p, one)
			if new(big.Int).GCD(nil, nil, rest, e).Cmp(one) == 0 && p.ProbablyPrime(20) {
				return p
			}
		}
	}
	p, q := prime(), prime()
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, D: new(big.Int).ModInverse(e, phi), Primes: []*big.Int{p, q}}
	key.Precompute()
	if err := key.Validate(); err != nil {
		panic(err)
	}
	return &signer{key}
}

// query is the canned-policy query string for the URL (CloudFront guide, "Creating a signed URL
// using a canned policy"): RSA over the SHA-1 of the policy, base64 with +=/ as -_~.
func (s *signer) query(url string, expires time.Time, keyID string) string {
	policy := fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, url, expires.Unix())
	sum := sha1.Sum([]byte(policy))
	signature, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA1, sum[:])
	if err != nil {
		panic(err)
	}
	text := strings.NewReplacer("+", "-", "=", "_", "/", "~").Replace(base64.StdEncoding.EncodeToString(signature))
	return fmt.Sprintf("Expires=%d&Signature=%s&Key-Pair-Id=%s", expires.Unix(), text, keyID)
}

func (s *signer) publicPEM() string {
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
