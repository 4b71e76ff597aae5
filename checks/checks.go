package checks

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// A Check finds, or rules out, one cause.
type Check struct {
	ID    string // the cause's id, kebab-case, never reused
	Title string // one line
	Page  string // Markdown with the Headings: the page of the cause
	// Rank is the place in the order of fixing (causes that hide others first):
	// the verdict of a key is the cause with the lowest Rank.
	Rank int
	// Permissions are the IAM actions without which the check may have to say
	// unknown.
	Permissions []string
	// Object says that the check reads facts about the object itself, which are
	// asked for only when no cause is proven without.
	Object bool
	// Access are the kinds of access that Key is asked about, 0 for AnyAccess;
	// Viewers says that it is asked about viewers' requests alone, not about those
	// past CloudFront. To others the check is not applicable.
	Access  Kinds
	Viewers bool
	// Opening is asked before Key, which is not asked when it is done. It may be nil.
	Opening *Opening
	// Key and Edge run the check on a key that S3 refused and on a request that
	// CloudFront refused by itself. A nil one means not applicable.
	Key  func(*KeyPass) Finding
	Edge func(*EdgePass) Finding
}

// An Opening is a question with which several checks begin. It is asked once for
// all of them; done says that f is what each of them says.
type Opening struct {
	Ask func(*KeyPass) (f Finding, done bool)
}

// Kinds is a set of kinds of access (correlate.Access).
type Kinds uint8

// The kinds of access.
const (
	OAC Kinds = 1 << iota
	OAI
	Website
	Anonymous
	IAM
	Unknown // who asked is not known

	AnyAccess = OAC | OAI | Website | Anonymous | IAM | Unknown
)

func kindOf(a correlate.Access) Kinds {
	switch a {
	case correlate.AccessOAC:
		return OAC
	case correlate.AccessOAI:
		return OAI
	case correlate.AccessWebsite:
		return Website
	case correlate.AccessAnonymous:
		return Anonymous
	case correlate.AccessIAM:
		return IAM
	}
	return Unknown
}

// Headings are the sections that every page has, in this order.
var Headings = []string{"Meaning", "How it shows", "How it is proven", "Look-alikes", "Fix", "Sources"}

// Verdict is the kind of a Finding.
type Verdict uint8

// The verdicts.
const (
	NotApplicable Verdict = iota
	RuledOut
	Undecided // unknown: Missing says what would settle it
	Cause
)

// String returns the verdict's name.
func (v Verdict) String() string {
	return [...]string{"not applicable", "ruled out", "unknown", "cause"}[v]
}

// Certainty says how sure a cause is.
type Certainty string

// The certainties.
const (
	Proven   Certainty = "proven"   // a documented rule and settled facts leave no other reading
	Likely   Certainty = "likely"   // fits the evidence; something documented could still differ
	Possible Certainty = "possible" // rests on a guess, or on settings read later
)

// A Finding is what one check says of one key.
type Finding struct {
	ID        string
	Verdict   Verdict
	Certainty Certainty
	Summary   string // one sentence, names the key's or setting's values
	Evidence  []Evidence
	Remedies  []Remedy
	Missing   []string // permissions ("s3:GetBucketPolicy") or inputs ("s3-log", "--distribution")
}

// Evidence is one fact that carries a finding.
type Evidence = facts.Evidence

// A Remedy is one way to make the request succeed.
type Remedy struct {
	Title    string // a verb phrase
	Commands []string
	Opens    string // what it opens up besides, "" when nothing
	// Document is the changed policy or configuration in full, Diff the change
	// as a unified diff; both "" when the remedy is no document.
	Document, Diff string
	// CloudFormation and Terraform hold the same change in those words, "" when
	// there is none.
	CloudFormation, Terraform string
	// Verified is the result of the simulation: the same request, judged again
	// with this remedy alone applied to the facts. Unknown when it can't be
	// simulated or a fact that decides is not known.
	Verified correlate.Tri
	// Remains says what would still refuse the request after this remedy, Assumes
	// what the simulation took for granted.
	Remains, Assumes []string
	// Apply makes the change on a copy of the request's situation. It is nil
	// when the remedy can't be simulated.
	Apply func(*access.Situation) `json:"-"`
}

