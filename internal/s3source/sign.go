package s3source

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// emptyHash is the SHA-256 of no bytes: the payload of a GET.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// signingKeys keeps the last signing key: it is the same for a day.
var signingKeys struct {
	sync.Mutex
	secret, date, region string
	key                  []byte
}

func signingKey(secret, date, region string) []byte {
	k := &signingKeys
	k.Lock()
	defer k.Unlock()
	if k.secret != secret || k.date != date || k.region != region {
		key := digest([]byte("AWS4"+secret), date)
		key = digest(key, region)
		key = digest(key, "s3")
		k.secret, k.date, k.region, k.key = secret, date, region, digest(key, "aws4_request")
	}
	return k.key
}

func digest(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

var canonical = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// sign signs a GET without query and body for S3, Signature Version 4 (IAM user
// guide, "Create a signed AWS API request"; S3 does not encode the path twice).
// Without credentials the request stays as it is.
func sign(r *http.Request, c aws.Credentials, region string, now time.Time) {
	if c.AccessKeyID == "" {
		return
	}
	stamp := now.UTC().Format("20060102T150405Z")
	date := stamp[:8]
	r.Header["X-Amz-Date"] = []string{stamp}
	r.Header["X-Amz-Content-Sha256"] = []string{emptyHash}
	names := "host;x-amz-content-sha256;x-amz-date"
	payer := r.Header.Get("X-Amz-Request-Payer")
	if payer != "" {
		names += ";x-amz-request-payer"
	}
	if c.SessionToken != "" {
		r.Header["X-Amz-Security-Token"] = []string{c.SessionToken}
		names += ";x-amz-security-token"
	}
	pooled := canonical.Get().(*[]byte)
	defer canonical.Put(pooled)
	b := append((*pooled)[:0], "GET\n"...)
	b = append(b, r.URL.EscapedPath()...)
	b = append(b, "\n\nhost:"...)
	b = append(b, r.URL.Host...)
	b = append(b, "\nx-amz-content-sha256:"+emptyHash+"\nx-amz-date:"...)
	b = append(b, stamp...)
	if payer != "" {
		b = append(b, "\nx-amz-request-payer:"...)
		b = append(b, payer...)
	}
	if c.SessionToken != "" {
		b = append(b, "\nx-amz-security-token:"...)
		b = append(b, c.SessionToken...)
	}
	b = append(b, "\n\n"...)
	b = append(b, names...)
	b = append(b, "\n"+emptyHash...)
	sum := sha256.Sum256(b)

	scope := date + "/" + region + "/s3/aws4_request"
	b = append(b[:0], "AWS4-HMAC-SHA256\n"...)
	b = append(b, stamp...)
	b = append(b, '\n')
	b = append(b, scope...)
	b = append(b, '\n')
	b = hex.AppendEncode(b, sum[:])
	h := hmac.New(sha256.New, signingKey(c.SecretAccessKey, date, region))
	h.Write(b)
	signature := h.Sum(sum[:0])
	r.Header["Authorization"] = []string{"AWS4-HMAC-SHA256 Credential=" + c.AccessKeyID + "/" + scope + ", SignedHeaders=" + names + ", Signature=" + hex.EncodeToString(signature)}
	*pooled = b
}

// escapeKey encodes a key for a URL's path as signatures want it: all but
// unreserved characters and the slash.
func escapeKey(key string) string {
	const digits = "0123456789ABCDEF"
	n := 0
	for i := range len(key) {
		if !plain(key[i]) {
			n++
		}
	}
	if n == 0 {
		return key
	}
	b := make([]byte, 0, len(key)+2*n)
	for i := range len(key) {
		if c := key[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' || c == '/'
}
