package correlate

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/why403/why403/internal/spill"
)

// A change is what turns the key that settings (or, without settings, the bare
// path) lead to into the key that S3 was asked for.
type change struct {
	edit
	bucket uint32
	votes  int64 // paths that it explains
	pairs  int64 // joined lines that follow it
	rest   bool  // seen at a REST endpoint, which has no index document
}

// An edit is a change of a key's text, the same for many keys.
type edit struct {
	op   editOp
	a, b string
}

type editOp uint8

const (
	editNone    editOp = iota
	editAdd            // prefix a, suffix b
	editStrip          // prefix a or suffix b
	editLower          // capitals to small letters
	editReplace        // prefix a by b
	editAlways         // always key a
)

func (e edit) String() string {
	switch e.op {
	case editAdd:
		switch {
		case e.b == "":
			return "add prefix " + e.a
		case e.a == "":
			return "append " + e.b
		}
		return "add prefix " + e.a + " and append " + e.b
	case editStrip:
		if e.a != "" {
			return "strip prefix " + e.a
		}
		return "strip suffix " + e.b
	case editLower:
		return "lower-case"
	case editReplace:
		return "replace prefix " + e.a + " by " + e.b
	case editAlways:
		return "always " + e.a
	}
	return "none"
}

// apply returns the edited key; false when the edit says nothing about it.
func (e edit) apply(key string) (string, bool) {
	switch e.op {
	case editNone:
		return key, true
	case editAdd:
		switch {
		case e.b == "":
		case e.b[0] == '/': // docs → docs/index.html
			if key == "" || key[len(key)-1] == '/' || extensionOf(key) != "" {
				return "", false
			}
		case e.b[0] == '.': // about → about.html
			if key == "" || key[len(key)-1] == '/' || extensionOf(key) != "" {
				return "", false
			}
		default: // docs/ → docs/index.html
			if key != "" && key[len(key)-1] != '/' {
				return "", false
			}
		}
		return e.a + key + e.b, true
	case editStrip:
		if e.a != "" {
			return strings.CutPrefix(key, e.a)
		}
		return strings.CutSuffix(key, e.b)
	case editLower:
		low := lower(key)
		return low, low != key
	case editReplace:
		rest, ok := strings.CutPrefix(key, e.a)
		return e.b + rest, ok
	case editAlways:
		return e.a, true
	}
	return "", false
}

// lower changes ASCII letters only: keys are bytes.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 32
		}
		return r
	}, s)
}

// extensionOf returns the extension of a key's last segment with its dot: at most
// eight letters or digits.
func extensionOf(key string) string {
	seg := key[strings.LastIndexByte(key, '/')+1:]
	i := strings.LastIndexByte(seg, '.')
	if i <= 0 || len(seg)-i < 2 || len(seg)-i > 9 {
		return ""
	}
	for _, c := range []byte(seg[i+1:]) {
		if c == '-' || c == '_' || c == '~' || !unreserved(c) {
			return ""
		}
	}
	return seg[i:]
}

// deriveEdit finds the edit that leads from one key to another, if it is of a
// kind that functions and origin paths make.
func deriveEdit(from, to string) (edit, bool) {
	e, ok := guessEdit(from, to)
	if ok {
		got, applies := e.apply(from)
		ok = applies && got == to
	}
	return e, ok
}

func guessEdit(from, to string) (edit, bool) {
	folder := func(p string) bool { return p == "" || strings.HasSuffix(p, "/") }
	if from == to {
		return edit{}, true
	}
	if from == "" {
		i := strings.LastIndexByte(to, '/') + 1
		return edit{editAdd, to[:i], to[i:]}, to[i:] != ""
	}
	if i := strings.Index(to, from); i >= 0 {
		if e := (edit{editAdd, to[:i], to[i+len(from):]}); folder(e.a) {
			return e, true
		}
	}
	if p, ok := strings.CutSuffix(from, to); ok && to != "" && folder(p) {
		return edit{editStrip, p, ""}, true
	}
	if s, ok := strings.CutPrefix(from, to); ok && to != "" && (s[0] == '/' || s[0] == '.') {
		return edit{editStrip, "", s}, true
	}
	if lower(from) == to {
		return edit{op: editLower}, true
	}
	// a/rest → b/rest
	i, k := len(from), len(to)
	for i > 0 && k > 0 && from[i-1] == to[k-1] {
		i, k = i-1, k-1
	}
	if s := strings.IndexByte(from[i:], '/'); s >= 0 && len(from)-i-s > 2 {
		a, b := from[:i+s+1], to[:k+s+1]
		return edit{editReplace, a, b}, true
	}
	return edit{}, false
}

