package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// edgeFailure makes what there is to say of a path that the edge refused. stems
// are the entries of the path, events its lines.
func (j *joiner) edgeFailure(r *keyRun, stems []uint32, t *tally, events []uint32, why NoOriginReason, bucket, key string) *EdgeFailure {
	g := j.g
	f := &EdgeFailure{
		Distribution: g.distributions.name(r.dist), URI: string(j.paths.name(stems[0])),
		Requests: t.n, Viewers: t.viewers(), Referred: t.referred, First: t.first, Last: t.last,
		Edge: j.edgeClasses(t.edge.list), Hours: t.hourList(),
	}
	f.Noise = !slices.ContainsFunc(stems, func(s uint32) bool { return !j.noisyStem[s] })
	_, _, latest := j.servedPath(stems[0], t.first, t.last)
	f.LastOK = latest
	f.Reason = why
	info := &j.info[stems[0]]
	l := j.lanes[info.lane]
	f.PathPattern = l.pattern
	if l.target != nil && l.target.Origin != nil {
		f.OriginID = l.target.Origin.ID
	}
	if !info.noS3 {
		f.Bucket, f.Key = bucket, key
	}
	var fire counts
	for _, i := range events {
		if req := j.edge(i).req; req != 0 {
			if c, ok := j.blocked[req]; ok {
				fire.add(c)
			}
		}
	}
	for _, c := range fire.list {
		k := g.fireKinds.list[c.kind]
		k.Count = c.n
		f.Firewall = append(f.Firewall, k)
	}
	slices.SortFunc(f.Firewall, func(a, b FirewallClass) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), compareFirewall(&a, &b))
	})
	if !r.plain {
		for _, s := range j.edgeSamples(stems, events) {
			f.Samples = append(f.Samples, Sample{Edge: s.sample})
		}
	}
	return f
}

// servedPath tells when a path was served: Unix ms.
func (j *joiner) servedPath(stem uint32, first, last int64) (before, after, latest int64) {
	path := hashBytes(j.g, j.paths.name(stem))
	j.servedBy(j.dist(stem), path, func(h uint64) {
		b, a, l := j.served(h, first, last)
		before, latest = max(before, b), max(latest, l)
		if a != 0 && (after == 0 || a < after) {
			after = a
		}
	})
	if latest == 0 {
		// Without an id in the log, failing lines go by their domain name.
		return j.served(j.g.hash(edgeDomain, nil)^path, first, last)
	}
	return before, after, latest
}

func (j *joiner) served(h uint64, first, last int64) (before, after, latest int64) {
	b, a, l := j.g.passed.around(h, uint32(first/1000), uint32(last/1000))
	return int64(b) * 1000, int64(a) * 1000, int64(l) * 1000
}

// failingKey makes what there is to say of a run's key.
func (j *joiner) failingKey(r *keyRun, bucket, key string) *FailingKey {
	g := j.g
	f := &FailingKey{Bucket: bucket, Key: key, Join: r.join}
	if r.named {
		f.Distribution = g.distributions.name(r.dist)
	}
	f.Requests = Requests{CloudFront: r.t.n, S3: int64(len(r.alone)), Direct: int64(len(r.direct))}
	f.Join.OriginOnly = int64(len(r.alone))

	var forwarded []uint32
	origin := func(o uint32) {
		e := j.line(o)
		r.t.origin.add(e.class)
		if j.pairedBy[o] != 0 && !j.cloudFront[e.class] && !slices.Contains(forwarded, e.class) {
			forwarded = append(forwarded, e.class)
		}
	}
	for k, events := 0, r.events; k < len(r.stems); k++ {
		change := j.change(r.stems[k])
		for _, i := range events[:r.kept[k]] {
			p := j.pair[i]
			if p == 0 {
				continue
			}
			own := j.pairedBy[p-1] == i+1
			if own {
				origin(p - 1)
				f.Requests.S3++
				if change != nil {
					change.pairs++
				}
			}
			if j.o.KeepPairs {
				j.out.Pairs = append(j.out.Pairs, Pair{g.lines.requestID(j.edge(i).line), g.lines.requestID(j.line(p - 1).line), j.ambiguous[p-1] || !own})
			}
		}
		events = events[r.kept[k]:]
	}
	for _, o := range r.alone {
		origin(o)
		r.t.at(j.line(o).time)
	}
	if len(r.events)+len(r.alone) == 0 {
		for _, o := range r.direct {
			origin(o)
			e := j.line(o)
			r.t.at(e.time)
			r.t.clients = append(r.t.clients, e.client)
		}
	} else {
		for _, o := range r.direct {
			origin(o)
		}
	}
	f.Viewers, f.Referred = r.t.viewers(), r.t.referred
	f.First, f.Last = r.t.first, r.t.last
	f.Edge, f.Origin = j.edgeClasses(r.t.edge.list), j.originClasses(r.t.origin.list, forwarded)
	f.Hours = r.t.hourList()
	j.describe(r, f)
	j.times(r, f)
	if !r.plain {
		f.Samples = j.samples(r)
	}
	f.Noise = j.noisy(r, []byte(key), g.buckets.ids[bucket])
	return f
}

