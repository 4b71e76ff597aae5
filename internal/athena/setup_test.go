package athena

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// catalog is a Catalog in memory.
type catalog struct {
	databases map[string]map[string]*types.Table
	denied    string
	writes    int
}

func (c *catalog) refuse(op string) error {
	if c.denied == op {
		return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: u is not authorized to perform: glue:" + op + " on resource: catalog"}
	}
	return nil
}

func (c *catalog) GetDatabase(_ context.Context, in *glue.GetDatabaseInput, _ ...func(*glue.Options)) (*glue.GetDatabaseOutput, error) {
	if err := c.refuse("GetDatabase"); err != nil {
		return nil, err
	}
	if c.databases[*in.Name] == nil {
		return nil, &types.EntityNotFoundException{}
	}
	return &glue.GetDatabaseOutput{Database: &types.Database{Name: in.Name}}, nil
}

func (c *catalog) CreateDatabase(_ context.Context, in *glue.CreateDatabaseInput, _ ...func(*glue.Options)) (*glue.CreateDatabaseOutput, error) {
	c.writes++
	c.databases[*in.DatabaseInput.Name] = map[string]*types.Table{}
	return &glue.CreateDatabaseOutput{}, nil
}

func (c *catalog) GetTable(_ context.Context, in *glue.GetTableInput, _ ...func(*glue.Options)) (*glue.GetTableOutput, error) {
	t := c.databases[*in.DatabaseName][*in.Name]
	if t == nil {
		return nil, &types.EntityNotFoundException{}
	}
	return &glue.GetTableOutput{Table: t}, nil
}

func (c *catalog) CreateTable(_ context.Context, in *glue.CreateTableInput, _ ...func(*glue.Options)) (*glue.CreateTableOutput, error) {
	if err := c.refuse("CreateTable"); err != nil {
		return nil, err
	}
	c.put(*in.DatabaseName, in.TableInput)
	return &glue.CreateTableOutput{}, nil
}

func (c *catalog) UpdateTable(_ context.Context, in *glue.UpdateTableInput, _ ...func(*glue.Options)) (*glue.UpdateTableOutput, error) {
	if err := c.refuse("UpdateTable"); err != nil {
		return nil, err
	}
	if c.databases[*in.DatabaseName][*in.TableInput.Name] == nil {
		return nil, &types.EntityNotFoundException{}
	}
	c.put(*in.DatabaseName, in.TableInput)
	return &glue.UpdateTableOutput{}, nil
}

func (c *catalog) put(database string, t *types.TableInput) {
	c.writes++
	c.databases[database][*t.Name] = &types.Table{Name: t.Name, Parameters: t.Parameters, PartitionKeys: t.PartitionKeys, StorageDescriptor: t.StorageDescriptor, TableType: t.TableType}
}

var twoPlaces = []Logs{
	{Format: "cloudfront-w3c", Location: "s3://logs/cf/"},
	{Format: "s3-access", Location: "s3://logs/s3/111122223333/us-east-1/site/", Suffix: "{yyyy}/{MM}/{dd}"},
}

func TestSetupIsIdempotent(t *testing.T) {
	c := &catalog{databases: map[string]map[string]*types.Table{}}
	made, _, err := Setup(context.Background(), c, "why403", twoPlaces)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"why403", "why403.cloudfront_logs_cf", "why403.cloudfront_logs_cf_lines",
		"why403.s3_access_logs_s3_111122223333_us_east_1_site", "why403.s3_access_logs_s3_111122223333_us_east_1_site_lines"}
	if d := cmp.Diff(want, made); d != "" {
		t.Error(d)
	}
	writes := c.writes
	if made, widened, err := Setup(context.Background(), c, "why403", twoPlaces); err != nil || made != nil || widened != nil || c.writes != writes {
		t.Errorf("again it made %v and widened %v with %d writes, %v", made, widened, c.writes-writes, err)
	}
}

