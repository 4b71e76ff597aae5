package report

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/why403/why403/logs"
)

// textLimits bound what a text report shows; the other formats hold the rest.
const (
	textCauses   = 20  // rows of the table of causes
	textRest     = 40  // problems told in one line each
	textFindings = 3   // different findings of one problem
	textEvidence = 4   // facts of one finding
	textDiff     = 30  // lines of a change
	textPatterns = 8   // patterns seen in the logs
	textProse    = 100 // columns of prose
)

// ambiguous characters (…, ·, ─) take one column, whatever the locale: reports
// are compared and mailed.
var narrow = sync.OnceFunc(func() { text.OverrideRuneWidthEastAsianWidth(false) })

// renderText writes the report for a terminal: summary, problems worst first
// with their keys folded, evidence and fix, then what is not known.
func renderText(w io.Writer, r *Report, o Options) error {
	narrow()
	v, err := r.overview(limits{keys: o.Keys, findings: textFindings, problems: 10_000})
	if err != nil {
		return err
	}
	t := &textWriter{width: o.Width, color: o.Color}
	t.head(r)
	t.causes(r)
	full := min(len(v.problems), o.Problems)
	for i, p := range v.problems[:full] {
		t.problem(r, i+1, p)
	}
	t.rest(v, full)
	t.status("Fixed: answered since the last refusal", v.fixed, v.nFixed)
	t.status("Quiet: refused before, not asked for since", v.quiet, v.nQuiet)
	t.trend(r.Trend)
	t.foot(r, v)
	_, err = io.WriteString(w, t.b.String())
	return err
}

// A textWriter lays out lines of a width. All that it is given was escaped.
type textWriter struct {
	b     strings.Builder
	width int
	color bool
}

// The few looks of the report. None carries a meaning that words don't.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (t *textWriter) paint(look, s string) string {
	if !t.color || look == "" || s == "" {
		return s
	}
	return "\x1b[" + look + "m" + s + "\x1b[0m"
}

func (t *textWriter) line(s string) {
	t.b.WriteString(strings.TrimRight(s, " "))
	t.b.WriteByte('\n')
}

func (t *textWriter) blank() { t.b.WriteByte('\n') }

// prose writes s wrapped between words, behind indent. A word that is longer
// than a line, such as the name of a log object, is not broken: it can be
// copied.
func (t *textWriter) prose(indent, s string) { t.hang(indent, indent, "", s) }

// hang writes s wrapped, the first line behind first, the others behind rest.
func (t *textWriter) hang(first, rest, look, s string) {
	indent := first
	limit := min(t.width, textProse)
	for _, l := range wrap(s, limit-text.StringWidth(indent), limit-text.StringWidth(rest)) {
		t.line(indent + t.paint(look, l))
		indent = rest
	}
}

// wrap breaks s between words into lines of a width, the first of another.
func wrap(s string, first, rest int) []string {
	var lines []string
	var cur strings.Builder
	used, limit := 0, first
	for _, word := range strings.Split(s, " ") {
		n := text.StringWidth(word)
		if used > 0 && used+1+n > limit {
			lines = append(lines, cur.String())
			cur.Reset()
			used, limit = 0, rest
		}
		if used > 0 {
			cur.WriteByte(' ')
			used++
		}
		cur.WriteString(word)
		used += n
	}
	return append(lines, cur.String())
}

func (t *textWriter) head(r *Report) {
	t.line(t.paint(bold, "why403") + "  403s, " + span(r.Run.Window))
	t.blank()
	t.hang("  ", "  ", bold, r.headline())
	if s := r.scope(); s != "" {
		t.prose("  ", s)
	}
	if s := r.news(); s != "" {
		look := ""
		if r.Summary.Statuses["new"] > 0 {
			look = yellow
		}
		t.hang("  ", "  ", look, s)
	}
	for _, s := range r.Run.Incomplete {
		t.hang("  ", "  ", red, "Incomplete: "+printable(s))
	}
}

