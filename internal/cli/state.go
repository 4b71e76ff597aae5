package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/pflag"

	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/scan"
	"github.com/why403/why403/internal/state"
)

var stateVerb = &verb{
	name:  "state",
	args:  "show|prune LOCATION",
	short: "look at the memory of nightly runs, or shorten it",
	long: `
A LOCATION is the directory or s3://bucket/prefix that scan --state writes to.

show prints the runs, the days' totals and the failing keys that are remembered.
prune forgets days before --before, and keys that failed last before it. Log
objects stay remembered for as long as they can be listed again.`,
	examples: []string{
		"why403 state show s3://ops/why403/\twhat the nights know",
		"why403 state show ./state --output json\tthe same for a script",
		"why403 state prune ./state --before 2026-09-01\tforget what is older",
	},
	define: func(e *env, fs *pflag.FlagSet) runner {
		output := fs.String("output", "text", "`FORMAT` of show: text or json")
		before := fs.String("before", "", "prune: forget what is older than this `TIME`: a date, a time or a duration (90d)")
		unconditional := fs.Bool("state-unconditional", false, "prune: use a store that ignores conditional writes")
		aws := awsFlags(fs)
		return func(ctx context.Context, args []string) error {
			if len(args) != 2 || args[0] != "show" && args[0] != "prune" {
				return usage("why403 state show LOCATION, or why403 state prune LOCATION --before 90d", "state: show or prune, and one LOCATION")
			}
			o := scan.Options{AWS: *aws, Version: version()}
			if args[0] == "show" {
				if *output != "text" && *output != "json" {
					return usage("--output text or json", "state: --output %q", *output)
				}
				st, err := scan.ReadMemory(ctx, args[1], o.AWS)
				if err != nil {
					return err
				}
				if *output == "json" {
					return showStateJSON(e, st)
				}
				return showState(e, args[1], st)
			}
			t, err := instant(*before, time.Now().UTC())
			if err != nil || t.IsZero() {
				return usage("why403 state prune "+args[1]+" --before 90d", "state: prune wants --before and a date, a time or a duration")
			}
			m, err := scan.OpenMemory(ctx, args[1], o, scan.MemoryOptions{Unconditional: *unconditional})
			if err != nil {
				return err
			}
			err = m.Forget(ctx, t)
			return errors.Join(err, m.Close(ctx))
		}
	},
}

// stateJSON is the output of state show --output json.
type stateJSON struct {
	Runs      []state.Run    `json:"runs"`
	Days      []report.Day   `json:"days"`
	Findings  []findingJSON  `json:"findings"`
	Statuses  map[string]int `json:"statuses"`
	Objects   int            `json:"objects"`     // log objects remembered
	RequestID int            `json:"request_ids"` // of 403s
	Version   int            `json:"schema_version"`
}

type findingJSON struct {
	state.FindingID
	URIs      []string   `json:"uris,omitempty"`
	Verdict   string     `json:"verdict"`
	Status    string     `json:"status"`
	FirstSeen time.Time  `json:"first_seen"`
	LastSeen  time.Time  `json:"last_seen"`
	LastOK    *time.Time `json:"last_success,omitempty"`
}

func stateValue(st *state.State) *stateJSON {
	v := &stateJSON{Runs: st.Runs(), Days: []report.Day{}, Findings: []findingJSON{}, Version: state.SchemaVersion,
		Statuses: map[string]int{state.New: 0, state.Still: 0, state.Fixed: 0, state.Quiet: 0}}
	if v.Runs == nil {
		v.Runs = []state.Run{}
	}
	v.Objects, v.RequestID, _ = st.Size()
	for _, d := range st.Days() {
		v.Days = append(v.Days, report.Day{Day: d.Day, Requests: d.Requests, CloudFront: d.CloudFront, S3: d.S3, Direct: d.Direct, Causes: d.Causes})
	}
	for _, f := range st.Findings() {
		j := findingJSON{FindingID: f.FindingID, URIs: f.URIs, Verdict: f.Verdict, Status: f.Status, FirstSeen: f.First, LastSeen: f.Last}
		if !f.LastOK.IsZero() {
			j.LastOK = &f.LastOK
		}
		v.Findings = append(v.Findings, j)
		v.Statuses[f.Status]++
	}
	return v
}

func showStateJSON(e *env, st *state.State) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(stateValue(st))
}

// Rows of a table that state show prints, the latest days and the first keys.
const (
	shownDays     = 30
	shownFindings = 50
)

func showState(e *env, location string, st *state.State) error {
	v := stateValue(st)
	if len(v.Runs) == 0 {
		_, err := fmt.Fprintf(e.stdout, "%s: no run is remembered.\n", location)
		return err
	}
	last := v.Runs[len(v.Runs)-1]
	fmt.Fprintf(e.stdout, "%d runs, the last on %s: %d log objects read%s.\n", len(v.Runs), last.Started.Format("2006-01-02 15:04 UTC"), last.Objects, incomplete(last))
	fmt.Fprintf(e.stdout, "Remembered: %d log objects, %d request ids, %d failing keys (%d new, %d still failing, %d fixed, %d quiet).\n",
		v.Objects, v.RequestID, len(v.Findings), v.Statuses[state.New], v.Statuses[state.Still], v.Statuses[state.Fixed], v.Statuses[state.Quiet])

	days := v.Days[max(0, len(v.Days)-shownDays):]
	t := stateTable(table.Row{"day (UTC)", "requests", "403 CloudFront", "403 S3", "403 direct"}, 2, 3, 4, 5)
	for _, d := range days {
		t.AppendRow(table.Row{d.Day, d.Requests, d.CloudFront, d.S3, d.Direct})
	}
	fmt.Fprintf(e.stdout, "\n%s\n", t.Render())

	t = stateTable(table.Row{"status", "last seen (UTC)", "verdict", "key"})
	for _, f := range v.Findings[:min(len(v.Findings), shownFindings)] {
		key := f.Key
		if f.Bucket != "" {
			key = f.Bucket + "/" + key
		}
		t.AppendRow(table.Row{f.Status, f.LastSeen.Format("2006-01-02 15:04"), f.Verdict, oneLine(key)})
	}
	_, err := fmt.Fprintf(e.stdout, "\n%s\n", t.Render())
	if n := len(v.Findings) - shownFindings; n > 0 {
		_, err = fmt.Fprintf(e.stdout, "and %d more (--output json lists all)\n", n)
	}
	return err
}

func incomplete(r state.Run) string {
	if r.Incomplete {
		return ", incomplete"
	}
	return ""
}

// stateTable makes a table without lines; the numbered columns are aligned to the right.
func stateTable(head table.Row, right ...int) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.AppendHeader(head)
	var columns []table.ColumnConfig
	for _, n := range right {
		columns = append(columns, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t
}
