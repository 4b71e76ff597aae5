package policy

import (
	"slices"
	"strings"
)

// A Request is what a policy is judged for. It is not changed by the functions of this package, so it may be shared.
type Request struct {
	Principal Principal
	Action    string // "s3:GetObject"; the case does not count
	Resource  string // the ARN with the exact key, never a pattern: a '*' in it is a character
	Context   *Context
}

// PrincipalType tells the kinds of requester apart.
type PrincipalType uint8

const (
	Anonymous PrincipalType = iota // no signature: website endpoint, public REST
	Service                        // an AWS service principal: CloudFront with an origin access control
	OAI                            // a CloudFront origin access identity
	IAM                            // a user, role session or root of an account
)

func (t PrincipalType) String() string {
	return [...]string{"anonymous", "service", "oai", "iam"}[t]
}

// A Principal is who asks. An OAI is one identity with two names, its ARN and its S3 canonical user ID.
type Principal struct {
	Type          PrincipalType
	Service       string // for Service: "cloudfront.amazonaws.com"
	ARN           string // for OAI and IAM
	CanonicalUser string // for OAI; for IAM the canonical user ID of the account

	// Partial says that a name left empty here is unknown, as in a log line that shows only one of the two names.
	// Without it an empty name matches no entry.
	Partial bool

	// Identity says whether the requester's own identity policies allow the request. Only Decide reads it, for IAM.
	Identity Tri
}

// Account returns the twelve digits in the principal's ARN, or "".
func (p *Principal) Account() string {
	if a, ok := splitARN(p.ARN); ok && isAccount(a[4]) {
		return a[4]
	}
	return ""
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// splitARN splits at the first five colons. It fails when there are fewer, or the first part is not "arn".
func splitARN(s string) (parts [6]string, ok bool) {
	for i := range 5 {
		var found bool
		if parts[i], s, found = strings.Cut(s, ":"); !found {
			return parts, false
		}
	}
	parts[5] = s
	return parts, parts[0] == "arn"
}

// State says what is known of a condition key.
type State uint8

const (
	Absent    State = iota // the request does not carry the key
	Known                  // the request carries these values
	Undefined              // nobody knows: a fact that neither the log nor the settings hold
)

// A Value is what is known of one condition key.
type Value struct {
	State  State
	List   bool // a multivalued key, however many values there are
	Values []string
}

// A Context holds the condition keys of a request. Names are compared without case. The zero Context, like a nil
// one, knows every key to be absent.
type Context struct {
	Default State // of the keys that were not set: Absent or Undefined
	base    *Context
	keys    []setting // before those of base
}

// A setting is one condition key, by its name in lower case. A request has a
// dozen beyond those of its base: looking through them beats a map.
type setting struct {
	name string
	Value
}

// Over gives c the keys of base until it sets them otherwise; those that it had are forgotten. base must not be
// changed any more; many contexts, of several goroutines, may stand over it.
func (c *Context) Over(base *Context) {
	*c = Context{Default: base.Default, base: base, keys: c.keys[:0]}
}

// Set gives a single-valued key its value.
func (c *Context) Set(key, value string) { c.put(key, Value{State: Known, Values: []string{value}}) }

// SetList gives a multivalued key its values, which may be none. Policies test such a key with a set operator.
func (c *Context) SetList(key string, values ...string) {
	c.put(key, Value{State: Known, List: true, Values: values})
}

// SetAbsent says that the request does not carry the key.
func (c *Context) SetAbsent(key string) { c.put(key, Value{State: Absent}) }

// SetUnknown says that it is not known whether the request carries the key, nor with which value.
func (c *Context) SetUnknown(key string) { c.put(key, Value{State: Undefined}) }

func (c *Context) put(key string, v Value) {
	name := keyName(key)
	if i := c.index(name); i >= 0 {
		c.keys[i].Value = v
		return
	}
	if c.keys == nil {
		c.keys = make([]setting, 0, 12)
	}
	c.keys = append(c.keys, setting{name, v})
}

// index returns where c itself, not its base, holds a key, -1 if it does not.
func (c *Context) index(name string) int {
	for i := range c.keys {
		if c.keys[i].name == name {
			return i
		}
	}
	return -1
}

// Get returns what is known of the key.
func (c *Context) Get(key string) Value { return c.lookup(keyName(key)) }

// keyName is strings.ToLower for the name of a condition key; most are of these.
func keyName(key string) string {
	if name, ok := lowered[key]; ok {
		return name
	}
	return strings.ToLower(key)
}

var lowered = func() map[string]string {
	m := map[string]string{}
	for _, key := range []string{
		"aws:CurrentTime", "aws:EpochTime", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalServiceName",
		"aws:PrincipalServiceNamesList", "aws:PrincipalType", "aws:Referer", "aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn",
		"aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:UserAgent", "aws:ViaAWSService", "aws:VpcSourceIp", "s3:TlsVersion",
		"s3:VersionId", "s3:authType",
	} {
		m[key] = strings.ToLower(key)
	}
	return m
}()

// Clone returns a copy whose keys can be set without touching c.
func (c *Context) Clone() *Context {
	d := &Context{}
	if c == nil {
		return d
	}
	d.Default, d.base = c.Default, c.base
	d.keys = slices.Clone(c.keys)
	return d
}

// lookup is Get for a name already in lower case; it does not allocate.
func (c *Context) lookup(name string) Value {
	if c == nil {
		return Value{}
	}
	for l := c; l != nil; l = l.base {
		if i := l.index(name); i >= 0 {
			return l.keys[i].Value
		}
	}
	return Value{State: c.Default}
}
