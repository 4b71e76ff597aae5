package correlate

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"strings"

	"github.com/why403/why403/internal/spill"
	"github.com/why403/why403/logs"
)

// A gatherer is the logs.Handler of one goroutine. It keeps a small event for
// every failing line, the bytes of every failing path and key once (runs.go), the
// kinds of lines once, and a few whole lines for each key.
type gatherer struct {
	seed  maphash.Seed
	own   []byte        // agent of our own requests
	work  *spill.Memory // of what is gathered, until it is sealed
	run   *spill.Memory // of runs
	share func() int64  // bytes that may be gathered before a run is sealed; nil: no bound

	distributions, buckets, locations, texts names

	edge       gathering[edgeEvent] // viewer paths; scope: distribution<<2 | sign
	edgeKinds  kinds[EdgeClass]
	origin     gathering[originEvent] // keys; scope: bucket<<1 | 1 if surely CloudFront's
	originKind kinds[OriginClass]
	fetched    []bool // by bucket: CloudFront failed to fetch from it
	firewall   []firewallEvent
	fireKinds  kinds[FirewallClass]

	passed   *successes // everybody's
	waiting  [1 << partBits]waiting
	features names    // kind, scope and traits of what was served
	known    []uint32 // by feature: its number among everybody's
	spans    [2][]Span

	lines lineStore
	names lineNames

	keepAll bool // lines: pairs go by their request ids

	ownLines  int64
	lastPtr   *logs.Object
	lastObj   uint32
	scratch   []byte
	blob      []byte
	pair      []byte
	lastDist  []byte
	lastHash  uint64
	sawEdge   bool
	sawOrigin bool
	sawFire   bool
}

// An edgeEvent is one failing CloudFront line.
type edgeEvent struct {
	when   uint64 // end, Unix ms << takenBits | time-taken in ms
	req    uint64 // hash of the request id, 0 if it has none
	class  uint32
	client uint32 // hash of the viewer's address
	loc    uint16 // edge location; quickBit
	agent  uint16 // hash of the agent; the lowest bit: referred by the site itself
	line   uint32 // its number among the lines kept, 0 if it is not
}

const (
	takenBits = 22
	takenMask = 1<<takenBits - 1
)

// An answer that began within quickAnswer ms was not S3's: S3 alone takes 4 ms
// and more, answers made at the edge show 0 or 1 (observed lines).
const (
	quickAnswer   = 2
	quickBit      = 1 << 15
	mostLocations = quickBit - 1
)

func (e *edgeEvent) quick() bool { return e.loc&quickBit != 0 }

func (e *edgeEvent) end() int64   { return int64(e.when >> takenBits) }
func (e *edgeEvent) taken() int64 { return int64(e.when & takenMask) }

// An originEvent is one failing S3 line.
type originEvent struct {
	time   int64  // received, Unix ms
	req    uint64 // hash of the request id and the operation
	class  uint32
	client uint32
	line   uint32
	agent  uint16
}

const (
	signBits = 2 // of a path's scope: its sign
	sureBits = 1 // of a key's
)

type firewallEvent struct {
	req   uint64
	class uint32
}

// kinds numbers the kinds of lines. A kind is found by a hash of 64 bits of its
// fields, made with a secret seed: two kinds never share one.
type kinds[T any] struct {
	ids  map[uint64]uint32
	list []T
	last uint64
	id   uint32
}

func (k *kinds[T]) find(h uint64) (uint32, bool) {
	if h == k.last && len(k.list) > 0 {
		return k.id, true
	}
	id, ok := k.ids[h]
	if ok {
		k.last, k.id = h, id
	}
	return id, ok
}

func (k *kinds[T]) add(h uint64, v T) uint32 {
	if k.ids == nil {
		k.ids = make(map[uint64]uint32)
	}
	id := uint32(len(k.list))
	k.ids[h] = id
	k.list = append(k.list, v)
	k.last, k.id = h, id
	return id
}

// Bounds on what a sample keeps of a field.
const (
	mostShort = 256
	mostPath  = 8192
	mostQuery = 2048
	mostAgent = 512

	mostAgents = 1 << 15 // different ones
	mostKinds  = 1 << 16 // of direct S3 lines

	oneOfMany = "(one of many)" // stands for what is beyond them
)

// sign sorts CloudFront lines by what they say of who refused.
type sign uint32

const (
	signNone   sign = iota // S3 or the edge
	signEdge               // surely the edge
	signNoCall             // no origin was asked: the edge, or the error cache
)

