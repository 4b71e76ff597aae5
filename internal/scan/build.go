package scan

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/redact"
	"github.com/why403/why403/internal/report"
)

func reportKey(k *correlate.FailingKey, j judgement, m masks) report.FailingKey {
	out := report.FailingKey{
		Distribution: k.Distribution,
		Bucket:       k.Bucket,
		Key:          k.Key,
		KeyEncoding:  "utf-8",
		Access:       string(k.Access),
		URIs:         nonNil(k.URIs),
		Requests:     report.Requests{CloudFront: k.Requests.CloudFront, S3: k.Requests.S3, Direct: k.Requests.Direct},
		Viewers:      k.Viewers,
		FirstSeen:    instant(k.First),
		LastSeen:     instant(k.Last),
		Verdict:      j.verdict,
		Causes:       j.causes,
		RuledOut:     j.ruledOut,
		Unknown:      j.unknown,
		LastSuccess:  moment(k.LastOK),
		FixedSince:   moment(k.OKAfter),
		Resolution:   k.Resolution,
		Samples:      samples(k.Samples, m.level, m.agents[k.Bucket]),
		Hours:        hours(k.Hours),
		Noise:        k.Noise,
		Plan:         j.plan,
		Notes:        j.notes,
	}
	if !utf8.ValidString(k.Key) {
		out.KeyEncoding = "base64"
	}
	if k.Rewrite != nil {
		out.Rewrite = k.Rewrite.Pattern
	}
	return out
}

func reportEdge(f *correlate.EdgeFailure, j judgement, m masks) report.EdgeFailure {
	return report.EdgeFailure{
		Distribution: f.Distribution,
		URI:          f.URI,
		Requests:     f.Requests,
		Viewers:      f.Viewers,
		FirstSeen:    instant(f.First),
		LastSeen:     instant(f.Last),
		Verdict:      j.verdict,
		Causes:       j.causes,
		RuledOut:     j.ruledOut,
		Unknown:      j.unknown,
		Samples:      samples(f.Samples, m.level, len(m.agents) > 0),
		Hours:        hours(f.Hours),
		Noise:        f.Noise,
	}
}

// reportCauses returns the causes of a report's entry, in the memory of others that
// are no longer needed.
func reportCauses(memory []report.Cause, fs []checks.Finding) []report.Cause {
	out := slices.Grow(emptied(memory), len(fs))[:len(fs)]
	for i := range fs {
		f, c := &fs[i], &out[i]
		*c = report.Cause{ID: f.ID, Certainty: string(f.Certainty), Summary: f.Summary, Evidence: emptied(c.Evidence), Remedies: emptied(c.Remedies)}
		for _, e := range f.Evidence {
			c.Evidence = append(c.Evidence, report.Evidence(e))
		}
		for j := range f.Remedies {
			r := &f.Remedies[j]
			c.Remedies = append(c.Remedies, report.Remedy{Title: r.Title, Commands: nonNil(r.Commands), Verified: verified(r.Verified),
				Opens: r.Opens, Remains: r.Remains, Assumes: r.Assumes, Document: r.Document, Diff: r.Diff, CloudFormation: r.CloudFormation, Terraform: r.Terraform})
		}
	}
	return out
}

// emptied returns the memory of a list as a list of nothing that is not nil.
func emptied[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list[:0]
}

func verified(t correlate.Tri) *bool {
	if t == correlate.Unknown {
		return nil
	}
	yes := t == correlate.Yes
	return &yes
}

func unknowns(fs []checks.Open) []report.Unknown {
	out := make([]report.Unknown, 0, len(fs))
	for _, f := range fs {
		out = append(out, report.Unknown{ID: f.ID, Missing: nonNil(f.Missing)})
	}
	return out
}

func hours(hs []correlate.HourCount) []report.HourCount {
	out := make([]report.HourCount, 0, len(hs))
	for _, h := range hs {
		out = append(out, report.HourCount{Hour: time.Unix(h.Hour, 0).UTC(), Count: h.Count})
	}
	return out
}

// masks say what of a log line is masked.
type masks struct {
	level redact.Level
	// agents are the buckets whose user agents are secrets: a policy asks for one,
	// or an origin in front of them sends one.
	agents map[string]bool
}

