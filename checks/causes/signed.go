package causes

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/why403/why403/correlate"
)

// A signedRequest is the signature that came with a viewer's request, as query
// parameters or cookies (CloudFront guide, Signed URLs and signed cookies).
type signedRequest struct {
	KeyPairID, Signature, Policy string
	Expires                      string // canned policy
	Cookie                       bool
	Others                       []string // the query's other parameters, raw, in order
	host, path, protocol         string
}

// signedParams are the names of CloudFront's own query parameters.
var signedParams = map[string]bool{"Expires": true, "Signature": true, "Key-Pair-Id": true, "Policy": true, "Hash-Algorithm": true}

// parseSigned reads the signature of a logged request. ok is false when there
// is none at all; a partial one is returned.
func parseSigned(e *correlate.EdgeSample) (r signedRequest, ok bool) {
	r.host, r.protocol = e.Host, e.Protocol
	r.path = correlate.WirePath(e.Stem)
	query := e.Query
	if query == "-" {
		query = ""
	}
	query = correlate.WirePath(query) // the log's own layer of encoding
	for _, p := range strings.Split(query, "&") {
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		if !signedParams[name] {
			r.Others = append(r.Others, p)
			continue
		}
		ok = ok || name != "Expires" && name != "Hash-Algorithm"
		r.set(name, unescape(value))
	}
	if ok {
		return r, true
	}
	for _, c := range strings.Split(e.Cookie, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(correlate.WirePath(c)), "=")
		if field, found := strings.CutPrefix(name, "CloudFront-"); found && signedParams[field] {
			r.set(field, unescape(value))
			r.Cookie, ok = true, true
		}
	}
	return r, ok
}

func (r *signedRequest) set(name, value string) {
	switch name {
	case "Expires":
		r.Expires = value
	case "Signature":
		r.Signature = value
	case "Key-Pair-Id":
		r.KeyPairID = value
	case "Policy":
		r.Policy = value
	}
}

func unescape(s string) string {
	if v, err := url.QueryUnescape(strings.ReplaceAll(s, "+", "%2B")); err == nil {
		return v
	}
	return s
}

// fromURLSafe undoes CloudFront's replacement of + = / by - _ ~.
func fromURLSafe(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(s)
	if b, err := base64.StdEncoding.DecodeString(s); err == nil {
		return b, nil
	}
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}

// A signedPolicy is a custom policy, or the canned one that Expires stands for.
type signedPolicy struct {
	Resource     string
	Expires      int64 // DateLessThan, Unix s; 0 when none
	NotBefore    int64 // DateGreaterThan, Unix s; 0 when none
	SourceIP     string
	text         []byte // the bytes that are signed
	cannedSuffix bool
}

// policy returns what was signed. resource is used for the canned policy.
func (r *signedRequest) policy(resource string) (signedPolicy, error) {
	if r.Policy == "" {
		n, err := strconv.ParseInt(r.Expires, 10, 64)
		if err != nil {
			return signedPolicy{}, errors.New("the parameter Expires is no number of seconds")
		}
		text := fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, resource, n)
		return signedPolicy{Resource: resource, Expires: n, text: []byte(text), cannedSuffix: true}, nil
	}
	text, err := fromURLSafe(r.Policy)
	if err != nil {
		return signedPolicy{}, errors.New("the parameter Policy is not CloudFront's URL-safe base64")
	}
	type epoch struct {
		T json.Number `json:"AWS:EpochTime"`
	}
	var doc struct {
		Statement []struct {
			Resource  string
			Condition struct {
				DateLessThan, DateGreaterThan *epoch
				IPAddress                     *struct {
					IP string `json:"AWS:SourceIp"`
				} `json:"IpAddress"`
			}
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil || len(doc.Statement) != 1 {
		return signedPolicy{}, errors.New("the parameter Policy holds no valid policy document")
	}
	s := doc.Statement[0]
	p := signedPolicy{Resource: s.Resource, text: text}
	if s.Condition.DateLessThan != nil {
		p.Expires, _ = s.Condition.DateLessThan.T.Int64()
	}
	if s.Condition.DateGreaterThan != nil {
		p.NotBefore, _ = s.Condition.DateGreaterThan.T.Int64()
	}
	if s.Condition.IPAddress != nil {
		p.SourceIP = s.Condition.IPAddress.IP
	}
	return p, nil
}

// timing says in words why the policy did not hold at the time, "" if it did.
func (p *signedPolicy) timing(ms int64) string {
	at := ms / 1000
	switch {
	case p.Expires > 0 && p.Expires <= at:
		return fmt.Sprintf("it expired at %s, the request came at %s", time.Unix(p.Expires, 0).UTC().Format("2006-01-02 15:04:05Z"), clock(ms))
	case p.NotBefore > 0 && p.NotBefore > at:
		return fmt.Sprintf("it is valid from %s, the request came at %s", time.Unix(p.NotBefore, 0).UTC().Format("2006-01-02 15:04:05Z"), clock(ms))
	}
	return ""
}

// allowsIP reports whether the policy's IpAddress clause covers the client.
// CloudFront compares IPv4 only (CloudFront guide, custom policy).
func (p *signedPolicy) allowsIP(client string) correlate.Tri {
	if p.SourceIP == "" {
		return correlate.Yes
	}
	prefix, err := netip.ParsePrefix(p.SourceIP)
	if err != nil {
		a, err := netip.ParseAddr(p.SourceIP)
		if err != nil {
			return correlate.Unknown
		}
		prefix = netip.PrefixFrom(a, a.BitLen())
	}
	a, err := netip.ParseAddr(client)
	if err != nil {
		return correlate.Unknown
	}
	if prefix.Masked().Contains(a.Unmap()) {
		return correlate.Yes
	}
	return correlate.No
}

// covers reports whether the resource of a custom policy covers the URL: * for
// any run of characters, ? for one; a missing scheme means http and https.
func (p *signedPolicy) covers(u string) bool {
	if glob(p.Resource, u) {
		return true
	}
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(u, scheme); ok && (glob(p.Resource, rest) || glob(p.Resource, strings.TrimPrefix(rest[strings.IndexByte(rest+"/", '/'):], "/"))) {
			return true
		}
	}
	return false
}

