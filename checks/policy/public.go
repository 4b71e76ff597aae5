package policy

import (
	"net/netip"
	"strings"
)

// Public says whether RestrictPublicBuckets and BlockPublicPolicy take the policy for public (S3 "Blocking public
// access", The meaning of "public"), and which statements make it so. Only Allow statements count, and one suffices.
//
// The caller must not change the list.
func (p *Policy) Public() (public bool, statements []int) {
	return len(p.public) > 0, p.public
}

func (s *statement) public(variables bool) bool {
	if !s.allow || !s.principals.all && !s.principals.webIdentity() {
		return false
	}
	for i := range s.conditions {
		if s.conditions[i].pins(variables) {
			return false
		}
	}
	return true
}

// webIdentity says whether an entry is a public identity provider, such as graph.facebook.com, of which anyone may be a
// user. A provider of the account has an ARN.
func (ps *principals) webIdentity() bool {
	for _, f := range ps.federated {
		if !strings.HasPrefix(f, "arn:") {
			return true
		}
	}
	return false
}

// pinningKeys are the keys a fixed value of which makes a grant non-public (BPA). aws:SourceIp has its own rule.
var pinningKeys = map[string]bool{
	"aws:principalorgid":        true,
	"aws:principalorgpaths":     true,
	"aws:principalaccount":      true,
	"aws:principalarn":          true,
	"aws:principalservicename":  true,
	"aws:sourcearn":             true,
	"aws:sourcevpc":             true,
	"aws:sourcevpce":            true,
	"aws:sourceaccount":         true,
	"aws:sourceowner":           true,
	"aws:userid":                true,
	"s3:dataaccesspointaccount": true,
	"s3:x-amz-server-side-encryption-aws-kms-key-id": true,
}

// pins says whether the condition holds for fixed values only. IfExists and ForAllValues also hold without the key.
func (c *condition) pins(variables bool) bool {
	if c.op.negated || c.ifExists || c.set == forAllValues {
		return false
	}
	switch {
	case c.op.family == ipFamily:
		if c.name != "aws:sourceip" {
			return false
		}
		for _, p := range c.prefixes {
			if !narrow(p) {
				return false
			}
		}
		return true
	case c.op.family != stringFamily && c.op.family != arnFamily:
		return false
	case c.name == "s3:dataaccesspointarn":
		for _, v := range c.values {
			if !fixedAccount(v, variables) {
				return false
			}
		}
		return true
	case !pinningKeys[c.name]:
		return false
	}
	for _, v := range c.values {
		if !fixed(v, variables) {
			return false
		}
	}
	return true
}

func fixed(v string, variables bool) bool {
	return !strings.ContainsAny(v, "*?") && !(variables && strings.Contains(v, "${"))
}

// fixedAccount is the exception for access points: a wildcard is fine as long as it is not in the account.
func fixedAccount(v string, variables bool) bool {
	if variables && strings.Contains(v, "${") {
		return false
	}
	arn, ok := splitARN(v)
	return ok && isAccount(arn[4])
}

// narrow says whether a range is no broader than /8 (IPv4) or /32 (IPv6).
func narrow(p netip.Prefix) bool {
	if !p.IsValid() {
		return false
	}
	if p.Addr().Is4() {
		return p.Bits() >= 8
	}
	return p.Bits() >= 32
}
