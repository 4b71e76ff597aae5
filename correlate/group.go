package correlate

import (
	"cmp"
	"slices"
	"strings"
)

// group makes the result's keys and edge failures.
func (j *joiner) group() { j.eachKey(j.oneKey) }

// oneKey makes what there is to say of a key, which has a place among all.
func (j *joiner) oneKey(id, place uint32) {
	g := j.g
	lines, direct := j.room.lines[:0], j.room.direct[:0] // CloudFront's, other clients'
	from, sure, to := j.linesOf(id)
	for o := sure; o < to; o++ {
		lines = append(lines, o)
	}
	for o := from; o < sure; o++ {
		if j.pairedBy[o] != 0 || j.cloudFront[j.line(o).class] {
			lines = append(lines, o)
		} else {
			direct = append(direct, o)
		}
	}
	if from < sure {
		slices.SortFunc(lines, func(a, b uint32) int { return cmp.Compare(j.line(a).time, j.line(b).time) })
	}
	j.room.lines, j.room.direct = lines, direct
	bucket, name := j.key(id)
	bucketName, key := g.buckets.name(bucket), string(name)
	n := j.countLines(id)
	detailed, named := j.detailed.take(n), j.named.take(n)

	runs := j.room.runs[:0]
	j.room.used = 0
	for _, s := range j.byKey.of(id) {
		dist := j.dist(s)
		if len(runs) == 0 || runs[len(runs)-1].dist != dist {
			r := j.room.run()
			r.key, r.dist, r.named, r.plain = id, dist, true, !detailed
			runs = append(runs, r)
		}
		r := runs[len(runs)-1]
		r.stems = append(r.stems, s)
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
		runs, emit = append(runs, j.room.run()), j.emitDirect
	}
	j.room.runs = runs
	for i, r := range runs {
		if i == 0 {
			r.direct = direct
		}
		r.key, r.plain = id, !detailed
		if named {
			emit(j.failingKey(r, bucketName, key), place, r)
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
	byLines := make(map[uint32]int)
	for key := range j.keys.len() + j.added.len() {
		byLines[j.countLines(key)]++
	}
	j.detailed, j.named = worstOf(j.o.Detailed, byLines), worst{all: true}
	if j.o.MaxKeys > 0 {
		j.named = worstOf(j.o.MaxKeys, byLines)
	}
}

// countLines counts the lines of a key.
func (j *joiner) countLines(key uint32) uint32 {
	from, _, to := j.linesOf(key)
	n := to - from
	for _, s := range j.byKey.of(key) {
		from, to := j.paths.of(s)
		n += to - from
	}
	return n
}

// home finds the distribution that lonely S3 lines of a key belong to.
func (j *joiner) home(runs *[]*keyRun, bucket uint32) *keyRun {
	if len(*runs) == 1 {
		return (*runs)[0]
	}
	r := j.room.run()
	if owners := j.owners[bucket]; len(*runs) == 0 && len(owners) == 1 {
		r.dist, r.named = owners[0], true
	}
	*runs = append(*runs, r)
	return r
}

// A keyRun is a key's requests through one distribution.
type keyRun struct {
	key   uint32
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

// A workroom is memory for the keys that are made one after the other.
type workroom struct {
	lines, direct []uint32
	runs          []*keyRun
	all           []*keyRun // of which some are used
	used          int
	edge          tally
	events        []uint32
}

// run returns an empty run, valid until the next key.
func (w *workroom) run() *keyRun {
	if w.used == len(w.all) {
		w.all = append(w.all, new(keyRun))
	}
	r := w.all[w.used]
	w.used++
	r.t.reset()
	*r = keyRun{stems: r.stems[:0], kept: r.kept[:0], t: r.t, alone: r.alone[:0], events: r.events[:0]}
	return r
}

// reasons counts lines by why no S3 line belongs to them.
type reasons [len(edgeReasons)]int64

// edgeReasons are those of lines that count for the edge; of two as frequent ones the
// first is told.
var edgeReasons = [...]NoOriginReason{NoOriginEdge, NoOriginCached, NoOriginNotS3, NoOriginUnknown}

func (r *reasons) add(why NoOriginReason) {
	if i := slices.Index(edgeReasons[:], why); i >= 0 {
		r[i]++
	}
}

func (r *reasons) most() (why NoOriginReason) {
	most := int64(0)
	for i, n := range r {
		if n > most {
			why, most = edgeReasons[i], n
		}
	}
	return why
}

// classify tells for each CloudFront line of the run who refused, and makes
// edge failures of those that the edge refused.
func (j *joiner) classify(r *keyRun, bucket, key string, lines []uint32) {
	g := j.g
	bucketNumber := g.buckets.ids[bucket]
	for from := 0; from < len(r.stems); {
		stem := j.paths.name(r.stems[from])
		to := from + 1
		for to < len(r.stems) && string(j.paths.name(r.stems[to])) == string(stem) {
			to++
		}
		edge := &j.room.edge
		edge.reset()
		edgeEvents := j.room.events[:0]
		var why reasons
		for _, s := range r.stems[from:to] {
			r.kept = append(r.kept, 0)
			first, end := j.paths.of(s)
			for i := first; i < end; i++ {
				e := j.edge(i)
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
					why.add(reason)
					continue
				}
				r.t.addEdge(e)
				j.locations[place{r.dist, bucketNumber, uint32(e.loc & mostLocations), false}]++
				r.kept[len(r.kept)-1]++
				r.events = append(r.events, i)
				switch reason {
				case "":
					r.join.Joined++
					if g.edgeKinds.list[e.class].Status != g.originKind.list[j.line(j.pair[i]-1).class].Status {
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
		if j.room.events = edgeEvents; edge.n > 0 {
			j.emitEdge(j.edgeFailure(r, r.stems[from:to], edge, edgeEvents, why.most(), bucket, key), r.stems[from])
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
	e := j.edge(i)
	info := &j.info[stem]
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
		if why != "" && !j.edgePage(class, l, bucket) {
			return why, false
		}
		if class.Status != 403 && !j.masked(l, class.Status) {
			return notForbidden, false
		}
		if sg == signNoCall {
			return NoOriginEdge, false
		}
	}
	xml := class.ContentType == "application/xml" // text/xml is CloudFront's own, of a signed URL
	if j.edgePage(class, l, bucket) {
		return NoOriginEdge, false
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

// edgePage reports whether the body is CloudFront's own: HTML where S3's REST
// endpoint answers application/xml and no error page stands in for it.
func (j *joiner) edgePage(c *EdgeClass, l *lane, bucket string) bool {
	return c.Status == 403 && strings.HasPrefix(c.ContentType, "text/html") && j.answersXML(l, bucket) && !j.errorPage(l)
}

// earlier looks for an S3 line that another request caused and that explains
// this one: fetched while this one waited (line is its event), or within the
// life of a cached error.
func (j *joiner) earlier(e *edgeEvent, info *stemInfo, lines []uint32) (why NoOriginReason, line uint32) {
	lo, hi := window(e)
	span := j.edgesOf[j.lanes[info.lane].dist]
	foreign := func(o uint32) bool { // fetched for another distribution, whose cache is its own
		p := j.pairedBy[o]
		return p != 0 && (p-1 < span.from || p-1 >= span.to)
	}
	k, _ := slices.BinarySearchFunc(lines, lo, func(o uint32, t int64) int { return cmp.Compare(j.line(o).time, t) })
	before := k
	for most := k + 64; k < min(len(lines), most) && j.line(lines[k]).time <= hi; k++ {
		p := j.pairedBy[lines[k]]
		if p != 0 && !e.quick() && !foreign(lines[k]) && j.edge(p-1).end() >= e.end()-e.taken() && j.sameMethod(e, j.line(lines[k])) {
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
	if e.quick() || j.line(lines[before-1]).time >= lo-ttl {
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