func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// resource returns the URL that the viewer asked for, without CloudFront's own
// parameters; others says whether the remaining ones are kept.
func (r *signedRequest) resource(host string, others bool) string {
	scheme := r.protocol
	if scheme == "" {
		scheme = "https"
	}
	u := scheme + "://" + host + r.path
	if others && len(r.Others) > 0 {
		u += "?" + strings.Join(r.Others, "&")
	}
	return u
}

// verify checks the signature with a public key in PEM: RSA with SHA-1, or
// ECDSA P-256 (with SHA-1, the documented hash; SHA-256 is tried as well).
func verify(publicPEM string, text, signature []byte) (bool, error) {
	block, _ := pem.Decode([]byte(publicPEM))
	if block == nil {
		return false, errors.New("the public key is no PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		rsaKey, err2 := x509.ParsePKCS1PublicKey(block.Bytes)
		if err2 != nil {
			return false, fmt.Errorf("the public key can't be read: %w", err)
		}
		key = rsaKey
	}
	sum := sha1.Sum(text)
	sum256 := crypto.SHA256.New()
	sum256.Write(text)
	wide := sum256.Sum(nil)
	switch k := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA1, sum[:], signature) == nil ||
			rsa.VerifyPKCS1v15(k, crypto.SHA256, wide, signature) == nil, nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum[:], signature) || ecdsa.VerifyASN1(k, wide, signature), nil
	}
	return false, fmt.Errorf("a public key of type %T is not known", key)
}

// A signedVerdict is what an offline look at one signed request says.
type signedVerdict struct {
	Cause  string // "edge-signed-missing", "-expired", "-key", "-invalid", or "" when nothing is wrong with it
	Why    string
	Strong bool     // settled by the request and the settings alone
	Need   []string // what would settle it

	noParams bool // the query has no signature at all: it may have been in cookies
}