const (
	mostStudied   = 20_000 // paths of a lane that are compared with S3 lines near in time
	mostNeighbors = 64     // lines compared with one request
	rewriteProof  = 3      // pairs that make a rewrite
)

// learn finds how paths become keys where settings do not tell, or tell wrong
// because a function rewrites paths: from S3 lines near in time whose keys
// differ from the paths in the same way for many paths.
func (j *joiner) learn() {
	g := j.g
	unexplained := make([][]uint32, len(j.lanes))      // paths by lane
	taken := spill.Make[bool](j.mem, g.keys.entries.n) // keys that some path leads to
	for i := range j.stems {
		s := &j.stems[i]
		if len(j.edges.of(uint32(i))) == 0 {
			s.key = j.keyID("", "")
			continue
		}
		if s.known == knownLogged {
			taken[s.key] = true
			continue
		}
		if sign(g.stems.entries.at(uint32(i)).scope&3) == signEdge || s.noS3 {
			continue
		}
		unexplained[s.lane] = append(unexplained[s.lane], uint32(i))
	}
	buckets := make(map[uint32]bool) // with lines of CloudFront's
	for key := range uint32(len(j.origins.start) - 1) {
		e := g.keys.entries.at(key)
		if e.scope&1 == 0 || len(j.origins.of(key)) == 0 {
			continue
		}
		b := e.scope >> 1
		buckets[b] = true
		for _, o := range j.origins.of(key) {
			j.website[b] = j.website[b] || strings.HasPrefix(g.originKind.list[g.origin.at(o).class].Operation, "WEBSITE.")
		}
	}
	order := make([]uint32, 0, len(buckets))
	for b := range buckets {
		order = append(order, b)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(g.buckets.name(a), g.buckets.name(b)) })

	// The bare path may be the key.
	for id, stems := range unexplained {
		l := j.lanes[id]
		if !l.anyBucket() {
			continue
		}
		for _, b := range order {
			same := &change{bucket: b}
			for _, s := range stems {
				if key, ok := g.keys.find(b<<1|1, []byte(j.from(s))); ok && j.hasLine(s, key) {
					same.votes++
					taken[key] = true
				}
			}
			if same.votes > 0 {
				l.changes = append(l.changes, same)
			}
		}
	}
	// S3 lines that no path explains so far, by time.
	var lines []uint32
	for key := range uint32(len(j.origins.start) - 1) {
		if !taken[key] && g.keys.entries.at(key).scope&1 == 1 {
			lines = append(lines, j.origins.of(key)...)
		}
	}
	slices.SortFunc(lines, func(a, b uint32) int {
		x, y := g.origin.at(a), g.origin.at(b)
		return cmp.Or(cmp.Compare(x.time, y.time), cmp.Compare(x.req, y.req))
	})
	for id, stems := range unexplained {
		l := j.lanes[id]
		j.study(l, stems, lines)
		slices.SortFunc(l.changes, func(a, b *change) int {
			return cmp.Or(cmp.Compare(b.votes, a.votes), cmp.Compare(a.op, b.op), cmp.Compare(a.a, b.a), cmp.Compare(a.b, b.b), cmp.Compare(g.buckets.name(a.bucket), g.buckets.name(b.bucket)))
		})
		for _, s := range stems {
			j.choose(l, s)
		}
	}
	for i := range j.stems {
		if s := &j.stems[i]; s.key == noKey {
			s.key, s.known = j.keyID("", j.from(uint32(i))), knownGuessed
		}
	}
}

