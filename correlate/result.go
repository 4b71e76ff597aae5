package correlate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A tally sums up lines of one key or one path.
type tally struct {
	n, referred int64
	first, last int64
	clients     []uint32
	edge        counts
	origin      counts
	hours       []HourCount
}

type count struct {
	kind uint32
	n    int64
}

// counts counts kinds of lines. Most keys have few; one that clients with ever
// new agents ask for has many.
type counts struct {
	list []count
	at   map[uint32]int
}

const manyKinds = 16

func (c *counts) add(kind uint32) {
	if c.at != nil {
		i, ok := c.at[kind]
		if !ok {
			i = len(c.list)
			c.at[kind] = i
			c.list = append(c.list, count{kind: kind})
		}
		c.list[i].n++
		return
	}
	for i := range c.list {
		if c.list[i].kind == kind {
			c.list[i].n++
			return
		}
	}
	c.list = append(c.list, count{kind, 1})
	if len(c.list) == manyKinds {
		c.at = make(map[uint32]int)
		for i := range c.list {
			c.at[c.list[i].kind] = i
		}
	}
}

func (t *tally) at(ms int64) {
	if t.n == 0 {
		t.first, t.last = ms, ms
	}
	t.n++
	t.first, t.last = min(t.first, ms), max(t.last, ms)
	hour := ms / 3_600_000 * 3600
	for i := len(t.hours) - 1; i >= 0; i-- {
		if t.hours[i].Hour == hour {
			t.hours[i].Count++
			return
		}
	}
	t.hours = append(t.hours, HourCount{hour, 1})
}

func (t *tally) addEdge(e *edgeEvent) {
	t.at(e.end())
	t.clients = append(t.clients, e.client)
	t.edge.add(e.class)
	if e.agent&1 != 0 {
		t.referred++
	}
}

// viewers counts the distinct clients.
func (t *tally) viewers() int64 {
	slices.Sort(t.clients)
	t.clients = slices.Compact(t.clients)
	n := int64(len(t.clients))
	if n > 1 && t.clients[0] == 0 { // lines without an address
		n--
	}
	return n
}

func (t *tally) hourList() []HourCount {
	slices.SortFunc(t.hours, func(a, b HourCount) int { return cmp.Compare(a.Hour, b.Hour) })
	return t.hours
}

func (j *joiner) edgeClasses(list []count) []EdgeClass {
	if len(list) == 0 {
		return nil
	}
	build := func() []EdgeClass {
		list := mostFrequent(list, j.edgeRank)
		out := make([]EdgeClass, len(list))
		for i, c := range list {
			out[i] = j.g.edgeKinds.list[c.kind]
			out[i].Count = c.n
		}
		return out
	}
	return shared(j.edgeShared, list, build)
}

func (j *joiner) originClasses(list []count, forwarded []uint32) []OriginClass {
	if len(list) == 0 {
		return nil
	}
	build := func() []OriginClass {
		list := mostFrequent(list, j.originRank)
		out := make([]OriginClass, len(list))
		for i, c := range list {
			out[i] = j.g.originKind.list[c.kind]
			out[i].Count = c.n
			out[i].FromCloudFront = out[i].FromCloudFront || slices.Contains(forwarded, c.kind)
		}
		return out
	}
	if len(forwarded) > 0 {
		return build()
	}
	return shared(j.originShared, list, build)
}

// shared keeps the lists of one kind: the many keys that failed once in the same
// way have one between them.
func shared[T any](kept map[count][]T, list []count, build func() []T) []T {
	if len(list) != 1 {
		return build()
	}
	out := kept[list[0]]
	if out == nil {
		out = slices.Clip(build())
		kept[list[0]] = out
	}
	return out
}

func mostFrequent(list []count, rank []uint32) []count {
	slices.SortFunc(list, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(rank[a.kind], rank[b.kind]))
	})
	return list[:min(len(list), MaxClasses)]
}

