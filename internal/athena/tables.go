package athena

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/why403/why403/logs"
)

// Logs is one place in S3 that logs of one format are delivered to, as the
// settings of the delivery tell it.
type Logs struct {
	// Format is a name of logs.Formats, as "cloudfront-w3c" or "s3-access".
	Format string

	// Location is where all names begin: s3://bucket/prefix. S3 glues its
	// prefix to the names; then Location need not end in a slash.
	Location string

	// Suffix holds the folders below Location, in the notation of
	// CreateDelivery's suffixPath: {DistributionId}/{yyyy}/{MM}/{dd}/{HH}. It is
	// empty where log objects lie flat. S3's partitioned prefix is
	// {yyyy}/{MM}/{dd} below ACCOUNT/REGION/BUCKET.
	Suffix string

	// Hive says that the folders are written name=value
	// (enableHiveCompatiblePath).
	Hive bool

	// Pattern is a regular expression for what an object's name has after
	// Location, where other objects lie there, too; "" takes all. Scan keeps to
	// it; the table for people can't.
	Pattern string

	// Within narrows Scan to objects whose whole names begin so, where no more
	// than a part of a place is asked for; "" is all of it. It begins with
	// Location. The tables are those of the place.
	Within string

	// Fields are the record fields in their order, nil for the format's
	// default. A column of a Parquet file that is no string has its type behind
	// its name: "http_status int".
	Fields []string

	Delimiter     string    // fieldDelimiter of w3c, plain and raw; "" is a TAB
	Distributions []string  // what {DistributionId} stands for
	Account       string    // what {accountid} stands for
	Since         time.Time // there are no dated folders before; zero: not known

	// Heads are what the names of the objects that were listed have before their
	// date, bucket and folders included; nil where that is not known, or too much.
	// Names is the rule that the date follows.
	Heads []string
	Names logs.NameKind

	// Bytes is what the objects hold that were listed and that can hold events of
	// the window: a query of lines scans no less. 0: not known.
	Bytes int64

	// Name is the table's name, "" to make one of format and location.
	Name string
}

// A Table is one table as Glue and DDL describe it.
type Table struct {
	Name       string
	Comment    string
	Columns    []Column
	Partitions []Column
	Location   string // a folder
	Input      string // Hive's class names
	Output     string
	SerDe      string
	SerDeProps map[string]string
	Properties map[string]string
}

// A Column is a column of a Table. Type is Hive's.
type Column struct{ Name, Type string }

const (
	textInput     = "org.apache.hadoop.mapred.TextInputFormat"
	textOutput    = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
	parquetInput  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	parquetOutput = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

	lazySerDe    = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
	regexSerDe   = "org.apache.hadoop.hive.serde2.RegexSerDe"
	jsonSerDe    = "org.openx.data.jsonserde.JsonSerDe"
	parquetSerDe = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)

// place is Logs made ready: checked, with its folders taken apart.
type place struct {
	Logs
	form       form
	fields     []Column // Name as delivered
	folder     string   // the table's location
	partitions []partition
	template   string // storage.location.template
}

// A partition is one projected partition column.
type partition struct {
	name       string
	properties map[string]string
	unit       byte // 'y', 'M', 'd', 'H' or 0
}

// form is how the lines of a format are read by SQL.
type form int

const (
	formDelimited form = iota
	formText           // S3's server access log
	formJSON
	formParquet
	formFirewall
)

// kinds of formats by name; the first word of table names.
var forms = map[string]struct {
	form   form
	table  string
	fields []string
}{
	"cloudfront-w3c":      {formDelimited, "cloudfront", standardFields},
	"cloudfront-plain":    {formDelimited, "cloudfront", standardFields},
	"cloudfront-realtime": {formDelimited, "cloudfront_realtime", nil},
	"cloudfront-json":     {formJSON, "cloudfront", standardFields},
	"cloudfront-parquet":  {formParquet, "cloudfront", standardFields},
	"s3-access":           {formText, "s3_access", nil},
	"s3-json":             {formJSON, "s3_access", vendedFields},
	"s3-parquet":          {formParquet, "s3_access", vendedFields},
	"waf-json":            {formFirewall, "waf", nil},
}

