package faulttest

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// operations are all operations of AWS that the program's code can call:
// package and operation. A line that is added here is to be found in
// docs/security.md, too.
const operations = `
athena:GetQueryExecution
athena:GetQueryResults
athena:GetWorkGroup
athena:StartQueryExecution
athena:StopQueryExecution
cloudfront:DescribeFunction
cloudfront:GetCachePolicy
cloudfront:GetCloudFrontOriginAccessIdentity
cloudfront:GetDistribution
cloudfront:GetFunction
cloudfront:GetKeyGroup
cloudfront:GetOriginAccessControl
cloudfront:GetOriginRequestPolicy
cloudfront:GetPublicKey
cloudfront:GetRealtimeLogConfig
cloudfront:ListDistributions
cloudwatchlogs:DescribeDeliveries
cloudwatchlogs:DescribeDeliveryDestinations
cloudwatchlogs:DescribeDeliverySources
glue:CreateDatabase
glue:CreateTable
glue:GetDatabase
glue:GetTable
glue:UpdateTable
kms:DescribeKey
kms:GetKeyPolicy
organizations:DescribeEffectivePolicy
organizations:DescribeOrganization
organizations:DescribePolicy
organizations:ListParents
organizations:ListPoliciesForTarget
s3:GetBucketAcl
s3:GetBucketCors
s3:GetBucketEncryption
s3:GetBucketLocation
s3:GetBucketLogging
s3:GetBucketOwnershipControls
s3:GetBucketPolicy
s3:GetBucketPolicyStatus
s3:GetBucketRequestPayment
s3:GetBucketVersioning
s3:GetBucketWebsite
s3:GetObject
s3:GetObjectAcl
s3:GetObjectTagging
s3:GetPublicAccessBlock
s3:HeadBucket
s3:HeadObject
s3:ListObjectVersions
s3:ListObjectsV2
s3:PutObject
s3control:GetAccessPoint
s3control:GetAccessPointPolicy
s3control:GetPublicAccessBlock
sns:Publish
sts:GetCallerIdentity
wafv2:GetWebACL
`

// writes are those that change something: each only where the user asked for it.
var writes = map[string]string{
	"s3:PutObject":               "--out s3://, --state s3://",
	"sns:Publish":                "--notify",
	"glue:CreateDatabase":        "athena setup",
	"glue:CreateTable":           "athena setup",
	"glue:UpdateTable":           "athena setup",
	"athena:StartQueryExecution": "--engine athena",
	"athena:StopQueryExecution":  "--engine athena",
}

// readOnly are the beginnings of the names of operations that change nothing.
var readOnly = []string{"Get", "List", "Head", "Describe"}

// A source is a package of the program.
type source struct {
	ImportPath, Dir string
	GoFiles         []string
}

// packages returns the program's own packages, and those of the SDK's services.
func packages(t *testing.T) (own []source, services map[string]source) {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles", "../../cmd/why403", "../athena").Output()
	if err != nil {
		t.Fatal(err)
	}
	services = map[string]source{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p source
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return own, services
		} else if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.ImportPath, "github.com/why403/why403/") {
			own = append(own, p)
		}
		if name, ok := strings.CutPrefix(p.ImportPath, "github.com/aws/aws-sdk-go-v2/service/"); ok && !strings.Contains(name, "/") {
			services[p.ImportPath] = p
		}
	}
}

// eachFile parses the program's own files.
func eachFile(t *testing.T, own []source, f func(name string, file *ast.File)) {
	t.Helper()
	for _, p := range own {
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			f(strings.TrimPrefix(p.ImportPath, "github.com/why403/why403/")+"/"+name, file)
		}
	}
}

// imported returns the local names of a file's imports, by their paths.
func imported(file *ast.File) map[string]string {
	out := map[string]string{}
	for _, i := range file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		name := path[strings.LastIndexByte(path, '/')+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		out[path] = name
	}
	return out
}

func serviceOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// TestOperations lists what the program can ask of AWS: in files that import a
// service, every call of a method that is named like an operation of that
// service, and every use of an operation's input. Requests to S3 that are made
// without the SDK are the business of TestHTTP.
func TestOperations(t *testing.T) {
	own, services := packages(t)
	of := map[string]map[string]bool{} // operations by service
	for path, p := range services {
		of[path] = map[string]bool{}
		for _, f := range p.GoFiles {
			if op, ok := strings.CutPrefix(f, "api_op_"); ok {
				of[path][strings.TrimSuffix(op, ".go")] = true
			}
		}
	}
	found := map[string]bool{}
	eachFile(t, own, func(_ string, file *ast.File) {
		names := imported(file)
		inputs, called := map[string]bool{}, map[string]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, _ := s.X.(*ast.Ident)
			for path, ops := range of {
				switch local, ok := names[path]; {
				case !ok:
				case x != nil && x.Name == local:
					if op := strings.TrimSuffix(s.Sel.Name, "Input"); ops[op] && op != s.Sel.Name {
						inputs[op] = true
						found[serviceOf(path)+":"+op] = true
					}
				case ops[s.Sel.Name] && (x == nil || x.Name != "gather"): // gather holds questions
					called[s.Sel.Name] = true
				}
			}
			return true
		})
		for op := range called { // with no input: of any service that has it
			for path, ops := range of {
				if _, ok := names[path]; ok && ops[op] && !inputs[op] {
					found[serviceOf(path)+":"+op] = true
				}
			}
		}
	})
	want := strings.Fields(operations)
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(found))); d != "" {
		t.Errorf("the program's operations changed (-listed +found):\n%s", d)
	}
	for op := range found {
		_, name, _ := strings.Cut(op, ":")
		reads := slices.ContainsFunc(readOnly, func(p string) bool { return strings.HasPrefix(name, p) })
		if _, write := writes[op]; reads == write {
			t.Errorf("%s: neither a read nor a write that is known", op)
		}
	}
	for op := range writes {
		if !found[op] {
			t.Errorf("%s is listed as a write, but not called", op)
		}
	}
}

// requesters are the files that make HTTP requests without the SDK.
var requesters = []string{
	"internal/s3source/fetch.go", // GET of a log object, from the bucket's own endpoint
	"internal/s3source/wire.go",  // the connections of these
	"internal/scan/notify.go",    // POST to --notify's webhook, no redirect followed
}

// TestHTTP lists the files that can reach the network past the SDK: nothing else
// may, so nothing fetches a URL that stands in a log.
func TestHTTP(t *testing.T) {
	own, _ := packages(t)
	found := map[string]bool{}
	eachFile(t, own, func(name string, file *ast.File) {
		names := imported(file)
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := s.X.(*ast.Ident)
			if !ok {
				return true
			}
			switch {
			case x.Name == names["net/http"] && slices.Contains([]string{"Client", "DefaultClient", "Get", "Head", "Post", "PostForm", "NewRequest", "NewRequestWithContext", "Request"}, s.Sel.Name),
				x.Name == names["net"] && (strings.HasPrefix(s.Sel.Name, "Dial") || strings.HasPrefix(s.Sel.Name, "Lookup")):
				found[name] = true
			}
			return true
		})
	})
	// A type in a signature is no request.
	delete(found, "internal/s3source/sign.go")
	delete(found, "internal/awsx/config.go")
	if d := cmp.Diff(requesters, slices.Sorted(maps.Keys(found))); d != "" {
		t.Errorf("the files that make requests changed (-listed +found):\n%s", d)
	}
}
