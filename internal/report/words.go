package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// number writes n with a comma at each thousand.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes a number and its noun: "1 key", "2 keys".
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number(n) + " " + noun
}

// percent writes a share of a whole, "" when there is no whole.
func percent(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	switch p := 100 * float64(part) / float64(whole); {
	case part > 0 && p < 0.1:
		return "< 0.1 %"
	case p < 10 && part < whole:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

func size(n int64) string {
	const unit = 1024
	if n < unit {
		return count(n, "byte")
	}
	f, i := float64(n)/unit, 0
	for ; f >= unit && i < 4; i++ {
		f /= unit
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[i])
}

// minute and second write instants in UTC; the report says so once.
func minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func second(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// span is a window in words.
func span(w Window) string {
	switch {
	case w.From != nil && w.To != nil:
		return minute(*w.From) + " to " + minute(*w.To) + " UTC"
	case w.From != nil:
		return "since " + minute(*w.From) + " UTC"
	case w.To != nil:
		return "until " + minute(*w.To) + " UTC"
	}
	return "all that the logs hold"
}

// noun says what a problem's items are.
func (id problemID) noun() string {
	if id.kind == kindEdge {
		return "path"
	}
	return "key"
}

// place says where a problem is: bucket, distribution, by which way.
func (id problemID) place() string {
	var parts []string
	if id.bucket != "" {
		parts = append(parts, "bucket "+id.bucket)
	}
	if id.distribution != "" {
		parts = append(parts, "distribution "+id.distribution)
	}
	switch id.kind {
	case kindDirect:
		parts = append(parts, "clients that came to S3 past CloudFront")
	case kindEdge:
		parts = append(parts, "refused at the edge, S3 never asked")
	}
	return strings.Join(parts, ", ")
}

// where is place in short.
func (id problemID) where() string {
	switch {
	case id.bucket != "":
		return id.bucket
	case id.distribution != "":
		return id.distribution + ", at the edge"
	}
	return "at the edge"
}

// diffClass tells what a line of a unified diff is: "add", "del", "hunk", or
// "" for context.
func diffClass(l string) string {
	switch {
	case strings.HasPrefix(l, "+++"), strings.HasPrefix(l, "---"), strings.HasPrefix(l, "@@"):
		return "hunk"
	case strings.HasPrefix(l, "+"):
		return "add"
	case strings.HasPrefix(l, "-"):
		return "del"
	}
	return ""
}

// outcome says in words what the simulation of a remedy showed.
func (m *Remedy) outcome() string {
	assumes := ""
	if len(m.Assumes) > 0 {
		assumes = "; taken for granted: " + printable(strings.Join(m.Assumes, ", "))
	}
	switch {
	case m.Verified == nil:
		return "not verified: the change could not be simulated" + assumes
	case *m.Verified:
		return "verified: simulated with this change, the request is allowed" + assumes
	}
	remains := ""
	if len(m.Remains) > 0 {
		remains = ": " + printable(strings.Join(m.Remains, ", "))
	}
	return "not enough alone: simulated with this change, the request is still refused" + remains + assumes
}

// headline tells the whole report in one sentence.
func (r *Report) headline() string {
	s := &r.Summary
	if s.Forbidden == 0 {
		return "No request was refused with 403."
	}
	if s.Forbidden == 1 {
		return "1 request was refused with 403" + r.share() + "."
	}
	return number(s.Forbidden) + " requests were refused with 403" + r.share() + "."
}

func (r *Report) share() string {
	s := &r.Summary
	if s.Requests <= 0 {
		return ""
	}
	part, all := percent(s.CloudFront, s.Requests), "CloudFront's "+number(s.Requests)
	if others := s.Forbidden - s.CloudFront; others > 0 {
		return ": " + number(s.CloudFront) + " of " + all + " (" + part + "), and " + number(others) + " that only S3 saw"
	}
	return ": " + part + " of " + all
}

// scope tells how many keys and paths fail, of how many causes.
func (r *Report) scope() string {
	if r.Summary.Forbidden == 0 {
		return "" // what is listed then is remembered, not seen
	}
	keys := int64(length(r.FailingKeys) + length(r.DirectFailures))
	var parts []string
	if keys > 0 {
		parts = append(parts, count(keys, "key"))
	}
	if n := length(r.EdgeFailures); n > 0 {
		parts = append(parts, count(int64(n), "path")+" refused at the edge")
	}
	if len(parts) == 0 {
		return ""
	}
	text := strings.Join(parts, " and ")
	if n := len(r.Summary.Causes); n > 0 {
		text += ", " + count(int64(n), "cause")
	}
	return text + "."
}

// news tells what changed since the last run, "" without a memory of one.
func (r *Report) news() string {
	var parts []string
	for _, status := range []string{"new", "still", "fixed", "quiet"} {
		if n, ok := r.Summary.Statuses[status]; ok {
			word := status
			if status == "still" {
				word = "still failing"
			}
			parts = append(parts, number(int64(n))+" "+word)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Since the last run: " + strings.Join(parts, ", ") + "."
}

// accounting says what was read: nothing is lost in silence.
func (r *Report) accounting() string {
	in := r.Inputs
	if in == nil {
		return "Nothing was read."
	}
	s := fmt.Sprintf("Read %s (%s): %s = %s + %s skipped + %s rejected.", count(in.Objects, "log object"), size(in.Bytes),
		count(in.Lines, "line"), count(in.Records, "record"), number(in.Skipped), number(in.Rejected))
	if in.Duplicates > 0 {
		s += " " + number(in.Duplicates) + " of the records were delivered more than once and count once."
	}
	return s
}

// noise tells of scanners' requests, "" when there were none.
func (r *Report) noise() string {
	n := r.Summary.Noise
	if n.Requests == 0 {
		return ""
	}
	s := fmt.Sprintf("Scanner noise, left out above: %s for %s", count(n.Requests, "request"), count(n.Keys, "key"))
	shown := make([]string, 0, 3)
	for _, e := range n.Examples {
		if e != "" && len(shown) < 3 {
			shown = append(shown, quoteKey(e))
		}
	}
	if len(shown) > 0 {
		s += ", such as " + strings.Join(shown, ", ")
	}
	return s + "."
}

// calls tells of the AWS calls made, most first.
func (r *Report) calls() string {
	var sum int64
	names := slices.Collect(maps.Keys(r.APICalls))
	for _, n := range r.APICalls {
		sum += n
	}
	if sum == 0 {
		return "No AWS call was made."
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := r.APICalls[b] - r.APICalls[a]; d != 0 {
			return int(d)
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = name + " " + number(r.APICalls[name])
	}
	return count(sum, "AWS call") + ": " + strings.Join(names, ", ") + "."
}

// sentence says what a missing permission or input keeps from being settled.
func (m missing) sentence(max int) string {
	shown := m.causes
	more := ""
	if len(shown) > max {
		more = fmt.Sprintf(" and %d more", len(shown)-max)
		shown = shown[:max]
	}
	return fmt.Sprintf("Without %s, %s could not be settled for %s.", m.name, strings.Join(shown, ", ")+more, number(m.items)+" of the keys and paths")
}