// from returns the key that a path leads to before any change: the one that
// settings say, or the path itself.
func (j *joiner) from(stem uint32) string {
	if s := &j.stems[stem]; s.key != noKey {
		return string(j.g.keys.key(s.key))
	}
	return KeyOfWire(WirePath(string(j.g.stems.key(stem))))
}

// study compares paths with the keys of S3 lines near in time and counts the
// edits that would explain them.
func (j *joiner) study(l *lane, stems, lines []uint32) {
	g := j.g
	type vote struct {
		edit
		bucket uint32
	}
	votes := make(map[vote]int64)
	rest := make(map[vote]bool)
	if len(lines) == 0 {
		return
	}
	if len(stems) > mostStudied { // the same ones, however they came in
		stems = slices.Clone(stems)
		slices.SortFunc(stems, func(a, b uint32) int { return bytes.Compare(g.stems.key(a), g.stems.key(b)) })
	}
	var mine []vote
	studied := int64(0)
	for n, s := range stems {
		if n >= mostStudied {
			break
		}
		from := j.from(s)
		mine = mine[:0]
		for k, i := range j.edges.of(s) {
			if k == 4 {
				break
			}
			e := g.edge.at(i)
			lo, hi := window(e)
			p, _ := slices.BinarySearchFunc(lines, lo, func(o uint32, t int64) int { return cmp.Compare(g.origin.at(o).time, t) })
			for near := 0; p < len(lines) && near < mostNeighbors && g.origin.at(lines[p]).time <= hi; p, near = p+1, near+1 {
				o := g.origin.at(lines[p])
				entry := g.keys.entries.at(o.key)
				if !j.sameMethod(e, o) || !l.anyBucket() && g.buckets.name(entry.scope>>1) != l.target.Bucket {
					continue
				}
				to := string(g.keys.key(o.key))
				for _, d := range [...]edit{{}, {editAlways, to, ""}} {
					ok := true
					if d.op == editNone {
						d, ok = deriveEdit(from, to)
					}
					v := vote{d, entry.scope >> 1}
					if ok && !(d.op == editNone && !l.anyBucket()) && !slices.Contains(mine, v) {
						mine = append(mine, v)
						if strings.HasPrefix(g.originKind.list[o.class].Operation, "REST.") {
							rest[v] = true
						}
					}
				}
			}
		}
		if len(mine) > 0 {
			studied++
		}
		for _, v := range mine {
			votes[v]++
		}
	}
	for v, n := range votes {
		if v.op == editNone && slices.ContainsFunc(l.changes, func(c *change) bool { return c.edit == v.edit && c.bucket == v.bucket }) {
			continue
		}
		switch {
		// One key for all paths: only when most of them say so.
		case v.op == editAlways && (n < 5 || n*10 < studied*6):
			continue
		// One coincidence in time is no evidence.
		case v.op == editReplace && n < 2:
			continue
		}
		l.changes = append(l.changes, &change{edit: v.edit, bucket: v.bucket, votes: n, rest: rest[v]})
	}
}

// choose settles the key of a path that settings alone did not explain.
func (j *joiner) choose(l *lane, stem uint32) {
	s := &j.stems[stem]
	from := j.from(stem)
	for k, c := range l.changes {
		to, ok := c.apply(from)
		if !ok || k >= 1<<16-1 {
			continue
		}
		if key, found := j.g.keys.find(c.bucket<<1|1, []byte(to)); found && j.hasLine(stem, key) {
			s.key, s.change, s.known = key, uint16(k+1), knownLogged
			return
		}
	}
	// No line of its own: as most others go.
	for k, c := range l.changes {
		enough := c.votes >= 2
		if l.target != nil {
			enough = c.votes >= rewriteProof && c.votes > 9*l.direct
		}
		if !enough || c.op == editAlways {
			continue
		}
		if to, ok := c.apply(from); ok {
			s.key, s.change, s.known = j.keyID(j.g.buckets.name(c.bucket), to), uint16(k+1), knownLearnt
			return
		}
	}
}