// masks looks for user agents that serve as secrets. The settings are gathered.
func (r *run) masks() masks {
	f := r.gatherer.Facts()
	m := masks{r.Redact, map[string]bool{}}
	asks := func(doc string) bool { return strings.Contains(strings.ToLower(doc), "aws:useragent") }
	everywhere := slices.ContainsFunc(append(slices.Clone(f.Organization.SCPs.Value), f.Organization.RCPs.Value...), func(p facts.OrgPolicy) bool { return asks(p.Content) })
	for name, b := range f.Buckets {
		if everywhere || asks(b.Policy.Value) {
			m.agents[name] = true
		}
	}
	for _, d := range f.Distributions {
		if d.Config.Value == nil {
			continue
		}
		for i := range d.Config.Value.Origins {
			o := &d.Config.Value.Origins[i]
			if _, ok := access.CustomHeader(o, "User-Agent"); ok {
				m.agents[correlate.ParseEndpoint(o.DomainName).Bucket] = true
			}
		}
	}
	return m
}

// samples turns log lines into named fields. Addresses, queries and tokens are
// masked here, on the way into the report: no renderer ever sees them. secret:
// user agents are, too, but for CloudFront's own.
func samples(ss []correlate.Sample, red redact.Level, secret bool) []report.Sample {
	agent := func(s string) string {
		if secret && s != "" && s != "-" && s != access.CloudFrontUserAgent {
			return redact.Masked
		}
		return red.UserAgent(s)
	}
	if len(ss) == 0 {
		return nil
	}
	out := make([]report.Sample, 0, len(ss))
	for _, s := range ss {
		r := report.Sample{Ambiguous: s.Ambiguous}
		if e := s.Edge; e != nil {
			l := &line{Ref: ref(e.Ref), Time: instant(e.Time), Fields: make([]report.LineItem, 0, 14)}
			l.add("sc-status", strconv.Itoa(e.Status))
			l.add("cs-method", e.Method)
			l.add("cs-uri-stem", e.Stem)
			l.add("cs-uri-query", red.Query(e.Query))
			l.add("x-host-header", e.Host)
			l.add("cs-protocol", e.Protocol)
			l.add("x-edge-result-type", e.Result)
			l.add("x-edge-detailed-result-type", e.DetailedResult)
			l.add("sc-content-type", e.ContentType)
			l.add("x-edge-location", e.Location)
			l.add("c-country", e.Country)
			l.add("c-ip", redact.Address(e.ClientIP, red))
			l.add("x-edge-request-id", e.RequestID)
			l.add("cs(User-Agent)", agent(e.UserAgent))
			r.CloudFront = (*report.Line)(l)
		}
		if o := s.Origin; o != nil {
			l := &line{Ref: ref(o.Ref), Time: instant(o.Time), Fields: make([]report.LineItem, 0, 12)}
			l.add("HTTP status", strconv.Itoa(o.Status))
			l.add("Error Code", o.ErrorCode)
			l.add("Operation", o.Operation)
			l.add("Request-URI", red.RequestURI(o.RequestURI))
			l.add("Requester", o.Requester)
			l.add("Remote IP", redact.Address(o.RemoteIP, red))
			l.add("Referer", o.Referer.String())
			l.add("Host Header", o.HostHeader)
			l.add("Signature Version", o.SignatureVersion)
			l.add("TLS version", o.TLSVersion)
			l.add("Request ID", o.RequestID)
			l.add("User-Agent", agent(o.UserAgent))
			r.S3 = (*report.Line)(l)
		}
		out = append(out, r)
	}
	return out
}

// line is a report line under construction: fields that are absent are left out.
type line report.Line

func (l *line) add(name, value string) {
	if value != "" {
		l.Fields = append(l.Fields, report.LineItem{Name: name, Value: value})
	}
}

// ref names a line, or its object alone where the line is not known.
func ref(r correlate.LineRef) string {
	if r.Line == 0 {
		return r.Object
	}
	return r.Object + ":" + strconv.FormatInt(r.Line, 10)
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func moment(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := instant(ms)
	return &t
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