// change returns the change that led from a path to its key.
func (j *joiner) change(path uint32) *change {
	s := &j.info[path]
	if s.change == 0 {
		return nil
	}
	return j.lanes[s.lane].changes[s.change-1]
}

// describe says how the key is known, by which way it was asked for, and the
// steps from path to key.
func (j *joiner) describe(r *keyRun, f *FailingKey) {
	known := -1
	var best *stemInfo
	type uri struct {
		stem string
		n    int
	}
	var uris []uri
	for k, s := range r.stems {
		n := r.kept[k]
		if n == 0 {
			continue
		}
		stem := string(j.paths.name(s))
		if last := len(uris) - 1; last >= 0 && uris[last].stem == stem {
			uris[last].n += n
		} else {
			uris = append(uris, uri{stem, n})
		}
		if info := &j.info[s]; int(info.known) > known {
			known, best = int(info.known), info
		}
	}
	slices.SortFunc(uris, func(a, b uri) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.stem, b.stem)) })
	for i, u := range uris {
		if i == MaxURIs {
			break
		}
		if f.URIs = append(f.URIs, u.stem); i == 0 && u.stem == "/"+f.Key {
			f.Key = u.stem[1:] // the same bytes
		}
	}
	if known < 0 || slices.ContainsFunc(f.Origin, func(c OriginClass) bool { return c.FromCloudFront }) {
		known = knownLogged
	}
	f.KeyKnown = keySources[known]

	var l *lane
	if best != nil {
		l = j.lanes[best.lane]
	}
	f.Access = accessOf(f.Origin, l)
	if l != nil {
		f.PathPattern = l.pattern
		if l.target != nil && l.target.Origin != nil {
			f.OriginID = l.target.Origin.ID
		}
	} else if r.named {
		f.PathPattern, f.OriginID = j.onlyLane(r.dist, f.Bucket)
	}
	switch resolver := j.resolverFor(r); {
	case r.plain:
	case len(uris) == 0:
		if len(f.Origin) > 0 {
			f.Resolution = []string{"S3's log names the key"}
		}
	case resolver != nil:
		res := resolver.Resolve(uris[0].stem)
		f.Resolution = res.Steps()
	default:
		f.Resolution = []string{"the viewer asked for " + quote(WirePath(uris[0].stem)), "the distribution's settings are not at hand"}
	}
	if best != nil && len(uris) > 0 && !r.plain {
		if c := best.change; c != 0 {
			ch := j.lanes[best.lane].changes[c-1]
			if ch.op != editNone {
				f.Resolution = append(f.Resolution, fmt.Sprintf("S3's lines show another key: %s (%d paths go this way)", ch.edit, ch.votes))
			}
		}
		switch f.KeyKnown {
		case KeyLogged:
			if best.change == 0 {
				f.Resolution = append(f.Resolution, "S3's log confirms it")
			} else {
				f.Resolution = append(f.Resolution, fmt.Sprintf("S3's log names key %s in bucket %s", quote(f.Key), f.Bucket))
			}
		case KeyLearnt:
			f.Resolution = append(f.Resolution, fmt.Sprintf("so the key is %s in bucket %s, as other paths of the distribution go", quote(f.Key), f.Bucket))
		case KeyGuessed:
			f.Resolution = append(f.Resolution, fmt.Sprintf("the key is taken to be %s: the path without its slash", quote(f.Key)))
		}
	}
	if n := f.Join.Masked; n > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%d of S3's refusals reached the viewer with another status: a custom error response masks them", n))
	}
	if n := f.Join.OriginOnly; n > 0 && r.named && j.out.Coverage.Edge {
		note := fmt.Sprintf("%d of S3's refusals have no failing CloudFront line", n)
		if l := j.failsOver(r.dist, f.Bucket, f.Key); l != "" {
			note += ": origin group " + l + " asks its second origin after a 403"
		}
		f.Notes = append(f.Notes, note)
	}
	for _, c := range f.Origin {
		if c.FromCloudFront && !fromCloudFront([]byte(c.Requester), []byte(c.UserAgent)) && c.Requester == "" && c.UserAgent != "" {
			f.Notes = append(f.Notes, "S3 saw the viewer's User-Agent: CloudFront forwards it")
			break
		}
	}
}

