package report

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sort"
	"strings"
	"time"
)

// A problem is what one fix has to deal with: the items of one kind, bucket
// and distribution with one verdict.
type problem struct {
	id     problemID
	title  string
	worst  item // the item with most requests
	keys   int64
	hit    int64 // requests
	fresh  int64 // items with status new
	first  time.Time
	last   time.Time
	top    []item    // the worst, at most limits.keys
	find   []finding // distinct ones by evidence and remedies, at most limits.findings
	kinds  map[uint64]int
	others map[string]int64 // other causes that hold at the same keys, by id
}

type problemID struct{ verdict, kind, distribution, bucket string }

// A finding is the verdict's cause at the first item that showed it, and at how
// many items the same evidence and remedies were found.
type finding struct {
	*Cause
	at    item
	items int64
}

// limits bound what an overview keeps.
type limits struct{ keys, findings, problems int }

// maxKinds bounds the distinct findings that are told apart in one problem.
const maxKinds = 64

// An overview is what the readable reports tell: all counts, and a bounded
// number of keys.
type overview struct {
	problems []*problem // by requests, worst first
	fixed    []item
	quiet    []item
	nFixed   int64
	nQuiet   int64
	hours    map[string]map[int64]int64 // by verdict, then Unix hour
	missing  []missing                  // permissions and inputs that would settle more, most keys first
	folded   int64                      // items of problems beyond limits.problems
}

// missing is one permission or input, and how much hangs on it.
type missing struct {
	name   string
	items  int64
	causes []string // ids, sorted
}

func (r *Report) overview(l limits) (*overview, error) {
	o := &overview{hours: map[string]map[int64]int64{}}
	byID := map[problemID]*problem{}
	need := needs{byName: map[string]*missing{}}
	for it, err := range r.items() {
		if err != nil {
			return nil, err
		}
		o.addHours(it)
		if it.Noise {
			continue
		}
		switch it.Status {
		case "fixed":
			o.nFixed++
			o.fixed = keepWorst(o.fixed, it, l.keys)
			continue
		case "quiet":
			o.nQuiet++
			o.quiet = keepWorst(o.quiet, it, l.keys)
			continue
		}
		id := problemID{it.Verdict, it.kind, it.Distribution, it.Bucket}
		p := byID[id]
		if p == nil {
			if len(byID) >= l.problems {
				o.folded++
				continue
			}
			p = &problem{id: id, title: r.title(it.Verdict), first: it.FirstSeen, last: it.LastSeen, worst: it,
				kinds: map[uint64]int{}, others: map[string]int64{}}
			byID[id] = p
		}
		p.add(it, l)
		need.add(it.Unknown)
	}
	for _, p := range byID {
		o.problems = append(o.problems, p)
	}
	slices.SortFunc(o.problems, func(a, b *problem) int {
		return cmp.Or(cmp.Compare(b.hit, a.hit), cmp.Compare(b.keys, a.keys), cmp.Compare(a.id.verdict, b.id.verdict),
			cmp.Compare(a.id.kind, b.id.kind), cmp.Compare(a.id.bucket, b.id.bucket), cmp.Compare(a.id.distribution, b.id.distribution))
	})
	for _, m := range need.byName {
		sort.Strings(m.causes)
		o.missing = append(o.missing, *m)
	}
	slices.SortFunc(o.missing, func(a, b missing) int {
		return cmp.Or(cmp.Compare(b.items, a.items), cmp.Compare(a.name, b.name))
	})
	return o, nil
}

// needs counts what is missing.
type needs struct {
	byName map[string]*missing
	last   []Unknown  // most items refer to the same list as the one before
	want   []*missing // of last
}

func (n *needs) add(us []Unknown) {
	if len(us) == 0 {
		return
	}
	if len(n.last) != len(us) || &n.last[0] != &us[0] {
		n.last, n.want = us, n.want[:0]
		for _, u := range us {
			for _, name := range u.Missing {
				m := n.byName[name]
				if m == nil {
					m = &missing{name: name}
					n.byName[name] = m
				}
				if !slices.Contains(m.causes, u.ID) {
					m.causes = append(m.causes, u.ID)
				}
				if !slices.Contains(n.want, m) {
					n.want = append(n.want, m)
				}
			}
		}
	}
	for _, m := range n.want {
		m.items++
	}
}

func missingNames(us []Unknown) []string {
	var names []string
	for _, u := range us {
		names = append(names, u.Missing...)
	}
	sort.Strings(names)
	return slices.Compact(names)
}

func (o *overview) addHours(it item) {
	if len(it.Hours) == 0 {
		return
	}
	m := o.hours[it.Verdict]
	if m == nil {
		m = map[int64]int64{}
		o.hours[it.Verdict] = m
	}
	for _, h := range it.Hours {
		m[h.Hour.Unix()/3600] += h.Count
	}
}

func (p *problem) add(it item, l limits) {
	p.keys++
	p.hit += it.hit
	if it.Status == "new" {
		p.fresh++
	}
	if it.FirstSeen.Before(p.first) {
		p.first = it.FirstSeen
	}
	if it.LastSeen.After(p.last) {
		p.last = it.LastSeen
	}
	p.top = keepWorst(p.top, it, l.keys)
	if it.hit > p.worst.hit {
		p.worst = it
	}
	for i := range it.Causes {
		if id := it.Causes[i].ID; id != it.Verdict {
			p.others[id]++
		}
	}
	c := it.cause()
	if c == nil {
		return
	}
	s := c.signature()
	n, known := p.kinds[s]
	switch {
	case known && n >= 0:
		p.find[n].items++
	case !known && len(p.kinds) < maxKinds:
		n = -1
		if len(p.find) < l.findings {
			n = len(p.find)
			p.find = append(p.find, finding{c, it, 1})
		}
		p.kinds[s] = n
	}
}

// signature is equal for causes that rest on the same settings and have the
// same remedies: log lines and the names of keys do not count.
func (c *Cause) signature() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for i := range c.Evidence {
		if e := &c.Evidence[i]; !strings.HasSuffix(e.Source, "-log") {
			h.WriteString(e.Source)
			h.WriteByte(0)
			h.WriteString(e.Ref)
			h.WriteByte(0)
		}
	}
	for i := range c.Remedies {
		h.WriteString(c.Remedies[i].Title)
		h.WriteByte(1)
	}
	return h.Sum64()
}

var seed = maphash.MakeSeed()

// keepWorst inserts it into the list sorted by requests, of at most n.
func keepWorst(list []item, it item, n int) []item {
	i, _ := slices.BinarySearchFunc(list, it.hit, func(a item, hit int64) int {
		if a.hit >= hit { // an equal one came first: it stays first
			return -1
		}
		return 1
	})
	if i >= n {
		return list
	}
	list = slices.Insert(list, i, it)
	return list[:min(len(list), n)]
}

// title is the title of a cause, by the summary.
func (r *Report) title(id string) string {
	for _, c := range r.Summary.Causes {
		if c.ID == id && c.Title != "" {
			return c.Title
		}
	}
	if id == "unexplained" {
		return "no cause could be proven"
	}
	return ""
}

// documents returns the documents that the evidence of a finding points into.
func (r *Report) documentsOf(f finding) []Document {
	var out []Document
	for _, d := range r.Documents {
		if d.Of != "" && d.Of != f.at.Bucket && d.Of != f.at.Distribution {
			continue
		}
		if slices.ContainsFunc(f.Evidence, func(e Evidence) bool { return e.Source == d.Source }) {
			out = append(out, d)
		}
	}
	return out
}