// A KeyPass is all that a check may look at for a failing key. It belongs to
// one goroutine.
type KeyPass struct {
	Key          *correlate.FailingKey
	Coverage     *correlate.Coverage
	Facts        *facts.Facts
	Distribution *correlate.Distribution // nil if unknown
	Behavior     *correlate.Behavior     // nil if unknown
	Origin       *correlate.Origin       // nil if unknown
	Bucket       *facts.Bucket           // nil if nothing is known of it
	Object       *facts.Object           // nil if nothing is known of it
	// Served is the number of distinct keys of the bucket that CloudFront fetched
	// for this distribution with success, by the logs (correlate.PassedGroup); it
	// speaks against causes that would refuse every key.
	Served int64

	// Shared is what the checks found out for each other. It is for them alone.
	Shared interface{ Forget() }

	situation *access.Situation
	outcome   *access.Outcome
	opened    []opened
	memory    *passMemory
}

// opened is the answer to an opening.
type opened struct {
	opening *Opening
	Finding
	done bool
}

// passMemory is what the next pass may use again.
type passMemory struct {
	situation access.Situation
	outcome   access.Outcome
	missing   []string // of dependsOn
	waits     [4]waits // the last ones that were asked for
	oldest    int      // of waits
}

// waits is what is said of an outcome by what it misses.
type waits struct {
	missing []string
	note    string
}

// Next makes p the pass q, in the memory of p: what was asked of the last one must
// not be used any more.
func (p *KeyPass) Next(q *KeyPass) {
	memory, shared, opened := p.memory, p.Shared, p.opened[:0]
	*p = *q
	p.situation, p.outcome, p.opened, p.memory = nil, nil, opened, memory
	if p.Shared = shared; shared != nil {
		shared.Forget()
	}
}

// An EdgePass is all that a check may look at for a request refused at the edge.
type EdgePass struct {
	Failure      *correlate.EdgeFailure
	Coverage     *correlate.Coverage
	Facts        *facts.Facts
	Distribution *correlate.Distribution // nil if unknown
	Behavior     *correlate.Behavior     // nil if unknown
	Origin       *correlate.Origin       // nil if unknown

	asked []*Check // the checks of found
	found []Finding
}

// Next makes p the pass q, in the memory of p.
func (p *EdgePass) Next(q *EdgePass) {
	asked, found := p.asked[:0], p.found[:0]
	*p = *q
	p.asked, p.found = asked, found
}

// Finding returns what a check says, which is asked once. It must not be changed.
func (p *EdgePass) Finding(c *Check) *Finding {
	for i, asked := range p.asked {
		if asked == c {
			return &p.found[i]
		}
	}
	f := c.Edge(p) // may ask others
	p.asked, p.found = append(p.asked, c), append(p.found, f)
	return &p.found[len(p.found)-1]
}

// A Diagnosis is everything the checks say of one key or edge failure.
type Diagnosis struct {
	Verdict  string    // id of the cause to act on first, or Unexplained
	Causes   []Finding // in the order of fixing
	RuledOut []string  // ids, sorted
	Unknown  []Open    // sorted by id
	// Notes tell what no cause says: that the settings allow the request now,
	// that a success was seen after the last refusal.
	Notes []string
	// Plan is the smallest set of remedies that opens the request, in the order
	// in which to apply them, when one remedy is not enough; nil otherwise.
	Plan []Remedy
	// Settled is true when a cause is proven, so that no dearer fact is needed.
	Settled bool
}

// An Open question is a check that can't say, for want of a permission or an input.
type Open struct {
	ID      string
	Missing []string // sorted, shared: not to be changed
}

// Unexplained is the verdict when no cause could be named.
const Unexplained = "unexplained"

// Situation returns the request as the judge sees it, made once.
func (p *KeyPass) Situation() *access.Situation {
	if p.situation == nil {
		p.situation = &p.mem().situation
		p.situation.OfKey(access.Request{
			Key: p.Key, Facts: p.Facts, Distribution: p.Distribution,
			Behavior: p.Behavior, Origin: p.Origin, Bucket: p.Bucket, Object: p.Object,
		})
	}
	return p.situation
}

func (p *KeyPass) mem() *passMemory {
	if p.memory == nil {
		p.memory = new(passMemory)
	}
	return p.memory
}

// Outcome returns what the judge says of the request by the settings at hand,
// made once. It must not be changed.
func (p *KeyPass) Outcome() *access.Outcome {
	if p.outcome == nil {
		s := p.Situation()
		p.outcome = &p.memory.outcome
		p.outcome.Judge(s)
	}
	return p.outcome
}

