package awsx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/gather"
)

// environment makes the SDK see test credentials and nothing of the machine's.
func environment(t *testing.T) {
	t.Helper()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
}

func open(t *testing.T, server *awsoverlay.Server, o Config) *Clients {
	t.Helper()
	environment(t)
	if server != nil {
		t.Cleanup(server.Close)
		o.Dial = server.Dial
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Rate == 0 {
		o.Rate = 1e6
	}
	c, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// site returns the snapshot in testdata.
func site(t *testing.T) fs.FS { return os.DirFS("testdata/site") }

// gatherAll runs every stage.
func gatherAll(t *testing.T, a gather.Answers) *facts.Facts {
	t.Helper()
	ctx := context.Background()
	g := gather.New(a, gather.Options{})
	near := func(ctx context.Context, l correlate.Lister) ([]correlate.NearKey, error) {
		keys, prefixes, _, err := l.List(ctx, "docs/", "/", 100)
		var out []correlate.NearKey
		for _, k := range append(keys, prefixes...) {
			out = append(out, correlate.NearKey{Key: k, Kind: correlate.NearSpelling})
		}
		return out, err
	}
	steps := []error{
		g.Distributions(ctx, "E1SITE", "E9GONE"),
		g.WebACLs(ctx, "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/a1b2"),
		g.Account(ctx),
		g.Organization(ctx, true),
		g.AccessPoints(ctx, "arn:aws:s3:eu-west-1:111122223333:accesspoint/site-edge", "arn:aws:s3:eu-west-1:111122223333:accesspoint/site-bare",
			"arn:aws:s3:eu-west-1:111122223333:accesspoint/site-gone", "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap"),
		g.Buckets(ctx, gather.PartWebsite|gather.PartEncryption|gather.PartLogging|gather.PartVersioning|gather.PartCORS, "site-assets", "site-web", "site-gone", "site-foreign"),
	}
	for _, d := range g.Facts().Distributions {
		if d.Config.Known() {
			for i := range d.Config.Value.Behaviors {
				steps = append(steps, g.Behaviors(ctx, &d.Config.Value.Behaviors[i]))
			}
		}
	}
	steps = append(steps, g.Objects(ctx, "site-assets", gather.Key{Key: "docs/guide.html"}, gather.Key{Key: "docs/Guide.html", Near: near}, gather.Key{Key: "docs/old.html", Near: near}))
	if ids := g.ListDistributions(ctx); !ids.Known() || len(ids.Value) != 1 || !strings.Contains(fmt.Sprint(ids.Value), "E1SITE") {
		t.Errorf("distributions: %+v", ids)
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	if p := g.Problems(); len(p) > 0 {
		t.Fatal(p)
	}
	return g.Facts()
}

// sameFacts compares facts but for the words of messages and the parts that
// only one side can have.
var sameFacts = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(facts.Facts{}, "Mask"),
	cmpopts.IgnoreUnexported(correlate.KeyList{}),
}

// TestRecordedRunEqualsItsReplay asks the double for what the site's snapshot
// holds, records it, and gathers again from the recording: facts and files stay
// the same.
func TestRecordedRunEqualsItsReplay(t *testing.T) {
	record := func(source fs.FS) (*facts.Facts, string) {
		server := &awsoverlay.Server{Answers: gather.NewSnapshot(source)}
		dir := filepath.Join(t.TempDir(), "snapshot")
		r := gather.NewRecorder(NewAnswers(open(t, server, Config{})))
		f := gatherAll(t, r)
		if err := r.Write(dir); err != nil {
			t.Fatal(err)
		}
		return f, dir
	}
	live, dir := record(site(t))
	snapshot, err := gather.OpenSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	replay := gatherAll(t, snapshot)
	if d := cmp.Diff(mask(live, replay), replay, sameFacts); d != "" {
		t.Errorf("replay differs (-live +replay):\n%s", d)
	}
	_, again := record(os.DirFS(dir))
	if d := cmp.Diff(files(t, dir), files(t, again)); d != "" {
		t.Errorf("recording of a recording differs:\n%s", d)
	}
	for _, f := range []string{"buckets/site-assets/policy.json", "distributions/E1SITE/distribution.json", "buckets/site-assets/objects/docs%2Fguide.html/head.json"} {
		if files(t, dir)[f] == "" {
			t.Errorf("no %s was recorded", f)
		}
	}
	for name, text := range files(t, dir) {
		if strings.Contains(text, "s3cr3t-referer") {
			t.Errorf("%s holds a secret", name)
		}
	}
}

// mask gives live facts the form that secrets have in the replay.
func mask(live, replay *facts.Facts) *facts.Facts {
	for _, d := range live.Distributions {
		if !d.Config.Known() {
			continue
		}
		for i := range d.Config.Value.Origins {
			o := &d.Config.Value.Origins[i]
			for j := range o.CustomHeaders {
				o.CustomHeaders[j].Value = replay.Masked(o.CustomHeaders[j].Value)
			}
		}
	}
	for _, b := range live.Buckets {
		for _, v := range []string{"s3cr3t-referer-old", "s3cr3t-referer"} {
			b.Policy.Value = strings.ReplaceAll(b.Policy.Value, v, replay.Masked(v))
		}
	}
	return live
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		out[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(out, "redaction.json")
	return out
}

// TestDoubleGivesTheSnapshotsFacts: what is gathered over the wire is what the
// snapshot says, read directly.
func TestDoubleGivesTheSnapshotsFacts(t *testing.T) {
	server := &awsoverlay.Server{Answers: gather.NewSnapshot(site(t))}
	wire := gatherAll(t, NewAnswers(open(t, server, Config{})))
	direct := gatherAll(t, gather.NewSnapshot(site(t)))
	opts := append(cmp.Options{
		// A snapshot with a complete listing tells more than AWS does in one call.
		cmpopts.IgnoreFields(facts.Bucket{}, "Keys"),
		cmpopts.IgnoreFields(facts.Object{}, "Listed"),
		// HeadObject's missing header, which the AWS CLI does not print, saves a call.
		cmpopts.IgnoreFields(facts.Object{}, "Version", "Head"),
		// HEAD has no body to carry a message.
		cmpopts.IgnoreFields(facts.Fact[facts.BucketHead]{}, "Message"),
	}, sameFacts...)
	if d := cmp.Diff(direct, wire, opts); d != "" {
		t.Errorf("(-snapshot +wire):\n%s", d)
	}
	for key, want := range map[string]correlate.Tri{"docs/guide.html": correlate.Yes, "docs/Guide.html": correlate.No, "docs/old.html": correlate.No} {
		if got := wire.Buckets["site-assets"].Objects[key].Exists(); got != want {
			t.Errorf("%s exists: %v, want %v", key, got, want)
		}
	}
	if v := wire.Buckets["site-assets"].Objects["docs/old.html"].Version.Value; !v.DeleteMarker || v.Previous != "v1" {
		t.Errorf("version of docs/old.html: %+v", v)
	}
}

// TestEachRefusalLosesItsFactsOnly takes every action away in turn.
func TestEachRefusalLosesItsFactsOnly(t *testing.T) {
	states := func(f *facts.Facts) map[string]facts.State {
		out := map[string]facts.State{}
		for name, b := range f.Buckets {
			p := name + " "
			out[p+"s3:HeadBucket"] = b.Head.State
			out[p+b.Policy.Call] = b.Policy.State
			out[p+b.PolicyStatus.Call] = b.PolicyStatus.State
			out[p+b.PublicAccessBlock.Call] = b.PublicAccessBlock.State
			out[p+b.Ownership.Call] = b.Ownership.State
			out[p+b.ACL.Call] = b.ACL.State
			out[p+b.Website.Call] = b.Website.State
			out[p+b.RequestPayment.Call] = b.RequestPayment.State
			out[p+b.Encryption.Call] = b.Encryption.State
			out[p+b.Logging.Call] = b.Logging.State
			out[p+b.Versioning.Call] = b.Versioning.State
			out[p+b.CORS.Call] = b.CORS.State
			for key, o := range b.Objects {
				p := name + "/" + key + " "
				out[p+o.Head.Call] = o.Head.State
				out[p+o.ACL.Call] = o.ACL.State
				out[p+o.Tags.Call] = o.Tags.State
			}
		}
		out[f.Caller.Call] = f.Caller.State
		out["s3control:GetPublicAccessBlock"] = f.OwnAccount().PublicAccessBlock.State
		out[f.OwnAccount().EffectiveS3Policy.Call] = f.OwnAccount().EffectiveS3Policy.State
		out["scp"], out["rcp"] = f.Organization.SCPs.State, f.Organization.RCPs.State
		if r := f.Organization.RCPs; r.State == facts.Refused {
			out[r.Permission] = r.State
		}
		for id, d := range f.Distributions {
			out[id+" "+d.Config.Call] = d.Config.State
		}
		for id, x := range f.AccessControl {
			out[id+" "+x.Call] = x.State
		}
		for id, x := range f.Identities {
			out[id+" "+x.Call] = x.State
		}
		for id, x := range f.CachePolicies {
			out[id+" "+x.Call] = x.State
		}
		for id, x := range f.OriginRequest {
			out[id+" "+x.Call] = x.State
		}
		for id, x := range f.KeyGroups {
			out[id+" "+x.Call] = x.State
		}
		for id, x := range f.PublicKeys {
			out[id+" "+x.Call] = x.State
		}
		for id, x := range f.WebACLs {
			out[id+" "+x.Call] = x.State
		}
		for id, x := range f.Functions {
			out[id+" "+x.ARN.Call], out[id+" "+x.Code.Call] = x.ARN.State, x.Code.State
		}
		for id, x := range f.KMSKeys {
			out[id+" "+x.Key.Call], out[id+" "+x.Policy.Call] = x.Key.State, x.Policy.State
		}
		for id, x := range f.AccessPoints {
			out[id+" "+x.Config.Call], out[id+" "+x.Policy.Call] = x.Config.State, x.Policy.State
		}
		return out
	}
	run := func(deny string) map[string]facts.State {
		server := &awsoverlay.Server{Answers: gather.NewSnapshot(site(t)), Deny: []string{deny}}
		defer server.Close()
		ctx := context.Background()
		g := gather.New(NewAnswers(open(t, server, Config{})), gather.Options{})
		err := errors.Join(
			g.Distributions(ctx, "E1SITE"),
			g.WebACLs(ctx, "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/a1b2"),
			g.Account(ctx), g.Organization(ctx, true),
			g.AccessPoints(ctx, "arn:aws:s3:eu-west-1:111122223333:accesspoint/site-edge"),
			g.Buckets(ctx, gather.PartWebsite|gather.PartEncryption|gather.PartLogging|gather.PartVersioning|gather.PartCORS, "site-assets", "site-web"))
		if d := g.Facts().Distributions["E1SITE"]; d.Config.Known() {
			for i := range d.Config.Value.Behaviors {
				err = errors.Join(err, g.Behaviors(ctx, &d.Config.Value.Behaviors[i]))
			}
		}
		err = errors.Join(err, g.Objects(ctx, "site-assets", gather.Key{Key: "docs/guide.html"}, gather.Key{Key: "docs/Guide.html"}))
		if p := g.Problems(); err != nil || len(p) > 0 {
			t.Fatalf("without %s: %v %v", deny, err, p)
		}
		return states(g.Facts())
	}
	full := run("")
	// Calls of the discovery of logs, and those that are made only when another
	// one does not tell, are not among the stages here.
	for _, c := range gather.Calls() {
		if c.Permission == "" || c.Scope == gather.ScopeLogs || c.Scope == gather.ScopeLogObjects || strings.HasPrefix(c.Name, "logs:") || c.Name == "cloudfront:GetRealtimeLogConfig" || c == gather.ListDistributions || c == gather.GetBucketPolicyStatus || c == gather.GetBucketLocation || c == gather.ListObjectVersions {
			continue
		}
		got := run(c.Permission)
		refused := 0
		for what, state := range full {
			g, asked := got[what]
			needs := strings.HasSuffix(what, " "+c.Name) || what == c.Name ||
				c.Permission == "s3:ListBucket" && strings.HasSuffix(what, "s3:HeadBucket") ||
				// Without the right to list, S3 answers 403 for a missing key.
				c.Permission == "s3:ListBucket" && what == "site-assets/docs/Guide.html s3:HeadObject" ||
				strings.HasPrefix(c.Name, "organizations:") && c != gather.DescribeEffectivePolicy && (what == "scp" || what == "rcp")
			switch {
			case needs && g == facts.Refused:
				refused++
			case !asked: // what named it was refused
			case g != state && !(c == gather.GetOwnershipControls && strings.Contains(what, "Acl")) &&
				!(c == gather.GetBucketPolicy && (strings.HasSuffix(what, "GetObjectTagging") || strings.HasSuffix(what, "PolicyStatus"))) &&
				!(c == gather.HeadObject && strings.HasPrefix(what, "site-assets/")):
				t.Errorf("without %s: %s is %d, was %d", c.Permission, what, g, state)
			}
		}
		if strings.HasPrefix(c.Name, "organizations:") && c != gather.DescribeEffectivePolicy && got[c.Permission] != facts.Refused {
			t.Errorf("without %s the resource control policies don't name it", c.Permission)
		}
		if refused == 0 {
			t.Errorf("without %s no fact is refused", c.Permission)
		}
	}
}

// TestMissingKeyNeedsProof: S3 answers 403 for a missing key to those who may
// not list, which proves nothing; a listing does, whatever HeadObject says.
func TestMissingKeyNeedsProof(t *testing.T) {
	f := func(there, missing correlate.Tri, deny ...string) {
		t.Helper()
		server := &awsoverlay.Server{Answers: gather.NewSnapshot(site(t)), Deny: deny}
		g := gather.New(NewAnswers(open(t, server, Config{})), gather.Options{})
		if err := errors.Join(g.Buckets(context.Background(), 0, "site-assets"), g.Objects(context.Background(), "site-assets", gather.Key{Key: "docs/guide.html"}, gather.Key{Key: "docs/Guide.html"})); err != nil {
			t.Fatal(err)
		}
		o := g.Facts().Buckets["site-assets"].Objects
		if a, b := o["docs/guide.html"].Exists(), o["docs/Guide.html"].Exists(); a != there || b != missing {
			t.Errorf("without %v: %v and %v, want %v and %v", deny, a, b, there, missing)
		}
	}
	f(correlate.Yes, correlate.No)
	f(correlate.Yes, correlate.No, "s3:GetObject")
	f(correlate.Yes, correlate.Unknown, "s3:ListBucket")
	f(correlate.Unknown, correlate.Unknown, "s3:GetObject", "s3:ListBucket")
}

func TestEveryCallHasItsOperation(t *testing.T) {
	for _, c := range gather.Calls() {
		inner := c == gather.DescribeOrganization || c == gather.ListParents || c == gather.ListPoliciesForTarget || c == gather.ListLogs || c == gather.GetLog
		if (operations[c] == nil) != inner {
			t.Errorf("%s: operation %v", c.Name, operations[c] != nil)
		}
	}
	if len(operations) != len(gather.Calls())-5 {
		t.Errorf("%d operations for %d calls", len(operations), len(gather.Calls()))
	}
}

func TestBucketOfAnotherRegionIsFound(t *testing.T) {
	m := fstest.MapFS{
		"buckets/far-away/head.json":   {Data: []byte(`{"BucketRegion":"ap-northeast-1"}`)},
		"buckets/far-away/policy.json": {Data: []byte(`{"Policy":"{}"}`)},
	}
	server := &awsoverlay.Server{Answers: gather.NewSnapshot(m)}
	c := open(t, server, Config{})
	g := gather.New(NewAnswers(c), gather.Options{})
	if err := g.Buckets(context.Background(), 0, "far-away"); err != nil {
		t.Fatal(err)
	}
	b := g.Facts().Buckets["far-away"]
	if b.Location.Value != "ap-northeast-1" || b.Policy.State != facts.Known {
		t.Errorf("location %+v, policy %+v", b.Location, b.Policy)
	}
	if n := c.Calls()["s3:HeadBucket"]; n != 2 {
		t.Errorf("%d HeadBucket calls, want 2", n)
	}
}

func TestForeignBucketIsRecognised(t *testing.T) {
	server := &awsoverlay.Server{Answers: gather.NewSnapshot(site(t))}
	g := gather.New(NewAnswers(open(t, server, Config{})), gather.Options{})
	if err := g.Buckets(context.Background(), 0, "site-foreign"); err != nil {
		t.Fatal(err)
	}
	b := g.Facts().Buckets["site-foreign"]
	if b.Foreign != correlate.Yes || b.Policy.State != facts.Refused {
		t.Errorf("foreign %v, policy %+v", b.Foreign, b.Policy)
	}
}

func TestCallLimitEndsInUngatheredFacts(t *testing.T) {
	server := &awsoverlay.Server{Answers: gather.NewSnapshot(site(t))}
	c := open(t, server, Config{MaxCalls: 3})
	g := gather.New(NewAnswers(c), gather.Options{Concurrency: 1})
	if err := g.Buckets(context.Background(), 0, "site-assets"); err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, n := range c.Calls() {
		total += n
	}
	if total != 3 {
		t.Errorf("%d calls: %v", total, c.Calls())
	}
	var left []string
	b := g.Facts().Buckets["site-assets"]
	for _, f := range []facts.Fact[string]{b.Policy, b.Ownership, b.RequestPayment} {
		if f.State == facts.NotGathered {
			left = append(left, f.Message)
		}
	}
	if len(left) == 0 || left[0] != "not asked: the limit of 3 calls (--max-api-calls) was reached" {
		t.Errorf("messages %q", left)
	}
	if p := g.Problems(); len(p) != 0 {
		t.Errorf("problems %v", p)
	}
}

func TestNoCredentialsIsOneSentence(t *testing.T) {
	environment(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	c, err := Open(context.Background(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	g := gather.New(NewAnswers(c), gather.Options{})
	if err := g.Buckets(context.Background(), 0, "a-bucket", "b-bucket"); err != nil {
		t.Fatal(err)
	}
	p := g.Problems()
	if len(p) != 1 || p[0].Error() != "no AWS credentials found" {
		t.Fatalf("problems %q", p)
	}
	var e *Error
	if !errors.As(p[0], &e) || e.Hint == "" {
		t.Errorf("no hint: %#v", p[0])
	}
	if b := g.Facts().Buckets["a-bucket"]; b.Policy.State != facts.Failed || b.Policy.Code != gather.CodeUnavailable {
		t.Errorf("policy %+v", b.Policy)
	}
}

// TestNoNetwork: a host that can't be resolved is one sentence, too, with a hint.
func TestNoNetwork(t *testing.T) {
	c := open(t, nil, Config{Tempo: 1000, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "sts.amazonaws.com", IsNotFound: true}
	}})
	_, err := NewAnswers(c).Ask(context.Background(), gather.Question{Call: gather.GetCallerIdentity})
	var e *Error
	if !errors.As(err, &e) || e.What != "can't resolve sts.amazonaws.com" || !strings.HasPrefix(e.Hint, "check the network, ") {
		t.Errorf("%v, hint %+v", err, e)
	}
}

func TestExpiredTokenStopsAsking(t *testing.T) {
	m := fstest.MapFS{"buckets/site-assets/head.json": {Data: []byte(`{"BucketRegion":"us-east-1"}`)}}
	for _, f := range []string{"policy", "public-access-block", "ownership-controls", "request-payment", "acl"} {
		m["buckets/site-assets/"+f+".json"] = &fstest.MapFile{Data: []byte(`{"Error":{"Code":"ExpiredToken","Message":"The provided token has expired."}}`)}
	}
	server := &awsoverlay.Server{Answers: gather.NewSnapshot(m)}
	g := gather.New(NewAnswers(open(t, server, Config{})), gather.Options{Concurrency: 1})
	if err := g.Buckets(context.Background(), 0, "site-assets"); err != nil {
		t.Fatal(err)
	}
	if p := g.Problems(); len(p) != 1 || p[0].Error() != "the AWS credentials have expired (ExpiredToken)" {
		t.Errorf("problems %q", p)
	}
	if n := len(server.Requests()); n != 2 {
		t.Errorf("%d requests, want 2: %q", n, server.Requests())
	}
}

func TestMissingProfile(t *testing.T) {
	environment(t)
	_, err := Open(context.Background(), Config{Profile: "nightly"})
	var e *Error
	if !errors.As(err, &e) || e.What != `there is no profile "nightly"` || e.Hint == "" {
		t.Errorf("%#v", err)
	}
}

// keyTable holds keys that clients have been seen to change on their way.
var keyTable = []string{
	"plain.txt", "dir/file.txt", "/lead.txt", "//lead2.txt", "dir//dbl.txt", "dir/", "a/./b", "a/../b", ".", "..", "./x", "../x",
	"a b.txt", "a+b.txt", "a%20b.txt", "a%2Fb.txt", "100%.txt", "q?x=1", "h#frag", "tab\there", "ctl\x01\x1f", "new\nline", "ü-nfc", "u\u0308-nfd", "日本語/鍵", "emoji-\U0001F600", "a&b=c;d,e", `quo"te'<>`, `back\slash`, "\xff\xfe-not-utf8", "~tilde-_.!*()",
	strings.Repeat("long/", 100) + "key",
}

// TestKeysArriveUnchanged sends each key through the SDK, and lists it.
func TestKeysArriveUnchanged(t *testing.T) {
	var contents []gather.Entry
	for i, k := range keyTable {
		e := gather.Entry{Size: int64(i + 1), StorageClass: "STANDARD", Owner: &gather.Owner{ID: "o"}}
		e.Key, e.KeyEncoding = gather.Name(k)
		contents = append(contents, e)
	}
	objects, err := json.Marshal(map[string]any{"Contents": contents, "Complete": true})
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"keys-vhost", "keys.path.style"} {
		m := fstest.MapFS{
			"buckets/" + bucket + "/head.json":    {Data: []byte(`{"BucketRegion":"us-east-1"}`)},
			"buckets/" + bucket + "/objects.json": {Data: objects},
		}
		server := &awsoverlay.Server{Answers: gather.NewSnapshot(m)}
		dir := t.TempDir() + "/s"
		recorder := gather.NewRecorder(NewAnswers(open(t, server, Config{})))
		g := gather.New(recorder, gather.Options{})
		if err := g.Buckets(context.Background(), 0, bucket); err != nil {
			t.Fatal(err)
		}
		var keys []gather.Key
		for _, k := range keyTable {
			keys = append(keys, gather.Key{Key: k})
		}
		if err := g.Objects(context.Background(), bucket, keys...); err != nil {
			t.Fatal(err)
		}
		check := func(how string, g *gather.Gatherer) {
			for i, k := range keyTable {
				o := g.Facts().Buckets[bucket].Objects[k]
				if o.Head.Value.ContentLength != int64(i+1) {
					t.Errorf("%s: %s %q: head %+v", how, bucket, k, o.Head)
				}
			}
			all, _, complete, err := g.Lister(bucket).List(context.Background(), "", "", 1000)
			if err != nil || !complete {
				t.Fatal(all, complete, err)
			}
			if d := cmp.Diff(keyTable, all, cmpopts.SortSlices(func(a, b string) bool { return a < b })); d != "" {
				t.Errorf("%s: listing of %s (-want +got):\n%s", how, bucket, d)
			}
		}
		check("wire", g)
		if err := recorder.Write(dir); err != nil {
			t.Fatal(err)
		}
		s, err := gather.OpenSnapshot(dir)
		if err != nil {
			t.Fatal(err)
		}
		replay := gather.New(s, gather.Options{})
		if err := errors.Join(replay.Buckets(context.Background(), 0, bucket), replay.Objects(context.Background(), bucket, keys...)); err != nil {
			t.Fatal(err)
		}
		check("replay", replay)
	}
}

func TestRender(t *testing.T) {
	f := func(v any, lower bool, want string) {
		t.Helper()
		got, err := render(v, lower)
		if err != nil || string(got) != want {
			t.Errorf("render: %s, %v; want %s", got, err, want)
		}
	}
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.FixedZone("", 3600))
	f(&s3.HeadObjectOutput{ContentLength: aws.Int64(0), LastModified: &at, StorageClass: s3types.StorageClassGlacier, Metadata: map[string]string{"b": "<x>", "a": ""}}, false,
		`{"ContentLength":0,"LastModified":"2026-11-20T09:00:00+00:00","Metadata":{"a":"","b":"<x>"},"StorageClass":"GLACIER"}`)
	f(&s3.GetBucketVersioningOutput{}, false, `{}`)
	f(&s3.GetBucketAclOutput{Grants: []s3types.Grant{{Permission: s3types.PermissionRead, Grantee: &s3types.Grantee{Type: s3types.TypeGroup, URI: aws.String("u")}}}}, false,
		`{"Grants":[{"Grantee":{"Type":"Group","URI":"u"},"Permission":"READ"}]}`)
	f(&waftypes.WebACL{Name: aws.String("n"), DefaultAction: &waftypes.DefaultAction{Block: &waftypes.BlockAction{}}, Capacity: 3}, false,
		`{"DefaultAction":{"Block":{}},"Name":"n","Capacity":3,"ManagedByFirewallManager":false,"RetrofittedByFirewallManager":false}`)
	f((*s3.HeadObjectOutput)(nil), false, `{}`)
	f(struct{ ResourceArns []string }{[]string{"a"}}, true, `{"resourceArns":["a"]}`)
	f(struct{ Blob []byte }{[]byte{0xff}}, false, `{"Blob":"/w=="}`)
}

// TestCallsForEachKey: a key that exists costs one call, one that does not one
// more at most, and keys of a folder share the search for near keys.
func TestCallsForEachKey(t *testing.T) {
	const n = 50
	m := fstest.MapFS{
		"buckets/big-bucket/head.json":               {Data: []byte(`{"BucketRegion":"us-east-1"}`)},
		"buckets/big-bucket/ownership-controls.json": {Data: []byte(`{"OwnershipControls":{"Rules":[{"ObjectOwnership":"BucketOwnerEnforced"}]}}`)},
	}
	var contents []gather.Entry
	var keys []gather.Key
	for i := range n {
		contents = append(contents, gather.Entry{Key: fmt.Sprintf("img/Photo-%03d.jpg", i), Size: 1})
		keys = append(keys, gather.Key{Key: fmt.Sprintf("img/Photo-%03d.jpg", i)})
		missing := fmt.Sprintf("img/photo-%03d.jpg", i)
		keys = append(keys, gather.Key{Key: missing, Near: func(ctx context.Context, l correlate.Lister) ([]correlate.NearKey, error) {
			return correlate.Near(ctx, missing, correlate.Hint{}, l, 3)
		}})
	}
	m["buckets/big-bucket/objects.json"] = &fstest.MapFile{}
	m["buckets/big-bucket/objects.json"].Data, _ = json.Marshal(map[string]any{"Contents": contents, "Complete": true})
	server := &awsoverlay.Server{Answers: gather.NewSnapshot(m)}
	c := open(t, server, Config{})
	g := gather.New(NewAnswers(c), gather.Options{})
	if err := errors.Join(g.Buckets(context.Background(), 0, "big-bucket"), g.Objects(context.Background(), "big-bucket", keys...)); err != nil {
		t.Fatal(err)
	}
	calls := c.Calls()
	objects := calls["s3:HeadObject"] + calls["s3:ListObjectsV2"] + calls["s3:ListObjectVersions"] + calls["s3:GetObjectAcl"] + calls["s3:GetBucketVersioning"]
	if calls["s3:HeadObject"] != 2*n || objects > 2*2*n {
		t.Errorf("calls %v", calls)
	}
	t.Logf("calls %v", calls)
	for i := range n {
		o := g.Facts().Buckets["big-bucket"].Objects[fmt.Sprintf("img/photo-%03d.jpg", i)]
		if o.Exists() != correlate.No || len(o.Near.Value) == 0 || o.Near.Value[0] != (correlate.NearKey{Key: fmt.Sprintf("img/Photo-%03d.jpg", i), Kind: correlate.NearCase}) {
			t.Errorf("%s: %+v", o.Key, o.Near)
		}
		if o.Version.State != facts.NotFound {
			t.Errorf("%s: version %+v", o.Key, o.Version)
		}
	}
}

// TestManagementAccountIsNotBound: the policies of an organization bind all
// accounts but its management account.
func TestManagementAccountIsNotBound(t *testing.T) {
	f := func(management string, state facts.State, policies int) {
		t.Helper()
		server := &awsoverlay.Server{Answers: gather.NewSnapshot(site(t)), Management: management}
		check := func(a gather.Answers) {
			t.Helper()
			g := gather.New(a, gather.Options{})
			if err := g.Organization(context.Background(), true); err != nil {
				t.Fatal(err)
			}
			if o := g.Facts().Organization; o.RCPs.State != state || o.SCPs.State != state || len(o.RCPs.Value) != policies {
				t.Errorf("management account %s: RCPs %+v, SCPs %+v; want state %d and %d RCPs", management, o.RCPs, o.SCPs, state, policies)
			}
		}
		r := gather.NewRecorder(NewAnswers(open(t, server, Config{})))
		check(r)
		dir := filepath.Join(t.TempDir(), "snapshot")
		if err := r.Write(dir); err != nil {
			t.Fatal(err)
		}
		check(gather.NewSnapshot(os.DirFS(dir))) // what was recorded says the same
		if asked := fmt.Sprint(server.Requests()); state == facts.NotSet && strings.Contains(asked, "ListPoliciesForTarget") {
			t.Errorf("policies of the management account were asked for: %s", asked)
		}
	}
	f("111122223333", facts.NotSet, 0)
	f("444455556666", facts.Known, len(gatherAll(t, gather.NewSnapshot(site(t))).Organization.RCPs.Value))
}

// TestLimitDoesNotWait: what may not be asked for the limit does not wait for its
// turn, which at this rate would come after the time limit of a question.
func TestLimitDoesNotWait(t *testing.T) {
	server := &awsoverlay.Server{Answers: gather.NewSnapshot(site(t))}
	a := NewAnswers(open(t, server, Config{MaxCalls: 1, Rate: 0.0001}))
	if _, err := a.Ask(context.Background(), gather.Question{Call: gather.GetDistribution, ID: "E1SITE"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Ask(context.Background(), gather.Question{Call: gather.GetDistribution, ID: "E9GONE"}); !errors.Is(err, gather.ErrNotAsked) {
		t.Errorf("got %v, want that it was not asked", err)
	}
	// A turn that does not come is no call.
	c := open(t, server, Config{MaxCalls: 2, Rate: 0.0001})
	a = NewAnswers(c)
	for range 3 {
		_, _ = a.Ask(context.Background(), gather.Question{Call: gather.GetDistribution, ID: "E1SITE"})
	}
	if n := c.Calls()["cloudfront:GetDistribution"]; n != 1 || c.meter.left != 1 {
		t.Errorf("%d calls, %d left", n, c.meter.left)
	}
}

// TestPlainBodies has an answer that comes while the transport still looks for the
// end of the request's body.
func TestPlainBodies(t *testing.T) {
	ended := make(chan error, 1)
	client := PlainBodies(doer(func(r *http.Request) (*http.Response, error) {
		r.Body.Close() // as the SDK does when the answer is there
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	}))
	_, err := sts.New(sts.Options{Region: "us-east-1", HTTPClient: client, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}).GetCallerIdentity(t.Context(), nil)
	if len(ended) == 0 {
		t.Fatalf("no request with a body: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the body ends with %v", err)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