// group makes the result's keys and edge failures.
func (j *joiner) group() {
	g := j.g
	for key := range uint32(g.keys.entries.n) {
		e := g.keys.entries.at(key)
		var sure, other uint32 = noKey, noKey
		if e.scope&1 == 1 {
			sure = key
			if u, ok := g.keys.find(e.scope&^1, g.keys.key(key)); ok {
				other = u
			}
		} else {
			if _, ok := g.keys.find(e.scope|1, g.keys.key(key)); ok {
				continue // with its twin
			}
			other = key
		}
		j.oneKey(e.scope>>1, key, sure, other)
	}
}

// oneKey makes what there is to say of a key: sure and other number the two
// entries of its S3 lines.
func (j *joiner) oneKey(bucket, id, sure, other uint32) {
	g := j.g
	var lines, direct []uint32 // CloudFront's, other clients'
	if sure != noKey {
		lines = j.origins.of(sure)
	}
	if other != noKey {
		lines = slices.Clip(lines)
		for _, o := range j.origins.of(other) {
			if j.pairedBy[o] != 0 || j.cloudFront[g.origin.at(o).class] {
				lines = append(lines, o)
			} else {
				direct = append(direct, o)
			}
		}
		slices.SortFunc(lines, func(a, b uint32) int { return cmp.Compare(g.origin.at(a).time, g.origin.at(b).time) })
	}
	bucketName, key := g.buckets.name(bucket), string(g.keys.key(id))

	var runs []*keyRun
	if sure != noKey {
		for _, s := range j.byKey.of(sure) {
			dist := g.stems.entries.at(s).scope >> 2
			if len(runs) == 0 || runs[len(runs)-1].dist != dist {
				runs = append(runs, &keyRun{dist: dist, named: true})
			}
			r := runs[len(runs)-1]
			r.stems = append(r.stems, s)
		}
	}
	for _, r := range runs {
		j.classify(r, bucketName, key, lines)
	}

	// S3 lines that no CloudFront line explains.
	var home *keyRun
	for _, o := range lines {
		if j.pairedBy[o] != 0 {
			continue
		}
		if home == nil {
			home = j.home(&runs, bucket)
		}
		home.alone = append(home.alone, o)
	}
	runs = slices.DeleteFunc(runs, func(r *keyRun) bool { return r.t.n == 0 && len(r.alone) == 0 })
	j.out.Forbidden.Direct += int64(len(direct))
	j.out.Forbidden.S3 += int64(len(lines))
	list := &j.out.Keys
	if len(runs) == 0 && len(direct) > 0 {
		runs, list = []*keyRun{{}}, &j.out.Direct
	}
	for i, r := range runs {
		if i == 0 {
			r.direct = direct
		}
		if r.plain = j.plain[id]; !j.folded[id] {
			*list = append(*list, j.failingKey(r, bucketName, key))
			continue
		}
		n := Rest{Bucket: bucketName}
		if r.named {
			n.Distribution = g.distributions.name(r.dist)
		}
		sum := j.rest[n]
		sum.Keys++
		sum.Requests += r.t.n + int64(len(r.alone)+len(r.direct))
		j.rest[n] = sum
	}
}

// choosePlain finds the keys that have too many others before them.
func (j *joiner) choosePlain() {
	g := j.g
	n := uint32(g.keys.entries.n)
	j.plain, j.folded = make([]bool, n), make([]bool, n)
	if int(n) <= j.o.Detailed && (j.o.MaxKeys == 0 || int(n) <= j.o.MaxKeys) {
		return
	}
	lines := make([]uint32, n) // by the entry that stands for the key
	ids := make([]uint32, 0, n)
	for key := range n {
		id := key
		if e := g.keys.entries.at(key); e.scope&1 == 0 {
			if sure, ok := g.keys.find(e.scope|1, g.keys.key(key)); ok {
				id = sure
			}
		}
		if id == key {
			ids = append(ids, id)
		}
		lines[id] += uint32(len(j.origins.of(key)))
		for _, s := range j.byKey.of(key) {
			lines[id] += uint32(len(j.edges.of(s)))
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(lines[b], lines[a]), bytes.Compare(g.keys.key(a), g.keys.key(b)),
			cmp.Compare(g.buckets.name(g.keys.entries.at(a).scope>>1), g.buckets.name(g.keys.entries.at(b).scope>>1)))
	})
	for i, id := range ids {
		j.plain[id] = i >= j.o.Detailed
		j.folded[id] = j.o.MaxKeys > 0 && i >= j.o.MaxKeys
	}
}

