package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/redact"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/scan"
	"github.com/why403/why403/logs"
)

var scanVerb = &verb{
	name:  "scan",
	args:  "LOCATION…",
	short: "read logs, find the failing keys, name the causes",
	long: `
A LOCATION is s3://bucket/prefix, a directory, a file, or - for standard input.
CloudFront, S3 server access and WAF logs may lie together; each object's format
is recognised by its content.

Without a LOCATION, the logs of --distribution or --all-distributions are found
by themselves: standard logs (legacy and v2) and the server access logs of the
buckets behind the origins. What is switched off is said, with the command that
switches it on.

--since and --until bound the time of the requests: a duration before now (24h,
7d), a date (2026-11-20) or an RFC 3339 time; UTC.

With --state a run reads the log objects that no earlier run has read, and says
of each key whether it is new, still failing, fixed or quiet. --since then bounds
the first run; later ones go on where the last one left off (docs/nightly.md).`,
	examples: []string{
		"why403 scan --snapshot samples/site/snapshot samples/site/logs\tthe sample report; needs no account",
		"why403 scan --distribution E2EXAMPLE1ABCD\tthe last day of a distribution; its logs and buckets are found by itself",
		"why403 scan s3://logs/cf/ s3://logs/s3/ --since 24h\tthe last day of these prefixes",
		"why403 scan ./logs --out report.html --out keys.csv\ta directory of logs; three reports in one run",
		"why403 scan s3://logs/ --record facts/\tkeep what AWS answered, to judge it elsewhere",
		"why403 scan s3://logs/ --state s3://ops/why403/ --quiet --out s3://ops/why403/report.html --notify arn:aws:sns:eu-central-1:111122223333:why403\ta nightly run",
	},
	define: defineScan,
}

// awsFlags are the flags that reach AWS, the same for each verb that does.
func awsFlags(fs *pflag.FlagSet) *awsx.Config {
	o := &awsx.Config{Version: version()}
	fs.StringVar(&o.Profile, "profile", "", "profile `NAME` of the AWS configuration")
	fs.StringVar(&o.Region, "region", "", "AWS `REGION` where none is known otherwise")
	fs.StringVar(&o.EndpointURL, "endpoint-url", "", "S3 endpoint `URL` of an S3-compatible store")
	fs.BoolVar(&o.RequestPayer, "request-payer", false, "pay for reading a Requester Pays log bucket")
	return o
}

