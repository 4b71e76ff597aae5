package correlate

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/why403/why403/internal/spill"
)

// finish sorts the result and adds what needs all of it.
func (j *joiner) finish() {
	out, g := &j.out, j.g
	// The events and most of what belongs to them have done their work.
	j.kept.Free()
	g.lines, g.firewall = lineStore{}, nil
	j.paths, j.keys, j.added = nil, nil, addedKeys{}
	j.byKey.drop(j.mem)
	spill.Drop(j.mem, j.info)
	spill.Drop(j.mem, j.pair)
	spill.Drop(j.mem, j.pairedBy)
	spill.Drop(j.mem, j.ambiguous)
	slices.SortFunc(out.Pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.EdgeRequestID, b.EdgeRequestID), cmp.Compare(a.OriginRequestID, b.OriginRequestID))
	})
	for k, n := range j.rest {
		n.Distribution, n.Bucket = k.Distribution, k.Bucket
		out.Rest = append(out.Rest, n)
	}
	slices.SortFunc(out.Rest, func(a, b Rest) int {
		return cmp.Or(cmp.Compare(a.Distribution, b.Distribution), cmp.Compare(a.Bucket, b.Bucket))
	})
	out.Own = g.ownLines
	for p, n := range j.locations {
		l := LocationCount{Distribution: g.distributions.name(p.dist), Edge: p.edge, Location: g.locations.name(p.location), Count: n}
		if !p.edge {
			l.Bucket = g.buckets.name(p.bucket)
		}
		out.Locations = append(out.Locations, l)
	}
	slices.SortFunc(out.Locations, func(a, b LocationCount) int {
		return cmp.Or(cmp.Compare(a.Distribution, b.Distribution), cmp.Compare(a.Bucket, b.Bucket), compareBool(a.Edge, b.Edge), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Location, b.Location))
	})
	rewrite := j.rewrites()
	j.passedGroups()
	out.Noise = j.noises.noise()
	out.Patterns = j.alike.find(out)
	alike := j.alike
	out.Keys = j.failing.sorted(func(f *FailingKey) {
		rewrite(f)
		alike.follow(f)
	}, nil)
	out.Direct = j.direct.sorted(nil, nil)
	out.Edge = j.refused.sorted(nil, func(a, b *EdgeFailure) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.First, b.First))
	})
}

// emitKey takes a failing key into the result.
func (j *joiner) emitKey(f *FailingKey, place uint32, r *keyRun) {
	j.alike.addKey(f)
	j.noises.addKey(f)
	dist := uint32(0)
	if r.named {
		dist = 1 + j.distRank[r.dist]
	}
	j.failing.add(f, f.weight(), place, dist)
}

// emitDirect takes a key that fails for direct clients alone into the result.
func (j *joiner) emitDirect(f *FailingKey, place uint32, _ *keyRun) {
	j.noises.addKey(f)
	j.direct.add(f, f.weight(), place, 0)
}

// emitEdge takes a path that the edge refused into the result.
func (j *joiner) emitEdge(f *EdgeFailure, stem uint32) {
	j.alike.addPath(f)
	if f.Noise {
		j.noises.add(f.URI, f.Requests)
	}
	j.refused.add(f, f.Requests, j.firstOf(stem), 0)
}

// firstOf returns the first of the paths that differ in their signs alone.
func (j *joiner) firstOf(path uint32) uint32 {
	dist, text := j.dist(path), j.paths.name(path)
	for path > 0 && j.dist(path-1) == dist && bytes.Equal(j.paths.name(path-1), text) {
		path--
	}
	return path
}

// rewrites reports the changes that only a function makes, and returns what
// tells a key its own.
func (j *joiner) rewrites() func(*FailingKey) {
	type behavior struct{ dist, pattern string }
	found := make(map[behavior][]*Rewrite)
	for _, l := range j.lanes {
		for _, c := range l.changes {
			if c.op == editNone || c.pairs < rewriteProof {
				continue
			}
			if l.target == nil && c.op == editAdd && (c.b == "" || !c.rest) {
				continue // an origin path, or a website's index document
			}
			w := &Rewrite{Distribution: j.g.distributions.name(l.dist), PathPattern: l.pattern, Pattern: c.String(), Pairs: c.pairs}
			if l.behavior != nil {
				w.Function = rewriterOf(l.behavior)
			}
			b := behavior{w.Distribution, w.PathPattern}
			found[b] = append(found[b], w)
		}
	}
	for _, list := range found {
		slices.SortFunc(list, compareRewrites)
		for _, w := range list {
			j.out.Rewrites = append(j.out.Rewrites, *w)
		}
	}
	slices.SortFunc(j.out.Rewrites, func(a, b Rewrite) int { return compareRewrites(&a, &b) })
	return func(f *FailingKey) {
		list := found[behavior{f.Distribution, f.PathPattern}]
		if len(list) == 0 {
			return
		}
		f.Rewrite = list[0]
		if len(f.URIs) == 0 {
			return
		}
		for _, w := range list {
			if rewriteFits(f, w) {
				f.Rewrite = w
				return
			}
		}
	}
}

func compareRewrites(a, b *Rewrite) int {
	return cmp.Or(cmp.Compare(b.Pairs, a.Pairs), cmp.Compare(a.Distribution, b.Distribution), cmp.Compare(a.PathPattern, b.PathPattern), cmp.Compare(a.Pattern, b.Pattern))
}

// rewriteFits reports whether the rewrite leads from the key's first path to
// the key.
func rewriteFits(f *FailingKey, w *Rewrite) bool {
	d, ok := deriveEdit(KeyOfWire(WirePath(f.URIs[0])), f.Key)
	return ok && d.String() == w.Pattern
}

// rewriterOf names the function that can change a behavior's paths: one at
// viewer-request or origin-request.
func rewriterOf(b *Behavior) string {
	for _, event := range [...]string{"viewer-request", "origin-request"} {
		for _, f := range b.Functions {
			if f.EventType == event {
				return f.ARN
			}
		}
	}
	return ""
}

func (j *joiner) passedGroups() {
	g := j.g
	for i, n := range g.passed.counts() {
		if n == 0 {
			continue
		}
		f := &g.passed.features.list[i]
		t := readTraits([]byte(f.traits))
		p := PassedGroup{Prefix: string(t.prefix), Extension: string(t.extension), Count: n,
			Slash: t.flags&traitSlash != 0, Odd: t.flags&traitOdd != 0, Double: t.flags&traitDouble != 0, Upper: t.flags&traitUpper != 0}
		switch scope := j.scopeOf(f); {
		case f.kind == 'e':
			p.Distribution = g.distributions.name(scope)
		case f.kind == 'o', f.kind == 'd' && j.forwarded[scope]:
			p.Bucket = f.scope
		default:
			continue
		}
		j.out.Passed = append(j.out.Passed, p)
	}
	slices.SortFunc(j.out.Passed, func(a, b PassedGroup) int {
		return cmp.Or(cmp.Compare(a.Distribution, b.Distribution), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Prefix, b.Prefix), cmp.Compare(a.Extension, b.Extension),
			compareBool(a.Slash, b.Slash), compareBool(a.Odd, b.Odd), compareBool(a.Double, b.Double), compareBool(a.Upper, b.Upper))
	})
}