// home finds the distribution that lonely S3 lines of a key belong to.
func (j *joiner) home(runs *[]*keyRun, bucket uint32) *keyRun {
	if len(*runs) == 1 {
		return (*runs)[0]
	}
	r := &keyRun{}
	if owners := j.owners[bucket]; len(*runs) == 0 && len(owners) == 1 {
		r.dist, r.named = owners[0], true
	}
	*runs = append(*runs, r)
	return r
}

// A keyRun is a key's requests through one distribution.
type keyRun struct {
	dist  uint32
	named bool // dist is known
	plain bool // without samples and resolution
	stems []uint32
	kept  []int // by stem: its lines that count for the key, not for the edge

	t      tally
	join   JoinCounts
	alone  []uint32 // S3 events without an edge event
	direct []uint32 // S3 events of other clients
	events []uint32 // all its edge events
}

// classify tells for each CloudFront line of the run who refused, and makes
// edge failures of those that the edge refused.
func (j *joiner) classify(r *keyRun, bucket, key string, lines []uint32) {
	g := j.g
	bucketNumber := g.buckets.ids[bucket]
	for from := 0; from < len(r.stems); {
		stem := g.stems.key(r.stems[from])
		to := from + 1
		for to < len(r.stems) && string(g.stems.key(r.stems[to])) == string(stem) {
			to++
		}
		var edge tally
		var edgeEvents []uint32
		reasons := make(map[NoOriginReason]int64)
		for _, s := range r.stems[from:to] {
			r.kept = append(r.kept, 0)
			for _, i := range j.edges.of(s) {
				e := g.edge.at(i)
				reason, refused := j.reason(i, s, bucket, lines)
				if g.edgeKinds.list[e.class].Status == 403 {
					j.out.Forbidden.CloudFront++
				}
				if reason == notForbidden {
					continue
				}
				if reason == NoOriginCached { // counts beside the key it belongs to
					r.join.Cached++
				}
				if !refused {
					edge.addEdge(e)
					j.locations[place{r.dist, 0, uint32(e.loc & mostLocations), true}]++
					edgeEvents = append(edgeEvents, i)
					reasons[reason]++
					continue
				}
				r.t.addEdge(e)
				j.locations[place{r.dist, bucketNumber, uint32(e.loc & mostLocations), false}]++
				r.kept[len(r.kept)-1]++
				r.events = append(r.events, i)
				switch reason {
				case "":
					r.join.Joined++
					if g.edgeKinds.list[e.class].Status != g.originKind.list[g.origin.at(j.pair[i]-1).class].Status {
						r.join.Masked++
					}
				case NoOriginCollapsed:
					r.join.Collapsed++
				case NoOriginNotDelivered:
					r.join.NotDelivered++
				case NoOriginNoLog:
					r.join.NoLog++
				default:
					r.join.Unexplained++
				}
			}
		}
		if edge.n > 0 {
			j.out.Edge = append(j.out.Edge, j.edgeFailure(r, r.stems[from:to], &edge, edgeEvents, reasons, bucket, key))
		}
		from = to
	}
}

// notForbidden is the reason of a line that was no refusal after all.
const notForbidden NoOriginReason = "not-forbidden"

