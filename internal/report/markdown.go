package report

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// markdownLimit bounds a Markdown report in bytes: tickets and chats cut or
// refuse longer messages.
const markdownLimit = 10 << 10

// renderMarkdown writes a summary for a ticket or a chat: the worst first, as
// much as fits under 10 KB, and a line that says what was left out.
func renderMarkdown(w io.Writer, r *Report, o Options) error {
	keys := min(o.Keys, 10)
	v, err := r.overview(limits{keys: keys, findings: 1, problems: 10_000})
	if err != nil {
		return err
	}
	head, foot := markdownHead(r), markdownFoot(r, v)
	const more = "\n%s more with %s: see the JSON, HTML or CSV report.\n"
	room := markdownLimit - len(head) - len(foot) - len(more) - 80
	var b strings.Builder
	b.WriteString(head)
	for i, p := range v.problems {
		s := markdownProblem(i+1, p, true)
		if len(s) > room {
			s = markdownProblem(i+1, p, false)
		}
		if len(s) > room {
			var hit int64
			for _, p := range v.problems[i:] {
				hit += p.hit
			}
			fmt.Fprintf(&b, more, count(int64(len(v.problems)-i), "problem"), count(hit, "request"))
			break
		}
		b.WriteString(s)
		room -= len(s)
	}
	b.WriteString(foot)
	s := b.String()
	if len(s) > markdownLimit { // a head or foot of nothing but escapes
		s = s[:strings.LastIndexByte(s[:markdownLimit], '\n')+1]
	}
	_, err = io.WriteString(w, s)
	return err
}

func markdownHead(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# 403s, %s\n\n**%s**", span(r.Run.Window), md(r.headline()))
	for _, s := range []string{r.scope(), r.news()} {
		if s != "" {
			b.WriteString(" " + md(s))
		}
	}
	b.WriteString("\n")
	for _, s := range r.Run.Incomplete[:min(len(r.Run.Incomplete), 3)] {
		fmt.Fprintf(&b, "\n> Incomplete: %s\n", md(clip(s, 300)))
	}
	s := &r.Summary
	if len(s.Causes) == 0 {
		return b.String()
	}
	b.WriteString("\n| cause | requests | share | keys | new |\n|---|--:|--:|--:|--:|\n")
	for _, c := range s.Causes[:min(len(s.Causes), 15)] {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", md(clip(c.ID, 60)), number(c.Requests), percent(c.Requests, s.Forbidden), number(c.Keys), number(c.New))
	}
	if n := len(s.Causes) - 15; n > 0 {
		fmt.Fprintf(&b, "\nand %s\n", count(int64(n), "more cause"))
	}
	return b.String()
}

func markdownProblem(n int, p *problem, whole bool) string {
	var b strings.Builder
	title := p.id.verdict
	if p.title != "" {
		title += ": " + p.title
	}
	fmt.Fprintf(&b, "\n## %d. %s\n\n%s for %s", n, md(clip(title, 160)), count(p.hit, "request"), count(p.keys, p.id.noun()))
	if p.fresh > 0 {
		fmt.Fprintf(&b, ", %s new", number(p.fresh))
	}
	if place := p.id.place(); place != "" {
		b.WriteString("; " + md(clip(place, 160)))
	}
	b.WriteString("\n")
	if len(p.find) > 0 {
		f := p.find[0]
		fmt.Fprintf(&b, "\n%s (%s)\n", md(clip(f.Summary, 400)), md(f.Certainty))
		if whole {
			for _, e := range f.Evidence[:min(len(f.Evidence), 3)] {
				fmt.Fprintf(&b, "- %s: %s\n", mdCode(clip(e.Source+" "+e.Ref, 300)), md(clip(e.Fact, 300)))
			}
		}
		if len(f.Remedies) > 0 {
			m := &f.Remedies[0]
			fmt.Fprintf(&b, "\n**Fix:** %s (%s)\n", md(clip(m.Title, 200)), m.outcome())
			if commands := strings.Join(m.Commands, "\n"); whole && commands != "" && len(commands) < 1500 {
				b.WriteString("\n" + mdFence(commands) + "\n")
			}
		}
	} else if names := missingNames(p.worst.Unknown); len(names) > 0 {
		fmt.Fprintf(&b, "\nTo settle it, the checks need: %s\n", md(clip(strings.Join(names, ", "), 300)))
	}
	top := p.top
	if !whole {
		top = top[:min(len(top), 2)]
	}
	b.WriteString("\nFailing " + p.id.noun() + "s by requests:\n\n")
	for _, it := range top {
		status := ""
		if it.Status == "new" {
			status = ", new"
		}
		fmt.Fprintf(&b, "- %s (%s%s)\n", mdCode(clip(quoteKey(it.Key), 400)), number(it.hit), status)
	}
	if more := p.keys - int64(len(top)); more > 0 {
		fmt.Fprintf(&b, "- and %s more\n", number(more))
	}
	return b.String()
}

func markdownFoot(r *Report, v *overview) string {
	var b strings.Builder
	if v.nFixed > 0 {
		fmt.Fprintf(&b, "\n**Fixed:** %s", count(v.nFixed, "key"))
		for i, it := range v.fixed[:min(len(v.fixed), 3)] {
			b.WriteString([]string{", such as ", ", ", ", "}[i] + mdCode(clip(it.location(), 200)))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n---\n")
	for _, n := range r.Notes[:min(len(r.Notes), 5)] {
		fmt.Fprintf(&b, "- %s\n", md(clip(n, 300)))
	}
	for _, m := range v.missing[:min(len(v.missing), 3)] {
		fmt.Fprintf(&b, "- %s\n", md(clip(m.sentence(3), 300)))
	}
	fmt.Fprintf(&b, "- %s\n", md(r.accounting()))
	return b.String()
}

// md makes a text stand as it is in Markdown: no link, image, markup, table
// break, mention or HTML comes out of it, in CommonMark or GitHub's dialect.
func md(s string) string {
	var b strings.Builder
	for i, r := range printable(s) {
		if strings.ContainsRune("\\`*_[]#|~$", r) || i == 0 && strings.ContainsRune("-+=", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return mdWWW.ReplaceAllString(mdEntities.Replace(b.String()), "$1&#46;")
}

// Bare addresses become links in GitHub's dialect unless broken up. Mentions and
// references of issues are looked for in the finished page, where an entity is
// the character again: a word joiner, which can't be seen, keeps them apart.
var (
	mdEntities = strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;", "@", "&#64;&#8288;", "\\#", "\\#&#8288;", "://", ":&#47;&#47;")
	mdWWW      = regexp.MustCompile(`(?i)\b(www)\.`)
)

// mdCode makes a code span that nothing in s can end.
func mdCode(s string) string {
	s = printable(s)
	ticks := strings.Repeat("`", longestRun(s, '`')+1)
	if ticks != "`" {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// mdFence makes a block of commands that nothing in s can end.
func mdFence(s string) string {
	lines, _ := printableLines(s)
	s = strings.Join(lines, "\n")
	ticks := strings.Repeat("`", max(3, longestRun(s, '`')+1))
	return ticks + "sh\n" + s + "\n" + ticks
}

func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// clip cuts a text to n bytes at a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if i > n-3 {
			return s[:i] + "…"
		}
	}
	return s[:n]
}
