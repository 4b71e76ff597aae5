package athena

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// Catalog is the part of Glue that this package calls.
type Catalog interface {
	GetDatabase(context.Context, *glue.GetDatabaseInput, ...func(*glue.Options)) (*glue.GetDatabaseOutput, error)
	CreateDatabase(context.Context, *glue.CreateDatabaseInput, ...func(*glue.Options)) (*glue.CreateDatabaseOutput, error)
	GetTable(context.Context, *glue.GetTableInput, ...func(*glue.Options)) (*glue.GetTableOutput, error)
	CreateTable(context.Context, *glue.CreateTableInput, ...func(*glue.Options)) (*glue.CreateTableOutput, error)
}

var _ Catalog = (*glue.Client)(nil)

// madeBy marks what Setup made.
const madeBy = "why403"

// Setup makes the database and the tables for the logs where they do not exist.
// A table that exists is left alone if it is the same, and an error if it is
// not; then nothing has been made. It returns the names of what it made.
func Setup(ctx context.Context, c Catalog, database string, all []Logs) (made []string, err error) {
	if !tableName.MatchString(database) {
		return nil, &UsageError{fmt.Sprintf("%q is no name for a database", database), "use lower-case letters, digits and _"}
	}
	tables, err := tablesOf(all)
	if err != nil {
		return nil, err
	}
	_, err = c.GetDatabase(ctx, &glue.GetDatabaseInput{Name: &database})
	fresh := isNotFound(err)
	if err != nil && !fresh {
		return nil, callError("glue:GetDatabase", err)
	}
	var missing []*Table
	for i := range tables {
		t := &tables[i]
		if fresh {
			missing = append(missing, t)
			continue
		}
		there, err := inspect(ctx, c, database, t)
		if err != nil {
			return nil, err
		}
		if !there {
			missing = append(missing, t)
		}
	}
	if fresh {
		in := &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: &database, Description: aws.String("logs that why403 reads")}}
		if _, err := c.CreateDatabase(ctx, in); err != nil && !isThere(err) {
			return nil, callError("glue:CreateDatabase", err)
		}
		made = append(made, database)
	}
	for _, t := range missing {
		if _, err := c.CreateTable(ctx, &glue.CreateTableInput{DatabaseName: &database, TableInput: t.input()}); err != nil && !isThere(err) {
			return made, callError("glue:CreateTable", err)
		}
		made = append(made, database+"."+t.Name)
	}
	return made, nil
}

// inspect reports whether the table exists; if it does it must be the same.
func inspect(ctx context.Context, c Catalog, database string, t *Table) (bool, error) {
	out, err := c.GetTable(ctx, &glue.GetTableInput{DatabaseName: &database, Name: &t.Name})
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, callError("glue:GetTable", err)
	}
	if differs := t.differs(out.Table); differs != "" {
		return true, &UsageError{
			fmt.Sprintf("the table %s.%s exists and is another one: %s", database, t.Name, differs),
			"drop that table if why403 made it for other settings, or use another --athena-database",
		}
	}
	return true, nil
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
		if have := have.Parameters[k]; have != v && k != "EXTERNAL" {
			return fmt.Sprintf("its property %s is %q, not %q", k, shorten(have), shorten(v))
		}
	}
	return ""
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

func isThere(err error) bool {
	var e *types.AlreadyExistsException
	return errors.As(err, &e)
}

// The IAM actions that a caller needs. Athena makes those of S3 and
// glue:GetPartitions on the caller's behalf.
var (
	ScanActions = []string{
		"athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution",
		"glue:GetDatabase", "glue:GetTable", "glue:GetPartitions",
		"s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", // the logs
		"s3:AbortMultipartUpload", "s3:PutObject", // where results go
	}
	SetupActions = []string{"glue:CreateDatabase", "glue:CreateTable", "glue:GetDatabase", "glue:GetTable"}
)
