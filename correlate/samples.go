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
		from, to := j.paths.of(s)
		for i := from; i < min(to, from+MaxSamples); i++ {
			v := j.edge(i)
			if v.line == 0 || !slices.Contains(events, i) {
				continue
			}
			r, names := g.lines.read(v.line)
			k := &g.edgeKinds.list[v.class]
			out = append(out, edgeSample{&EdgeSample{
				Ref: r.ref(names), UserAgent: names.agents.name(uint32(r.number())),
				RequestID: r.field(), ClientIP: r.field(), Country: r.field(), Query: r.field(), Cookie: r.field(),
				RequestBytes: r.number(), TimeTaken: r.number(),
				Time: v.end(), Location: g.locations.name(uint32(v.loc & mostLocations)), Stem: string(j.paths.name(s)),
				Method: k.Method, Protocol: k.Protocol, Host: k.Host, Status: k.Status,
				Result: k.Result, DetailedResult: k.DetailedResult, ContentType: k.ContentType,
			}, i + 1})
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

// originSamples appends the kept lines among a key's first S3 lines.
func (j *joiner) originSamples(out []originSample, from, to uint32) []originSample {
	g := j.g
	for i := from; i < min(to, from+MaxSamples); i++ {
		v := j.line(i)
		if v.line == 0 {
			continue
		}
		r, names := g.lines.read(v.line)
		k := &g.originKind.list[v.class]
		o := &OriginSample{Ref: r.ref(names)}
		o.BucketOwner, o.CipherSuite, _ = strings.Cut(names.suites.name(uint32(r.number())), " ")
		o.RequestID, o.RequestURI, o.RemoteIP, o.VersionID, o.BytesSent = r.field(), r.field(), r.field(), r.field(), r.number()
		o.Time = v.time
		o.Operation, o.Status, o.ErrorCode, o.Requester = k.Operation, k.Status, k.ErrorCode, k.Requester
		o.Referer, o.UserAgent, o.SignatureVersion, o.AuthType = k.Referer, k.UserAgent, k.SignatureVer, k.AuthType
		o.TLSVersion, o.HostHeader, o.AccessPointARN = k.TLSVersion, k.HostHeader, k.AccessPointARN
		out = append(out, originSample{o, i + 1})
	}
	return out
}

// samples chooses a key's samples: CloudFront's earliest lines with their S3
// lines, and S3 lines where there is room or nothing else shows one.
func (j *joiner) samples(r *keyRun) []Sample {
	from, sure, to := j.linesOf(r.key)
	lines := j.originSamples(j.originSamples(nil, sure, to), from, sure)
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