func (j *joiner) resolverFor(r *keyRun) *Resolver {
	if !r.named {
		return nil
	}
	return j.resolvers[r.dist]
}

// onlyLane names behavior and origin when a single origin of the distribution
// serves the bucket.
func (j *joiner) onlyLane(dist uint32, bucket string) (pattern, origin string) {
	r := j.resolvers[dist]
	if r == nil {
		return "", ""
	}
	n := 0
	for _, rt := range r.behaviors {
		for _, t := range [...]*target{rt.primary, rt.second} {
			if t != nil && (t.endpoint.Bucket == bucket || t.endpoint.AccessPoint == bucket) {
				n++
				pattern, origin = rt.behavior.PathPattern, t.origin.ID
			}
		}
	}
	if n != 1 {
		pattern = ""
	}
	return pattern, origin
}

// failsOver names the origin group whose first origin is the bucket and that
// asks the second after a 403.
func (j *joiner) failsOver(dist uint32, bucket, key string) string {
	r := j.resolvers[dist]
	if r == nil {
		return ""
	}
	for _, rt := range r.behaviors {
		if rt.group != nil && rt.primary != nil && rt.primary.endpoint.Bucket == bucket && slices.Contains(rt.group.Statuses, 403) {
			return quote(rt.group.ID)
		}
	}
	return ""
}

// accessOf tells the way of access by S3's lines, else by the settings.
func accessOf(classes []OriginClass, l *lane) Access {
	settings := l != nil && l.target != nil
	cloudFront := slices.ContainsFunc(classes, func(c OriginClass) bool { return c.FromCloudFront })
	for _, c := range classes {
		if c.FromCloudFront != cloudFront || l != nil && !cloudFront {
			continue // a direct client's, beside CloudFront's
		}
		if c.Operation == "REST.OPTIONS.PREFLIGHT" && settings {
			continue // never signed: it does not show how the origin reads
		}
		switch {
		case strings.HasPrefix(c.Operation, "WEBSITE."):
			return AccessWebsite
		case c.Requester == serviceRequester:
			return AccessOAC
		case strings.HasPrefix(c.Requester, identityPrefix), c.FromCloudFront && isCanonicalID(c.Requester):
			return AccessOAI
		case c.Requester == "":
			return AccessAnonymous
		}
		return AccessIAM
	}
	if !settings || !l.target.S3 {
		return AccessUnknown
	}
	o := l.target.Origin
	switch {
	case l.target.Endpoint.Kind == EndpointWebsite:
		return AccessWebsite
	case o.OriginAccessControlID != "":
		return AccessOAC
	case o.OriginAccessIdentity != "":
		return AccessOAI
	}
	return AccessAnonymous
}

// times finds the successes around the failures, as CloudFront and S3 saw them.
func (j *joiner) times(r *keyRun, f *FailingKey) {
	g := j.g
	take := func(before, after, latest int64) {
		f.OKBefore = max(f.OKBefore, before)
		if after != 0 && (f.OKAfter == 0 || after < f.OKAfter) {
			f.OKAfter = after
		}
		f.LastOK = max(f.LastOK, latest)
	}
	last := ""
	for _, s := range r.stems {
		stem := string(j.paths.name(s))
		if stem != last || last == "" {
			take(j.servedPath(s, f.First, f.Last))
		}
		last = stem
	}
	key := hashBytes(g, []byte(f.Key))
	f.Deleted, _, _ = j.served(g.hash(deletions, []byte(f.Bucket))^key, f.Last, f.Last)
	direct := len(r.events)+len(r.alone) == 0
	domains := j.domains(direct, f.Access, g.buckets.ids[f.Bucket])
	if !direct {
		for _, id := range j.identities {
			domains = append(domains, g.hash(identityDomain, []byte(id)))
		}
	}
	for _, domain := range domains {
		take(j.served(g.hash(domain, []byte(f.Bucket))^key, f.First, f.Last))
		before, _, _ := j.served(g.hash(domain^byACL, []byte(f.Bucket))^key, f.First, f.Last)
		f.OKByACL = max(f.OKByACL, before)
	}
}

// domains says which reads of a key are like the failing ones.
func (j *joiner) domains(direct bool, a Access, bucket uint32) []uint64 {
	switch {
	case direct && a == AccessIAM:
		return []uint64{memberDomain}
	case direct:
		return []uint64{publicDomain}
	case j.forwarded[bucket]:
		return []uint64{originDomain, publicDomain}
	}
	return []uint64{originDomain}
}