func signOf(c *EdgeClass) sign {
	switch d := c.DetailedResult; {
	case d == "ClientGeoBlocked", strings.HasPrefix(d, "InvalidRequest"),
		strings.HasSuffix(d, "GeneratedResponse"),
		strings.HasSuffix(c.Result, "GeneratedResponse"), strings.HasSuffix(c.ResponseResult, "GeneratedResponse"),
		c.Result == "LimitExceeded", d == "LimitExceeded":
		return signEdge
	}
	if c.OriginAsked == No {
		return signNoCall
	}
	return signNone
}

func (g *gatherer) hash(h uint64, b []byte) uint64 {
	return mix(h*0x9e3779b97f4a7c15 ^ maphash.Bytes(g.seed, b))
}

// requestHash is FNV-1a: unlike the other hashes it orders events and counts
// viewers, so it must not change from run to run. Nothing breaks when somebody
// makes values of one hash.
func requestHash(id, op []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range id {
		h = (h ^ uint64(c)) * 1099511628211
	}
	for _, c := range op {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// tail is a hash of few bits.
func (g *gatherer) tail(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	return uint32(requestHash(b, nil)>>16) | 1
}

func (g *gatherer) object(r logs.Ref) uint32 {
	if r.Object == g.lastPtr && len(g.names.objects.list) > 0 {
		return g.lastObj
	}
	uri := ""
	if r.Object != nil {
		uri = r.Object.URI
	}
	g.lastPtr, g.lastObj = r.Object, g.names.objects.id([]byte(uri))
	return g.lastObj
}

func (g *gatherer) span(kind int, id uint32, ms int64) {
	s := &g.spans[kind]
	for int(id) >= len(*s) {
		*s = append(*s, Span{})
	}
	if p := &(*s)[id]; p.First == 0 {
		*p = Span{ms, ms}
	} else {
		p.First, p.Last = min(p.First, ms), max(p.Last, ms)
	}
}

const (
	spanEdge = iota
	spanOrigin
)

// Edge takes a failing CloudFront line.
func (g *gatherer) Edge(r *logs.EdgeRecord) {
	g.sawEdge = true
	dist := r.Distribution
	if dist == nil {
		dist = r.Domain
	}
	d := g.distributions.id(dist)
	g.span(spanEdge, d, r.Time)
	if len(g.own) > 0 && bytes.Contains(r.UserAgent, g.own) {
		g.ownLines++
		return
	}
	if r.Status != 403 && len(r.ResponseResult) > 0 && string(r.ResponseResult) != "Error" {
		// The viewer went away; the answer was no error (Standard logging
		// reference, x-edge-response-result-type).
		return
	}
	stem := r.Stem
	if i := bytes.IndexByte(stem, '?'); i >= 0 {
		stem = stem[:i]
	}
	class := g.edgeClass(r)
	kind := &g.edgeKinds.list[class]
	id := g.edge.intern(d<<signBits|uint32(signOf(kind)), stem)
	taken := min(max(r.TimeTaken, 0), takenMask)
	e := edgeEvent{
		when:   uint64(r.Time)<<takenBits | uint64(taken),
		class:  class,
		client: g.tail(r.ClientIP),
		loc:    uint16(min(g.locations.id(r.Location), mostLocations)),
		agent:  uint16(g.agentHash(r.UserAgent)) &^ 1,
	}
	if len(r.RequestID) > 0 {
		e.req = requestHash(r.RequestID, nil)
	}
	if sameSite(r) {
		e.agent |= 1
	}
	if 0 <= r.FirstByte && r.FirstByte <= quickAnswer {
		e.loc |= quickBit
	}
	if g.edge.early(id, r.Time) || g.keepAll {
		b := g.whole(r.Ref)
		b = appendNumber(b, int64(g.agent(r.UserAgent)))
		b = appendField(b, r.RequestID, mostShort)
		b = appendField(b, r.ClientIP, mostShort)
		b = appendField(b, r.Country, mostShort)
		b = appendField(b, r.Query, mostQuery)
		b = appendField(b, r.Cookie, mostQuery)
		b = appendNumber(b, r.RequestBytes)
		b = appendNumber(b, r.TimeTaken)
		g.blob, e.line = b, g.lines.keep(b)
	}
	g.edge.note(id, e)
	g.bound()
}

// bound seals a run when what was gathered is more than its share.
func (g *gatherer) bound() {
	if g.share != nil && g.edge.size()+g.origin.size() > g.share() {
		g.seal()
	}
}

// seal makes runs of what was gathered and begins anew.
func (g *gatherer) seal() {
	byName := func(a, b *string) int { return cmp.Compare(*a, *b) }
	g.edge.seal(g.run, g.work, signBits, ranks(g.distributions.list, byName), edgeOrder(g.edgeKinds.list, &g.lines))
	g.origin.seal(g.run, g.work, sureBits, ranks(g.buckets.list, byName), originOrder(g.originKind.list, &g.lines))
	g.begin()
}

// begin lets go of what was sealed.
func (g *gatherer) begin() {
	g.work.Free()
	paths, keys := g.edge.runs, g.origin.runs
	g.edge, g.origin = newGathering[edgeEvent](g.seed, g.work), newGathering[originEvent](g.seed, g.work)
	g.edge.runs, g.origin.runs = paths, keys
}

// whole begins a line that is kept.
func (g *gatherer) whole(r logs.Ref) []byte {
	return appendNumber(appendNumber(g.blob[:0], int64(g.object(r))), r.Line)
}

// agent numbers an agent. There are few of them among failing requests; should
// somebody send a new one with each, the rest goes by one name.
func (g *gatherer) agent(a []byte) uint32 {
	if len(a) > mostAgent {
		a = a[:mostAgent]
	}
	if len(g.names.agents.list) >= mostAgents {
		if id, ok := g.names.agents.ids[string(a)]; ok {
			return id
		}
		a = []byte(oneOfMany)
	}
	return g.names.agents.id(a)
}

// agentHash hashes an agent as S3 logs it: with the encoding of CloudFront's
// log taken off.
func (g *gatherer) agentHash(agent []byte) uint32 {
	if bytes.IndexByte(agent, '%') >= 0 {
		g.scratch, _ = logs.Unescape(g.scratch[:0], agent)
		agent = g.scratch
	}
	return g.tail(agent)
}

// sameSite reports whether the request's Referer is the site itself.
func sameSite(r *logs.EdgeRecord) bool {
	ref := r.Referer
	if i := bytes.Index(ref, []byte("://")); i >= 0 {
		ref = ref[i+3:]
	} else {
		return false
	}
	if i := bytes.IndexByte(ref, '/'); i >= 0 {
		ref = ref[:i]
	}
	return len(ref) > 0 && (bytes.EqualFold(ref, r.Host) || bytes.EqualFold(ref, r.Domain))
}

func (g *gatherer) edgeClass(r *logs.EdgeRecord) uint32 {
	hasQuery, signed := len(r.Query) > 0, false
	if hasQuery {
		signed = hasParameter(r.Query, "Signature") && (hasParameter(r.Query, "Key-Pair-Id") || hasParameter(r.Query, "Policy") || hasParameter(r.Query, "Expires"))
	}
	asked := Unknown
	switch {
	case r.OriginFirstByte == logs.NoOrigin:
		asked = No
	case r.OriginFirstByte >= 0:
		asked = Yes
	}
	h := uint64(r.Status)<<32 ^ uint64(uint32(r.ContentLength))
	h = h<<4 ^ uint64(asked)<<2
	if hasQuery {
		h |= 1
	}
	if signed {
		h |= 2
	}
	for _, f := range [...][]byte{r.Method, r.Protocol, r.Host, r.Result, r.ResponseResult, r.DetailedResult, r.ContentType, r.PathPattern} {
		h = g.hash(h, f)
	}
	if id, ok := g.edgeKinds.find(h); ok {
		return id
	}
	t := func(b []byte) string { return g.texts.name(g.texts.id(b)) }
	u := func(b []byte) string {
		if bytes.IndexByte(b, '%') >= 0 {
			b, _ = logs.Unescape(nil, b)
		}
		return t(b)
	}
	return g.edgeKinds.add(h, EdgeClass{
		Status: r.Status, Method: t(r.Method), Protocol: t(r.Protocol), Host: t(r.Host),
		Result: t(r.Result), ResponseResult: t(r.ResponseResult), DetailedResult: t(r.DetailedResult),
		ContentType: u(r.ContentType), ContentLength: r.ContentLength, OriginAsked: asked,
		HasQuery: hasQuery, SignedQuery: signed, PathPattern: u(r.PathPattern),
	})
}

// hasParameter reports whether a query string has the parameter.
func hasParameter(query []byte, name string) bool {
	for len(query) > 0 {
		p := query
		if i := bytes.IndexByte(query, '&'); i >= 0 {
			p, query = query[:i], query[i+1:]
		} else {
			query = nil
		}
		if i := bytes.IndexByte(p, '='); i >= 0 {
			p = p[:i]
		}
		if string(p) == name {
			return true
		}
	}
	return false
}

// Origin takes a failing S3 line.
func (g *gatherer) Origin(r *logs.OriginRecord) {
	g.sawOrigin = true
	bucket := g.buckets.id(r.Bucket)
	g.span(spanOrigin, bucket, r.Time)
	if len(g.own) > 0 && bytes.Contains(r.UserAgent, g.own) {
		g.ownLines++
		return
	}
	class := g.originClass(r)
	scope := bucket << sureBits
	if g.originKind.list[class].FromCloudFront {
		scope |= 1
		for int(bucket) >= len(g.fetched) {
			g.fetched = append(g.fetched, false)
		}
		g.fetched[bucket] = true
	}
	id := g.origin.intern(scope, g.key(r))
	e := originEvent{time: r.Time, class: class, client: g.tail(r.RemoteIP), agent: uint16(g.tail(r.UserAgent)) &^ 1}
	if len(r.RequestID) > 0 {
		e.req = requestHash(r.RequestID, r.Operation)
	}
	if g.origin.early(id, r.Time) || g.keepAll {
		b := g.whole(r.Ref)
		b = appendNumber(b, int64(g.suite(r)))
		b = appendField(b, r.RequestID, mostShort)
		b = appendField(b, r.RequestURI, mostPath)
		b = appendField(b, r.RemoteIP, mostShort)
		b = appendField(b, r.VersionID, mostShort)
		b = appendNumber(b, r.BytesSent)
		g.blob, e.line = b, g.lines.keep(b)
	}
	g.origin.note(id, e)
	g.bound()
}

// suite numbers bucket owner and cipher suite, which lines share.
func (g *gatherer) suite(r *logs.OriginRecord) uint32 {
	b := append(g.pair[:0], r.BucketOwner...)
	b = append(b, ' ')
	b = append(b, r.CipherSuite...)
	g.pair = b
	return g.names.suites.id(b)
}

// key decodes the record's key; the bytes are valid until the next call.
func (g *gatherer) key(r *logs.OriginRecord) []byte {
	if bytes.IndexByte(r.Key, '%') < 0 && bytes.IndexByte(r.Key, '+') < 0 {
		return r.Key
	}
	g.scratch, _ = r.AppendKey(g.scratch[:0]) // what can't be decoded stays as logged
	return g.scratch
}

func (g *gatherer) originClass(r *logs.OriginRecord) uint32 {
	target := requestTarget(r.RequestURI)
	raw, presigned := false, false
	for _, c := range target {
		if c < 33 || c > 126 {
			raw = true
			break
		}
	}
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		q := target[i+1:]
		presigned = hasParameter(q, "X-Amz-Signature") || hasParameter(q, "X-Amz-Algorithm") || hasParameter(q, "AWSAccessKeyId") || hasParameter(q, "Signature")
	}
	h := uint64(r.Status) << 4
	if raw {
		h |= 1
	}
	if presigned {
		h |= 2
	}
	for _, f := range [...][]byte{r.ErrorCode, r.Operation, r.Requester, r.AuthType, r.SignatureVersion, r.TLSVersion, r.HostHeader, r.Referer, r.UserAgent, r.AccessPointARN, r.ACLRequired} {
		h = g.hash(h, f)
	}
	if id, ok := g.originKind.find(h); ok {
		return id
	}
	t := func(b []byte) string { return g.texts.name(g.texts.id(b)) }
	sure := fromCloudFront(r.Requester, r.UserAgent)
	agent, referer := r.UserAgent, r.Referer
	if len(agent) > mostAgent {
		agent = agent[:mostAgent]
	}
	if len(g.originKind.list) >= mostKinds && !sure && !isCanonicalID(r.Requester) {
		// Somebody sends a new agent or Referer with each request.
		if string(agent) != oneOfMany || string(referer) != oneOfMany {
			few := *r
			few.UserAgent, few.Referer = []byte(oneOfMany), []byte(oneOfMany)
			return g.originClass(&few)
		}
	}
	return g.originKind.add(h, OriginClass{
		Status: r.Status, ErrorCode: t(r.ErrorCode), Operation: t(r.Operation), Requester: t(r.Requester),
		AuthType: t(r.AuthType), SignatureVer: t(r.SignatureVersion), TLSVersion: t(r.TLSVersion),
		HostHeader: t(r.HostHeader), Referer: Secret(t(referer)), UserAgent: t(agent),
		AccessPointARN: t(r.AccessPointARN), ACLRequired: string(r.ACLRequired) == "Yes",
		RawBytes: raw, Presigned: presigned, FromCloudFront: sure,
	})
}

// requestTarget takes method and version off a Request-URI.
func requestTarget(uri []byte) []byte {
	if i := bytes.IndexByte(uri, ' '); i >= 0 {
		uri = uri[i+1:]
	}
	if i := bytes.LastIndex(uri, []byte(" HTTP/")); i >= 0 {
		uri = uri[:i]
	}
	return uri
}

const (
	serviceRequester = "svc:cloudfront.amazonaws.com"
	identityPrefix   = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity "
	edgeAgent        = "Amazon CloudFront"
)

// fromCloudFront reports whether an S3 line names CloudFront as its client: the
// service principal of an origin access control, an origin access identity by
// its name, or CloudFront's own agent (observed lines of OAC and of website
// origins). Identities known by their canonical id, and lines with a
// forwarded agent, are told later.
func fromCloudFront(requester, agent []byte) bool {
	return string(requester) == serviceRequester || string(agent) == edgeAgent ||
		bytes.HasPrefix(requester, []byte(identityPrefix))
}

// Firewall takes a record of AWS WAF.
func (g *gatherer) Firewall(r *logs.FirewallRecord) {
	g.sawFire = true
	if len(r.RequestID) == 0 || string(r.Action) == "ALLOW" {
		return
	}
	h := uint64(1)
	for _, f := range [...][]byte{r.Action, r.RuleID, r.RuleType, r.GroupRule, r.WebACL} {
		h = g.hash(h, f)
	}
	id, ok := g.fireKinds.find(h)
	if !ok {
		id = g.fireKinds.add(h, FirewallClass{Action: string(r.Action), RuleID: string(r.RuleID), RuleType: string(r.RuleType), GroupRule: string(r.GroupRule), WebACL: string(r.WebACL)})
	}
	g.firewall = append(g.firewall, firewallEvent{requestHash(r.RequestID, nil), id})
}

// EdgePassed notes that a path was served.
func (g *gatherer) EdgePassed(distribution, stem []byte, status int, time int64) {
	g.sawEdge = true
	d := g.distributions.id(distribution)
	g.span(spanEdge, d, time)
	if !served2xx(status) {
		return
	}
	if string(g.lastDist) != string(distribution) || g.lastHash == 0 {
		g.lastDist = append(g.lastDist[:0], distribution...)
		g.lastHash = g.hash(edgeDomain, distribution)
	}
	g.pass(g.lastHash^maphash.Bytes(g.seed, stem), time, 'e', d, stem)
}

// Domains keep hashes of paths and of keys apart.
const (
	edgeDomain   = 1
	originDomain = 2 // CloudFront's fetches
	publicDomain = 3 // anonymous reads: direct ones, or CloudFront's with a forwarded agent
	memberDomain = 4 // reads of IAM principals
	deletions    = 6 // no reads, but deletions of the key
	byACL        = 8 // combined with one of these: such reads that S3 let pass for an ACL

	identityDomain = 5 // reads of one canonical user id: an origin access identity's, or a member's
)

func served2xx(status int) bool { return status == 200 || status == 206 || status == 304 }

// OriginPassed notes that an object was read, or deleted.
func (g *gatherer) OriginPassed(r *logs.OriginRecord) {
	g.sawOrigin = true
	b := g.buckets.id(r.Bucket)
	g.span(spanOrigin, b, r.Time)
	if deletesObject(r.Operation) && (r.Status == 204 || r.Status == 0) {
		g.pass(g.hash(deletions, r.Bucket)^maphash.Bytes(g.seed, g.key(r)), r.Time, 0, b, nil)
		return
	}
	if !served2xx(r.Status) || !readsObject(r.Operation) {
		return
	}
	domain, kind := uint64(memberDomain), byte('i')
	switch {
	case string(r.Requester) == serviceRequester:
		domain, kind = originDomain, 'o'
	case len(g.own) > 0 && holdsAgent(r, g.own):
		return
	case bytes.HasPrefix(r.Requester, []byte(identityPrefix)), holdsAgent(r, []byte(`"Amazon CloudFront"`)):
		domain, kind = originDomain, 'o'
	case r.Requester == nil:
		domain, kind = publicDomain, 'd'
	}
	key := g.key(r)
	hash, acl := maphash.Bytes(g.seed, key), neededACL(r)
	if domain == memberDomain && isCanonicalID(r.Requester) {
		// An origin access identity's, maybe: Result will know.
		identity := g.hash(identityDomain, r.Requester)
		g.pass(g.hash(identity, r.Bucket)^hash, r.Time, 0, b, nil)
		if acl {
			g.pass(g.hash(identity^byACL, r.Bucket)^hash, r.Time, 0, b, nil)
		}
	}
	g.pass(g.hash(domain, r.Bucket)^hash, r.Time, kind, b, key)
	if acl {
		g.pass(g.hash(domain^byACL, r.Bucket)^hash, r.Time, 0, b, nil)
	}
}

// neededACL reports whether aclRequired is Yes, the line's last field or the last
// but the source Region (S3 guide, Server access log format).
func neededACL(r *logs.OriginRecord) bool {
	if r.ACLRequired != nil || r.Line == nil {
		return string(r.ACLRequired) == "Yes"
	}
	line := bytes.TrimRight(r.Line, "\r\n")
	if bytes.HasSuffix(line, []byte(" Yes")) {
		return true
	}
	i := bytes.LastIndexByte(line, ' ')
	return i > 0 && bytes.HasSuffix(line[:i], []byte(" Yes"))
}

// pass notes a success of the key with this hash. Kind, scope and key make its
// feature; kind 0 gives it none.
func (g *gatherer) pass(h uint64, ms int64, kind byte, scope uint32, key []byte) {
	part := partOf(h)
	w := &g.waiting[part]
	w.keys = append(w.keys, key...)
	w.list[w.n] = success{hash: h, sec: uint32(ms / 1000), end: uint32(len(w.keys)), scope: scope, kind: kind}
	if w.n++; w.n == len(w.list) {
		g.settle(part)
	}
}

// settle puts a part's waiting successes into its table.
func (g *gatherer) settle(part uint64) {
	p, w := &g.passed.parts[part], &g.waiting[part]
	list := w.list[:w.n]
	p.Lock()
	defer p.Unlock()
	w.touched += p.touch(list)
	from := uint32(0)
	for i := range list {
		e := &list[i]
		s := p.see(e.hash, e.sec)
		if s.feature == 0 && e.kind != 0 {
			s.feature = g.feature(e.kind, e.scope, w.keys[from:e.end]) + 1
		}
		from = e.end
	}
	w.n, w.keys = 0, w.keys[:0]
}

// holdsAgent looks for an agent (quoted, as in the line) in a record that passed,
// whose last fields are not taken apart where the line itself is at hand.
func holdsAgent(r *logs.OriginRecord, agent []byte) bool {
	if r.UserAgent == nil {
		return bytes.Contains(r.Line, agent)
	}
	return bytes.Contains(r.UserAgent, bytes.Trim(agent, `"`))
}

// readsObject reports whether the operation is a GET or HEAD of an object, at
// either endpoint.
func readsObject(op []byte) bool {
	return bytes.HasSuffix(op, []byte(".GET.OBJECT")) || bytes.HasSuffix(op, []byte(".HEAD.OBJECT"))
}

// deletesObject reports whether the operation takes an object away, by request or
// by a lifecycle rule (S3 guide, Server access log format; Lifecycle and logging).
func deletesObject(op []byte) bool {
	switch string(op) {
	case "REST.DELETE.OBJECT", "BATCH.DELETE.OBJECT", "S3.EXPIRE.OBJECT", "S3.CREATE.DELETEMARKER":
		return true
	}
	return false
}

// feature numbers the traits of a served path or key that Patterns looks at.
func (g *gatherer) feature(kind byte, scope uint32, key []byte) uint32 {
	b := append(g.blob[:0], kind, byte(scope), byte(scope>>8), byte(scope>>16))
	b = traitsOf(key).append(b)
	g.blob = b
	if _, ok := g.features.ids[string(b)]; !ok && len(g.features.list) >= mostFeatures {
		b = append(b[:4], otherTraits...)
	}
	id := g.features.id(b)
	if int(id) == len(g.known) {
		name := &g.buckets
		if kind == 'e' {
			name = &g.distributions
		}
		g.known = append(g.known, g.passed.features.id(feature{kind, name.name(scope), string(b[4:])}))
	}
	return g.known[id]
}
