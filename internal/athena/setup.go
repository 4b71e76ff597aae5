package athena

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"
)

// Catalog is the part of Glue that this package calls.
type Catalog interface {
	GetDatabase(context.Context, *glue.GetDatabaseInput, ...func(*glue.Options)) (*glue.GetDatabaseOutput, error)
	CreateDatabase(context.Context, *glue.CreateDatabaseInput, ...func(*glue.Options)) (*glue.CreateDatabaseOutput, error)
	GetTable(context.Context, *glue.GetTableInput, ...func(*glue.Options)) (*glue.GetTableOutput, error)
	CreateTable(context.Context, *glue.CreateTableInput, ...func(*glue.Options)) (*glue.CreateTableOutput, error)
	UpdateTable(context.Context, *glue.UpdateTableInput, ...func(*glue.Options)) (*glue.UpdateTableOutput, error)
}

var _ Catalog = (*glue.Client)(nil)

// madeBy marks what Setup made.
const madeBy = "why403"

// Setup makes the database and the tables for the logs where they do not exist,
// and lets those that it made reach further where they miss a distribution or a
// year. Any other table that exists is left alone if it will do, and an error if
// it will not; then nothing has been done. It returns the names of what it made
// and of what it widened.
func Setup(ctx context.Context, c Catalog, database string, all []Logs) (made, widened []string, err error) {
	if !isTableName(database) {
		return nil, nil, badDatabase(database)
	}
	tables, err := tablesOf(all)
	if err != nil {
		return nil, nil, err
	}
	fresh, err := noDatabase(ctx, c, database)
	if err != nil {
		return nil, nil, err
	}
	var missing, narrow []*Table
	for i := range tables {
		t := &tables[i]
		if fresh {
			missing = append(missing, t)
			continue
		}
		have, err := t.find(ctx, c, database)
		if err != nil {
			return nil, nil, err
		}
		switch lacks := t.lacks(have); {
		case have == nil:
			missing = append(missing, t)
		case lacks == "":
		case have.Parameters["created_by"] == madeBy:
			t.widen(have)
			narrow = append(narrow, t)
		default:
			return nil, nil, &UsageError{fmt.Sprintf("the table %s.%s exists and reaches too short: %s", database, t.Name, lacks),
				"drop that table, or use another --athena-database"}
		}
	}
	if fresh {
		in := &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: &database, Description: aws.String("logs that why403 reads")}}
		if _, err := c.CreateDatabase(ctx, in); err != nil && !isThere(err) {
			return nil, nil, callError("glue:CreateDatabase", err)
		}
		made = append(made, database)
	}
	for _, t := range missing {
		if _, err := c.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: &database, TableInput: t.input()}); err != nil && !isThere(err) {
			return made, nil, callError("glue:CreateTable", err)
		}
		made = append(made, database+"."+t.Name)
	}
	for _, t := range narrow {
		if _, err := c.UpdateTable(ctx, &glue.UpdateTableInput{DatabaseName: &database, TableInput: t.input()}); err != nil {
			return made, widened, callError("glue:UpdateTable", err)
		}
		widened = append(widened, database+"."+t.Name)
	}
	return made, widened, nil
}

func badDatabase(name string) error {
	return &UsageError{fmt.Sprintf("%q is no name for a database", name), "use lower-case letters, digits and _"}
}

// check reports what of the tables that Scan reads is missing, another table, or
// without the folders that were listed. A caller that may not read the catalog is
// told so by the queries.
func check(ctx context.Context, c Catalog, database string, places []*place) error {
	missing, err := noDatabase(ctx, c, database)
	switch {
	case isDenied(err):
		return nil
	case err != nil:
		return err
	case missing:
		return &Error{What: "athena: there is no database " + database, Todo: "why403 athena setup makes the tables"}
	}
	for _, p := range places {
		t := p.needed()
		have, err := t.find(ctx, c, database)
		if isDenied(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if have == nil {
			return &Error{What: fmt.Sprintf("athena: there is no table %s.%s for the logs in %s", database, t.Name, p.Location), Todo: "why403 athena setup makes the tables"}
		}
		if lacks := t.lacks(have); lacks != "" {
			return &Error{What: fmt.Sprintf("athena: the table %s.%s does not reach all logs: %s", database, t.Name, lacks), Todo: "why403 athena setup widens it"}
		}
	}
	return nil
}

// needed is the table that Scan reads, with the folders that it needs.
func (p *place) needed() Table {
	t := p.lines()
	if p.form == formParquet {
		t = p.table()
	}
	for _, c := range p.partitions {
		if c.unit == 'y' {
			t.Properties["projection."+c.name+".range"] = fmt.Sprintf("%d,%d", p.Since.UTC().Year(), max(p.Since.UTC().Year(), time.Now().UTC().Year()))
		}
	}
	return t
}

func noDatabase(ctx context.Context, c Catalog, database string) (bool, error) {
	_, err := c.GetDatabase(ctx, &glue.GetDatabaseInput{Name: &database})
	if isNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, callError("glue:GetDatabase", err)
	}
	return false, nil
}

// find returns the table as it exists, nil if it does not. It must be the same
// but for how far it reaches.
func (t *Table) find(ctx context.Context, c Catalog, database string) (*types.Table, error) {
	out, err := c.GetTable(ctx, &glue.GetTableInput{DatabaseName: &database, Name: &t.Name})
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, callError("glue:GetTable", err)
	}
	if differs := t.differs(out.Table); differs != "" {
		return nil, &UsageError{
			fmt.Sprintf("the table %s.%s exists and is another one: %s", database, t.Name, differs),
			"drop that table if why403 made it for other settings, or use another --athena-database",
		}
	}
	return out.Table, nil
}

