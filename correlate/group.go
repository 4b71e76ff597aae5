package correlate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/why403/why403/internal/spill"
)

// group makes the result's keys and edge failures.
func (j *joiner) group() {
	g := j.g
	for _, key := range j.byName {
		e := g.keys.entries.at(key)
		var sure, other uint32 = noKey, key
		if e.scope&1 == 1 {
			sure, other = key, noKey
			if u, ok := g.keys.find(e.scope&^1, g.keys.key(key)); ok {
				other = u
			}
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
				runs = append(runs, &keyRun{dist: dist, named: true, plain: j.plain[id]})
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
	emit := j.emitKey
	if len(runs) == 0 && len(direct) > 0 {
		runs, emit = []*keyRun{{}}, j.emitDirect
	}
	for i, r := range runs {
		if i == 0 {
			r.direct = direct
		}
		r.plain = j.plain[id]
		if !j.folded[id] {
			emit(j.failingKey(r, bucketName, key), id, r)
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

// rank sorts the keys, the paths and the distributions by name.
func (j *joiner) rank() {
	g := j.g
	j.distRank = ranks(g.distributions.list, func(a, b *string) int { return cmp.Compare(*a, *b) })
	buckets := ranks(g.buckets.list, func(a, b *string) int { return cmp.Compare(*a, *b) })
	j.byName = spill.Make[uint32](j.mem, g.keys.entries.n)[:0]
	for key := range uint32(g.keys.entries.n) {
		if e := g.keys.entries.at(key); e.scope&1 == 0 {
			if _, ok := g.keys.find(e.scope|1, g.keys.key(key)); ok {
				continue // its twin, surely CloudFront's, stands for both
			}
		}
		j.byName = append(j.byName, key)
	}
	j.keyRank = spill.Make[uint32](j.mem, g.keys.entries.n)
	rankNames(j.mem, j.byName, j.keyRank, func(id uint32) uint32 { return buckets[g.keys.entries.at(id).scope>>1] }, g.keys.key)
	stems := spill.Make[uint32](j.mem, g.stems.entries.n)
	for i := range stems {
		stems[i] = uint32(i)
	}
	j.stemRank = spill.Make[uint32](j.mem, g.stems.entries.n)
	rankNames(j.mem, stems, j.stemRank, func(id uint32) uint32 { return j.distRank[g.stems.entries.at(id).scope>>2] }, g.stems.key)
	spill.Drop(j.mem, stems)
}

// choosePlain finds the keys that have too many others before them.
func (j *joiner) choosePlain() {
	g := j.g
	j.plain, j.folded = spill.Make[bool](j.mem, g.keys.entries.n), spill.Make[bool](j.mem, g.keys.entries.n)
	n := len(j.byName)
	if n <= j.o.Detailed && (j.o.MaxKeys == 0 || n <= j.o.MaxKeys) {
		return
	}
	order := spill.Make[uint64](j.mem, n) // keys with more lines first, then by name
	for i, id := range j.byName {
		e := g.keys.entries.at(id)
		lines := j.lines(id)
		if e.scope&1 == 1 {
			if twin, ok := g.keys.find(e.scope&^1, g.keys.key(id)); ok {
				lines += j.lines(twin)
			}
		}
		order[i] = uint64(^lines)<<32 | uint64(i)
	}
	slices.Sort(order)
	for i, o := range order {
		id := j.byName[uint32(o)]
		j.plain[id] = i >= j.o.Detailed
		j.folded[id] = j.o.MaxKeys > 0 && i >= j.o.MaxKeys
	}
	spill.Drop(j.mem, order)
}

// lines counts the lines of a key's entry.
func (j *joiner) lines(key uint32) uint32 {
	n := len(j.origins.of(key))
	for _, s := range j.byKey.of(key) {
		n += len(j.edges.of(s))
	}
	return uint32(n)
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
			j.emitEdge(j.edgeFailure(r, r.stems[from:to], &edge, edgeEvents, reasons, bucket, key), r.stems[from])
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
	dist := j.lanes[info.lane].dist
	foreign := func(o uint32) bool { // fetched for another distribution, whose cache is its own
		p := j.pairedBy[o]
		return p != 0 && j.lanes[j.stems[g.edge.at(p-1).stem].lane].dist != dist
	}
	k, _ := slices.BinarySearchFunc(lines, lo, func(o uint32, t int64) int { return cmp.Compare(g.origin.at(o).time, t) })
	before := k
	for most := k + 64; k < min(len(lines), most) && g.origin.at(lines[k]).time <= hi; k++ {
		p := j.pairedBy[lines[k]]
		if p != 0 && !e.quick() && !foreign(lines[k]) && g.edge.at(p-1).end() >= e.end()-e.taken() && j.sameMethod(e, g.origin.at(lines[k])) {
			return NoOriginCollapsed, lines[k]
		}
		before = k + 1
	}
	for least := before - 64; before > max(0, least) && foreign(lines[before-1]); before-- {
	}
	if before == 0 || foreign(lines[before-1]) {
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