func TestSetupLeavesOtherTablesAlone(t *testing.T) {
	f := func(change func(*types.Table), what string) {
		t.Helper()
		c := &catalog{databases: map[string]map[string]*types.Table{}}
		if _, _, err := Setup(context.Background(), c, "why403", twoPlaces[:1]); err != nil {
			t.Fatal(err)
		}
		writes := c.writes
		change(c.databases["why403"]["cloudfront_logs_cf_lines"])
		_, _, err := Setup(context.Background(), c, "why403", twoPlaces)
		wantError(t, err, "the table why403.cloudfront_logs_cf_lines exists and is another one: "+what,
			"drop that table if why403 made it for other settings, or use another --athena-database")
		if c.writes != writes {
			t.Errorf("%d writes before the error", c.writes-writes)
		}
	}
	f(func(t *types.Table) { t.StorageDescriptor.Columns[0].Name = aws.String("row") }, "its columns are row string; needed are line string")
	f(func(t *types.Table) { t.StorageDescriptor.Columns = nil }, "its columns are none; needed are line string")
	f(func(t *types.Table) {
		t.PartitionKeys = []types.Column{{Name: aws.String("day"), Type: aws.String("string")}}
	}, "its partitions are day string; needed are none")
	f(func(t *types.Table) { t.StorageDescriptor.Location = aws.String("s3://other/") }, "its location is s3://other/, not s3://logs/cf/")
	f(func(t *types.Table) { t.StorageDescriptor.SerdeInfo.SerializationLibrary = aws.String("x.Y") }, "its SerDe is x.Y, not org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe")
	f(func(t *types.Table) { t.StorageDescriptor.SerdeInfo.Parameters["field.delim"] = "," }, `its SerDe property field.delim is ",", not "\n"`)
	f(func(t *types.Table) { t.StorageDescriptor = nil }, "it is a view or of another kind")
}

func TestSetupErrors(t *testing.T) {
	for _, op := range []string{"GetDatabase", "CreateTable"} {
		c := &catalog{databases: map[string]map[string]*types.Table{}, denied: op}
		_, _, err := Setup(context.Background(), c, "why403", twoPlaces)
		wantError(t, err, "athena: access denied: glue:"+op+" is not allowed", "allow it (why403 permissions --engine athena prints the whole policy)")
	}
	_, _, err := Setup(context.Background(), nil, "Why-403", nil)
	wantError(t, err, `"Why-403" is no name for a database`, "use lower-case letters, digits and _")
	_, _, err = Setup(context.Background(), nil, "why403", append(twoPlaces, twoPlaces[0]))
	wantError(t, err, "two places of logs would have the table cloudfront_logs_cf", "name one of them differently")
}

func TestLogsErrors(t *testing.T) {
	f := func(l Logs, what, hint string) {
		t.Helper()
		_, err := l.Tables()
		wantError(t, err, what, hint)
	}
	f(Logs{Format: "apache"}, `athena can't read format "apache"`, "use --engine local for it")
	f(Logs{Format: "s3-access", Location: "/var/log"}, "/var/log is not in S3", "athena reads s3://bucket/prefix only")
	f(Logs{Format: "s3-access", Location: "s3:///x"}, "s3:///x is not in S3", "athena reads s3://bucket/prefix only")
	f(Logs{Format: "cloudfront-realtime", Location: "s3://b/"}, "real-time logs do not tell their fields", "give the field list of the real-time log configuration (--fields)")
	f(Logs{Format: "cloudfront-w3c", Location: "s3://b/x", Suffix: "{DistributionId}/{yyyy}"},
		"the folders below s3://b/x/ are named by distribution, and no distribution is known", "name them with --distribution")
	f(Logs{Format: "cloudfront-w3c", Location: "s3://b/", Suffix: "{accountid}"},
		"the folders below s3://b/ are named by account, and no account is known", "give a location below the account's folder")
	f(Logs{Format: "cloudfront-w3c", Location: "s3://b/", Suffix: "{hh}"},
		"the suffix path has {hh}, which is no variable of a delivery", "use {DistributionId}, {yyyy}, {MM}, {dd}, {HH} and {accountid}")
	f(Logs{Format: "cloudfront-w3c", Location: "s3://b/", Fields: []string{"date", "cs(Host)", "cs-host"}},
		`field "cs-host" can't be a column: its name is empty or was there before`, "check the record fields of the delivery")
	f(Logs{Format: "cloudfront-w3c", Location: "s3://b/", Name: "a.b"}, `"a.b" is no name for a table`, "use lower-case letters, digits and _")
	long := Logs{Format: "s3-access", Location: "s3://b/" + strings.Repeat("folder/", 40)}
	if ts, err := long.Tables(); err != nil || len(ts[0].Name) > 100 {
		t.Errorf("a long location gives table %v, %v", ts, err)
	}
}