// standardFields are the 33 fields of CloudFront's legacy log, which are also
// the default of v2 (CloudFront guide, Standard logging reference).
var standardFields = strings.Fields(`date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem
	sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id
	x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher
	x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port
	time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end`)

// vendedFields are fields of S3's server access log as vended logs. The first
// row is documented (Amazon S3 user guide, server access logs in CloudWatch);
// the others follow its style and are a guess: give the delivery's own.
var vendedFields = strings.Fields(`bucket_name request_time bucket_owner_id remote_ip requester request_id operation key_name request_uri http_status bytes_sent_size
	error_code object_size total_time turn_around_time referer user_agent version_id host_id signature_version cipher_suite
	authentication_type host_header tls_version access_point_arn acl_required source_region`)

// A UsageError says what is wrong with Logs.
type UsageError struct{ What, Todo string }

func (e *UsageError) Error() string {
	return strings.Map(func(r rune) rune { // What may quote a setting: one line
		if r < ' ' {
			return utf8.RuneError
		}
		return r
	}, e.What)
}

// UserHint says what to do.
func (e *UsageError) UserHint() string { return e.Todo }

func (l *Logs) place() (*place, error) {
	f, ok := forms[l.Format]
	if !ok {
		return nil, &UsageError{fmt.Sprintf("athena can't read format %q", l.Format), "use --engine local for it"}
	}
	p := &place{Logs: *l, form: f.form}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(l.Location, "s3://"), "/")
	if !strings.HasPrefix(l.Location, "s3://") || bucket == "" {
		return nil, &UsageError{fmt.Sprintf("%s is not in S3", l.Location), "athena reads s3://bucket/prefix only"}
	}
	if !ok || key == "" {
		p.Location = "s3://" + bucket + "/"
	}
	if strings.ContainsAny(p.Location, "\n\r\x00") || strings.ContainsAny(p.Suffix, "\n\r\x00$") {
		return nil, &UsageError{fmt.Sprintf("%q is no location that a table can have", l.Location), "check the prefix"}
	}
	p.folder = p.Location[:strings.LastIndexByte(p.Location, '/')+1]
	if p.Delimiter == "" {
		p.Delimiter = "\t"
	}
	if p.Since.IsZero() {
		p.Since = time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	names := p.Fields
	if names == nil {
		names = f.fields
	}
	if names == nil && l.Format == "cloudfront-realtime" {
		return nil, &UsageError{"real-time logs do not tell their fields", "give the field list of the real-time log configuration (--fields)"}
	}
	seen := map[string]bool{}
	for _, name := range names {
		name, typ, _ := strings.Cut(strings.TrimSpace(name), " ")
		c := Column{name, cmp.Or(typ, "string")}
		if id := columnName(name); id == "" || seen[id] {
			return nil, &UsageError{fmt.Sprintf("field %q can't be a column: its name is empty or was there before", name), "check the record fields of the delivery"}
		} else {
			seen[id] = true
		}
		p.fields = append(p.fields, c)
	}
	if err := p.folders(seen); err != nil {
		return nil, err
	}
	if p.Name == "" {
		p.Name = f.table + "_" + slug(strings.TrimPrefix(p.Location, "s3://"))
	}
	if !isTableName(p.Name) {
		return nil, &UsageError{fmt.Sprintf("%q is no name for a table", p.Name), "use lower-case letters, digits and _"}
	}
	return p, nil
}

// isTableName reports whether s can name a table, a column or a database.
func isTableName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c-'a' > 25 && c-'0' > 9 && c != '_' {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 128
}

// slug makes a part of a table's name; what is long is cut and hashed.
func slug(s string) string {
	out := strings.Trim(notAlnum.ReplaceAllString(strings.ToLower(s), "_"), "_")
	if len(out) > 80 {
		out = fmt.Sprintf("%s_%x", out[:70], sha256.Sum256([]byte(s)))[:80]
	}
	return out
}

var notAlnum = regexp.MustCompile(`[^a-z0-9]+`)

// columnName is a field's name in SQL: cs(User-Agent) is cs_user_agent.
func columnName(field string) string { return slug(field) }