// Open returns what the opening says, which is asked once. It must not be changed.
func (p *KeyPass) Open(o *Opening) (f *Finding, done bool) {
	for i := range p.opened {
		if a := &p.opened[i]; a.opening == o {
			return &a.Finding, a.done
		}
	}
	said, done := o.Ask(p) // may open others
	p.opened = append(p.opened, opened{o, said, done})
	return &p.opened[len(p.opened)-1].Finding, done
}

// Finding returns what a check says.
func (p *KeyPass) Finding(c *Check) Finding {
	if !p.applies(c) {
		return Finding{}
	}
	if c.Opening != nil {
		if f, done := p.Open(c.Opening); done {
			return *f
		}
	}
	return c.Key(p)
}

// applies reports whether the check's Key is asked about the request.
func (p *KeyPass) applies(c *Check) bool {
	return c.Key != nil && (c.Access == 0 || c.Access&kindOf(p.Situation().Access) != 0) && (!c.Viewers || p.Key != nil && p.Key.Distribution != "")
}

// Validate returns an error for each check that lacks an id, a title, a page
// with all Headings or a function, has an id that is not in known, or has one
// twice; and for each known id without a check.
func Validate(list []*Check, known []string) error {
	var errs []error
	seen := map[string]bool{}
	want := map[string]bool{}
	for _, id := range known {
		want[id] = true
	}
	for i, c := range list {
		switch {
		case c == nil:
			errs = append(errs, fmt.Errorf("check %d is nil", i))
			continue
		case c.ID == "":
			errs = append(errs, fmt.Errorf("check %d has no id", i))
			continue
		case seen[c.ID]:
			errs = append(errs, fmt.Errorf("%s: id used twice", c.ID))
		case !want[c.ID]:
			errs = append(errs, fmt.Errorf("%s: not among the fixed cause ids", c.ID))
		}
		seen[c.ID] = true
		if c.Title == "" {
			errs = append(errs, fmt.Errorf("%s: no title", c.ID))
		}
		if c.Rank <= 0 {
			errs = append(errs, fmt.Errorf("%s: no rank", c.ID))
		}
		rest := c.Page
		for _, h := range Headings {
			_, after, ok := strings.Cut(rest, "## "+h+"\n")
			if !ok {
				errs = append(errs, fmt.Errorf("%s: page has no section %q, or not in order", c.ID, h))
				break
			}
			rest = after
		}
		if c.Key == nil && c.Edge == nil && c.ID != Unexplained {
			errs = append(errs, fmt.Errorf("%s: runs on nothing", c.ID))
		}
	}
	for _, id := range known {
		if !seen[id] {
			errs = append(errs, fmt.Errorf("%s: no check", id))
		}
	}
	return errors.Join(errs...)
}

// DiagnoseKey runs every check of the list on one failing key.
func DiagnoseKey(list []*Check, p *KeyPass) Diagnosis {
	var d Diagnosis
	d.OfKey(list, p)
	return d
}

// OfKey makes d what DiagnoseKey returns, in the memory of its lists.
func (d *Diagnosis) OfKey(list []*Check, p *KeyPass) {
	d.reset()
	for _, c := range list {
		if !p.applies(c) {
			continue
		}
		if c.Opening != nil {
			if f, done := p.Open(c.Opening); done {
				d.add(c, f)
				continue
			}
		}
		f := c.Key(p)
		d.add(c, &f)
	}
	d.finish(list)
	d.unlooked(list, p)
	d.note(p)
	d.simulate(p.Situation())
}

func (d *Diagnosis) reset() {
	*d = Diagnosis{Causes: d.Causes[:0], RuledOut: d.RuledOut[:0], Unknown: d.Unknown[:0], Notes: d.Notes[:0]}
}

// unlooked drops what checks on the object call missing when nothing was asked
// about it and a cause is proven: the question is not open.
func (d *Diagnosis) unlooked(list []*Check, p *KeyPass) {
	if p.Object == nil && d.Settled {
		d.Unknown = slices.DeleteFunc(d.Unknown, func(u Open) bool { return OfObject(list, u.ID, u.Missing) })
	}
}

// OfObject reports whether an unknown, by its check's id and what is missing,
// waits for facts about the object alone. When nothing was asked about the
// object, by the run's own choice, no permission is missing.
func OfObject(list []*Check, id string, missing []string) bool {
	return ofObject(missing) && byID(list, id).Object
}