// reason says why an edge line has no S3 line ("": it has one), and whether S3
// refused, as far as can be told.
func (j *joiner) reason(i, stem uint32, bucket string, lines []uint32) (why NoOriginReason, s3 bool) {
	g := j.g
	e := g.edge.at(i)
	info := &j.stems[stem]
	l := j.lanes[info.lane]
	class := &g.edgeKinds.list[e.class]
	if j.pair[i] != 0 {
		return "", true
	}
	if _, ok := j.blocked[e.req]; ok && e.req != 0 {
		return NoOriginEdge, false
	}
	switch sg := signOf(class); {
	case sg == signEdge:
		return NoOriginEdge, false
	case info.noS3:
		return NoOriginNotS3, false
	default:
		why, line := j.earlier(e, info, lines)
		if why == NoOriginCollapsed {
			j.pair[i] = line + 1
			return why, true
		}
		if why != "" {
			return why, false
		}
		if class.Status != 403 && !j.masked(l, class.Status) {
			return notForbidden, false
		}
		if sg == signNoCall {
			return NoOriginEdge, false
		}
	}
	html := strings.HasPrefix(class.ContentType, "text/html")
	xml := class.ContentType == "application/xml" // text/xml is CloudFront's own, of a signed URL
	if html && class.Status == 403 && j.answersXML(l, bucket) && !j.errorPage(l) {
		return NoOriginEdge, false // S3's REST endpoint answers application/xml
	}
	span, covered := j.out.Coverage.Buckets[bucket]
	if e.quick() && len(lines) == 0 && (covered || !info.slow) {
		return NoOriginEdge, false
	}
	switch {
	case !covered:
		// Without any S3 log the refusal is S3's as far as can be told.
		return NoOriginNoLog, true
	case e.end()-e.taken() > span.Last || e.end() < span.First:
		return NoOriginNotDelivered, true
	}
	return NoOriginUnknown, len(lines) > 0 || xml
}

// earlier looks for an S3 line that another request caused and that explains
// this one: fetched while this one waited (line is its event), or within the
// life of a cached error.
func (j *joiner) earlier(e *edgeEvent, info *stemInfo, lines []uint32) (why NoOriginReason, line uint32) {
	g := j.g
	lo, hi := window(e)
	k, _ := slices.BinarySearchFunc(lines, lo, func(o uint32, t int64) int { return cmp.Compare(g.origin.at(o).time, t) })
	before := k
	for most := k + 64; k < min(len(lines), most) && g.origin.at(lines[k]).time <= hi; k++ {
		p := j.pairedBy[lines[k]]
		if p != 0 && !e.quick() && g.edge.at(p-1).end() >= e.end()-e.taken() && j.sameMethod(e, g.origin.at(lines[k])) {
			return NoOriginCollapsed, lines[k]
		}
		before = k + 1
	}
	if before == 0 {
		return "", 0
	}
	ttl := int64(errorTTL)
	if r := j.resolvers[j.lanes[info.lane].dist]; r != nil {
		for _, er := range r.d.ErrorResponses {
			if er.ErrorCode == 403 {
				ttl = max(ttl, er.CachingMinTTL*1000)
			}
		}
	}
	if e.quick() || g.origin.at(lines[before-1]).time >= lo-ttl {
		return NoOriginCached, 0
	}
	return "", 0
}

// masked says whether a line whose status is not 403 may be a refusal all the
// same: a custom error response turns 403, and nothing else, into its status.
func (j *joiner) masked(l *lane, status int) bool {
	r := j.resolvers[l.dist]
	if r == nil {
		return false
	}
	forbidden := false
	for _, e := range r.d.ErrorResponses {
		if e.ResponseCode == status || e.ResponseCode == 0 && e.ErrorCode == status {
			if e.ErrorCode != 403 {
				return false
			}
			forbidden = true
		}
	}
	return forbidden && status < 400
}

// answersXML reports whether the origin is known to be a REST endpoint.
func (j *joiner) answersXML(l *lane, bucket string) bool {
	if l.target != nil {
		return l.target.S3 && l.target.Endpoint.Kind != EndpointWebsite
	}
	website, ok := j.website[j.g.buckets.ids[bucket]]
	return ok && !website
}

// errorPage reports whether a custom error response puts a page in the place of
// S3's 403 body, so that the content type tells nothing.
func (j *joiner) errorPage(l *lane) bool {
	r := j.resolvers[l.dist]
	if r == nil {
		return false
	}
	for _, e := range r.d.ErrorResponses {
		if e.ErrorCode == 403 && e.ResponsePagePath != "" {
			return true
		}
	}
	return false
}