var variable = regexp.MustCompile(`\{([A-Za-z]+)\}`)

// The years that tables have folders for. They do not come from the listing: the
// same table must do for logs of other years, and need no upkeep. Athena projects
// years as integers, which know no NOW (Athena guide, Supported types for
// partition projection). No service wrote dated folders of logs before firstYear.
const (
	firstYear = 2018
	lastYear  = 2049
)

// units are the date variables of suffixPath: the column's name, the range and
// the digits. Hours run from 00 to 23; a range taken from the months, as in an
// example of AWS's, loses half a day.
var units = map[string]struct {
	name   string
	values string
	digits int
}{
	"yyyy": {"year", "", 4},
	"MM":   {"month", "01,12", 2},
	"dd":   {"day", "01,31", 2},
	"HH":   {"hour", "00,23", 2},
}

// folders turns Suffix into projected partitions.
func (p *place) folders(taken map[string]bool) error {
	suffix := strings.Trim(p.Suffix, "/")
	if suffix == "" {
		return nil
	}
	if !strings.HasSuffix(p.Location, "/") {
		p.Location += "/"
		p.folder = p.Location
	}
	var err error
	column := func(name, as string, unit byte, properties map[string]string) string {
		for taken[name] {
			name += "_folder"
		}
		taken[name] = true
		p.partitions = append(p.partitions, partition{name, properties, unit})
		if p.Hive {
			return as + "=${" + name + "}"
		}
		return "${" + name + "}"
	}
	template := variable.ReplaceAllStringFunc(suffix, func(v string) string {
		name := v[1 : len(v)-1]
		switch strings.ToLower(name) {
		case "distributionid":
			if len(p.Distributions) == 0 {
				err = &UsageError{"the folders below " + p.Location + " are named by distribution, and no distribution is known", "name them with --distribution"}
				return v
			}
			ids := slices.Clone(p.Distributions)
			slices.Sort(ids)
			return column("distribution", name, 0, map[string]string{"type": "enum", "values": strings.Join(slices.Compact(ids), ",")})
		case "accountid":
			if p.Account == "" {
				err = &UsageError{"the folders below " + p.Location + " are named by account, and no account is known", "give a location below the account's folder"}
				return v
			}
			if p.Hive {
				return name + "=" + p.Account
			}
			return p.Account
		}
		u, ok := units[name]
		if !ok {
			err = &UsageError{fmt.Sprintf("the suffix path has %s, which is no variable of a delivery", v), "use {DistributionId}, {yyyy}, {MM}, {dd}, {HH} and {accountid}"}
			return v
		}
		values := cmp.Or(u.values, fmt.Sprintf("%d,%d", min(firstYear, p.Since.UTC().Year()), lastYear))
		return column(u.name, u.name, name[0], map[string]string{"type": "integer", "range": values, "digits": strconv.Itoa(u.digits)})
	})
	p.template = p.Location + template + "/"
	return err
}

// Tables returns the tables for one place of logs: NAME with a column for each
// field, for people, and NAME_lines with whole lines, which Scan reads. Parquet
// has no lines; there both are one.
func (l *Logs) Tables() ([]Table, error) {
	p, err := l.place()
	if err != nil {
		return nil, err
	}
	if p.form == formParquet {
		return []Table{p.table()}, nil
	}
	return []Table{p.table(), p.lines()}, nil
}

// bare is a table without columns.
func (p *place) bare(name, comment string) Table {
	t := Table{
		Name: name, Comment: comment, Location: p.folder,
		Input: textInput, Output: textOutput, SerDe: lazySerDe,
		SerDeProps: map[string]string{},
		Properties: map[string]string{"EXTERNAL": "TRUE"},
	}
	for _, c := range p.partitions {
		t.Partitions = append(t.Partitions, Column{c.name, "string"})
		for k, v := range c.properties {
			t.Properties["projection."+c.name+"."+k] = v
		}
	}
	if len(p.partitions) > 0 {
		t.Properties["projection.enabled"] = "true"
		t.Properties["storage.location.template"] = p.template
	}
	return t
}

// linesName is the name of the table of lines.
func (p *place) linesName() string {
	if p.form == formParquet {
		return p.Name
	}
	return p.Name + "_lines"
}

