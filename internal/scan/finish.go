package scan

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/causes"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/redact"
	"github.com/why403/why403/internal/report"
)

// finish fills what the report says of the run as a whole.
func (r *run) finish(rep *report.Report, found *correlate.Result) {
	rep.Run = report.Run{
		Started: r.started, Finished: time.Now().UTC(), Version: r.Version, Engine: r.engine(),
		Window: report.Window{From: bound(r.Window.From), To: bound(r.Window.To)},
	}
	rep.APICalls = map[string]int64{}
	if r.clients != nil {
		rep.APICalls = r.clients.Calls()
	}
	rep.Summary = r.summary(rep, found)
	rep.Documents = r.documents(rep)
	r.missing(r.sums.open)
	rep.Run.Incomplete, rep.Run.Hints = r.incomplete, distinct(r.hints)
	rep.Notes = r.notes
}

func bound(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// summary sums up the run.
func (r *run) summary(rep *report.Report, found *correlate.Result) report.Summary {
	s := report.Summary{
		CloudFront: found.Forbidden.CloudFront,
		S3:         found.Forbidden.S3,
		Direct:     found.Forbidden.Direct,
		Noise:      report.Noise{Keys: found.Noise.Keys, Requests: found.Noise.Requests, Examples: found.Noise.Examples},
	}
	for _, n := range rep.Inputs.ByStatus {
		s.Requests += n
	}
	for _, p := range found.Patterns {
		s.Patterns = append(s.Patterns, report.Pattern{ID: p.ID, Statement: cmp.Or(p.Bucket, p.Distribution) + ": " + p.Statement, Keys: p.Keys, Requests: p.Requests})
	}
	s.Forbidden = r.sums.forbidden
	for _, c := range r.sums.causes {
		c.New = r.Memory.newOf(c.ID)
		s.Causes = append(s.Causes, *c)
	}
	slices.SortFunc(s.Causes, func(a, b report.CauseCount) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.ID, b.ID))
	})
	return s
}

// sums are sums of what was judged, taken while it goes by.
type sums struct {
	causes    map[string]*report.CauseCount
	forbidden int64 // requests
	open      openFacts
	noted     map[noted]bool // in open
}

// noted is what of a judgement decides which facts are open.
type noted struct {
	said   *common
	proven bool
}

// add adds what was said of a key or a path, and its requests.
func (s *sums) add(said judgement, requests int64) {
	if s.causes == nil {
		s.causes, s.open = map[string]*report.CauseCount{}, openFacts{}
	}
	c := s.causes[said.verdict]
	if c == nil {
		c = &report.CauseCount{ID: said.verdict, Title: title(said.verdict), Certainty: string(checks.Proven)}
		if said.verdict == checks.Unexplained {
			c.Certainty = ""
		}
		s.causes[said.verdict] = c
	}
	c.Keys++
	c.Requests += requests
	s.forbidden += requests
	proven := false
	for i := range said.causes {
		if f := &said.causes[i]; f.ID == said.verdict {
			proven = proven || f.Certainty == string(checks.Proven)
			if weight(f.Certainty) < weight(c.Certainty) {
				c.Certainty = f.Certainty
			}
		}
	}
	if n := (noted{said.common, proven}); !s.noted[n] {
		if s.noted == nil || len(s.noted) >= mostCommon {
			s.noted = map[noted]bool{}
		}
		s.noted[n] = true
		s.open.note(said.unknown, proven)
	}
}

func weight(certainty string) int {
	return slices.Index([]string{string(checks.Possible), string(checks.Likely), string(checks.Proven)}, certainty)
}

func title(id string) string {
	for _, c := range causes.All {
		if c.ID == id {
			return c.Title
		}
	}
	return id
}

// fingerprint is a masked value's: it differs between a run and its replay.
var fingerprint = regexp.MustCompile(`\(masked[: ][0-9a-f]+(:[0-9]+)?\)`)

// documents returns the policies that evidence of the report points into,
// secrets masked.
func (r *run) documents(rep *report.Report) []report.Document {
	f := r.gatherer.Facts()
	mask := redact.NewMasker(nil)
	var out []report.Document
	add := func(source, of string, doc facts.Fact[string]) {
		if !doc.Known() {
			return
		}
		if text, err := mask.Policy(doc.Value); err == nil {
			out = append(out, report.Document{Source: source, Of: of, Text: fingerprint.ReplaceAllString(text, redact.Masked)})
		}
	}
	for name, b := range f.Buckets {
		add("s3:GetBucketPolicy", name, b.Policy)
	}
	for arn, p := range f.AccessPoints {
		add("s3control:GetAccessPointPolicy", arn, p.Policy)
	}
	for id, k := range f.KMSKeys {
		add("kms:GetKeyPolicy", id, k.Policy)
	}
	slices.SortFunc(out, func(a, b report.Document) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Of, b.Of))
	})
	return out
}

// openFacts are the missing facts of undecided checks; true where one could
// still change a verdict: one that is not proven.
type openFacts map[string]bool

// note notes what an entry misses whose verdict is proven, or is not.
func (o openFacts) note(us []report.Unknown, proven bool) {
	for _, u := range us {
		for _, m := range u.Missing {
			o[m] = o[m] || !proven
		}
	}
}

// missing says what makes the run incomplete: a permission that AWS refused and
// that could still change a verdict, and every answer that did not come.
func (r *run) missing(open openFacts) {
	refused := slices.DeleteFunc(r.gatherer.Refused(), func(p string) bool { return !open[p] })
	if len(refused) > 0 {
		r.incomplete = append(r.incomplete, "no permission for "+strings.Join(refused, ", "))
		r.hints = append(r.hints, "why403 permissions prints the policy for a run")
	}
	for _, err := range r.gatherer.Problems() {
		r.incomplete = append(r.incomplete, err.Error())
		var h interface{ UserHint() string }
		if errors.As(err, &h) {
			r.hints = append(r.hints, h.UserHint())
		}
	}
}