// input is the table as Glue takes it.
func (t *Table) input() *types.TableInput {
	convert := func(cs []Column) []types.Column {
		out := make([]types.Column, len(cs))
		for i, c := range cs {
			out[i] = types.Column{Name: aws.String(c.Name), Type: aws.String(c.Type)}
		}
		return out
	}
	parameters := map[string]string{"created_by": madeBy}
	for k, v := range t.Properties {
		parameters[k] = v
	}
	return &types.TableInput{
		Name: &t.Name, Description: &t.Comment,
		TableType:     aws.String("EXTERNAL_TABLE"),
		Parameters:    parameters,
		PartitionKeys: convert(t.Partitions),
		StorageDescriptor: &types.StorageDescriptor{
			Columns: convert(t.Columns), Location: &t.Location,
			InputFormat: &t.Input, OutputFormat: &t.Output,
			SerdeInfo: &types.SerDeInfo{SerializationLibrary: &t.SerDe, Parameters: t.SerDeProps},
		},
	}
}

// differs says in words where an existing table is not this one, "" if it is.
func (t *Table) differs(have *types.Table) string {
	if have == nil || have.StorageDescriptor == nil || have.StorageDescriptor.SerdeInfo == nil {
		return "it is a view or of another kind"
	}
	sd := have.StorageDescriptor
	list := func(cs []types.Column) []Column {
		var out []Column
		for _, c := range cs {
			out = append(out, Column{strings.ToLower(aws.ToString(c.Name)), strings.ToLower(aws.ToString(c.Type))})
		}
		return out
	}
	text := func(cs []Column) string {
		if len(cs) == 0 {
			return "none"
		}
		var names []string
		for _, c := range cs {
			names = append(names, c.Name+" "+c.Type)
		}
		return shorten(strings.Join(names, ", "))
	}
	if have, want := list(sd.Columns), t.Columns; !slices.Equal(have, want) {
		return fmt.Sprintf("its columns are %s; needed are %s", text(have), text(want))
	}
	if have, want := list(have.PartitionKeys), t.Partitions; !slices.Equal(have, want) {
		return fmt.Sprintf("its partitions are %s; needed are %s", text(have), text(want))
	}
	if have := aws.ToString(sd.Location); strings.TrimSuffix(have, "/") != strings.TrimSuffix(t.Location, "/") {
		return fmt.Sprintf("its location is %s, not %s", have, t.Location)
	}
	if have := aws.ToString(sd.SerdeInfo.SerializationLibrary); have != t.SerDe {
		return fmt.Sprintf("its SerDe is %s, not %s", have, t.SerDe)
	}
	for k, v := range t.SerDeProps {
		if have := sd.SerdeInfo.Parameters[k]; have != v {
			return fmt.Sprintf("its SerDe property %s is %q, not %q", k, shorten(have), shorten(v))
		}
	}
	for k, v := range t.Properties {
		if have := have.Parameters[k]; have != v && k != "EXTERNAL" && !isReach(k) {
			return fmt.Sprintf("its property %s is %q, not %q", k, shorten(have), shorten(v))
		}
	}
	return ""
}

// isReach reports whether a property tells which folders a table has.
func isReach(property string) bool {
	return strings.HasPrefix(property, "projection.") && (strings.HasSuffix(property, ".range") || strings.HasSuffix(property, ".values"))
}

// lacks says in words which folders an existing table misses, "" if none.
func (t *Table) lacks(have *types.Table) string {
	if have == nil {
		return ""
	}
	for _, k := range slices.Sorted(maps.Keys(t.Properties)) {
		if has, want := have.Parameters[k], t.Properties[k]; isReach(k) && union(k, has, want) != has {
			return fmt.Sprintf("its property %s is %q, needed is %q", k, shorten(has), shorten(want))
		}
	}
	return ""
}

// widen adds to the table the folders that an existing one has.
func (t *Table) widen(have *types.Table) {
	for k, want := range t.Properties {
		if isReach(k) {
			t.Properties[k] = union(k, have.Parameters[k], want)
		}
	}
}

// union joins two values of a property of reach; it is a if that holds b.
func union(property, a, b string) string {
	if strings.HasSuffix(property, ".values") {
		ids := strings.Split(a, ",")
		var more []string
		for _, id := range strings.Split(b, ",") {
			if !slices.Contains(ids, id) {
				more = append(more, id)
			}
		}
		if len(more) == 0 {
			return a
		}
		if a != "" {
			more = append(more, ids...)
		}
		slices.Sort(more)
		return strings.Join(more, ",")
	}
	afrom, ato, ok := strings.Cut(a, ",")
	bfrom, bto, _ := strings.Cut(b, ",")
	if !ok {
		return b
	}
	// Both have as many digits.
	return min(afrom, bfrom) + "," + max(ato, bto)
}

func shorten(s string) string {
	if len(s) > 120 {
		return s[:117] + "…"
	}
	return s
}

func isNotFound(err error) bool {
	var e *types.EntityNotFoundException
	return errors.As(err, &e)
}

func isDenied(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "AccessDenied")
}

func isThere(err error) bool {
	var e *types.AlreadyExistsException
	return errors.As(err, &e)
}

// The IAM actions that a caller needs. Athena makes those of S3 and
// glue:GetPartitions on the caller's behalf.
var (
	ScanActions = []string{
		"athena:GetWorkGroup", // what it is set to is known before a query runs
		"athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution",
		"glue:GetDatabase", "glue:GetTable", "glue:GetPartitions",
		"s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", // the logs
		"s3:AbortMultipartUpload", "s3:PutObject", // where results go
	}
	SetupActions = []string{"glue:CreateDatabase", "glue:CreateTable", "glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"}
)