// lines is the table of whole lines. Its delimiter is the newline, the one byte
// that no line holds.
func (p *place) lines() Table {
	t := p.bare(p.linesName(), "whole lines of "+p.Format+" logs, for why403 scan --engine athena")
	t.Columns = []Column{{"line", "string"}}
	t.SerDeProps["field.delim"] = "\n"
	t.SerDeProps["serialization.format"] = "\n"
	return t
}

// table is the table with a column for each field.
func (p *place) table() Table {
	t := p.bare(p.Name, p.Format+" logs")
	for _, f := range p.fields {
		t.Columns = append(t.Columns, Column{columnName(f.Name), f.Type})
	}
	switch p.form {
	case formDelimited:
		t.SerDeProps["field.delim"] = p.Delimiter
		t.SerDeProps["serialization.format"] = p.Delimiter
		if p.Format == "cloudfront-w3c" {
			t.Comment += "; the rows of header lines have no sc_status"
		}
	case formText:
		t.SerDe = regexSerDe
		t.SerDeProps["input.regex"] = originRegex
		for _, name := range originColumns {
			t.Columns = append(t.Columns, Column{name, "string"})
		}
		t.Comment += "; a line that is not understood is in unparsed, none is dropped"
	case formJSON:
		t.SerDe = jsonSerDe
		t.SerDeProps["ignore.malformed.json"] = "true"
		for _, f := range p.fields {
			if name := columnName(f.Name); name != f.Name {
				t.SerDeProps["mapping."+name] = f.Name
			}
		}
	case formFirewall:
		t.SerDe = jsonSerDe
		t.SerDeProps["ignore.malformed.json"] = "true"
		t.Columns = slices.Clone(firewallColumns)
		for _, c := range []string{"webaclId", "terminatingRuleId", "terminatingRuleType", "httpSourceName", "httpSourceId", "responseCodeSent", "httpRequest"} {
			t.SerDeProps["mapping."+strings.ToLower(c)] = c
		}
	case formParquet:
		t.Input, t.Output, t.SerDe = parquetInput, parquetOutput, parquetSerDe
	}
	return t
}

// firewallColumns are the fields of a WAF log that explain a 403 (AWS WAF
// developer guide, Log fields).
var firewallColumns = []Column{
	{"timestamp", "bigint"}, {"webaclid", "string"}, {"action", "string"},
	{"terminatingruleid", "string"}, {"terminatingruletype", "string"},
	{"httpsourcename", "string"}, {"httpsourceid", "string"}, {"responsecodesent", "int"},
	{"httprequest", "struct<clientip:string,country:string,uri:string,args:string,httpmethod:string,requestid:string>"},
}

// originColumns are the columns of the table of S3 server access logs (Amazon S3
// user guide, server access log format).
var originColumns = strings.Fields(`bucketowner bucket_name requestdatetime remoteip requester requestid operation key request_uri
	httpstatus errorcode bytessent objectsize totaltime turnaroundtime referrer useragent versionid hostid sigv ciphersuite
	authtype endpoint tlsversion accesspointarn aclrequired sourceregion unparsed`)

// originRegex reads a line of S3's server access log. Referer, User-Agent and
// Request-URI hold raw quotes and spaces, so it takes for the end of one the
// first place where what must follow follows. What it can't read is in its last
// group: with the expression that AWS documents such lines become rows of NULL.
const originRegex = `(?:([^ ]+) ([^ ]+) \[([^\]]+)\] ([^ ]+) (.+?) ([^ ]+) ([A-Z0-9]+\.[A-Z0-9._]+) ([^ ]+) (-|".*?") (-|[0-9]{3}) (-|[A-Za-z0-9.]+) (-|[0-9]+) (-|[0-9]+) (-|[0-9]+) (-|[0-9]+)` +
	` (-|".*?") (-|".*"|"[^"]*) ([^ "]+)(?: ([^ ]+(?: [A-Za-z0-9+/]{40,}=*)?)(?: ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)(?: ([^ ]+)(?: ([^ ]+)(?: ([^ ]+)(?: ([^ ]+).*)?)?)?)?)?)?|(.*))`
