package access

import (
	"sync"

	"github.com/why403/why403/checks/policy"
)

// A compiledPolicy is a parsed document, or why it can't be parsed, and the
// condition keys that it reads.
type compiledPolicy struct {
	p    *policy.Policy
	err  error
	keys []string
	// Of each statement, its Ref and what is said where it allows a request.
	refs, allows []string
}

// compiledOf parses a policy document once; the last few hundred are kept.
func compiledOf(kind policy.Kind, doc string) *compiledPolicy {
	key := compiledKey{kind, doc}
	if v, ok := compiled.Load(key); ok {
		return v.(*compiledPolicy)
	}
	c := &compiledPolicy{}
	if c.p, c.err = policy.ParseKind(kind, []byte(doc)); c.err == nil {
		c.keys = c.p.Keys()
		for i := range c.p.Len() {
			e := policy.Explanation{StatementRef: policy.StatementRef{Index: i, Sid: c.p.Sid(i)}}
			c.refs = append(c.refs, Ref(&e))
			c.allows = append(c.allows, "the bucket policy allows it by "+Name(&e))
		}
	}
	compiledMu.Lock()
	if compiledLen++; compiledLen > 512 {
		compiled.Clear()
		compiledLen = 1
	}
	compiled.Store(key, c)
	compiledMu.Unlock()
	return c
}

type compiledKey struct {
	kind policy.Kind
	doc  string
}

var (
	compiled    sync.Map
	compiledMu  sync.Mutex
	compiledLen int
)

// Compile returns the parsed bucket policy of a document; parsing is done once
// for each document.
func Compile(doc string) (*policy.Policy, error) {
	c := compiledOf(policy.BucketPolicy, doc)
	return c.p, c.err
}
