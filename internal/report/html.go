package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/page.css
var pageCSS string

//go:embed page/page.js
var pageJS string

// page is parsed when the first HTML report is made: most runs make none.
var page = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageHTML)) })

// What an HTML report shows in full; its list of keys is bounded by
// Options.HTMLKeys.
const (
	htmlProblems = 100
	htmlKeys     = 10 // keys of a problem
	htmlFindings = 5  // different findings of a problem
	htmlBars     = 96
	htmlSeries   = 6 // causes with a colour of their own
)

// renderHTML writes one file that needs no other: style and script stand in
// it, allowed by their hashes, and nothing else may load or run. Charts are
// inline SVG. The keys lie as JSON in a block that is no script; the page's own
// script lists and searches them and puts them out as text alone.
func renderHTML(w io.Writer, r *Report, o Options) error {
	v, err := r.overview(limits{keys: htmlKeys, findings: htmlFindings, problems: 10_000})
	if err != nil {
		return err
	}
	l, err := r.listing(o.HTMLKeys)
	if err != nil {
		return err
	}
	if err := page().ExecuteTemplate(w, "top", r.page(v, l)); err != nil {
		return err
	}
	if len(l.rows) > 0 {
		if err := l.write(w); err != nil {
			return err
		}
	}
	return page().ExecuteTemplate(w, "bottom", struct{ Script template.HTML }{inline("script", pageJS)})
}

