// Package cli is why403's command line: verbs, flags, words and exit statuses.
//
// It wires the rooms together and owns every word that a user reads on stderr.
// It must not parse logs, resolve keys, judge access or lay out reports.
//
// The rules for words: results go to standard output, all else to standard
// error behind "why403: "; lower-case, no final stop; first the object, then
// what failed; a hint says what to do, with a command that can be copied.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// A verb is one sub-command.
type verb struct {
	name     string
	args     string   // for the usage line: "LOCATION…"
	short    string   // one line
	long     string   // more, may be ""
	examples []string // each "command    what it does"
	define   func(*env, *pflag.FlagSet) runner
}

// A runner does a verb's work once the flags are parsed.
type runner func(ctx context.Context, args []string) error

// env is what a verb may touch of the process.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// verbs lists the sub-commands in the order of the help text.
func verbs() []*verb {
	return []*verb{scanVerb, simulateVerb, athenaVerb, explainVerb, causesVerb, permissionsVerb, stateVerb, versionVerb, completionVerb, manVerb}
}

// Main runs the command line and returns the exit status.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := run(ctx, args, &env{stdin, stdout, stderr})
	var f *failure
	if err != nil && ctx.Err() != nil && !errors.As(err, &f) {
		err = &failure{code: ExitInterrupted, err: errors.New("interrupted")}
	}
	return finish(stderr, err)
}

func run(ctx context.Context, args []string, e *env) error {
	if len(args) == 0 {
		topHelp(e.stderr)
		return &failure{code: ExitUsage, err: errors.New("no verb given"), hints: []string{sampleHint()}}
	}
	switch args[0] {
	case "-h", "--help", "help":
		if len(args) > 1 {
			v, err := find(args[1])
			if err != nil {
				return err
			}
			verbHelp(e.stdout, v, newFlags(v, e))
			return nil
		}
		topHelp(e.stdout)
		return nil
	case "-V", "--version":
		args = []string{"version"}
	}
	v, err := find(args[0])
	if err != nil {
		return err
	}
	fs := newFlags(v, e)
	do := v.define(e, fs)
	if err := fs.Parse(args[1:]); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			verbHelp(e.stdout, v, fs)
			return nil
		}
		return flagError(v, fs, err)
	}
	return do(ctx, fs.Args())
}

// sampleHint is the command that shows the sample's report: below this directory, as
// in a clone or a release's archive, or where the packages put it.
func sampleHint() string {
	const dir, command = "samples/site", "why403 scan --snapshot samples/site/snapshot samples/site/logs"
	const installed = "/usr/share/doc/why403/"
	switch {
	case exists(dir):
		return "to see a report without an account: " + command
	case exists(installed + dir):
		return "to see a report without an account: cd " + installed + " && " + command
	}
	return "to see a report without an account, in a clone of https://github.com/why403/why403: " + command
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func newFlags(v *verb, e *env) *pflag.FlagSet {
	fs := pflag.NewFlagSet(v.name, pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.SortFlags = false
	return fs
}

func find(name string) (*verb, error) {
	for _, v := range verbs() {
		if v.name == name {
			return v, nil
		}
	}
	if exists(name) || strings.HasPrefix(name, "s3://") || strings.HasPrefix(name, "-") {
		return nil, usage("why403 scan "+name, "%q is not a verb", name)
	}
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	if near := nearest(name, names); near != "" {
		return nil, usage("did you mean: why403 "+near, "%q is not a verb", name)
	}
	return nil, usage("why403 --help lists the verbs", "%q is not a verb", name)
}

// flagError says which flag is wrong, and the nearest right one.
func flagError(v *verb, fs *pflag.FlagSet, err error) error {
	hint := "why403 " + v.name + " --help lists the flags"
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := nearest(unknown.GetSpecifiedName(), names); near != "" {
			hint = "did you mean: --" + near
		}
		return usage(hint, "%s: unknown flag --%s", v.name, unknown.GetSpecifiedName())
	}
	return usage(hint, "%s: %w", v.name, err)
}

// nearest returns the name within a small edit distance of s, "" if there is none.
func nearest(s string, names []string) string {
	best, at := "", min(max(2, len(s)/3), len(s)-1)+1
	for _, n := range names {
		if d := distance(s, n); d < at {
			best, at = n, d
		}
	}
	return best
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diag, row[j] = row[j], min(row[j]+1, row[j-1]+1, diag+cost)
		}
	}
	return row[len(b)]
}
