package correlate

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

func hashBytes(g *gatherer, b []byte) uint64 { return maphash.Bytes(g.seed, b) }

type edgeSample struct {
	sample *EdgeSample
	event  uint32 // its number, plus one; 0 unknown
}

// edgeSamples returns the earliest kept lines of the paths among the events.
func (j *joiner) edgeSamples(stems, events []uint32) []edgeSample {
	g := j.g
	var out []edgeSample
	for _, s := range stems {
		for n := g.stems.entries.at(s).samples; n != 0; {
			sm := g.stems.samples.at(n - 1)
			n = sm.next
			r := blobReader(g.stems.blobs.get(sm.off, uint32(sm.n)))
			e := &EdgeSample{
				Ref: LineRef{g.objects.name(sm.object), sm.line}, Time: int64(sm.when >> takenBits),
				RequestID: r.field(), ClientIP: r.field(), Country: r.field(), Query: r.field(), Cookie: r.field(),
				RequestBytes: r.number(), TimeTaken: r.number(),
				UserAgent: g.agents.name(sm.text), Stem: string(g.stems.key(s)),
			}
			k := &g.edgeKinds.list[sm.class]
			e.Method, e.Protocol, e.Host, e.Status = k.Method, k.Protocol, k.Host, k.Status
			e.Result, e.DetailedResult, e.ContentType = k.Result, k.DetailedResult, k.ContentType
			req := uint64(0)
			if e.RequestID != "" {
				req = requestHash([]byte(e.RequestID), nil)
			}
			for _, i := range j.edges.of(s) {
				if v := g.edge.at(i); v.when == sm.when && v.req == req {
					e.Location = g.locations.name(uint32(v.loc & mostLocations))
					if slices.Contains(events, i) {
						out = append(out, edgeSample{e, i + 1})
					}
					break
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b edgeSample) int {
		return cmp.Or(cmp.Compare(a.sample.Time, b.sample.Time), cmp.Compare(a.sample.RequestID, b.sample.RequestID), cmp.Compare(a.sample.Stem, b.sample.Stem))
	})
	return out[:min(len(out), MaxSamples)]
}

type originSample struct {
	sample *OriginSample
	event  uint32
}

// originSamples returns the kept lines of a key's entry.
func (j *joiner) originSamples(key uint32) []originSample {
	g := j.g
	var out []originSample
	for n := g.keys.entries.at(key).samples; n != 0; {
		sm := g.keys.samples.at(n - 1)
		n = sm.next
		r := blobReader(g.keys.blobs.get(sm.off, uint32(sm.n)))
		k := &g.originKind.list[sm.class]
		owner, suite, _ := strings.Cut(g.suites.name(sm.text), " ")
		o := &OriginSample{
			Ref: LineRef{g.objects.name(sm.object), sm.line}, Time: int64(sm.when >> takenBits),
			RequestID: r.field(), RequestURI: r.field(), RemoteIP: r.field(), VersionID: r.field(), BytesSent: r.number(),
			BucketOwner: owner, CipherSuite: suite,
			Operation: k.Operation, Status: k.Status, ErrorCode: k.ErrorCode, Requester: k.Requester,
			Referer: k.Referer, UserAgent: k.UserAgent, SignatureVersion: k.SignatureVer, AuthType: k.AuthType,
			TLSVersion: k.TLSVersion, HostHeader: k.HostHeader, AccessPointARN: k.AccessPointARN,
		}
		req := uint64(0)
		if o.RequestID != "" {
			req = requestHash([]byte(o.RequestID), []byte(o.Operation))
		}
		for _, i := range j.origins.of(key) {
			if v := g.origin.at(i); v.time == o.Time && v.req == req {
				out = append(out, originSample{o, i + 1})
				break
			}
		}
	}
	return out
}

// samples chooses a key's samples: CloudFront's earliest lines with their S3
// lines, and S3 lines where there is room or nothing else shows one.
func (j *joiner) samples(r *keyRun, bucket, key string) []Sample {
	g := j.g
	var lines []originSample
	scope := g.buckets.ids[bucket] << 1
	for _, sc := range [...]uint32{scope | 1, scope} {
		if id, ok := g.keys.find(sc, []byte(key)); ok {
			lines = append(lines, j.originSamples(id)...)
		}
	}
	mine := func(o uint32) bool { return slices.Contains(r.alone, o) || slices.Contains(r.direct, o) }
	var out []Sample
	joined := false
	for _, e := range j.edgeSamples(r.stems, r.events) {
		s := Sample{Edge: e.sample}
		if p := j.pair[e.event-1]; p != 0 {
			s.Ambiguous = j.ambiguous[p-1] || j.pairedBy[p-1] != e.event
			for _, o := range lines {
				if o.event == p {
					s.Origin, joined = o.sample, true
				}
			}
		}
		out = append(out, s)
	}
	slices.SortStableFunc(lines, func(a, b originSample) int {
		return cmp.Or(cmp.Compare(a.sample.Time, b.sample.Time), cmp.Compare(a.sample.RequestID, b.sample.RequestID))
	})
	for _, o := range lines {
		paired := j.pairedBy[o.event-1] != 0
		if paired && joined || !paired && !mine(o.event-1) {
			continue
		}
		if len(out) == MaxSamples {
			if joined || out[MaxSamples-1].Origin != nil {
				break
			}
			out = out[:MaxSamples-1] // show one S3 line at least
		}
		out = append(out, Sample{Origin: o.sample})
		joined = true
	}
	return out
}
