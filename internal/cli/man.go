package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

var manVerb = &verb{
	name:  "man",
	short: "print the man page",
	examples: []string{
		"why403 man | man -l -\tread it",
		"why403 man > /usr/local/share/man/man1/why403.1\tinstall it (the packages have it)",
	},
}

// The verb prints itself, which Go does not allow in its declaration.
func init() {
	manVerb.define = func(e *env, fs *pflag.FlagSet) runner {
		return func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return usage("why403 man | man -l -", "man: unexpected argument %q", args[0])
			}
			_, err := io.WriteString(e.stdout, manPage(allFlags()))
			return err
		}
	}
}

// environment is what the man page says of variables.
var environment = []struct{ name, means string }{
	{"AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID, …", "as for the AWS CLI: the SDK's default chain"},
	{"TMPDIR", "where lines and keys go that pass --memory"},
	{"GOMEMLIMIT", "limit of the collector in place of the one made from --memory"},
	{"NO_COLOR", "no colour on a terminal"},
	{"COLUMNS", "width of the text report where standard output is no terminal"},
}

// manPage is the page why403(1) in the man macros. It holds no date, so that the
// same source gives the same bytes.
func manPage(all []verbFlags) string {
	var b strings.Builder
	title := func(macro, s string) { fmt.Fprintf(&b, "%s \"%s\"\n", macro, strings.ReplaceAll(roff(s), `"`, `\(dq`)) }
	para := func(s string) { fmt.Fprintf(&b, ".PP\n%s\n", roff(s)) }
	item := func(head, text string) { fmt.Fprintf(&b, ".TP\n%s\n%s\n", head, roff(text)) }
	examples := func(list []string) {
		for _, ex := range list {
			cmd, what, _ := strings.Cut(ex, "\t")
			item(`\fB`+roff(cmd)+`\fR`, what)
		}
	}

	fmt.Fprintf(&b, ".TH WHY403 1 \"\" \"why403 %s\" \"User Commands\"\n", roff(version()))
	b.WriteString(".nh\n.ad l\n") // commands and flags stay whole
	title(".SH", "NAME")
	fmt.Fprintf(&b, "why403 \\- say why a site on CloudFront and S3 answers 403\n")
	title(".SH", "SYNOPSIS")
	for i, v := range all {
		if i > 0 {
			b.WriteString(".br\n")
		}
		b.WriteString(roff(v.usage(len(v.flags) > 0)) + "\n")
	}
	title(".SH", "DESCRIPTION")
	para(about)
	title(".SH", "EXAMPLES")
	examples(topExamples)
	title(".SH", "VERBS")
	for _, v := range all {
		title(".SS", "why403 "+v.name)
		para(strings.ToUpper(v.short[:1]) + v.short[1:] + ".")
		for p := range strings.SplitSeq(strings.TrimSpace(v.long), "\n\n") {
			if p != "" {
				para(p)
			}
		}
		for _, f := range v.flags {
			head := "--" + f.Name
			if f.Shorthand != "" {
				head = "-" + f.Shorthand + ", " + head
			}
			value, text := pflag.UnquoteUsage(f)
			head = `\fB` + roff(head) + `\fR`
			if value != "" {
				head += ` \fI` + roff(value) + `\fR`
			}
			if d := f.DefValue; d != "" && d != "[]" && d != "0" && d != "0s" && d != "false" {
				text += " (default " + d + ")"
			}
			item(head, text)
		}
		b.WriteString(".PP\nExamples:\n")
		examples(v.examples)
	}
	title(".SH", "EXIT STATUS")
	for _, s := range exitStatuses {
		item(fmt.Sprintf(`\fB%d\fR`, s.code), s.means)
	}
	title(".SH", "ENVIRONMENT")
	for _, e := range environment {
		item(`\fB`+roff(e.name)+`\fR`, e.means)
	}
	title(".SH", "SEE ALSO")
	para("https://github.com/why403/why403/tree/main/docs")
	return b.String()
}

// roff makes text safe for troff: no line of it is a request, no character an
// escape, and hyphens can be searched for and copied.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", `\&...`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