// causes writes the table of causes.
func (t *textWriter) causes(r *Report) {
	s := &r.Summary
	if len(s.Causes) == 0 {
		return
	}
	tw := t.table()
	head := table.Row{"requests", "share", "keys"}
	aligned := 3
	isNews := len(s.Statuses) > 0
	if isNews {
		head = append(head, "new")
		aligned++
	}
	wide := t.width >= 110
	head = append(head, "certainty", "cause")
	if wide {
		head = append(head, "")
	}
	tw.AppendHeader(head)
	shown := s.Causes[:min(len(s.Causes), textCauses)]
	for _, c := range shown {
		row := table.Row{number(c.Requests), percent(c.Requests, s.Forbidden), number(c.Keys)}
		if isNews {
			fresh := ""
			if c.New > 0 {
				fresh = t.paint(yellow, number(c.New))
			}
			row = append(row, fresh)
		}
		row = append(row, printable(c.Certainty), t.paint(bold, printable(c.ID)))
		if wide {
			row = append(row, printable(c.Title))
		}
		tw.AppendRow(row)
	}
	var columns []table.ColumnConfig
	for i := range aligned {
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	tw.SetColumnConfigs(columns)
	t.blank()
	t.render("  ", tw)
	if n := len(s.Causes) - len(shown); n > 0 {
		var hit int64
		for _, c := range s.Causes[len(shown):] {
			hit += c.Requests
		}
		t.line("  " + t.paint(dim, "and "+count(int64(n), "more cause")+" with "+count(hit, "request")))
	}
}

// rest writes the problems after the first full ones, a line each.
func (t *textWriter) rest(v *overview, full int) {
	rest := v.problems[full:]
	if len(rest) == 0 {
		return
	}
	t.blank()
	t.rule()
	t.line(t.paint(bold, "Smaller problems") + t.paint(dim, ", in full with --output json, html or csv"))
	t.blank()
	tw := t.table()
	tw.AppendHeader(table.Row{"requests", "keys", "cause", "where"})
	left := t.width - 2 - 8 - 2 - 4 - 2 - 24 - 2
	for i, p := range rest[:min(len(rest), textRest)] {
		cause := printable(p.id.verdict)
		if p.fresh > 0 {
			cause += t.paint(yellow, " (new)")
		}
		tw.AppendRow(table.Row{number(p.hit), number(p.keys), number(int64(full+i+1)) + ". " + cause, fold(printable(p.id.where()), left)})
	}
	tw.SetColumnConfigs([]table.ColumnConfig{
		{Number: 1, Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Number: 2, Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	t.render("  ", tw)
	var keys, hit int64
	for _, p := range rest[min(len(rest), textRest):] {
		keys += p.keys
		hit += p.hit
	}
	if keys += v.folded; keys > 0 {
		t.line("  " + t.paint(dim, "and more, with "+count(keys, "key")+" and "+count(hit, "request")))
	}
}

func (t *textWriter) rule() { t.line(t.paint(dim, strings.Repeat("─", min(t.width, textProse)))) }

// problem writes one problem: what, where, which keys, why, what to do.
func (t *textWriter) problem(r *Report, n int, p *problem) {
	t.blank()
	t.rule()
	title := printable(p.id.verdict)
	if p.title != "" {
		title += ": " + printable(p.title)
	}
	mark := number(int64(n)) + ". "
	t.hang(mark, strings.Repeat(" ", len(mark)), bold, title)
	facts := count(p.hit, "request") + " for " + count(p.keys, p.id.noun())
	if p.fresh > 0 {
		facts += ", " + number(p.fresh) + " new"
	}
	if f := p.find; len(f) > 0 {
		facts += "; " + printable(f[0].Certainty)
	}
	t.prose("   ", facts)
	if place := p.id.place(); place != "" {
		t.prose("   ", printable(place))
	}

	own := p.ownSummaries()
	if len(p.find) > 0 && !own {
		t.blank()
		t.prose("   ", printable(p.find[0].Summary))
	}
	t.blank()
	t.items(p, own)
	if more := p.keys - int64(len(p.top)); more > 0 {
		t.line("   " + t.paint(dim, "and "+number(more)+" more"))
	}

	shown := p.find
	if len(p.kinds) > len(p.find) { // too many to tell: the worst stands for them
		shown = p.find[:min(1, len(p.find))]
	}
	for i, f := range shown {
		t.finding(f, p, len(shown) > 1, i > 0 && !own)
	}
	if n := len(p.kinds) - len(shown); n > 0 {
		t.blank()
		more := number(int64(n))
		if len(p.kinds) >= maxKinds {
			more = "more than " + more
		}
		t.prose("   ", "Evidence and fix are those of the worst "+p.id.noun()+"; "+more+" others of this problem differ: see --output json or html.")
	}
	t.alsoHolding(p)
	if len(p.find) == 0 {
		t.unexplained(p)
	}
}

// ownSummaries reports whether the keys shown differ in what is said of them,
// their names apart.
func (p *problem) ownSummaries() bool {
	said := func(it item) string {
		c := it.cause()
		if c == nil {
			return ""
		}
		return strings.ReplaceAll(c.Summary, it.Key, "\x00")
	}
	for _, it := range p.top {
		if said(it) != said(p.top[0]) {
			return true
		}
	}
	return false
}

// items writes the table of a problem's worst keys. Each one's summary follows
// it when they differ.
func (t *textWriter) items(p *problem, own bool) {
	tw := t.table()
	roomy := t.width >= 100
	head := table.Row{"requests"}
	left := t.width - 3 - 8 - 2
	if roomy {
		head = append(head, "viewers", "last seen (UTC)")
		left -= 7 + 2 + 16 + 2
	} else {
		head = append(head, "last seen")
		left -= 11 + 2
	}
	isNews := p.worst.Status != ""
	if isNews {
		head = append(head, "status")
		left -= 6 + 2
	}
	tw.AppendHeader(append(head, p.id.noun()))
	for _, it := range p.top {
		row := table.Row{number(it.hit)}
		if roomy {
			row = append(row, number(it.Viewers), minute(it.LastSeen))
		} else {
			row = append(row, strings.TrimPrefix(minute(it.LastSeen), it.LastSeen.UTC().Format("2006-")))
		}
		if isNews {
			status := it.Status
			if status == "new" {
				status = t.paint(yellow, status)
			}
			row = append(row, status)
		}
		cell := fold(quoteKey(it.Key), left)
		if c := it.cause(); own && c != nil {
			for _, l := range wrap(printable(c.Summary), left-2, left-2) {
				cell += "\n  " + t.paint(dim, l)
			}
		}
		tw.AppendRow(append(row, cell))
	}
	columns := []table.ColumnConfig{{Number: 1, Align: text.AlignRight, AlignHeader: text.AlignRight, WidthMin: 8}}
	if roomy {
		columns = append(columns, table.ColumnConfig{Number: 2, Align: text.AlignRight, AlignHeader: text.AlignRight, WidthMin: 7})
	}
	tw.SetColumnConfigs(columns)
	t.render("   ", tw)
}

// fold breaks a key that is wider than n, after a slash where there is one.
func fold(s string, n int) string {
	if text.StringWidth(s) <= n || n < 20 {
		return s
	}
	var out strings.Builder
	used, slash := 0, -1
	line := make([]rune, 0, n)
	for _, c := range s {
		width := text.RuneWidth(c)
		if used+width > n {
			cut := len(line)
			if slash > len(line)/2 {
				cut = slash + 1
			}
			out.WriteString(string(line[:cut]) + "\n  ")
			line = slices.Delete(line, 0, cut)
			used, slash = 2, -1
			for i, c := range line {
				used += text.RuneWidth(c)
				if c == '/' {
					slash = i
				}
			}
		}
		if c == '/' {
			slash = len(line)
		}
		line = append(line, c)
		used += width
	}
	out.WriteString(string(line))
	return out.String()
}

// finding writes why, and what to do.
func (t *textWriter) finding(f finding, p *problem, named, summary bool) {
	t.blank()
	if named {
		t.hang("   ", "   ", bold, "At "+count(f.items, p.id.noun())+", such as "+f.at.location())
	}
	if summary {
		t.prose("   ", printable(f.Summary))
	}
	t.line("   " + t.paint(bold, "Evidence"))
	for _, e := range f.Evidence[:min(len(f.Evidence), textEvidence)] {
		t.hang("   - ", "     ", "", printable(e.Fact))
		t.hang("     ", "     ", dim, printable(e.Source)+" "+printable(e.Ref))
	}
	if n := len(f.Evidence) - textEvidence; n > 0 {
		t.line("     and " + number(int64(n)) + " more facts")
	}
	if len(f.Evidence) == 0 {
		t.line("   - none")
	}
	for i := range f.Remedies {
		t.remedy(i, &f.Remedies[i])
	}
	if plan := f.at.Plan; len(plan) > 1 {
		t.blank()
		t.prose("   ", "One change is not enough here. In this order: "+printable(strings.Join(plan, "; then "))+".")
	}
}

// remedy writes one way to fix it. The first is told in full, the others by
// what they do.
func (t *textWriter) remedy(i int, m *Remedy) {
	t.blank()
	word := "Fix: "
	if i > 0 {
		word = "Or: "
	}
	t.hang("   ", "   ", bold, word+printable(m.Title))
	look := dim
	if m.Verified != nil {
		look = green
		if !*m.Verified {
			look = red
		}
	}
	t.hang("   ", "   ", look, "("+m.outcome()+")")
	if m.Opens != "" {
		t.hang("   ", "   ", yellow, "This also opens: "+printable(m.Opens))
	}
	if i > 0 {
		return
	}
	t.commands(m.Commands)
	t.diff(m.Diff)
	if m.Document != "" {
		t.blank()
		t.hang("   ", "   ", dim, "The changed document in full is in the JSON report (document) and in the HTML report.")
	}
}

// diff writes a change when it is short.
func (t *textWriter) diff(s string) {
	if s == "" {
		return
	}
	lines, _ := printableLines(s)
	if len(lines) > textDiff {
		return
	}
	t.blank()
	for _, l := range lines {
		look := ""
		switch diffClass(l) {
		case "add":
			look = green
		case "del":
			look = red
		case "hunk":
			look = dim
		}
		t.line("     " + t.paint(look, l))
	}
}

// commands writes each command whole on its own line: a wrapped command can't
// be copied.
func (t *textWriter) commands(cs []string) {
	if len(cs) == 0 {
		return
	}
	t.blank()
	whole := true
	for _, c := range cs {
		lines, exact := printableLines(c)
		whole = whole && exact
		for _, l := range lines {
			t.line("     " + t.paint(cyan, l))
		}
	}
	if !whole {
		t.prose("     ", "# holds characters that are shown escaped here: copy it from --output json")
	}
}

// alsoHolding names causes that hold besides the verdict.
func (t *textWriter) alsoHolding(p *problem) {
	if len(p.others) == 0 {
		return
	}
	t.blank()
	for i := range p.worst.Causes {
		c := &p.worst.Causes[i]
		n := p.others[c.ID]
		if n == 0 {
			continue
		}
		delete(p.others, c.ID)
		t.hang("   ", "     ", "", "Also "+printable(c.ID)+" ("+printable(c.Certainty)+", at "+count(n, p.id.noun())+"): "+printable(c.Summary))
	}
	for _, id := range sortedKeys(p.others) {
		t.prose("   ", "Also "+printable(id)+", at "+count(p.others[id], p.id.noun())+".")
	}
}

// unexplained says what would be needed to name a cause.
func (t *textWriter) unexplained(p *problem) {
	t.blank()
	names := missingNames(p.worst.Unknown)
	if len(names) == 0 {
		t.prose("   ", "Every cause that could be checked is ruled out.")
		return
	}
	t.prose("   ", "To settle it, the checks need: "+printable(strings.Join(names, ", "))+".")
}

// status writes the keys that no longer fail.
func (t *textWriter) status(title string, list []item, n int64) {
	if n == 0 {
		return
	}
	t.blank()
	t.line(t.paint(bold, title))
	for _, it := range list {
		since := ""
		if it.FixedSince != nil {
			since = ", since " + minute(*it.FixedSince)
		}
		t.hang("  - ", "    ", "", it.location()+" ("+printable(it.Verdict)+since+")")
	}
	if more := n - int64(len(list)); more > 0 {
		t.line("    and " + number(more) + " more")
	}
}

// trend writes the days that the memory kept, the last week of them.
func (t *textWriter) trend(days []Day) {
	if len(days) < 2 {
		return
	}
	days = days[max(0, len(days)-7):]
	tw := t.table()
	tw.AppendHeader(table.Row{"day (UTC)", "403s", "share", ""})
	var most int64 = 1
	for _, d := range days {
		most = max(most, d.CloudFront+d.Direct)
	}
	for _, d := range days {
		n := d.CloudFront + d.Direct
		bar := strings.Repeat("▇", int((n*30+most-1)/most))
		tw.AppendRow(table.Row{printable(d.Day), number(n), percent(d.CloudFront, d.Requests), t.paint(dim, bar)})
	}
	tw.SetColumnConfigs([]table.ColumnConfig{
		{Number: 2, Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Number: 3, Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	t.blank()
	t.line(t.paint(bold, "Trend"))
	t.render("  ", tw)
}

// foot says what is not known, what was read, and what was asked of AWS.
func (t *textWriter) foot(r *Report, v *overview) {
	t.blank()
	t.rule()
	t.line(t.paint(bold, "Notes"))
	note := func(s string) { t.hang("  - ", "    ", "", s) }
	patterns := slices.SortedStableFunc(slices.Values(r.Summary.Patterns), func(a, b Pattern) int { return cmp.Compare(b.Requests, a.Requests) })
	for _, p := range patterns[:min(len(patterns), textPatterns)] {
		note(printable(p.Statement) + " (" + count(p.Requests, "request") + ", " + count(p.Keys, "key") + ")")
	}
	if n := len(patterns) - textPatterns; n > 0 {
		note("and " + count(int64(n), "more pattern") + ": see --output json or html")
	}
	for _, n := range r.Notes {
		note(printable(n))
	}
	for _, m := range v.missing[:min(len(v.missing), 8)] {
		note(printable(m.sentence(4)))
	}
	if n := len(v.missing) - 8; n > 0 {
		note("Without " + count(int64(n), "other permission") + " or input, more could not be settled: see unknown in --output json.")
	}
	if s := r.noise(); s != "" {
		note(s)
	}
	note(r.accounting())
	if in := r.Inputs; in != nil {
		for _, x := range in.RejectedSamples[:min(len(in.RejectedSamples), 3)] {
			t.hang("    ", "      ", dim, "rejected "+rejectedAt(x)+": "+printable(x.Reason))
		}
		for _, x := range in.Unreadable[:min(len(in.Unreadable), 3)] {
			t.hang("    ", "      ", red, "unreadable "+printable(x.Object)+": "+printable(x.Reason))
		}
		if n := len(in.Unreadable) - 3; n > 0 {
			t.hang("    ", "      ", red, "and "+number(int64(n))+" more objects that could not be read")
		}
	}
	note(r.calls())
}

// table begins a table without borders: two spaces part its columns.
func (t *textWriter) table() table.Writer {
	tw := table.NewWriter()
	s := table.StyleDefault
	s.Options = table.OptionsNoBordersAndSeparators
	s.Box.PaddingLeft, s.Box.PaddingRight = "", "  "
	s.Format.Header = text.FormatDefault
	tw.SetStyle(s)
	return tw
}

func (t *textWriter) render(indent string, tw table.Writer) {
	for i, l := range strings.Split(tw.Render(), "\n") {
		if i == 0 {
			l = t.paint(dim, strings.TrimRight(l, " "))
		}
		t.line(indent + l)
	}
}

func sortedKeys(m map[string]int64) []string {
	ids := make([]string, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// rejectedAt names a rejected line, or its object alone where the line is not
// known.
func rejectedAt(x logs.Rejection) string {
	if x.Line == 0 {
		return printable(x.Object)
	}
	return printable(x.Object) + ":" + strconv.FormatInt(x.Line, 10)
}
