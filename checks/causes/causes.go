// Package causes holds one check for each cause that a 403 of a site on
// CloudFront and S3 can have, the page that explains it, and [All], the list of
// them.
//
// A check reads what the logs say of one failing key or one request refused at
// the edge, the facts, and the judge's outcome (package access); it must not
// call AWS, print, or say more than its evidence carries: what it can't settle
// is unknown, and what rests on a guess is at most possible.
package causes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// The places in the order of fixing: what hides other causes comes first.
const (
	rankBucket  = 100 // gone, foreign, account in trouble
	rankRequest = 200 // the wrong origin, or a request that S3 can't read
	rankKey     = 300
	rankDeny    = 400
	rankBlock   = 500
	rankGrant   = 600
	rankOwner   = 700
	rankArchive = 800
	rankKMS     = 900
	rankEdge    = 1000
)

func cause(c checks.Certainty, format string, args ...any) checks.Finding {
	return checks.Finding{Verdict: checks.Cause, Certainty: c, Summary: sprintf(format, args...)}
}

// sprintf is fmt.Sprintf, which many sentences don't need.
func sprintf(format string, args ...any) string {
	if len(args) == 0 && strings.IndexByte(format, '%') < 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

func ruledOut() checks.Finding { return checks.Finding{Verdict: checks.RuledOut} }

func notApplicable() checks.Finding { return checks.Finding{} }

// undecided says what is missing: permissions or inputs, empty ones left out.
func undecided(missing ...string) checks.Finding {
	f := checks.Finding{Verdict: checks.Undecided}
	if len(missing) == 1 && missing[0] != "" {
		f.Missing = facts.One(missing[0])
		return f
	}
	for _, m := range missing {
		if m != "" {
			f.Missing = append(f.Missing, m)
		}
	}
	slices.Sort(f.Missing)
	f.Missing = slices.Compact(f.Missing)
	return f
}

// waits is undecided for a list that is not changed any more.
func waits(missing []string) checks.Finding {
	for i, m := range missing {
		if m == "" || i > 0 && missing[i-1] >= m {
			return undecided(missing...)
		}
	}
	return checks.Finding{Verdict: checks.Undecided, Missing: missing}
}

func with(f checks.Finding, ev ...checks.Evidence) checks.Finding {
	if f.Evidence == nil {
		f.Evidence = make([]checks.Evidence, 0, len(ev)+1) // mostly there is more to come
	}
	for _, e := range ev {
		if e.Source != "" {
			f.Evidence = append(f.Evidence, e)
		}
	}
	return f
}

// fixed adds remedies, which become the finding's.
func fixed(f checks.Finding, remedies ...checks.Remedy) checks.Finding {
	if f.Remedies == nil {
		f.Remedies = remedies
	} else {
		f.Remedies = append(f.Remedies, remedies...)
	}
	return f
}

// weaker returns the less sure of two certainties.
func weaker(a, b checks.Certainty) checks.Certainty {
	if doubt(a) >= doubt(b) {
		return a
	}
	return b
}

func doubt(c checks.Certainty) int {
	switch c {
	case checks.Likely:
		return 1
	case checks.Possible:
		return 2
	}
	return 0
}

func evidence(source, ref, format string, args ...any) checks.Evidence {
	return checks.Evidence{Source: source, Ref: ref, Fact: sprintf(format, args...)}
}

// ofFact is evidence from an answer of AWS.
func ofFact[T any](f facts.Fact[T], ref, format string, args ...any) checks.Evidence {
	return evidence(f.Call, ref, format, args...)
}

func lineRef(r correlate.LineRef) string {
	if r.Object == "" || r.Line == 0 { // no line, or one whose number is not known
		return r.Object
	}
	return r.Object + ":" + strconv.FormatInt(r.Line, 10)
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05Z") }

// originLine is evidence from the first sample's S3 line that fits, or from the
// classes of lines when no sample is kept.
func originLine(k *correlate.FailingKey, fits func(*correlate.OriginSample) bool, format string, args ...any) checks.Evidence {
	for i := range k.Samples {
		if o := k.Samples[i].Origin; o != nil && (fits == nil || fits(o)) {
			return evidence("s3-log", lineRef(o.Ref), format, args...)
		}
	}
	return evidence("s3-log", "", format, args...)
}

// quote prints a key or another value from a log: control characters, bytes
// that are not UTF-8 and quotes escaped.
func quote(s string) string { return fmt.Sprintf("%q", s) }

func list(items []string, most int) string {
	if len(items) <= most {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:most], ", "), len(items)-most)
}

// distributionID names a key's or failure's distribution, for commands.
func distributionID(d *correlate.Distribution, id string) string {
	if d != nil && d.ID != "" {
		return d.ID
	}
	if id != "" {
		return id
	}
	return "DISTRIBUTION_ID"
}

func facts0(f *facts.Facts) *facts.Facts {
	if f == nil {
		return &facts.Facts{}
	}
	return f
}

// forwards tells whether the behavior forwards the header to the origin.
func forwards(f *facts.Facts, b *correlate.Behavior, header string) correlate.Tri {
	yes, known := access.Forwards(facts0(f), b, header)
	switch {
	case !known:
		return correlate.Unknown
	case yes:
		return correlate.Yes
	}
	return correlate.No
}