// judgeSigned looks at one request to a restricted behavior. hosts are the
// names that the URL may have been signed for besides the viewer's Host; keys
// returns a public key in PEM, "" when unknown; trusted says whether the key id
// is in the behavior's key groups.
func judgeSigned(e *correlate.EdgeSample, hosts []string, trusted func(id string) correlate.Tri, keys func(id string) string) signedVerdict {
	r, ok := parseSigned(e)
	if !ok {
		return signedVerdict{Cause: "edge-signed-missing", Why: "the request has neither signed-URL parameters nor, as far as the log shows, signed cookies", Strong: true, noParams: true}
	}
	var absent []string
	for _, p := range []struct{ name, value string }{{"Key-Pair-Id", r.KeyPairID}, {"Signature", r.Signature}} {
		if p.value == "" {
			absent = append(absent, p.name)
		}
	}
	if r.Policy == "" && r.Expires == "" {
		absent = append(absent, "Expires or Policy")
	}
	if len(absent) > 0 {
		return signedVerdict{Cause: "edge-signed-missing", Why: "the signature is incomplete: no " + strings.Join(absent, ", no "), Strong: true}
	}
	pol, err := r.policy(r.resource(e.Host, true))
	if err != nil {
		return signedVerdict{Cause: "edge-signed-invalid", Why: err.Error(), Strong: true}
	}
	if why := pol.timing(e.Time); why != "" {
		return signedVerdict{Cause: "edge-signed-expired", Why: why, Strong: true}
	}
	in := trusted(r.KeyPairID)
	if in == correlate.No {
		why := fmt.Sprintf("Key-Pair-Id %s is not a public key of the behavior's key groups", quote(short(r.KeyPairID)))
		if strings.HasPrefix(r.KeyPairID, "AKIA") || strings.HasPrefix(r.KeyPairID, "ASIA") {
			why += ": it looks like an IAM access key id"
		}
		return signedVerdict{Cause: "edge-signed-key", Why: why, Strong: true}
	}
	if pol.allowsIP(e.ClientIP) == correlate.No {
		why := fmt.Sprintf("the signed policy admits another client address than the request's (%s)", pol.SourceIP)
		if strings.Contains(e.ClientIP, ":") {
			why = "the signed policy restricts the client to an IPv4 range and the request came over IPv6"
		}
		return signedVerdict{Cause: "edge-signed-invalid", Why: why, Strong: true}
	}
	if !pol.cannedSuffix {
		u := r.resource(e.Host, true)
		if !pol.covers(u) {
			why := fmt.Sprintf("the signed policy is for %s, which does not cover the URL asked for", quote(short(pol.Resource)))
			if len(r.Others) > 0 && pol.covers(r.resource(e.Host, false)) {
				why = "the signed policy covers the URL only without the parameters added after signing (" + list(paramNames(r.Others), 4) + ")"
			}
			return signedVerdict{Cause: "edge-signed-invalid", Why: why, Strong: true}
		}
	}
	pub := keys(r.KeyPairID)
	if pub == "" {
		v := signedVerdict{Need: []string{"cloudfront:GetPublicKey"}}
		if in == correlate.Unknown {
			v.Need = append(v.Need, "cloudfront:GetKeyGroup")
		}
		return v
	}
	sig, err := fromURLSafe(r.Signature)
	if err != nil {
		return signedVerdict{Cause: "edge-signed-invalid", Why: "Signature is not CloudFront's URL-safe base64", Strong: true}
	}
	if ok, err := verify(pub, pol.text, sig); err != nil {
		return signedVerdict{Need: []string{"a readable public key (" + err.Error() + ")"}}
	} else if ok {
		return signedVerdict{}
	}
	v := signedVerdict{Cause: "edge-signed-invalid", Why: "the signature does not fit the public key and the URL asked for", Strong: true}
	if r.Policy != "" {
		return v
	}
	// A canned policy signs the whole URL: find out which part differs.
	try := func(u string) bool {
		p, err := r.policy(u)
		if err != nil {
			return false
		}
		ok, _ := verify(pub, p.text, sig)
		return ok
	}
	if len(r.Others) > 0 && try(r.resource(e.Host, false)) {
		v.Why = "a query parameter was added after signing (" + list(paramNames(r.Others), 4) + "): the signature holds without it"
		return v
	}
	for n := len(r.Others) - 1; n > 0; n-- {
		part := r
		part.Others = r.Others[:n]
		if try(part.resource(e.Host, true)) {
			v.Why = "query parameters were added after signing (" + list(paramNames(r.Others[n:]), 4) + "): the signature holds without them"
			return v
		}
	}
	for _, h := range hosts {
		if h != e.Host && try(r.resource(h, true)) {
			v.Why = fmt.Sprintf("the URL was signed for the host %s and asked for at %s", h, e.Host)
			return v
		}
	}
	other := r
	other.protocol = map[string]string{"http": "https", "https": "http"}[r.protocol]
	if other.protocol != "" && try(other.resource(e.Host, true)) {
		v.Why = fmt.Sprintf("the URL was signed for %s and asked for over %s", other.protocol, r.protocol)
		return v
	}
	return v
}

func paramNames(params []string) []string {
	names := make([]string, len(params))
	for i, p := range params {
		name, _, _ := strings.Cut(p, "=")
		names[i] = short(name)
	}
	return names
}

// short cuts a value from a log to a length fit for a sentence.
func short(s string) string {
	const most = 80
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}
