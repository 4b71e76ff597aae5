package athena

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
)

// A group is places that one query reads, whose lines are taken apart alike: it
// is the first of them in all that concerns a line.
type group struct {
	*place
	places []*place
}

// String names the places.
func (g *group) String() string {
	if n := len(g.places) - 1; n > 0 {
		return fmt.Sprintf("%s and %d more", g.Location, n)
	}
	return g.Location
}

// bytes is what a query of the group scans at least. Parquet is read by column:
// of it, nothing is known.
func (p *place) bytes() int64 {
	if p.form == formParquet {
		return 0
	}
	return p.Bytes
}

func (g *group) bytes() (n int64) {
	for _, p := range g.places {
		n += p.bytes()
	}
	return n
}

// Bounds of one query: Athena takes 262,144 bytes of SQL, and Trino 150 stages,
// of which each table is one (Athena guide, Service Quotas; Trino,
// query.max-stage-count).
const (
	maxTables = 50
	maxSQL    = 128 << 10 // of what is read, beside 16 KiB for the rest
)

// groups puts the places together that are read alike, in the order of the first
// of each. No group is known to scan more than the workgroup allows.
func (e *engine) groups(places []*place) []*group {
	var out []*group
	last := map[string]*group{}
	sql := map[*group]int{}
	for _, p := range places {
		key := fmt.Sprint(p.Format, p.Delimiter, p.fields)
		g, n := last[key], len(e.branch(p))
		if g == nil || len(g.places) == maxTables || sql[g]+n > maxSQL || e.cutoff > 0 && g.bytes()+p.bytes() > e.cutoff {
			g = &group{place: p}
			last[key] = g
			out = append(out, g)
		}
		g.places = append(g.places, p)
		sql[g] += n
	}
	return out
}

func placesOf(all []Logs) ([]*place, error) {
	var out []*place
	for i := range all {
		p, err := all[i].place()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// plan makes sure, before anything costs, that the queries can run, and says how
// many there will be.
func (e *engine) plan(ctx context.Context, all []Logs) ([]*group, error) {
	places, err := placesOf(all)
	if err != nil {
		return nil, err
	}
	if err := e.workgroup(ctx); err != nil {
		return nil, e.ended(ctx, "", err)
	}
	if e.o.Catalog != nil {
		if err := check(ctx, e.o.Catalog, e.o.Database, places); err != nil {
			return nil, e.ended(ctx, "", err)
		}
	}
	groups := e.groups(places)
	var known int64
	for _, g := range groups {
		n := g.bytes()
		known += n
		if e.cutoff > 0 && n > e.cutoff {
			return nil, &Error{
				What: fmt.Sprintf("athena: the logs in %s hold %d bytes, and the workgroup %s lets a query scan %d: nothing was scanned", g, n, e.workgroupName(), e.cutoff),
				Todo: "narrow --since and --until, or raise the workgroup's limit", Err: ErrTooMuch,
			}
		}
	}
	if e.o.MaxScanBytes > 0 && known > e.o.MaxScanBytes {
		return nil, &Error{
			What: fmt.Sprintf("athena: the logs hold %d bytes, more than the limit of %d: nothing was scanned", known, e.o.MaxScanBytes),
			Todo: "narrow --since and --until, or raise --max-scan-bytes", Err: ErrTooMuch,
		}
	}
	if e.o.Tell != nil {
		e.o.Tell(fmt.Sprintf("athena: %s of %s of logs, each scanned once, and once more where something was refused; %d bytes are known to lie there",
			count(len(groups), "query", "queries"), count(len(places), "place", "places"), known))
	}
	return groups, nil
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func (e *engine) workgroupName() string { return cmp.Or(e.o.Workgroup, "primary") }

// workgroup asks what the workgroup is set to. A caller that may not ask is told
// by the queries.
func (e *engine) workgroup(ctx context.Context) error {
	name := e.workgroupName()
	out, err := e.api.GetWorkGroup(ctx, &athena.GetWorkGroupInput{WorkGroup: &name})
	if isDenied(err) {
		e.o.Log.Info("athena workgroup is not known", "error", callError("athena:GetWorkGroup", err))
		return nil
	}
	if err != nil {
		return callError("athena:GetWorkGroup", err)
	}
	w := out.WorkGroup
	if w == nil {
		return nil
	}
	const others = "aws athena list-work-groups shows those that there are; name one with --athena-workgroup"
	if w.State == types.WorkGroupStateDisabled {
		return &Error{What: fmt.Sprintf("athena: the workgroup %s is disabled", name), Todo: others}
	}
	c := w.Configuration
	if c == nil {
		return nil
	}
	if v := c.EngineVersion; v != nil && strings.Contains(aws.ToString(v.EffectiveEngineVersion), "Spark") {
		return &Error{What: fmt.Sprintf("athena: the workgroup %s runs Apache Spark, not SQL", name), Todo: others}
	}
	e.cutoff = aws.ToInt64(c.BytesScannedCutoffPerQuery)
	own := c.ResultConfiguration != nil && aws.ToString(c.ResultConfiguration.OutputLocation) != "" ||
		c.ManagedQueryResultsConfiguration != nil && c.ManagedQueryResultsConfiguration.Enabled
	switch {
	case !own && e.o.Output == "":
		return noOutput(nil)
	case own && e.o.Output != "" && aws.ToBool(c.EnforceWorkGroupConfiguration):
		e.o.Log.Warn("--athena-output has no effect: the workgroup " + name + " says itself where results go")
		e.o.Output = ""
	}
	return nil
}

func noOutput(err error) error {
	return &Error{What: "athena: the workgroup has no output location for query results", Todo: "give one with --athena-output s3://bucket/prefix/", Err: err}
}
