package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// What the help text, the man page and the documents say of the whole program.
const about = `why403 says why a site on CloudFront and S3 answers 403: it reads the logs of
both, finds the keys that fail, and names the causes with evidence and a fix.`

// Each is "command	what it does".
var topExamples = []string{
	"why403 scan --snapshot samples/site/snapshot samples/site/logs\tthe sample report; needs no account",
	"why403 scan --distribution E2EXAMPLE1ABCD --since 24h\tfind the logs and buckets of a distribution by itself",
	"why403 scan s3://logs/cloudfront/ s3://logs/s3/ --since 24h --out report.html\tread these prefixes, print a report and write it as HTML too",
}

// exitStatuses say what a user may conclude from each exit status.
var exitStatuses = []struct {
	code  int
	means string
}{
	{ExitOK, "complete"},
	{ExitFindings, "findings matched --fail-on"},
	{ExitUsage, "usage"},
	{ExitIncomplete, "incomplete"},
	{ExitNothingRead, "nothing could be read"},
	{ExitInterrupted, "interrupted"},
}

func topHelp(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nExamples:\n", about)
	printExamples(w, topExamples)
	fmt.Fprint(w, "\nVerbs:\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-12s %s\n", v.name, v.short)
	}
	fmt.Fprint(w, "\nExit status:\n")
	for _, s := range exitStatuses {
		fmt.Fprintf(w, "  %-12d %s\n", s.code, s.means)
	}
	fmt.Fprint(w, "\nwhy403 VERB --help says more about a verb.\n")
}

func verbHelp(w io.Writer, v *verb, fs *pflag.FlagSet) {
	if !fs.HasFlags() {
		v.define(&env{}, fs)
	}
	fmt.Fprintf(w, "why403 %s: %s\n\nExamples:\n", v.name, v.short)
	printExamples(w, v.examples)
	fmt.Fprintf(w, "\nUsage: %s\n", v.usage(fs.HasFlags()))
	if v.long != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(v.long))
	}
	if fs.HasFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", fs.FlagUsagesWrapped(100))
	}
}

// usage is the usage line.
func (v *verb) usage(flags bool) string {
	s := "why403 " + v.name
	if v.args != "" {
		s += " " + v.args
	}
	if flags {
		s += " [flags]"
	}
	return s
}

func printExamples(w io.Writer, examples []string) {
	for _, ex := range examples {
		cmd, what, _ := strings.Cut(ex, "\t")
		fmt.Fprintf(w, "  %s\n        %s\n", cmd, what)
	}
}
