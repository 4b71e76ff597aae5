package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/why403/why403/internal/athena"
	"github.com/why403/why403/internal/gather"
)

var permissionsVerb = &verb{
	name:  "permissions",
	short: "print the least-privilege IAM policy for a run",
	long: `
The policy allows reading the logs, and asking for the settings that the checks
look at; nothing else, unless --state and --notify name what a nightly run
writes, or --engine athena adds what its queries need. Name buckets to narrow it
down; what can't be narrowed by resource stands under "*". Any action may be left
out: the checks that need it then say unknown and name it.`,
	examples: []string{
		"why403 permissions --bucket my-site --log-bucket my-logs\tfor these buckets",
		"why403 permissions --format terraform > why403.tf\tas a Terraform data source",
		"why403 permissions --state s3://my-ops/why403/ --notify arn:aws:sns:eu-central-1:111122223333:why403\tfor a nightly run",
		"why403 permissions --explain\twhat each action is for",
	},
	define: func(e *env, fs *pflag.FlagSet) runner {
		var p permissions
		fs.StringSliceVar(&p.buckets, "bucket", nil, "origin bucket `NAME` (repeatable; default: all)")
		fs.StringSliceVar(&p.logBuckets, "log-bucket", nil, "`NAME` of a bucket that holds logs (repeatable; default: all)")
		fs.StringSliceVar(&p.distributions, "distribution", nil, "distribution `ID` (repeatable; default: all)")
		fs.StringSliceVar(&p.stores, "state", nil, "s3:// `LOCATION` that scan --state or --out writes to (repeatable)")
		fs.StringSliceVar(&p.topics, "notify", nil, "SNS topic `ARN` of scan --notify (repeatable)")
		fs.StringVar(&p.engine, "engine", "local", "`NAME` of what reads the logs: local, or athena (adds its queries and athena setup)")
		fs.StringVar(&p.results, "athena-output", "", "s3:// `LOCATION` that Athena's results go to (default: any)")
		fs.StringVar(&p.database, "athena-database", athena.DefaultDatabase, "database `NAME` of Athena's tables")
		format := fs.String("format", "json", "`FORMAT`: json, cloudformation or terraform")
		explain := fs.Bool("explain", false, "say what each action is for, in place of the policy")
		return func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return usage("why403 permissions --bucket "+args[0], "permissions: unexpected argument %q", args[0])
			}
			if err := named("permissions", fs, "bucket", "log-bucket", "distribution"); err != nil {
				return err
			}
			for _, b := range slices.Concat(p.buckets, p.logBuckets) {
				if strings.ContainsAny(b, ":/ ") {
					return usage("give its name alone, such as my-logs", "permissions: %q is no name of a bucket", b)
				}
			}
			for _, l := range p.stores {
				if bucket, _ := storePlace(l); bucket == "" {
					return usage("--state s3://BUCKET/PREFIX/", "permissions: --state %q is no location in S3", l)
				}
			}
			if p.engine != "local" && p.engine != "athena" {
				return usage("--engine local, or --engine athena", "permissions: there is no --engine %q", p.engine)
			}
			if bucket, _ := storePlace(p.results); p.results != "" && bucket == "" {
				return usage("--athena-output s3://BUCKET/PREFIX/", "permissions: --athena-output %q is no location in S3", p.results)
			}
			if *explain {
				for _, a := range p.actions() {
					fmt.Fprintf(e.stdout, "%-42s %s\n", a.action, strings.Join(a.why, "; "))
				}
				return nil
			}
			switch *format {
			case "json":
				return p.json(e.stdout)
			case "cloudformation":
				return p.cloudFormation(e.stdout)
			case "terraform":
				return p.terraform(e.stdout)
			}
			return usage("--format json, cloudformation or terraform", "permissions: --format %q", *format)
		}
	},
}

// permissions narrows the policy; an empty list means all.
type permissions struct {
	buckets, logBuckets, distributions []string
	stores, topics                     []string // written to; none by default
	engine, results, database          string   // Athena's part
}