// inline wraps the page's own style or script, whole: html/template would
// change it, and its hash with it.
func inline(tag, text string) template.HTML {
	return template.HTML("<" + tag + ">" + text + "</" + tag + ">")
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// A listing is the list of keys, as rows of the page's script.
type listing struct {
	rows                               []any
	verdicts, statuses, buckets, dists []string
	causes                             [][3]string
	at                                 map[string]int
	total                              int64
}

func (l *listing) index(list *[]string, kind, s string) int {
	i, ok := l.at[kind+s]
	if !ok {
		i = len(*list)
		*list = append(*list, printable(s))
		l.at[kind+s] = i
	}
	return i
}

func (r *Report) listing(n int) (*listing, error) {
	l := &listing{at: map[string]int{}}
	for it, err := range r.items() {
		if err != nil {
			return nil, err
		}
		l.total++
		if len(l.rows) >= n {
			continue
		}
		causes := []int{}
		for i := range it.Causes {
			c := &it.Causes[i]
			id := "c\x00" + c.ID + "\x00" + c.Certainty + "\x00" + c.Summary
			at, ok := l.at[id]
			if !ok {
				at = len(l.causes)
				l.causes = append(l.causes, [3]string{printable(c.ID), printable(c.Certainty), printable(c.Summary)})
				l.at[id] = at
			}
			causes = append(causes, at)
		}
		uris := []string{}
		for _, u := range it.URIs {
			uris = append(uris, printable(u))
		}
		shown := quoteKey(it.Key)
		row := []any{shown, l.index(&l.buckets, "b", it.Bucket), l.index(&l.verdicts, "v", it.Verdict), l.index(&l.statuses, "s", it.Status),
			it.hit, unix(it.LastSeen), l.index(&l.dists, "d", it.Distribution),
			[3]int64{it.Requests.CloudFront, it.Requests.S3, it.Requests.Direct}, it.Viewers, unix(it.FirstSeen),
			causes, uris, list(missingNames(it.Unknown))}
		if shown != it.Key && utf8.ValidString(it.Key) && !strings.ContainsFunc(it.Key, unicode.IsControl) {
			row = append(row, it.Key) // for the copy button: nothing that a terminal would obey
		}
		l.rows = append(l.rows, row)
	}
	return l, nil
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// write writes the rows as a JSON block. encoding/json writes <, > and & as
// escapes, so that nothing in it can end the block.
func (l *listing) write(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(`<script type="application/json" id="keys">{"rows":[`)
	for i, row := range l.rows {
		if i > 0 {
			b.WriteString(",\n")
		}
		j, err := json.Marshal(row)
		if err != nil {
			return err
		}
		b.Write(j)
	}
	b.WriteByte(']')
	for _, part := range []struct {
		name string
		v    any
	}{{"causes", l.causes}, {"verdicts", l.verdicts}, {"statuses", l.statuses}, {"buckets", l.buckets}, {"distributions", l.dists}} {
		j, err := json.Marshal(part.v)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, ",\n%q:%s", part.name, j)
	}
	b.WriteString("}</script>\n")
	return b.Flush()
}

// The views below hold text only: html/template escapes it.
type (
	pageView struct {
		CSP, Title, Headline, Span  string
		Style                       template.HTML
		Incomplete                  []string
		Cards                       []cardView
		Chart, Trend                *chartView
		Causes                      []causeView
		Problems                    []problemView
		Folded, Cut, Made           string
		Status                      []statusView
		Rows                        int
		Verdicts, Statuses, Buckets []string
		Notes                       []string
		Rejected                    []rejectedView
		Formats                     []formatView
	}
	cardView struct {
		Number, Text string
		New          bool
	}
	causeView struct {
		ID, Title, Requests, Share, Keys, New, Certainty, Swatch string
		At                                                       int // number of its first problem
	}
	chartView struct {
		Label, First, Last, Most, Unit string
		Bars                           []barView
		Legend                         []legendView
	}
	barView struct {
		Title, Name, Sum string
		Parts            []partView
		Counts           []string
	}
	partView struct {
		Class      string
		X, Y, W, H string
	}
	legendView  struct{ Class, Name, Count string }
	problemView struct {
		N                                                            int
		Verdict, Title, Counts, New, Certainty, Place, Summary, Noun string
		Items                                                        []itemView
		More, Differ, Needs                                          string
		Findings                                                     []findingView
		Also                                                         []string
	}
	itemView    struct{ Requests, Viewers, Last, Key, Status, Summary string }
	findingView struct {
		At, Summary, Plan string
		Evidence          []Evidence
		Samples           []sampleView
		Documents         []documentView
		Remedies          []remedyView
	}
	sampleView struct {
		Title string
		Lines []lineView
	}
	lineView struct {
		Log, Ref string
		Fields   []LineItem
	}
	documentView struct {
		Title string
		Parts []policyPart
	}
	remedyView struct {
		Word, Title, Class, Outcome, Opens, Commands, Escaped string
		Diff                                                  []diffView
		More                                                  []moreView
	}
	diffView   struct{ Class, Text string }
	moreView   struct{ Title, Code string }
	statusView struct {
		Title, More string
		Items       []struct{ Location, Note string }
	}
	rejectedView struct{ Where, Reason string }
	formatView   struct{ Name, Objects, Lines, Records, Forbidden, Rejected string }
)

func (r *Report) page(v *overview, l *listing) *pageView {
	p := &pageView{
		CSP: "default-src 'none'; script-src " + hash(pageJS) + "; style-src " + hash(pageCSS) +
			"; img-src data:; base-uri 'none'; form-action 'none'",
		Title:    "403s, " + span(r.Run.Window),
		Headline: r.headline(),
		Span:     strings.TrimSpace("Window: " + span(r.Run.Window) + ". " + r.scope()),
		Style:    inline("style", pageCSS),
		Made: strings.TrimSpace(fmt.Sprintf("why403 %s, run of %s in %s. Times are UTC. Addresses and secrets are masked.", printable(r.Run.Version),
			second(r.Run.Started), r.Run.Finished.Sub(r.Run.Started).Round(time.Second))),
		Rows: len(l.rows), Verdicts: l.verdicts,
	}
	if len(l.statuses) > 1 || len(l.statuses) == 1 && l.statuses[0] != "" {
		p.Statuses = l.statuses
	}
	if len(l.buckets) > 1 {
		p.Buckets = l.buckets
	}
	if n := l.total - int64(len(l.rows)); n > 0 {
		p.Cut = number(n) + " more are in the JSON, CSV and Parquet reports."
	}
	for _, s := range r.Run.Incomplete {
		p.Incomplete = append(p.Incomplete, printable(s))
	}
	p.cards(r)
	series := r.series()
	p.Chart = v.chart(series)
	p.Trend = trendChart(r.Trend)
	at := map[string]int{}
	for i, pr := range v.problems[:min(len(v.problems), htmlProblems)] {
		if at[pr.id.verdict] == 0 {
			at[pr.id.verdict] = i + 1
		}
		p.Problems = append(p.Problems, r.problemView(i+1, pr))
	}
	for i, c := range r.Summary.Causes {
		cv := causeView{ID: printable(c.ID), Title: printable(c.Title), Requests: number(c.Requests), Share: percent(c.Requests, r.Summary.Forbidden),
			Keys: number(c.Keys), Certainty: printable(c.Certainty), At: at[c.ID]}
		if c.New > 0 {
			cv.New = number(c.New)
		}
		if p.Chart != nil {
			cv.Swatch = "s" + strconv.Itoa(min(i, htmlSeries))
		}
		p.Causes = append(p.Causes, cv)
	}
	if n := len(v.problems) - htmlProblems; n > 0 {
		p.Folded = "and " + count(int64(n), "smaller problem") + ": see the list of keys below."
	}
	p.status("Fixed: answered since the last refusal", v.fixed, v.nFixed)
	p.status("Quiet: refused before, not asked for since", v.quiet, v.nQuiet)
	p.notes(r, v)
	return p
}

func (p *pageView) cards(r *Report) {
	s := &r.Summary
	add := func(n int64, text string, fresh bool) {
		p.Cards = append(p.Cards, cardView{number(n), text, fresh})
	}
	add(s.Forbidden, "requests refused", false)
	if share := percent(s.CloudFront, s.Requests); share != "" {
		p.Cards = append(p.Cards, cardView{share, "of CloudFront's requests", false})
	}
	add(int64(length(r.FailingKeys)+length(r.DirectFailures)+length(r.EdgeFailures)), "keys and paths", false)
	add(int64(len(s.Causes)), "causes", false)
	if len(s.Statuses) > 0 {
		for _, c := range []struct{ status, text string }{{"new", "new"}, {"still", "still failing"}, {"fixed", "fixed"}, {"quiet", "quiet"}} {
			n := int64(s.Statuses[c.status])
			add(n, c.text, c.status == "new" && n > 0)
		}
	}
}

// series returns the causes that get a colour, in the order of the summary.
func (r *Report) series() []string {
	var ids []string
	for _, c := range r.Summary.Causes[:min(len(r.Summary.Causes), htmlSeries)] {
		ids = append(ids, c.ID)
	}
	return ids
}

// chart draws 403s by cause over time: bars of one hour, or of as many as
// bring them to htmlBars.
func (v *overview) chart(series []string) *chartView {
	first, last := int64(1<<62), int64(-1<<62)
	for _, hours := range v.hours {
		for h := range hours {
			first, last = min(first, h), max(last, h)
		}
	}
	if last < first {
		return nil
	}
	step := int64(1)
	for _, s := range []int64{1, 2, 3, 6, 12, 24, 48, 24 * 7, 24 * 28} {
		step = s
		if (last-first)/s < htmlBars {
			break
		}
	}
	for (last-first)/step >= htmlBars {
		step *= 2
	}
	first -= mod(first, step)
	n := int((last-first)/step) + 1
	table := make([][]int64, n)
	for i := range table {
		table[i] = make([]int64, len(series)+1)
	}
	for verdict, hours := range v.hours {
		at := slices.Index(series, verdict)
		if at < 0 {
			at = len(series)
		}
		for h, c := range hours {
			table[(h-first)/step][at] += c
		}
	}
	names := make([]string, n)
	for i := range names {
		names[i] = minute(time.Unix((first+int64(i)*step)*3600, 0))
	}
	unit := "hour from (UTC)"
	if step > 1 {
		unit = strconv.FormatInt(step, 10) + " hours from (UTC)"
	}
	return drawChart("403s by cause over time", unit, names, append(slices.Clone(series), "others"), table)
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// trendChart draws the kept days.
func trendChart(days []Day) *chartView {
	if len(days) < 2 {
		return nil
	}
	days = days[max(0, len(days)-htmlBars):]
	var names []string
	var table [][]int64
	for _, d := range days {
		names = append(names, printable(d.Day))
		table = append(table, []int64{d.CloudFront, d.Direct})
	}
	return drawChart("403s by day", "day (UTC)", names, []string{"CloudFront", "direct to S3"}, table)
}

// drawChart stacks the series of each bar in a picture of 1000 by 190.
func drawChart(label, unit string, names, series []string, table [][]int64) *chartView {
	sums := make([]int64, len(series))
	var most int64 = 1
	for _, row := range table {
		var sum int64
		for i, n := range row {
			sums[i] += n
			sum += n
		}
		most = max(most, sum)
	}
	c := &chartView{Label: label, Unit: unit, First: names[0], Last: names[len(names)-1], Most: number(most)}
	var kept []int
	for i, s := range series {
		if sums[i] > 0 {
			kept = append(kept, i)
			c.Legend = append(c.Legend, legendView{"s" + strconv.Itoa(i), printable(s), number(sums[i])})
		}
	}
	width := 1000 / float64(len(table))
	gap := min(width*0.15, 3)
	for i, row := range table {
		b := barView{Name: names[i]}
		y := 190.0
		var sum int64
		var words []string
		for _, s := range kept {
			n := row[s]
			b.Counts = append(b.Counts, number(n))
			if n == 0 {
				continue
			}
			sum += n
			h := 186 * float64(n) / float64(most)
			y -= h
			b.Parts = append(b.Parts, partView{"f" + strconv.Itoa(s), fix(float64(i)*width + gap/2), fix(y), fix(width - gap), fix(h)})
			words = append(words, printable(series[s])+" "+number(n))
		}
		b.Sum = number(sum)
		b.Title = names[i] + ": " + strings.Join(words, ", ")
		c.Bars = append(c.Bars, b)
	}
	return c
}

func fix(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

func (r *Report) problemView(n int, p *problem) problemView {
	own := p.ownSummaries()
	v := problemView{N: n, Verdict: printable(p.id.verdict), Title: printable(p.title), Noun: p.id.noun(), Place: printable(p.id.place()),
		Counts: count(p.hit, "request") + " for " + count(p.keys, p.id.noun())}
	if p.fresh > 0 {
		v.New = number(p.fresh)
	}
	if len(p.find) > 0 {
		v.Certainty = printable(p.find[0].Certainty)
		if !own {
			v.Summary = printable(p.find[0].Summary)
		}
	}
	for _, it := range p.top {
		iv := itemView{Requests: number(it.hit), Viewers: number(it.Viewers), Last: minute(it.LastSeen), Key: quoteKey(it.Key), Status: it.Status}
		if c := it.cause(); own && c != nil {
			iv.Summary = printable(c.Summary)
		}
		v.Items = append(v.Items, iv)
	}
	if more := p.keys - int64(len(p.top)); more > 0 {
		v.More = "and " + number(more) + " more: see the list below"
	}
	shown := p.find
	if len(p.kinds) > len(p.find) {
		shown = p.find[:min(1, len(p.find))]
	}
	for i, f := range shown {
		v.Findings = append(v.Findings, r.findingView(f, p, len(shown) > 1, i > 0 && !own))
	}
	if n := len(p.kinds) - len(shown); n > 0 {
		v.Differ = "Evidence and fix are those of the worst " + p.id.noun() + "; others of this problem differ: open them in the list below."
	}
	for i := range p.worst.Causes {
		if c := &p.worst.Causes[i]; p.others[c.ID] > 0 {
			v.Also = append(v.Also, printable(c.ID)+" ("+printable(c.Certainty)+", at "+count(p.others[c.ID], p.id.noun())+"): "+printable(c.Summary))
		}
	}
	if len(p.find) == 0 {
		if names := missingNames(p.worst.Unknown); len(names) > 0 {
			v.Needs = "To settle it, the checks need: " + printable(strings.Join(names, ", ")) + "."
		} else {
			v.Needs = "Every cause that could be checked is ruled out."
		}
	}
	return v
}

func (r *Report) findingView(f finding, p *problem, named, summary bool) findingView {
	v := findingView{}
	if named {
		v.At = "At " + count(f.items, p.id.noun()) + ", such as " + f.at.location()
	}
	if summary {
		v.Summary = printable(f.Summary)
	}
	for _, e := range f.Evidence {
		v.Evidence = append(v.Evidence, Evidence{printable(e.Source), printable(e.Ref), printable(e.Fact)})
	}
	for _, s := range f.at.Samples[:min(len(f.at.Samples), 1)] {
		sv := sampleView{Title: "One failing request, in both logs"}
		switch {
		case s.CloudFront == nil || s.S3 == nil:
			sv.Title = "One failing request"
		case s.Ambiguous:
			sv.Title = "One failing request in both logs (other lines fit the time, too)"
		}
		for _, l := range []struct {
			log  string
			line *Line
		}{{"CloudFront", s.CloudFront}, {"S3", s.S3}} {
			if l.line == nil {
				continue
			}
			lv := lineView{Log: l.log + ", " + second(l.line.Time), Ref: printable(l.line.Ref)}
			for _, f := range l.line.Fields {
				lv.Fields = append(lv.Fields, LineItem{printable(f.Name), printable(f.Value)})
			}
			sv.Lines = append(sv.Lines, lv)
		}
		if len(sv.Lines) > 0 {
			v.Samples = append(v.Samples, sv)
		}
	}
	for _, d := range r.documentsOf(f) {
		title := "Document " + d.Source
		if d.Of != "" {
			title += " of " + d.Of
		}
		v.Documents = append(v.Documents, documentView{printable(title), markPolicy(d.Text, decidingStatements(f, d.Source))})
	}
	for i := range f.Remedies {
		v.Remedies = append(v.Remedies, viewRemedy(i, &f.Remedies[i]))
	}
	if plan := f.at.Plan; len(plan) > 1 {
		v.Plan = "One change is not enough here. In this order: " + printable(strings.Join(plan, "; then ")) + "."
	}
	return v
}

func viewRemedy(i int, m *Remedy) remedyView {
	v := remedyView{Word: "Fix", Title: printable(m.Title), Class: "soft", Outcome: m.outcome(), Opens: printable(m.Opens)}
	if i > 0 {
		v.Word = "Or"
	}
	if m.Verified != nil {
		v.Class = "no"
		if *m.Verified {
			v.Class = "ok"
		}
	}
	var exact bool
	if len(m.Commands) > 0 {
		v.Commands, exact = block(strings.Join(m.Commands, "\n"))
		if !exact {
			v.Escaped = "The command holds characters that are shown escaped here: copy it from the JSON report."
		}
	}
	if m.Diff != "" {
		lines, _ := printableLines(m.Diff)
		for _, l := range lines {
			v.Diff = append(v.Diff, diffView{diffClass(l), l})
		}
	}
	for _, d := range []moreView{{"Changed document in full", m.Document}, {"CloudFormation", m.CloudFormation}, {"Terraform", m.Terraform}} {
		if d.Code != "" {
			d.Code, _ = block(d.Code)
			v.More = append(v.More, d)
		}
	}
	return v
}

func block(s string) (string, bool) {
	lines, exact := printableLines(s)
	return strings.Join(lines, "\n"), exact
}

var statementRef = regexp.MustCompile(`^Statement\[(\d+)\]`)

// decidingStatements returns the indexes that the finding's evidence of a
// source points at.
func decidingStatements(f finding, source string) []int {
	var at []int
	for _, e := range f.Evidence {
		if m := statementRef.FindStringSubmatch(e.Ref); e.Source == source && m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				at = append(at, n)
			}
		}
	}
	return at
}

func (p *pageView) status(title string, list []item, n int64) {
	if n == 0 {
		return
	}
	v := statusView{Title: title}
	for _, it := range list {
		note := printable(it.Verdict)
		if it.FixedSince != nil {
			note += ", since " + minute(*it.FixedSince)
		}
		v.Items = append(v.Items, struct{ Location, Note string }{it.location(), note})
	}
	if more := n - int64(len(list)); more > 0 {
		v.More = "and " + number(more) + " more"
	}
	p.Status = append(p.Status, v)
}

func (p *pageView) notes(r *Report, v *overview) {
	note := func(s string) {
		if s != "" {
			p.Notes = append(p.Notes, printable(s))
		}
	}
	for _, x := range r.Summary.Patterns {
		note(x.Statement + " (" + count(x.Requests, "request") + ", " + count(x.Keys, "key") + ")")
	}
	for _, n := range r.Notes {
		note(n)
	}
	for _, m := range v.missing {
		note(m.sentence(8))
	}
	note(r.noise())
	note(r.accounting())
	note(r.calls())
	in := r.Inputs
	if in == nil {
		return
	}
	for _, x := range in.RejectedSamples {
		p.Rejected = append(p.Rejected, rejectedView{rejectedAt(x), printable(x.Reason)})
	}
	for _, x := range in.Unreadable {
		p.Rejected = append(p.Rejected, rejectedView{printable(x.Object), printable(x.Reason)})
	}
	for name, f := range in.ByFormat {
		if f != nil {
			p.Formats = append(p.Formats, formatView{printable(name), number(f.Objects), number(f.Lines), number(f.Records), number(f.Forbidden), number(f.Rejected)})
		}
	}
	slices.SortFunc(p.Formats, func(a, b formatView) int { return strings.Compare(a.Name, b.Name) })
}