func defineScan(e *env, fs *pflag.FlagSet) runner {
	o := scan.Options{Version: version()}
	var (
		since, until string
		output       string
		outs         []string
		failOn       string
		redaction    string
		quiet        bool
		noColor      bool
		verbose      int
		logFormat    string
		engine       string
		memory       string
		force        bool
		notify       []string
	)
	fs.StringSliceVar(&o.Distributions, "distribution", nil, "distribution `ID` (repeatable); without a LOCATION its logs are found by itself")
	fs.BoolVar(&o.AllDistributions, "all-distributions", false, "the same for every distribution of the account")
	fs.StringVar(&since, "since", "", "only requests from this `TIME` on (without a LOCATION: 24h)")
	fs.StringVar(&until, "until", "", "only requests before this `TIME`")
	fs.StringVar(&o.Snapshot, "snapshot", "", "answer every check from this `DIR`, call no AWS")
	fs.StringArrayVar(&o.Inventories, "inventory", nil, "S3 Inventory at `LOCATION` that stands in for listing its bucket: a manifest.json or the folder of a configuration, on disk or s3:// (repeatable)")
	fs.StringVar(&o.Record, "record", "", "write what AWS answered as a snapshot to this `DIR`")
	fs.StringVar(&output, "output", "text", "report on standard output, a `FORMAT`: "+strings.Join(report.Formats(), ", "))
	fs.StringArrayVar(&outs, "out", nil, "write a report to this `FILE` or s3:// object (repeatable; type from the suffix; {date} is today, UTC)")
	fs.StringVar(&memory, "state", "", "nightly memory at `LOCATION`, a directory or s3://bucket/prefix; reads what is new, says what changed")
	fs.BoolVar(&force, "state-unconditional", false, "use a --state store that ignores conditional writes: no two runs may meet")
	fs.StringArrayVar(&notify, "notify", nil, "with --state: SNS topic `ARN` or https webhook that gets the summary when keys are new or fixed (repeatable)")
	fs.StringVar(&failOn, "fail-on", "never", "exit with 1 on findings, `WHICH`: never, new (with --state), any")
	fs.IntVar(&o.MaxKeys, "max-keys", 200, "`N` keys get object-level checks, worst first")
	limit := byteSize(512 << 20)
	fs.Var(&limit, "memory", "memory for failing lines and keys; what is more goes to temporary files (TMPDIR)")
	fs.IntVar(&o.AWS.MaxCalls, "max-api-calls", 2000, "at most `N` AWS API calls for the checks")
	fs.IntVar(&o.Concurrency, "concurrency", 0, "`N` log objects read side by side (0: chosen by the source)")
	layoutFlags(fs, &o)
	fs.StringVar(&redaction, "redact", "default", "what is masked in reports, `LEVEL`: strict, default, off (viewer addresses only)")
	fs.StringVar(&engine, "engine", "local", "`NAME` of what reads the logs: local, or athena (docs/scale.md)")
	query := athenaFlags(fs)
	fs.StringVar(&query.Workgroup, "athena-workgroup", "", "Athena's workgroup `NAME` (default: primary)")
	fs.StringVar(&query.Output, "athena-output", "", "s3:// `LOCATION` for query results (default: the workgroup's)")
	fs.Int64Var(&query.MaxScanBytes, "max-scan-bytes", 0, "`BYTES` that all queries of --engine athena may scan together (0: any)")
	fs.IntVar(&query.MaxServed, "max-served", 0, "`N` served keys come back from Athena for each place of logs; of more, a sample (0: a million)")
	fs.DurationVar(&query.Timeout, "athena-timeout", 0, "limit for one query of Athena (0: none but Athena's own)")
	aws := awsFlags(fs)
	fs.BoolVar(&quiet, "quiet", false, "no progress, no report on standard output unless --output is given")
	fs.BoolVar(&noColor, "no-color", false, "no colour (also: NO_COLOR)")
	fs.StringVar(&logFormat, "log-format", "text", "log lines on standard error, a `FORMAT`: text or json")
	fs.CountVarP(&verbose, "verbose", "v", "say more on standard error (-vv: each AWS call)")

	return func(ctx context.Context, args []string) error {
		o.Locations = args
		if slices.Contains(args, "") {
			return usage("a location is s3://bucket/prefix, a directory, a file, or -", "scan: a LOCATION is empty")
		}
		if err := named("scan", fs, "distribution"); err != nil {
			return err
		}
		if len(args) == 0 && len(o.Distributions) == 0 && !o.AllDistributions {
			return usage("why403 scan s3://BUCKET/PREFIX, or why403 scan --distribution ID", "scan: no LOCATION and no --distribution")
		}
		now := time.Now().UTC()
		var err error
		if o.Window.From, err = instant(since, now); err != nil {
			return usage("--since 24h, --since 2026-11-20, --since 2026-11-20T06:00:00Z", "scan: --since: %w", err)
		}
		if o.Window.To, err = instant(until, now); err != nil {
			return usage("--until 24h, --until 2026-11-20, --until 2026-11-20T06:00:00Z", "scan: --until: %w", err)
		}
		if len(args) == 0 && since == "" {
			o.Window.From = now.AddDate(0, 0, -1)
			if !o.Window.To.IsZero() {
				o.Window.From = o.Window.To.AddDate(0, 0, -1)
			}
		}
		if w := o.Window; !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
			return usage("--since must lie before --until", "scan: the window %s to %s is empty", w.From.Format(time.RFC3339), w.To.Format(time.RFC3339))
		}
		if err := layoutUsable("scan", &o); err != nil {
			return err
		}
		if o.Concurrency < 0 || o.Concurrency > maxConcurrency {
			return usage("leave the flag out: the source chooses", "scan: --concurrency %d is not between 0 and %d", o.Concurrency, maxConcurrency)
		}
		if o.MaxKeys < 0 || o.AWS.MaxCalls < 0 {
			return usage("give numbers from 0 on, or leave the flag out", "scan: --max-keys and --max-api-calls can't be negative")
		}
		if logFormat != "text" && logFormat != "json" {
			return usage("--log-format text or json", "scan: --log-format %q", logFormat)
		}
		if !report.IsFormat(output) {
			return usage("one of "+strings.Join(report.Formats(), ", "), "scan: --output %q is no report format", output)
		}
		for i, out := range outs {
			outs[i] = strings.ReplaceAll(out, "{date}", now.Format(time.DateOnly))
			if f := strings.TrimPrefix(path.Ext(out), "."); !report.IsSuffix(f) {
				return usage("the suffix chooses the type: .json .html .md .csv .parquet .txt", "scan: --out %s: no report type %q", out, f)
			}
		}
		if o.Redact, err = redact.ParseLevel(redaction); err != nil {
			return usage("--redact strict, default or off", "scan: %w", err)
		}
		if failOn != "never" && failOn != "new" && failOn != "any" {
			return usage("--fail-on never, new or any", "scan: --fail-on %q", failOn)
		}
		if memory == "" && (failOn == "new" || len(notify) > 0 || force) {
			return usage("--state DIR, or --state s3://BUCKET/PREFIX", "scan: --fail-on new, --notify and --state-unconditional need --state: without a memory nothing is known to be new")
		}
		if memory != "" && slices.Contains(args, "-") {
			return usage("give the logs as a directory or s3://bucket/prefix", "scan: --state can't remember what was read from standard input")
		}
		for _, n := range notify {
			if !scan.IsNotify(n) {
				return usage("--notify arn:aws:sns:REGION:ACCOUNT:TOPIC, or --notify https://…", "scan: --notify: neither the ARN of an SNS topic nor an https URL")
			}
		}
		switch {
		case engine != "local" && engine != "athena":
			return usage("--engine local, or --engine athena", "scan: there is no --engine %q", engine)
		case engine == "athena":
			if err := query.usable("scan"); err != nil {
				return err
			}
			if memory != "" {
				return usage("--since 24h with --engine athena, or --engine local with --state", "scan: --engine athena and --state exclude each other: Athena does not tell which log objects it has read")
			}
			if err := inS3("scan", args); err != nil {
				return err
			}
			o.Athena = &query.Options
		default:
			for _, f := range []string{"athena-workgroup", "athena-output", "athena-database", "athena-timeout", "max-scan-bytes", "max-served"} {
				if fs.Changed(f) {
					return usage("--engine athena", "scan: --%s is for --engine athena", f)
				}
			}
		}
		if o.Snapshot != "" && o.Record != "" {
			return usage("give one of the two", "scan: --snapshot and --record exclude each other")
		}
		maxCalls := o.AWS.MaxCalls
		o.AWS = *aws
		o.AWS.MaxCalls = maxCalls
		o.Log = newLogger(e, verbose, quiet, logFormat)
		o.AWS.Log = o.Log
		o.Stdin = e.stdin
		o.Tell = func(line string) { fmt.Fprintf(e.stderr, "why403: %s\n", oneLine(line)) }
		if quiet || logFormat == "json" {
			o.Tell = func(line string) { o.Log.Info(strings.TrimSpace(line)) }
		}

		if memory != "" {
			m, err := scan.OpenMemory(ctx, memory, o, scan.MemoryOptions{Unconditional: force})
			if err != nil {
				return err
			}
			defer func() {
				ctx, done := after(ctx)
				defer done()
				if err := m.Close(ctx); err != nil {
					o.Log.Warn(err.Error())
				}
			}()
			o.Memory = m
		}
		o.MemoryLimit = int64(limit)
		defer easeCollector(o.MemoryLimit)()
		if os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(max(o.MemoryLimit, 256<<20)) // less would leave the collector no rest
		}
		o.Progress = new(logs.Progress)
		told := func() {}
		if !quiet {
			told = showProgress(e, o.Progress, newLogger(e, max(verbose, 1), false, logFormat))
		}
		rep, err := scan.Run(ctx, o)
		told()
		if rep == nil {
			return err
		}
		defer rep.Close()
		if !quiet || fs.Changed("output") {
			ro := report.Options{Width: width(e), Color: color(e, noColor)}
			if err := report.Render(e.stdout, output, rep, ro); err != nil {
				return &failure{code: ExitNothingRead, err: fmt.Errorf("standard output: %w", err)}
			}
		}
		interrupted := errors.Is(err, context.Canceled)
		ctx, done := after(ctx)
		defer done()
		if err := scan.WriteAll(ctx, o, rep, outs); err != nil {
			return err
		}
		if interrupted { // nothing is news, and the next run reads it all again
			return outcome(rep, err, failOn)
		}
		for _, n := range notify {
			if err := scan.Notify(ctx, o, rep, n); err != nil {
				rep.Run.Incomplete = append(rep.Run.Incomplete, err.Error())
			}
		}
		if o.Memory != nil {
			if err := o.Memory.Commit(ctx); err != nil {
				return err
			}
		} else if in := rep.Inputs; err == nil && in.Records == 0 && in.Rejected == 0 && in.Skipped > 0 && !quiet {
			o.Tell("no request of these logs lies in the window: widen --since and --until; S3 and CloudFront deliver logs hours late")
		}
		return outcome(rep, err, failOn)
	}
}