// storePlace splits s3://bucket/prefix; the bucket is "" if it is none.
func storePlace(location string) (bucket, prefix string) {
	rest, ok := strings.CutPrefix(location, "s3://")
	if !ok {
		return "", ""
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	return bucket, prefix
}

type action struct {
	action string
	why    []string
}

// actions returns every IAM action that a run may need, sorted, with what it is for.
func (p *permissions) actions() []action {
	why := map[string][]string{}
	if p.engine == "athena" {
		for _, a := range athena.ScanActions {
			why[a] = []string{"scan --engine athena"}
		}
		for _, a := range athena.SetupActions {
			why[a] = append(why[a], "athena setup")
		}
	}
	for _, c := range gather.Calls() {
		if c.Permission != "" && !slices.Contains(why[c.Permission], c.Why) {
			why[c.Permission] = append(why[c.Permission], c.Why)
		}
	}
	var out []action
	for a, w := range why {
		out = append(out, action{a, w})
	}
	slices.SortFunc(out, func(a, b action) int { return strings.Compare(a.action, b.action) })
	return out
}

type statement struct {
	Sid      string   `json:"Sid"`
	Effect   string   `json:"Effect"`
	Action   []string `json:"Action"`
	Resource []string `json:"Resource"`
}

// statements groups the actions by what they are granted on.
func (p *permissions) statements() []statement {
	arns := func(names []string, form string) []string {
		if len(names) == 0 {
			names = []string{"*"}
		}
		var out []string
		for _, n := range names {
			out = append(out, fmt.Sprintf(form, n))
		}
		return out
	}
	groups := []struct {
		sid      string
		scope    gather.Scope
		resource []string
	}{
		{"ReadLogs", gather.ScopeLogObjects, arns(p.logBuckets, "arn:aws:s3:::%s/*")},
		{"ListLogs", gather.ScopeLogs, arns(p.logBuckets, "arn:aws:s3:::%s")},
		{"ReadBucketSettings", gather.ScopeBucket, arns(p.buckets, "arn:aws:s3:::%s")},
		{"ReadFailingObjects", gather.ScopeObject, arns(p.buckets, "arn:aws:s3:::%s/*")},
		{"ReadDistributions", gather.ScopeDistribution, arns(p.distributions, "arn:aws:cloudfront::*:distribution/%s")},
		{"ReadCloudFrontSettings", gather.ScopeCloudFront, []string{"*"}},
		{"ReadKMSKeys", gather.ScopeKMS, []string{"*"}},
		{"ReadWebACLs", gather.ScopeWebACL, []string{"*"}},
		{"ReadAccount", gather.ScopeNone, []string{"*"}},
	}
	var out []statement
	for _, g := range groups {
		s := statement{Sid: g.sid, Effect: "Allow", Resource: g.resource}
		for _, c := range gather.Calls() {
			if c.Scope == g.scope && c.Permission != "" && !slices.Contains(s.Action, c.Permission) {
				s.Action = append(s.Action, c.Permission)
			}
		}
		slices.Sort(s.Action)
		if len(s.Action) > 0 {
			out = append(out, s)
		}
	}
	if len(p.stores) > 0 {
		// Without s3:ListBucket S3 answers 403, not 404, for a state that is not
		// there yet.
		find := statement{"FindState", "Allow", []string{"s3:ListBucket"}, nil}
		keep := statement{"KeepStateAndReports", "Allow", []string{"s3:GetObject", "s3:PutObject"}, nil}
		for _, l := range p.stores {
			bucket, prefix := storePlace(l)
			if arn := "arn:aws:s3:::" + bucket; !slices.Contains(find.Resource, arn) {
				find.Resource = append(find.Resource, arn)
			}
			keep.Resource = append(keep.Resource, "arn:aws:s3:::"+bucket+"/"+prefix+"*")
		}
		out = append(out, find, keep)
	}
	if len(p.topics) > 0 {
		out = append(out, statement{"TellNews", "Allow", []string{"sns:Publish"}, p.topics})
	}
	if p.engine == "athena" {
		out = append(out, p.athena()...)
	}
	return out
}

// athena are the statements for scan --engine athena, and for athena setup at the
// end. Athena reads the logs and writes the results as the caller.
func (p *permissions) athena() []statement {
	only := func(list []string, prefix string, but ...string) (out []string) {
		for _, a := range list {
			if strings.HasPrefix(a, prefix) && !slices.Contains(but, a) {
				out = append(out, a)
			}
		}
		slices.Sort(out)
		return out
	}
	tables := []string{"arn:aws:glue:*:*:catalog", "arn:aws:glue:*:*:database/" + p.database, "arn:aws:glue:*:*:table/" + p.database + "/*"}
	var read []string
	for _, b := range p.logBuckets {
		read = append(read, "arn:aws:s3:::"+b, "arn:aws:s3:::"+b+"/*")
	}
	if read == nil {
		read = []string{"arn:aws:s3:::*"}
	}
	write := []string{"arn:aws:s3:::*"}
	if bucket, prefix := storePlace(p.results); bucket != "" {
		write = []string{"arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/" + prefix + "*"}
	}
	return []statement{
		{"RunQueries", "Allow", only(athena.ScanActions, "athena:"), []string{"arn:aws:athena:*:*:workgroup/*"}},
		{"ReadTables", "Allow", only(athena.ScanActions, "glue:"), tables},
		{"QueryLogs", "Allow", only(athena.ScanActions, "s3:", "s3:AbortMultipartUpload", "s3:PutObject"), read},
		{"WriteQueryResults", "Allow", only(athena.ScanActions, "s3:"), write},
		{"MakeTables", "Allow", only(athena.SetupActions, "glue:"), tables},
	}
}

func (p *permissions) json(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", p.statements()})
}

func (p *permissions) cloudFormation(w io.Writer) error {
	var doc bytes.Buffer
	if err := p.json(&doc); err != nil {
		return err
	}
	var policy any
	if err := json.Unmarshal(doc.Bytes(), &policy); err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Resources": map[string]any{
			"Why403Policy": map[string]any{
				"Type": "AWS::IAM::ManagedPolicy",
				"Properties": map[string]any{
					"Description":    "What why403 reads",
					"PolicyDocument": policy,
				},
			},
		},
	})
}

func (p *permissions) terraform(w io.Writer) error {
	fmt.Fprintln(w, "data \"aws_iam_policy_document\" \"why403\" {")
	list := func(name string, values []string) {
		fmt.Fprintf(w, "    %s = [\n", name)
		for _, v := range values {
			fmt.Fprintf(w, "      %q,\n", v)
		}
		fmt.Fprintln(w, "    ]")
	}
	for i, s := range p.statements() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "  statement {\n    sid = %q\n", s.Sid)
		list("actions", s.Action)
		list("resources", s.Resource)
		fmt.Fprintln(w, "  }")
	}
	_, err := fmt.Fprintln(w, "}")
	return err
}
