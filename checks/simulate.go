package checks

import (
	"slices"

	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// maxPlan bounds the number of remedies that are combined, maxTried those that
// are tried in combination: what blocks a request at once is seldom more.
const (
	maxPlan  = 4
	maxTried = 10
)

// simulate tries every remedy on a copy of the request's situation and, when
// none opens it alone, looks for the smallest set that does.
func (d *Diagnosis) simulate(s *access.Situation) {
	var tried []*Remedy
	opened := false
	for i := range d.Causes {
		for j := range d.Causes[i].Remedies {
			r := &d.Causes[i].Remedies[j]
			if r.Apply == nil {
				continue
			}
			v := try(s, r)
			r.Verified, r.Remains, r.Assumes = v.opens, v.remains, v.assumes
			opened = opened || r.Verified == correlate.Yes
			if r.Verified != correlate.Yes && len(tried) < maxTried {
				tried = append(tried, r)
			}
		}
	}
	if opened || len(tried) < 2 {
		return
	}
	for size := 2; size <= maxPlan && size <= len(tried); size++ {
		if d.plan(s, tried, nil, size) {
			return
		}
	}
}

// plan tries every set of the size, in order; it keeps the first that opens the
// request.
func (d *Diagnosis) plan(s *access.Situation, rest, chosen []*Remedy, size int) bool {
	if size == 0 {
		v := try(s, chosen...)
		if v.opens != correlate.Yes {
			return false
		}
		for _, r := range chosen {
			step := *r
			step.Verified, step.Remains, step.Assumes = correlate.Yes, nil, v.assumes
			d.Plan = append(d.Plan, step)
		}
		return true
	}
	for i := 0; i+size <= len(rest); i++ {
		if d.plan(s, rest[i+1:], append(chosen[:len(chosen):len(chosen)], rest[i]), size-1) {
			return true
		}
	}
	return false
}

type trial struct {
	opens            correlate.Tri
	remains, assumes []string
}

// try judges the request again with the remedies applied. Two things that are
// not known don't keep an answer from being given, and are named as assumed:
// resource control policies, which most accounts can't read; and how an object
// is stored that was not looked at, because its cause was proven without.
func try(s *access.Situation, remedies ...*Remedy) trial {
	c := s.Clone()
	for _, r := range remedies {
		r.Apply(c)
	}
	o := access.Judge(c)
	t := trial{opens: correlate.Yes}
	for _, st := range o.Steps {
		switch {
		case st.Blocks == correlate.No:
		case st.Blocks == correlate.Yes:
			t.opens = correlate.No
			t.remains = add(t.remains, st.Because)
		case st.Gate == access.GateRCP:
			t.assumes = add(t.assumes, "no resource control policy of the organization denies it (not readable here)")
		case unseen(c) && st.Gate == access.GateArchived, unseen(c) && plain(c) && (st.Gate == access.GateKMS || st.Gate == access.GateSSEC):
			t.assumes = add(t.assumes, "the object, which was not looked at, is stored like the bucket's default: not archived, not under a KMS key")
		default:
			if t.opens == correlate.Yes {
				t.opens = correlate.Unknown
			}
			t.remains = add(t.remains, "not known: "+st.Because)
		}
	}
	if t.opens != correlate.Yes {
		t.assumes = nil
	}
	return t
}

func add(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// unseen reports whether nothing was asked about the object: its cause is
// proven by logs and bucket-level facts.
func unseen(s *access.Situation) bool {
	return s.Object.Head.State == facts.NotGathered && s.Object.Listed.State == facts.NotGathered && s.Exists != correlate.No
}

// plain reports whether the bucket encrypts new objects with S3's own keys.
func plain(s *access.Situation) bool {
	e := s.BucketFacts.Encryption
	return e.State == facts.NotSet || e.Known() && (e.Value.Algorithm == "" || e.Value.Algorithm == "AES256")
}