// maxConcurrency is more than any machine or store has use for; each object that
// is read side by side takes memory.
const maxConcurrency = 1024

// layoutFlags are the flags of every verb that reads logs that say how these are
// laid out.
func layoutFlags(fs *pflag.FlagSet, o *scan.Options) {
	fs.StringVar(&o.Format, "format", "", "`FORMAT` of every log object (default: recognised by content)")
	fs.StringSliceVar(&o.Fields, "fields", nil, "`FIELDS` of logs without a header (plain, raw, real-time)")
	fs.StringVar(&o.Delimiter, "delimiter", "", "field delimiter `TEXT` of plain and raw logs (default TAB)")
}

// layoutUsable refuses a format that does not exist and takes the fields and the
// delimiter as users write them: "a,b" or "a b", and \t.
func layoutUsable(verb string, o *scan.Options) error {
	var names []string
	for _, f := range logs.Formats() {
		names = append(names, f.Name)
	}
	if o.Format != "" && !slices.Contains(names, o.Format) {
		return usage("one of "+strings.Join(names, ", "), "%s: --format %q is no log format", verb, o.Format)
	}
	o.Fields = strings.Fields(strings.Join(o.Fields, " "))
	if o.Delimiter == `\t` {
		o.Delimiter = "\t"
	}
	return nil
}

