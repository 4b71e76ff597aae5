package access

import (
	"fmt"
	"slices"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// A memory keeps answers that depend on their question alone, for one goroutine
// that judges requests one after the other: most of them are of the same bucket,
// policy and origin.
type memory struct {
	host     string // of endpoint
	endpoint correlate.Endpoint
	kind     kind // of implied
	implied  *implied
	policies [4]remembered // the last ones asked for
	oldest   int           // of policies
	blocks   map[blockQuestion][]facts.Evidence

	parts [3][]string // of the last union
	whole []string

	listing policy.Context // of the request to list the bucket
	list    Outcome        // of that
}

// A blockQuestion asks for the evidence of one setting of Block Public Access.
type blockQuestion struct {
	call, level      string
	restrict, ignore bool
}

type remembered struct {
	compiledKey
	*compiledPolicy
}

// parseEndpoint is correlate.ParseEndpoint.
func (m *memory) parseEndpoint(host string) correlate.Endpoint {
	if m.host != host {
		m.host, m.endpoint = host, correlate.ParseEndpoint(host)
	}
	return m.endpoint
}

func (m *memory) implies(k kind) *implied {
	if m.implied == nil || m.kind != k {
		m.kind, m.implied = k, implies(k)
	}
	return m.implied
}

// compiled is compiledOf. It compares a document with the last ones: mostly it
// is the same string, at the same place.
func (m *memory) compiled(kind policy.Kind, doc string) *compiledPolicy {
	for i := range m.policies {
		if r := &m.policies[i]; r.compiledPolicy != nil && r.kind == kind && r.doc == doc {
			return r.compiledPolicy
		}
	}
	c := compiledOf(kind, doc)
	m.policies[m.oldest] = remembered{compiledKey{kind, doc}, c}
	m.oldest = (m.oldest + 1) % len(m.policies)
	return c
}

func (m *memory) blockEvidence(q blockQuestion) []facts.Evidence {
	list := m.blocks[q]
	if list == nil {
		list = []facts.Evidence{{Source: q.call, Ref: "PublicAccessBlockConfiguration",
			Fact: fmt.Sprintf("RestrictPublicBuckets=%t, IgnorePublicAcls=%t at the %s level", q.restrict, q.ignore, q.level)}}
		if m.blocks == nil {
			m.blocks = map[blockQuestion][]facts.Evidence{}
		}
		m.blocks[q] = list
	}
	return list
}

// union returns what is in any of the lists, sorted. It must not be changed.
func (m *memory) union(parts [3][]string) []string {
	for i := range parts {
		if !slices.Equal(parts[i], m.parts[i]) {
			for i := range parts {
				m.parts[i] = slices.Clone(parts[i])
			}
			m.whole = slices.Clip(unique(slices.Concat(parts[:]...)))
			break
		}
	}
	return m.whole
}