func (j *joiner) edgeFailure(r *keyRun, stems []uint32, t *tally, events []uint32, reasons map[NoOriginReason]int64, bucket, key string) *EdgeFailure {
	g := j.g
	f := &EdgeFailure{
		Distribution: g.distributions.name(r.dist), URI: string(g.stems.key(stems[0])),
		Requests: t.n, Viewers: t.viewers(), Referred: t.referred, First: t.first, Last: t.last,
		Edge: j.edgeClasses(t.edge.list), Hours: t.hourList(),
	}
	f.Noise = !slices.ContainsFunc(stems, func(s uint32) bool { return !j.noisyStem[s] })
	_, _, latest := j.servedPath(stems[0], t.first, t.last)
	f.LastOK = latest
	for _, why := range [...]NoOriginReason{NoOriginEdge, NoOriginCached, NoOriginNotS3, NoOriginUnknown} {
		if n := reasons[why]; n > 0 && (f.Reason == "" || n > reasons[f.Reason]) {
			f.Reason = why
		}
	}
	info := &j.stems[stems[0]]
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
		if req := g.edge.at(i).req; req != 0 {
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
	for _, s := range j.edgeSamples(stems, events) {
		f.Samples = append(f.Samples, Sample{Edge: s.sample})
	}
	return f
}

// servedPath tells when a path was served: Unix ms.
func (j *joiner) servedPath(stem uint32, first, last int64) (before, after, latest int64) {
	g := j.g
	dist := g.distributions.name(g.stems.entries.at(stem).scope >> 2)
	path := hashBytes(g, g.stems.key(stem))
	if before, after, latest = j.served(g.hash(edgeDomain, []byte(dist))^path, first, last); latest == 0 {
		// Without an id in the log, failing lines go by their domain name.
		return j.served(g.hash(edgeDomain, nil)^path, first, last)
	}
	return before, after, latest
}

func (j *joiner) served(h uint64, first, last int64) (before, after, latest int64) {
	s := j.g.passed.find(h)
	if s == nil {
		return 0, 0, 0
	}
	b, a, l := j.g.passed.around(s, uint32(first/1000), uint32(last/1000))
	return int64(b) * 1000, int64(a) * 1000, int64(l) * 1000
}

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
		e := g.origin.at(o)
		r.t.origin.add(e.class)
		if j.pairedBy[o] != 0 && !j.cloudFront[e.class] && !slices.Contains(forwarded, e.class) {
			forwarded = append(forwarded, e.class)
		}
	}
	for _, i := range r.events {
		p := j.pair[i]
		if p == 0 {
			continue
		}
		own := j.pairedBy[p-1] == i+1
		if own {
			origin(p - 1)
			f.Requests.S3++
			if l := j.change(i); l != nil {
				l.pairs++
			}
		}
		if j.o.KeepPairs {
			j.out.Pairs = append(j.out.Pairs, Pair{g.edgeIDs[i], g.originIDs[p-1], j.ambiguous[p-1] || !own})
		}
	}
	for _, o := range r.alone {
		origin(o)
		r.t.at(g.origin.at(o).time)
	}
	if len(r.events)+len(r.alone) == 0 {
		for _, o := range r.direct {
			origin(o)
			e := g.origin.at(o)
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
		f.Samples = j.samples(r, bucket, key)
	}
	f.Noise = j.noisy(r, []byte(key), g.buckets.ids[bucket])
	return f
}

// change returns the change that led from an edge event's path to its key.
func (j *joiner) change(i uint32) *change {
	s := &j.stems[j.g.edge.at(i).stem]
	if s.change == 0 {
		return nil
	}
	return j.lanes[s.lane].changes[s.change-1]
}

