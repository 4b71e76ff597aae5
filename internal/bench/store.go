package main

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	logBucket = "bench-logs"
	// latency is how long the store waits before each answer: what a bucket in
	// another Region of a continent takes.
	latency = 20 * time.Millisecond
)

// A store is an S3 server that keeps a directory's files in memory and answers
// late: ListObjectsV2, GetObject, HeadBucket, and nothing else. It believes
// every signature.
type store struct {
	wait    time.Duration
	keys    []string // sorted
	objects map[string][]byte
}

// serve runs a store of a directory until its standard input ends. It prints
// its address. "0:DIR" does not wait.
func serve(what string) error {
	wait, dir := latency, what
	if rest, ok := strings.CutPrefix(what, "0:"); ok {
		wait, dir = 0, rest
	}
	s := &store{wait: wait, objects: map[string][]byte{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		s.keys = append(s.keys, e.Name())
		s.objects[e.Name()] = data
	}
	slices.Sort(s.keys)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(l, s)
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(s.wait)
	path, ok := strings.CutPrefix(r.URL.Path, "/"+logBucket)
	key := strings.TrimPrefix(path, "/")
	w.Header().Set("x-amz-bucket-region", "us-east-1")
	switch data, have := s.objects[key]; {
	case !ok || r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "<Error><Code>NoSuchBucket</Code></Error>", http.StatusNotFound)
	case key == "" && r.Method == http.MethodHead:
	case key == "" && r.URL.Query().Has("location"):
		fmt.Fprint(w, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`)
	case key == "":
		s.list(w, r)
	case !have:
		http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
	default:
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Header().Set("ETag", `"0"`)
		w.Header().Set("Last-Modified", day.Format(http.TimeFormat))
		_, _ = w.Write(data)
	}
}

// list answers ListObjectsV2.
func (s *store) list(w http.ResponseWriter, r *http.Request) {
	type object struct {
		Key, LastModified, ETag, StorageClass string
		Size                                  int
	}
	type prefix struct{ Prefix string }
	q := r.URL.Query()
	out := struct {
		XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
		Name, Prefix          string
		KeyCount, MaxKeys     int
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []object
		CommonPrefixes        []prefix
	}{Name: logBucket, Prefix: q.Get("prefix"), MaxKeys: 1000}
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil {
		out.MaxKeys = min(n, 1000)
	}
	after := cmp.Or(q.Get("continuation-token"), q.Get("start-after"))
	from, found := slices.BinarySearch(s.keys, max(out.Prefix, after))
	if found && after >= out.Prefix && after != "" {
		from++
	}
	last := ""
	for _, k := range s.keys[from:] {
		if !strings.HasPrefix(k, out.Prefix) {
			break
		}
		common := ""
		if d := q.Get("delimiter"); d != "" {
			if i := strings.Index(k[len(out.Prefix):], d); i >= 0 {
				common = k[:len(out.Prefix)+i+len(d)]
			}
		}
		if common != "" && (common == last || strings.HasPrefix(after, common)) {
			continue
		}
		if out.KeyCount == out.MaxKeys {
			out.IsTruncated, out.NextContinuationToken = true, last
			break
		}
		out.KeyCount++
		if last = k; common != "" {
			last = common
			out.CommonPrefixes = append(out.CommonPrefixes, prefix{common})
			continue
		}
		out.Contents = append(out.Contents, object{k, day.Format(time.RFC3339), `"0"`, "STANDARD", len(s.objects[k])})
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(out)
}

// startStore starts a store as a process of its own.
func startStore(what string) (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asStore+"="+what)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		stdin.Close()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("the store did not start: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}

// fetch scans S3's log out of a bucket, at no delay and at 20 ms, with as many
// connections as s5cmd has workers.
func (b *bench) fetch() error {
	d, err := b.data(usual(b.scale))
	if err != nil {
		return err
	}
	names, err := os.ReadDir(d.origin)
	if err != nil {
		return err
	}
	want := d.truth.of(false, true)
	for _, delay := range []string{"0:", ""} {
		url, stop, err := startStore(delay + d.origin)
		if err != nil {
			return err
		}
		defer stop()
		for _, workers := range []int{64, 256} {
			if delay != "" && workers > 64 {
				continue
			}
			if err := b.fetchWith(url, delay == "", workers, len(names), want); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) fetchWith(url string, late bool, workers, objects int, want *truth) error {
	env := []string{"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}
	w := strconv.Itoa(workers)
	scan := b.scan("why403 scan s3://, --concurrency "+w, want, true, "s3://"+logBucket+"/", "--endpoint-url", url, "--concurrency", w)
	free := b.scan("why403 scan s3://, finding it by itself", want, true, "s3://"+logBucket+"/", "--endpoint-url", url)
	cs := []*contender{scan, free}
	if b.tools.have("s5cmd") {
		to := filepath.Join(b.dir, "s5cmd")
		empty := func() error { return cmp.Or(os.RemoveAll(to), os.MkdirAll(to, 0o755)) }
		copied := func(io.Reader) error {
			got, err := os.ReadDir(to)
			if err == nil && len(got) != objects {
				err = fmt.Errorf("%d objects, want %d", len(got), objects)
			}
			return err
		}
		cs = append([]*contender{{name: "s5cmd cp, " + w + " workers", note: "copies only", before: empty, check: copied,
			command: []string{"s5cmd", "--endpoint-url", url, "--numworkers", w, "cp", "s3://" + logBucket + "/*", to + "/"}}}, cs...)
	}
	for _, c := range cs {
		c.env = env
	}
	title := fmt.Sprintf("S3 fetch, %d workers, no delay", workers)
	if late {
		title = fmt.Sprintf("S3 fetch, %d workers, answers after %v; at most %d objects/s", workers, latency, int(float64(workers)/latency.Seconds()))
	}
	if err := race(b.rounds, cs...); err != nil {
		return err
	}
	for _, c := range cs {
		c.note = fmt.Sprintf("%.0f objects/s, %.0f µs CPU an object; %s", float64(objects)/c.wall().Seconds(), c.cpu().Seconds()*1e6/float64(objects), c.note)
	}
	table(b.out, title+fmt.Sprintf(", %d objects", objects), cs...)
	return nil
}
