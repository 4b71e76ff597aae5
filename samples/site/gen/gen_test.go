package main

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// committed reads the sample as it lies in the repository.
func committed(t *testing.T) files {
	t.Helper()
	all := files{}
	for _, part := range owned {
		err := filepath.WalkDir(filepath.Join("..", part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			name, _ := filepath.Rel("..", path)
			all[filepath.ToSlash(name)] = content
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func gunzip(t *testing.T, content []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The committed files are those that the program makes. Compressed ones are compared by content:
// another Go release may compress better.
func TestCommittedFilesAreFresh(t *testing.T) {
	fresh, err := generate(defaultSeed)
	if err != nil {
		t.Fatal(err)
	}
	have := committed(t)
	if !slices.Equal(fresh.names(), have.names()) {
		t.Fatal("the committed files have other names than fresh ones; run: go run ./samples/site/gen")
	}
	for name, want := range fresh {
		got := have[name]
		if strings.HasSuffix(name, ".gz") {
			got, want = gunzip(t, got), gunzip(t, want)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from a fresh one; run: go run ./samples/site/gen", name)
		}
	}
}

func TestOtherSeedsKeepTheStory(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		made, err := generate(seed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var other, committed truth
		decode(t, made["truth.json"], &other)
		decode(t, readTruthFile(t), &committed)
		for id := range committed.Causes {
			if id != "edge-cached-error" && other.Causes[id].Requests == 0 {
				t.Errorf("seed %d: no request with cause %s", seed, id)
			}
		}
	}
}

func TestSize(t *testing.T) {
	total := 0
	for _, content := range committed(t) {
		total += len(content)
	}
	if total > 4<<20 {
		t.Errorf("the sample has %d bytes, more than 4 MiB", total)
	}
}

func decode(t *testing.T, content []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

func readTruthFile(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile("../truth.json")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// A viewed is a CloudFront line, a stored an S3 line, as the parsers of this test read them: they
// share nothing with the writers.
type viewed struct {
	dist, id, method, path, query, status, result, response, contentType string
	end                                                                  time.Time
	taken                                                                time.Duration
	client                                                               string
	duplicate                                                            bool
}

type stored struct {
	bucket, ip, requester, id, operation, key, uri, status, code, agent, referer string
	at                                                                           time.Time
	duplicate, cdn                                                               bool
}

func readCloudFront(t *testing.T, all files) (lines []viewed, headers int) {
	t.Helper()
	nameForm := regexp.MustCompile(`^logs/cloudfront/([0-9A-Z]{12,14})\.2026-11-20-\d\d\.[0-9a-f]{8}\.gz$`)
	seen := map[string]bool{}
	for _, name := range all.names() {
		if !strings.HasPrefix(name, "logs/cloudfront/") {
			continue
		}
		form := nameForm.FindStringSubmatch(name)
		if form == nil {
			t.Fatalf("name of a CloudFront log object: %s", name)
		}
		rows := strings.Split(strings.TrimSuffix(string(gunzip(t, all[name])), "\n"), "\n")
		if rows[0] != "#Version: 1.0" || !strings.HasPrefix(rows[1], "#Fields: date time ") || len(strings.Fields(rows[1])) != 34 {
			t.Fatalf("%s: header %q", name, rows[:2])
		}
		headers += 2
		for _, row := range rows[2:] {
			c := strings.Split(row, "\t")
			if len(c) != 33 || slices.Contains(c, "") || strings.ContainsAny(row, "\" ") {
				t.Fatalf("%s: bad line %q", name, row)
			}
			end, err := time.Parse("2006-01-02 15:04:05", c[0]+" "+c[1])
			if err != nil || !strings.Contains(name, "."+end.Format("2006-01-02-15")+".") {
				t.Fatalf("%s: time %s %s (%v)", name, c[0], c[1], err)
			}
			taken, err := time.ParseDuration(c[18] + "s")
			if err != nil {
				t.Fatal(err)
			}
			path, err := url.PathUnescape(c[7])
			if err != nil {
				t.Fatal(err)
			}
			query, err := url.PathUnescape(c[11])
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, viewed{dist: form[1], id: c[14], method: c[5], path: path, query: query, status: c[8], result: c[13], response: c[22], contentType: c[29], end: end, taken: taken, client: c[4], duplicate: seen[c[14]]})
			seen[c[14]] = true
		}
	}
	return lines, headers
}

var s3Line = regexp.MustCompile(`^[0-9a-f]{64} (\S+) \[([^\]]+)\] (\S+) (\S+) ([0-9A-Z]{16}) (\S+) (\S+) (-|"-"|".*? HTTP/1\.1") (\d{3}|-) (\S+) (\d+|-) (\d+|-) (\d+|-) (\d+|-) (.*)$`)

func readS3(t *testing.T, all files) []stored {
	t.Helper()
	nameForm := regexp.MustCompile(`^logs/s3/([a-z-]+/2026-11-2[01]-\d\d-\d\d-\d\d|111122223333/ap-northeast-1/minamo-shop-media/2026/11/20/2026-11-20-00-00-00)-[0-9A-F]{16}$`)
	seen := map[string]bool{}
	var lines []stored
	for _, name := range all.names() {
		if !strings.HasPrefix(name, "logs/s3/") {
			continue
		}
		if !nameForm.MatchString(name) {
			t.Fatalf("name of an S3 log object: %s", name)
		}
		for row := range strings.Lines(string(all[name])) {
			c := s3Line.FindStringSubmatch(strings.TrimSuffix(row, "\n"))
			if c == nil {
				t.Fatalf("%s: bad line %q", name, row)
			}
			when, err := time.Parse("02/Jan/2006:15:04:05 -0700", c[2])
			if err != nil || when.UTC().Format(time.DateOnly) != "2026-11-20" || !strings.Contains(name, "/"+c[1]+"/") {
				t.Fatalf("%s: bad time or bucket in %q", name, row)
			}
			key := c[7]
			if key == "-" {
				key = ""
			}
			for range map[bool]int{true: 1, false: 2}[strings.HasPrefix(c[6], "BATCH.") || strings.HasPrefix(c[6], "S3.")] {
				if key, err = url.QueryUnescape(key); err != nil {
					t.Fatal(err)
				}
			}
			s := stored{bucket: c[1], at: when, ip: c[3], requester: c[4], id: c[5], operation: c[6], key: key, uri: strings.Trim(c[8], `"`), status: c[9], code: c[10]}
			rest := c[15]
			if strings.HasPrefix(rest, `"`) {
				agents := rest[1:strings.LastIndex(rest, `"`)]
				s.referer, s.agent, _ = strings.Cut(agents, `" "`)
				rest = rest[strings.LastIndex(rest, `"`)+2:]
			} else {
				rest = strings.TrimPrefix(rest, "- - ")
			}
			if n := len(strings.Fields(rest)) + 17; n != 26 && n != 27 {
				t.Fatalf("%s: %d columns in %q", name, n, row)
			}
			s.cdn = s.requester == "svc:cloudfront.amazonaws.com" || s.agent == "Amazon CloudFront"
			dedupe := s.id + s.operation + s.key
			s.duplicate = seen[dedupe]
			seen[dedupe] = true
			lines = append(lines, s)
		}
	}
	return lines
}

// The truth's counts are those of the files.
func TestTruthAgreesWithTheLogs(t *testing.T) {
	all := committed(t)
	var want truth
	decode(t, all["truth.json"], &want)
	requests, headers := readCloudFront(t, all)
	records := readS3(t, all)

	var cf, s3 counts
	cf.ByStatus, s3.ByStatus = map[string]int{}, map[string]int{}
	cf.Header, cf.Objects, s3.Objects = headers, want.CloudFront.Objects, want.S3.Objects
	refused := map[string]int{} // by distribution and URI
	cfByID := map[string]viewed{}
	for _, r := range requests {
		cf.Lines++
		if r.duplicate {
			cf.Duplicates++
			continue
		}
		cf.Records++
		cf.ByStatus[r.status]++
		cfByID[r.id] = r
		masked := r.result == "Error" && r.response == "Error" && r.status == "200"
		if masked {
			cf.Masked++
		}
		if r.status == "403" {
			cf.Forbidden++
		}
		if r.status == "403" || masked {
			refused[r.dist+" "+r.path]++
		}
	}
	s3ByID := map[string]stored{}
	fetched, came := map[string]int{}, map[string]int{} // by bucket and key
	for _, r := range records {
		s3.Lines++
		if r.duplicate {
			s3.Duplicates++
			continue
		}
		s3.Records++
		s3.ByStatus[r.status]++
		if r.status != "403" {
			continue
		}
		s3.Forbidden++
		s3ByID[r.id] = r
		if r.cdn {
			fetched[r.bucket+" "+r.key]++
		} else {
			came[r.bucket+" "+r.key]++
		}
	}
	if got, want := fmt.Sprint(cf), fmt.Sprint(want.CloudFront); got != want {
		t.Errorf("CloudFront: the files have %s, the truth says %s", got, want)
	}
	if got, want := fmt.Sprint(s3), fmt.Sprint(want.S3); got != want {
		t.Errorf("S3: the files have %s, the truth says %s", got, want)
	}

	for _, k := range append(slices.Clone(want.FailingKeys), want.DirectFailures...) {
		id := k.Bucket + " " + k.Key
		if fetched[id] != k.Requests.S3 || came[id] != k.Requests.Direct {
			t.Errorf("%s: S3's log has %d fetches and %d direct requests, the truth says %d and %d", id, fetched[id], came[id], k.Requests.S3, k.Requests.Direct)
		}
		delete(fetched, id)
		delete(came, id)
		left := k.Requests.CloudFront
		for _, uri := range k.URIs {
			n := min(left, refused[k.Distribution+" "+uri])
			refused[k.Distribution+" "+uri] -= n
			left -= n
		}
		if left != 0 {
			t.Errorf("%s: %d requests of the truth are not in CloudFront's log", id, left)
		}
	}
	for _, e := range want.EdgeFailures {
		refused[e.Distribution+" "+e.URI] -= e.Requests
	}
	for what, n := range refused {
		if n != 0 {
			t.Errorf("%s: %d refusals in the log that the truth doesn't account for", what, n)
		}
	}
	if len(fetched)+len(came) != 0 {
		t.Errorf("refused by S3, and not in the truth: %v %v", fetched, came)
	}

	keyOf := map[string]*failingKey{}
	for _, k := range want.FailingKeys {
		for _, uri := range k.URIs {
			keyOf[k.Distribution+" "+uri] = k
		}
	}
	paired := map[string]bool{}
	for _, pair := range want.Pairs {
		cfID, s3ID, _ := strings.Cut(pair, " ")
		r, ok1 := cfByID[cfID]
		s, ok2 := s3ByID[s3ID]
		if !ok1 || !ok2 {
			t.Fatalf("pair %s: a line is missing", pair)
		}
		paired[s3ID] = true
		k := keyOf[r.dist+" "+r.path]
		if k == nil || k.Key != s.key || k.Bucket != s.bucket || !strings.Contains(s.operation, "."+r.method+".") && r.method != "OPTIONS" {
			t.Errorf("pair %s: %s %s with %s %s", pair, r.method, r.path, s.operation, s.key)
		}
		if early, late := r.end.Add(-r.taken-2*time.Second), r.end.Add(time.Second); s.at.Before(early) || s.at.After(late) {
			t.Errorf("pair %s: S3 at %s, CloudFront at %s after %s", pair, s.at, r.end, r.taken)
		}
	}
	for id, s := range s3ByID {
		if s.cdn && !paired[id] {
			t.Errorf("refused fetch without a viewer's request: %s %s", id, s.key)
		}
	}
}

// Every key that the truth blames on itself is not in the listing, every other one is; and what the
// cause needs to be seen is there.
func TestTruthAgreesWithTheSnapshot(t *testing.T) {
	all := committed(t)
	var want truth
	decode(t, all["truth.json"], &want)
	for _, k := range append(slices.Clone(want.FailingKeys), want.DirectFailures...) {
		var list struct {
			Complete bool
			Contents []struct {
				Key, StorageClass string
				LastModified      time.Time
				Owner             struct{ ID string }
			}
		}
		decode(t, all["snapshot/buckets/"+k.Bucket+"/objects.json"], &list)
		if !list.Complete {
			t.Fatalf("%s: not complete", k.Bucket)
		}
		exists := map[string]int{}
		for i, o := range list.Contents {
			exists[o.Key] = i + 1
		}
		has := func(key string) bool { return exists[key] > 0 }
		fold := func() bool {
			return slices.ContainsFunc(list.Contents, func(o struct {
				Key, StorageClass string
				LastModified      time.Time
				Owner             struct{ ID string }
			}) bool {
				return o.Key != k.Key && strings.EqualFold(o.Key, k.Key)
			})
		}
		once, _ := url.PathUnescape(k.Key)
		var near bool
		switch k.Verdict {
		case "key-case":
			near = fold()
		case "key-trailing-slash":
			near = has(strings.TrimSuffix(k.Key, "/"))
		case "key-directory-index":
			near = has(strings.TrimSuffix(k.Key, "/") + "/index.html")
		case "key-extension":
			near = has(k.Key + ".html")
		case "key-double-slash":
			near = has(strings.TrimPrefix(strings.ReplaceAll(k.Key, "//", "/"), "/"))
		case "key-encoding":
			near = has(strings.ReplaceAll(k.Key, " ", "+")) || has(once)
		case "key-unicode-form":
			near = has("catalog/カタロク\u3099-2026.pdf")
		case "key-origin-path":
			near = has(strings.TrimPrefix(k.Key, "live/"))
		case "key-deleted":
			near = strings.Contains(string(all["snapshot/buckets/"+k.Bucket+"/versions.json"]), `"Key": "`+k.Key+`"`)
		case "key-missing", "key-spa-route", "default-root-unset", "index-document-missing":
			near = !fold() && !has(k.Key+"/index.html") && !has(k.Key+".html")
			if k.FixedSince != "" {
				near = has(k.Key) && list.Contents[exists[k.Key]-1].LastModified.Format(time.RFC3339) == k.FixedSince && k.LastSeen <= k.FixedSince
				delete(exists, k.Key)
			}
		case "write-not-allowed":
			continue // whether the key exists does not matter
		case "object-archived":
			if has(k.Key) && list.Contents[exists[k.Key]-1].StorageClass == "GLACIER" {
				continue
			}
		case "object-owner":
			if has(k.Key) && list.Contents[exists[k.Key]-1].Owner.ID == partnerID {
				continue
			}
		case "kms-key-policy":
			if has(k.Key) && strings.Contains(string(all["snapshot/buckets/"+k.Bucket+"/objects/"+url.PathEscape(k.Key)+"/head.json"]), "aws:kms") {
				continue
			}
		default:
			if has(k.Key) || k.Key == "" { // "" asks for the list
				continue
			}
		}
		if !near || has(k.Key) {
			t.Errorf("%s: %s %q does not fit the listing", k.Verdict, k.Bucket, k.Key)
		}
	}
}

func TestSnapshotIsJSON(t *testing.T) {
	for name, content := range committed(t) {
		if strings.HasSuffix(name, ".json") && !json.Valid(content) {
			t.Errorf("%s is not JSON", name)
		}
	}
}

// The secrets lie only where AWS would show them.
func TestSecretsLieWhereAWSShowsThem(t *testing.T) {
	all := committed(t)
	var want truth
	decode(t, all["truth.json"], &want)
	for name, content := range all {
		if strings.HasSuffix(name, ".gz") {
			content = gunzip(t, content)
		}
		for _, s := range want.Secrets {
			allowed := name == "truth.json" || strings.HasPrefix(name, "snapshot/distributions/") || name == "snapshot/buckets/minamo-docs-site/policy.json" ||
				strings.HasPrefix(name, "logs/s3/minamo-docs-site/") || s == token && strings.HasPrefix(name, "logs/cloudfront/")
			if !allowed && bytes.Contains(content, []byte(s)) {
				t.Errorf("%s holds %s", name, s)
			}
		}
	}
}

// The signed URLs are what they are said to be, by the public key of the snapshot.
func TestSignedURLs(t *testing.T) {
	all := committed(t)
	var answer struct {
		PublicKey struct {
			ID              string `json:"Id"`
			PublicKeyConfig struct{ EncodedKey string }
		}
	}
	decode(t, all["snapshot/public-keys/"+publicKeyID+".json"], &answer)
	block, _ := pem.Decode([]byte(answer.PublicKey.PublicKeyConfig.EncodedKey))
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(r viewed, q url.Values) bool {
		policy := fmt.Sprintf(`{"Statement":[{"Resource":"https://www.minamo.example%s","Condition":{"DateLessThan":{"AWS:EpochTime":%s}}}]}`, r.path, q.Get("Expires"))
		signature, err := base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(q.Get("Signature")))
		sum := sha1.Sum([]byte(policy))
		return err == nil && rsa.VerifyPKCS1v15(parsed.(*rsa.PublicKey), crypto.SHA1, sum[:], signature) == nil
	}
	found := map[string]int{}
	requests, _ := readCloudFront(t, all)
	for _, r := range requests {
		if !strings.HasPrefix(r.path, "/downloads/") {
			continue
		}
		q, err := url.ParseQuery(r.query)
		if err != nil {
			t.Fatal(err)
		}
		var expires int64
		fmt.Sscan(q.Get("Expires"), &expires)
		kind := ""
		switch {
		case r.query == "-":
			kind = "missing"
		case q.Get("Key-Pair-Id") != answer.PublicKey.ID:
			kind = "key"
		case !verify(r, q):
			t.Errorf("signature does not verify: %s?%s", r.path, r.query)
		case expires < r.end.Unix():
			kind = "expired"
		case len(q) > 3:
			kind = "added"
		default:
			kind = "valid"
		}
		if (kind == "valid") == (r.status == "403") {
			t.Errorf("%s signature and status %s", kind, r.status)
		}
		found[kind]++
	}
	for _, kind := range []string{"missing", "key", "expired", "added", "valid"} {
		if found[kind] == 0 {
			t.Errorf("no request with a signature that is %s", kind)
		}
	}
}

// The encoders, against lines and numbers seen at AWS.
func TestEncodings(t *testing.T) {
	f := func(encode func(string) string, in, want string) {
		t.Helper()
		if got := encode(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f(escape, "/a%20b", "/a%2520b")
	f(escape, "Safari/605.1.1\t20.51", "Safari/605.1.1%0920.51")
	f(escape, `("x") (y), gzip`, "(%22x%22)%20(y),%20gzip")
	f(escape, "a+b&c=d?e/f;g*h!i$j:k@l-m.n_o", "a+b&c=d?e/f;g*h!i$j:k@l-m.n_o")
	twice := func(s string) string { return formEncode(formEncode(s)) }
	f(formEncode, "Screen Shot 2019-09-09 at 9.08.44 AM.png", "Screen+Shot+2019-09-09+at+9.08.44+AM.png")
	f(twice, `"`, "%2522")
	f(twice, "a=b", "a%253Db")
	f(twice, "SRR9154112/*.fastq*", "SRR9154112/*.fastq*")
	f(twice, "日", "%25E6%2597%25A5")
	f(twice, "a b+c%d", "a%2Bb%252Bc%2525d")

	length := func(status int, code, key string, website bool, want int) {
		t.Helper()
		if got := len(errorBody(status, code, key, website, nil)); got != want {
			t.Errorf("%s: got %d bytes, want %d", code, got, want)
		}
	}
	length(403, accessDenied, "", false, 243)
	length(403, accessDenied, "", true, 303)
	length(404, noSuchKey, "favicon.ico", true, 346)
}