// describe says how the key is known, by which way it was asked for, and the
// steps from path to key.
func (j *joiner) describe(r *keyRun, f *FailingKey) {
	g := j.g
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
		stem := string(g.stems.key(s))
		if last := len(uris) - 1; last >= 0 && uris[last].stem == stem {
			uris[last].n += n
		} else {
			uris = append(uris, uri{stem, n})
		}
		if info := &j.stems[s]; int(info.known) > known {
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
		if c.FromCloudFront && !fromCloudFront([]byte(c.Requester), []byte(c.UserAgent)) && c.Requester == "" {
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
		stem := string(g.stems.key(s))
		if stem != last || last == "" {
			take(j.servedPath(s, f.First, f.Last))
		}
		last = stem
	}
	key := hashBytes(g, []byte(f.Key))
	for _, domain := range j.domains(len(r.events)+len(r.alone) == 0, f.Access, g.buckets.ids[f.Bucket]) {
		take(j.served(g.hash(domain, []byte(f.Bucket))^key, f.First, f.Last))
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

// finish sorts the result and adds what needs all of it.
func (j *joiner) finish() {
	out, g := &j.out, j.g
	// The events and most of what belongs to them have done their work.
	g.edge, g.origin, g.stems, g.keys = chunked[edgeEvent]{}, chunked[originEvent]{}, keyTable{}, keyTable{}
	g.edgeIDs, g.originIDs, g.firewall = nil, nil, nil
	j.edges, j.origins, j.byKey, j.stems, j.pair, j.pairedBy, j.ambiguous = grouped{}, grouped{}, grouped{}, nil, nil, nil, nil
	weight := func(f *FailingKey) int64 { return f.Requests.CloudFront + f.Join.OriginOnly + f.Requests.Direct }
	byWeight := func(a, b *FailingKey) int {
		return cmp.Or(cmp.Compare(weight(b), weight(a)), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Distribution, b.Distribution))
	}
	slices.SortFunc(out.Keys, byWeight)
	slices.SortFunc(out.Direct, byWeight)
	slices.SortFunc(out.Edge, func(a, b *EdgeFailure) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Distribution, b.Distribution), cmp.Compare(a.URI, b.URI))
	})
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
	j.rewrites()
	j.passedGroups()
	j.foldNoise()
	out.Patterns = Patterns(out)
}

// rewrites reports the changes that only a function makes.
func (j *joiner) rewrites() {
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
	for _, f := range j.out.Keys {
		if list := found[behavior{f.Distribution, f.PathPattern}]; len(list) > 0 {
			f.Rewrite = list[0]
			if len(f.URIs) > 0 {
				for _, w := range list {
					if r := j.rewriteFits(f, w); r {
						f.Rewrite = w
						break
					}
				}
			}
		}
	}
}

func compareRewrites(a, b *Rewrite) int {
	return cmp.Or(cmp.Compare(b.Pairs, a.Pairs), cmp.Compare(a.Distribution, b.Distribution), cmp.Compare(a.PathPattern, b.PathPattern), cmp.Compare(a.Pattern, b.Pattern))
}

// rewriteFits reports whether the rewrite leads from the key's first path to
// the key.
func (j *joiner) rewriteFits(f *FailingKey, w *Rewrite) bool {
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

// featureCounts returns how many paths and keys were served, by feature.
func (j *joiner) featureCounts() []int64 {
	counts := make([]int64, len(j.g.features.list))
	for i := range j.g.passed.slots {
		if s := &j.g.passed.slots[i]; s.count > 0 && s.feature > 0 {
			counts[s.feature-1]++
		}
	}
	return counts
}

func (j *joiner) passedGroups() {
	g := j.g
	for i, n := range j.featureCounts() {
		if n == 0 {
			continue
		}
		kind, id, t := readFeature(g.features.list[i])
		p := PassedGroup{Prefix: string(t.prefix), Extension: string(t.extension), Count: n,
			Slash: t.flags&traitSlash != 0, Odd: t.flags&traitOdd != 0, Double: t.flags&traitDouble != 0, Upper: t.flags&traitUpper != 0}
		switch {
		case kind == 'e':
			p.Distribution = g.distributions.name(id)
		case kind == 'o', kind == 'd' && j.forwarded[id]:
			p.Bucket = g.buckets.name(id)
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
