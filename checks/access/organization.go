package access

import (
	"fmt"
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// organization judges RCPs (their Denies: RCPFullAWSAccess is always attached)
// or SCPs (every level needs an Allow).
func (j *judge) organization(g Gate, prefix string, kind policy.Kind, f facts.Fact[[]facts.OrgPolicy]) {
	st := Step{Gate: g, Blocks: correlate.No, Because: "no resource control policy refuses it"}
	name := "resource control policy"
	if g == GateSCP {
		st.Because, name = "no service control policy refuses it", "service control policy"
	}
	if isServiceLinked(&j.s.Principal) {
		st.Because = "a " + name + " does not bind a service-linked role"
		j.add(st)
		return
	}
	if foreign := j.s.BucketFacts.Foreign == correlate.Yes; foreign || !f.Settled() {
		st.Blocks, st.Because, st.Missing = correlate.Unknown, "the organization's policies are not known", j.s.missing(f.Missing(), f.Call)
		if foreign {
			st.Missing = []string{"a run in the account of the bucket's owner"}
		}
		j.add(st)
		return
	}
	unknown := func(what string) {
		if st.Blocks == correlate.No {
			st.Blocks, st.Because = correlate.Unknown, what
		}
	}
	for _, p := range f.Value {
		doc := j.s.mem.compiled(kind, p.Content)
		if doc.err != nil {
			unknown(fmt.Sprintf("%s %s is not understood", name, p.Name))
			st.Missing = append(st.Missing, fmt.Sprintf("a valid %s %s (%v)", name, p.Name, doc.err))
			continue
		}
		doc.p.Visit(j.request(), func(i int, match policy.Tri, _ bool) {
			if doc.p.IsAllow(i) {
				return
			}
			switch e := doc.p.ExplainOne(prefix+":"+p.Name, i, j.request()); match {
			case policy.True:
				st.Blocks = correlate.Yes
				st.Because = fmt.Sprintf("%s %s denies it%s", name, p.Name, because(&e))
				st.Evidence = append(st.Evidence, facts.Evidence{Source: f.Call, Ref: e.In + " " + Ref(&e), Fact: "a Deny that matches" + because(&e)})
				st.Guess = st.Guess || j.s.Guessed(&e)
			case policy.Unknown:
				unknown(fmt.Sprintf("whether %s %s denies it depends on %s", name, p.Name, strings.Join(e.DependsOn, ", ")))
				st.Missing = append(st.Missing, j.s.needs(e.DependsOn)...)
			}
		})
	}
	if acc := j.s.Principal.Account(); g == GateSCP && acc != j.s.OwnerAccount {
		// These are the policies of the bucket's account, not of the requester's.
		st.Blocks, st.Because = correlate.Unknown, "the service control policies of the requester's account are not known"
		st.Missing = []string{"service control policies of account " + or2(acc, "of the requester")}
		j.add(st)
		return
	}
	if g == GateSCP && st.Blocks != correlate.Yes && len(f.Value) > 0 {
		// A snapshot does not say levels: then all stand on one.
		for _, allow := range j.scpAllows(f.Value) {
			switch allow {
			case policy.False:
				st.Blocks, st.Because = correlate.Yes, "no service control policy allows it"
				st.Evidence = append(st.Evidence, facts.Evidence{Source: f.Call, Ref: "Content", Fact: "no statement allows " + j.s.action()})
			case policy.Unknown:
				unknown("whether a service control policy allows it is not known")
			}
		}
	}
	j.add(st)
}

// isServiceLinked reports whether the requester is a service-linked role: neither
// kind of policy binds those (Organizations guide, What is not restricted by SCPs,
// and by RCPs).
func isServiceLinked(p *policy.Principal) bool {
	return strings.Contains(p.ARN, ":assumed-role/AWSServiceRoleFor") || strings.Contains(p.ARN, ":role/aws-service-role/")
}

func (j *judge) scpAllows(list []facts.OrgPolicy) map[int]policy.Tri {
	levels := map[int]policy.Tri{}
	for _, p := range list {
		if _, ok := levels[p.Level]; !ok {
			levels[p.Level] = policy.False
		}
		doc := j.s.mem.compiled(policy.SCP, p.Content)
		if doc.err != nil {
			levels[p.Level] = levels[p.Level].Or(policy.Unknown)
			continue
		}
		doc.p.Visit(j.request(), func(i int, match policy.Tri, _ bool) {
			if doc.p.IsAllow(i) {
				levels[p.Level] = levels[p.Level].Or(match)
			}
		})
	}
	return levels
}