// ofObject reports whether all that is missing are facts about an object.
func ofObject(missing []string) bool {
	for _, m := range missing {
		switch m {
		case "s3:GetObject", "s3:ListBucket", "s3:GetObjectAcl", "s3:GetObjectTagging", "s3:ListBucketVersions", "kms:DescribeKey", "kms:GetKeyPolicy":
		default:
			return false
		}
	}
	return len(missing) > 0
}

// note says what tells of a change between log and settings.
func (d *Diagnosis) note(p *KeyPass) {
	k := p.Key
	if k == nil {
		return
	}
	at := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05Z") }
	if k.OKAfter > 0 {
		d.Notes = append(d.Notes, "a request for the key succeeded at "+at(k.OKAfter)+", after the last refusal")
	}
	if len(d.Causes) > 0 {
		return
	}
	switch p.Outcome().Allowed {
	case correlate.Yes:
		d.Notes = append(d.Notes, "the settings, as they are now, allow the request: they changed after the last refusal at "+at(k.Last))
	case correlate.Unknown:
		if note := p.memory.dependsOn(p.Outcome()); note != "" {
			d.Notes = append(d.Notes, note)
		}
	}
}

// dependsOn says what an outcome waits for. Many keys wait for the same.
func (m *passMemory) dependsOn(o *access.Outcome) string {
	if m.missing = o.AppendMissing(m.missing[:0]); len(m.missing) == 0 {
		return ""
	}
	for i := range m.waits {
		if w := &m.waits[i]; slices.Equal(w.missing, m.missing) {
			return w.note
		}
	}
	w := &m.waits[m.oldest]
	m.oldest = (m.oldest + 1) % len(m.waits)
	w.missing = append(w.missing[:0], m.missing...)
	if w.note = strings.Join(o.Missing(), ", "); w.note != "" {
		w.note = "whether the settings allow the request now depends on " + w.note
	}
	return w.note
}

// DiagnoseEdge runs every check of the list on one request refused at the edge.
func DiagnoseEdge(list []*Check, p *EdgePass) Diagnosis {
	var d Diagnosis
	d.OfEdge(list, p)
	return d
}

// OfEdge makes d what DiagnoseEdge returns, in the memory of its lists.
func (d *Diagnosis) OfEdge(list []*Check, p *EdgePass) {
	d.reset()
	for _, c := range list {
		if c.Edge != nil {
			d.add(c, p.Finding(c))
		}
	}
	d.finish(list)
}

// NeedsObject reports whether facts about the object itself could change what
// the checks say: no cause is proven yet by logs and bucket-level facts, and
// nothing was asked about the object.
func NeedsObject(p *KeyPass, d *Diagnosis) bool {
	return !d.Settled && p.Object == nil && p.Key != nil && p.Key.Key != ""
}

func (d *Diagnosis) add(c *Check, f *Finding) {
	switch f.Verdict {
	case RuledOut:
		d.RuledOut = append(d.RuledOut, c.ID)
	case Undecided:
		d.Unknown = append(d.Unknown, Open{c.ID, f.Missing})
	case Cause:
		d.Causes = append(d.Causes, *f)
		d.Causes[len(d.Causes)-1].ID = c.ID
	}
}

// byID returns the check of the list with the id, which must be there.
func byID(list []*Check, id string) *Check {
	return list[slices.IndexFunc(list, func(c *Check) bool { return c.ID == id })]
}

// finish sorts: what is proven or likely before what is possible, then the
// order of fixing (causes that hide others first), then ids.
func (d *Diagnosis) finish(list []*Check) {
	slices.SortStableFunc(d.Causes, func(a, b Finding) int {
		weight := func(f *Finding) int {
			if f.Certainty == Possible {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(weight(&a), weight(&b)), cmp.Compare(byID(list, a.ID).Rank, byID(list, b.ID).Rank), cmp.Compare(a.ID, b.ID))
	})
	if byID := func(a, b Open) int { return cmp.Compare(a.ID, b.ID) }; !slices.IsSortedFunc(d.Unknown, byID) || !slices.IsSorted(d.RuledOut) {
		slices.Sort(d.RuledOut) // they come in the order of the list, which may be another
		slices.SortStableFunc(d.Unknown, byID)
	}
	d.Verdict = Unexplained
	if len(d.Causes) > 0 {
		d.Verdict = d.Causes[0].ID
	}
	for i := range d.Causes {
		if d.Causes[i].Certainty == Proven {
			d.Settled = true
		}
	}
}