// named refuses a flag that is given without any name, as an unset variable of a
// shell does: it would mean all of them.
func named(verb string, fs *pflag.FlagSet, flags ...string) error {
	for _, f := range flags {
		if names, err := fs.GetStringSlice(f); err == nil && fs.Changed(f) && (len(names) == 0 || slices.Contains(names, "")) {
			return usage("give a name, or leave the flag out", "%s: --%s is empty", verb, f)
		}
	}
	return nil
}

// after returns a context for what is to be done at the end of a run, also of one
// that was interrupted: then it has ten seconds.
func after(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

// outcome turns a finished report into the exit status.
func outcome(rep *report.Report, err error, failOn string) error {
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{code: ExitInterrupted, err: errors.New("interrupted: the report covers what was read until then")}
	case err != nil:
		return err
	case rep.Inputs != nil && rep.Inputs.Records == 0 && rep.Inputs.Rejected > 0:
		return &failure{code: ExitNothingRead, err: fmt.Errorf("none of %d lines is understood, so that nothing is known of refusals", rep.Inputs.Lines),
			hints: []string{"give the logs of CloudFront or S3 themselves (docs/logs.md), or their --format and --fields"}}
	case len(rep.Run.Incomplete) > 0:
		return &failure{code: ExitIncomplete, err: fmt.Errorf("incomplete: %s", strings.Join(rep.Run.Incomplete, "; ")), hints: rep.Run.Hints}
	case failOn == "any" && rep.Findings() > 0, failOn == "new" && rep.NewFindings() > 0:
		return &failure{code: ExitFindings}
	}
	return nil
}

// instant reads a time as users give it: "" (open), a duration before now, a
// date, or RFC 3339.
func instant(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	d := s
	if n, ok := strings.CutSuffix(s, "d"); ok {
		var days float64
		if _, err := fmt.Sscanf(n, "%g", &days); err == nil {
			d = fmt.Sprintf("%gh", days*24)
		}
	}
	if dur, err := time.ParseDuration(d); err == nil && dur >= 0 {
		return now.Add(-dur), nil
	}
	return time.Time{}, fmt.Errorf("%q is no duration, date or time", s)
}

func newLogger(e *env, verbose int, quiet bool, format string) *slog.Logger {
	level := slog.LevelWarn
	switch {
	case quiet:
		level = slog.LevelError
	case verbose == 1:
		level = slog.LevelInfo
	case verbose > 1:
		level = slog.LevelDebug
	}
	ho := &slog.HandlerOptions{Level: level, ReplaceAttr: maskAttr}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(e.stderr, ho))
	}
	return slog.New(slog.NewTextHandler(e.stderr, ho))
}

// maskAttr keeps secrets out of log lines, for errors of libraries quote URLs, and
// what acts on a terminal: JSON lets some of it stand.
func maskAttr(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(said(v))
	case error:
		a.Value = slog.StringValue(said(v.Error()))
	}
	return a
}

// terminal returns standard output's descriptor if it is a terminal.
func terminal(e *env) (int, bool) {
	f, ok := e.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

func width(e *env) int {
	if fd, ok := terminal(e); ok {
		if w, _, err := term.GetSize(fd); err == nil && w > 0 {
			return w
		}
	}
	var w int
	if _, err := fmt.Sscanf(os.Getenv("COLUMNS"), "%d", &w); err == nil && w >= 40 {
		return w
	}
	return 100
}

func color(e *env, off bool) bool {
	_, tty := terminal(e)
	return tty && !off && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
