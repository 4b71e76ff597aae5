package correlate

import (
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
	votes  int64  // paths that it explains
	pairs  int64  // joined lines that follow it
	rest   bool   // seen at a REST endpoint, which has no index document
	near   uint32 // see find
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
	taken := spill.Make[bool](j.mem, int(j.keys.len())) // keys that some path leads to
	// Paths by lane; those that need no explanation come last.
	lanes := uint32(len(j.lanes))
	unexplained := groupBy(j.mem, len(j.info), len(j.lanes)+1, func(i uint32) uint32 {
		s := &j.info[i]
		switch {
		case s.known == knownLogged:
			taken[s.key] = true
			return lanes
		case j.sign(i) == signEdge || s.noS3:
			return lanes
		}
		return s.lane
	})
	buckets := make(map[uint32]bool) // with lines of CloudFront's
	for key := range j.keys.len() {
		_, from, to := j.linesOf(key)
		if from == to {
			continue
		}
		b := j.keys.scope(key)
		buckets[b] = true
		for o := from; o < to; o++ {
			j.website[b] = j.website[b] || strings.HasPrefix(g.originKind.list[j.line(o).class].Operation, "WEBSITE.")
		}
	}
	order := make([]uint32, 0, len(buckets))
	for b := range buckets {
		order = append(order, b)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(g.buckets.name(a), g.buckets.name(b)) })

	// The bare path may be the key.
	for id, l := range j.lanes {
		if !l.anyBucket() {
			continue
		}
		stems := unexplained.of(uint32(id))
		for _, b := range order {
			same := &change{bucket: b}
			for _, s := range stems {
				if key := j.find(b, j.from(s), &same.near); key != noKey && j.hasLine(s, key) {
					same.votes++
					taken[key] = true
				}
			}
			if same.votes > 0 {
				l.changes = append(l.changes, same)
			}
		}
	}
	lines := j.unexplainedLines(taken, len(unexplained.of(lanes)) < len(j.info))
	for id, l := range j.lanes {
		stems := unexplained.of(uint32(id))
		j.study(l, stems, lines)
		slices.SortFunc(l.changes, func(a, b *change) int {
			return cmp.Or(cmp.Compare(b.votes, a.votes), cmp.Compare(a.op, b.op), cmp.Compare(a.a, b.a), cmp.Compare(a.b, b.b), cmp.Compare(g.buckets.name(a.bucket), g.buckets.name(b.bucket)))
		})
		for _, s := range stems {
			j.choose(l, s)
		}
	}
	for i := range j.info {
		if s := &j.info[i]; s.key == noKey {
			from := j.from(uint32(i))
			near := uint32(0)
			if s.key, s.known = j.find(j.bucket(""), from, &near), knownGuessed; s.key == noKey {
				s.key = j.add(j.bucket(""), []byte(from), uint32(i))
			}
		}
	}
	spill.Drop(j.mem, lines)
	unexplained.drop(j.mem)
	spill.Drop(j.mem, taken)
}

// A timedLine is an S3 line, to be looked up by its time.
type timedLine struct {
	time int64
	req  uint64
	n    uint32
}

// unexplainedLines returns the S3 lines of CloudFront's whose keys are not taken,
// by time; none when nothing asks for them.
func (j *joiner) unexplainedLines(taken []bool, asked bool) []timedLine {
	if !asked {
		return nil
	}
	n := 0
	for key, is := range taken {
		if _, from, to := j.linesOf(uint32(key)); !is {
			n += int(to - from)
		}
	}
	lines := spill.Make[timedLine](j.mem, n)[:0]
	for key, is := range taken {
		if is {
			continue
		}
		_, from, to := j.linesOf(uint32(key))
		for o := from; o < to; o++ {
			lines = append(lines, timedLine{j.line(o).time, j.line(o).req, o})
		}
	}
	slices.SortFunc(lines, func(a, b timedLine) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.req, b.req), cmp.Compare(a.n, b.n))
	})
	return lines
}

// from returns the key that a path leads to before any change: the one that
// settings say, or the path itself.
func (j *joiner) from(stem uint32) string {
	if s := &j.info[stem]; s.key != noKey {
		_, key := j.key(s.key)
		return string(key)
	}
	return KeyOfWire(WirePath(string(j.paths.name(stem))))
}

// study compares paths with the keys of S3 lines near in time and counts the
// edits that would explain them.
func (j *joiner) study(l *lane, stems []uint32, lines []timedLine) {
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
	var mine []vote
	studied := int64(0)
	for n, s := range stems {
		if n >= mostStudied {
			break
		}
		from := j.from(s)
		mine = mine[:0]
		first, end := j.paths.of(s)
		for i := first; i < min(end, first+4); i++ {
			e := j.edge(i)
			lo, hi := window(e)
			p, _ := slices.BinarySearchFunc(lines, lo, func(l timedLine, t int64) int { return cmp.Compare(l.time, t) })
			for near := 0; p < len(lines) && near < mostNeighbors && lines[p].time <= hi; p, near = p+1, near+1 {
				o := j.line(lines[p].n)
				bucket, key := j.key(j.keyOf(lines[p].n))
				if !j.sameMethod(e, o) || !l.anyBucket() && g.buckets.name(bucket) != l.target.Bucket {
					continue
				}
				to := string(key)
				for _, d := range [...]edit{{}, {editAlways, to, ""}} {
					ok := true
					if d.op == editNone {
						d, ok = deriveEdit(from, to)
					}
					v := vote{d, bucket}
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
	s := &j.info[stem]
	from := j.from(stem)
	for k, c := range l.changes {
		to, ok := c.apply(from)
		if !ok || k >= 1<<16-1 {
			continue
		}
		if key := j.find(c.bucket, to, &c.near); key != noKey && j.hasLine(stem, key) {
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
			s.key, s.change, s.known = j.find(c.bucket, to, &c.near), uint16(k+1), knownLearnt
			if s.key == noKey {
				s.key = j.add(c.bucket, []byte(to), stem)
			}
			return
		}
	}
}
