package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/why403/why403/internal/athena"
	"github.com/why403/why403/internal/scan"
)

var athenaVerb = &verb{
	name:  "athena",
	args:  "ddl|setup|queries LOCATION…",
	short: "make the tables that scan --engine athena reads",
	long: `
ddl prints the statements that make a database and the tables for the logs at
hand; setup makes the same through Glue, and leaves alone what is there, but lets a
table that it made reach further where a distribution is new; queries prints what
scan --engine athena runs on them. Tables of dated folders have those of the years
2018 to 2049, whenever they are made: nothing expires, no partition is ever added.

LOCATION is s3://bucket/prefix. Without one, the logs of --distribution or
--all-distributions are found by themselves. The logs are listed, and of each
place the head of one object is read to know its format and fields; --since
shortens the listing. samples/athena holds queries to begin with.`,
	examples: []string{
		"why403 athena ddl s3://logs/cf/ s3://logs/s3/\tprint the statements for these logs",
		"why403 athena setup --distribution E2EXAMPLE1ABCD\tmake the tables for a distribution's logs",
		"why403 athena queries s3://logs/cf/ --since 24h\tsee what Athena would be asked",
	},
	define: func(e *env, fs *pflag.FlagSet) runner {
		o := scan.Options{Version: version()}
		var since, until string
		fs.StringSliceVar(&o.Distributions, "distribution", nil, "distribution `ID` (repeatable); without a LOCATION its logs are found by itself")
		fs.BoolVar(&o.AllDistributions, "all-distributions", false, "the same for every distribution of the account")
		fs.StringVar(&since, "since", "", "look at log objects from this `TIME` on only")
		fs.StringVar(&until, "until", "", "look at log objects before this `TIME` only")
		fs.StringVar(&o.Snapshot, "snapshot", "", "take settings from this `DIR`, not from AWS")
		layoutFlags(fs, &o)
		query := athenaFlags(fs)
		aws := awsFlags(fs)
		return func(ctx context.Context, args []string) error {
			const how = "why403 athena ddl|setup|queries s3://BUCKET/PREFIX"
			if len(args) == 0 {
				return usage(how, "athena: ddl, setup or queries?")
			}
			what, locations := args[0], args[1:]
			if what != "ddl" && what != "setup" && what != "queries" {
				return usage(how, "athena: %q is neither ddl, setup nor queries", what)
			}
			if len(locations) == 0 && len(o.Distributions) == 0 && !o.AllDistributions {
				return usage("why403 athena "+what+" s3://BUCKET/PREFIX, or why403 athena "+what+" --distribution ID", "athena %s: no LOCATION and no --distribution", what)
			}
			if err := inS3("athena "+what, locations); err != nil {
				return err
			}
			if err := cmp.Or(named("athena "+what, fs, "distribution"), query.usable("athena "+what), layoutUsable("athena "+what, &o)); err != nil {
				return err
			}
			now := time.Now().UTC()
			var err error
			if o.Window.From, err = instant(since, now); err != nil {
				return usage("--since 24h, --since 2026-11-20, --since 2026-11-20T06:00:00Z", "athena %s: --since: %w", what, err)
			}
			if o.Window.To, err = instant(until, now); err != nil {
				return usage("--until 24h, --until 2026-11-20, --until 2026-11-20T06:00:00Z", "athena %s: --until: %w", what, err)
			}
			o.Locations, o.AWS, o.Athena = locations, *aws, &query.Options
			o.Log = slog.New(slog.DiscardHandler)
			o.Tell = func(line string) { fmt.Fprintf(e.stderr, "why403: %s\n", oneLine(line)) }
			switch what {
			case "ddl":
				return scan.AthenaDDL(ctx, e.stdout, o)
			case "queries":
				return scan.AthenaQueries(ctx, e.stdout, o)
			}
			made, widened, err := scan.AthenaSetup(ctx, o)
			for _, m := range made {
				fmt.Fprintf(e.stdout, "made %s\n", m)
			}
			for _, w := range widened {
				fmt.Fprintf(e.stdout, "widened %s\n", w)
			}
			if err == nil && len(made)+len(widened) == 0 {
				fmt.Fprintln(e.stdout, "all tables are there")
			}
			return err
		}
	},
}

// athenaQuery is what the flags say of Athena.
type athenaQuery struct{ athena.Options }

// athenaFlags are the flags of every verb that reaches Athena.
func athenaFlags(fs *pflag.FlagSet) *athenaQuery {
	q := new(athenaQuery)
	fs.StringVar(&q.Database, "athena-database", athena.DefaultDatabase, "database `NAME` of the tables that why403 athena setup makes")
	return q
}

func (q *athenaQuery) usable(verb string) error {
	switch {
	case q.Output != "" && !strings.HasPrefix(q.Output, "s3://"):
		return usage("--athena-output s3://BUCKET/PREFIX/", "%s: --athena-output %s is not in S3", verb, q.Output)
	case q.MaxScanBytes < 0 || q.MaxServed < 0 || q.Timeout < 0:
		return usage("give numbers above 0, or leave the flag out", "%s: --max-scan-bytes, --max-served and --athena-timeout can't be negative", verb)
	}
	return nil
}

// inS3 refuses locations that Athena can't read.
func inS3(verb string, locations []string) error {
	for _, l := range locations {
		if !strings.HasPrefix(l, "s3://") {
			return usage("give s3://BUCKET/PREFIX, or use why403 scan --engine local", "%s: %s: Athena reads logs in S3 alone", verb, l)
		}
	}
	return nil
}
