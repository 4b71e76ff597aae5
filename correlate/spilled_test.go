package correlate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/why403/why403/logs"
)

// all reads a list.
func all[T any](l *List[T]) []*T { return slices.Collect(l.All()) }

// results compares Results by what their lists hold.
var results = cmp.Options{
	cmp.Transformer("keys", all[FailingKey]), cmp.Transformer("paths", all[EdgeFailure]), cmpopts.IgnoreUnexported(Result{}),
}

// diff tells how Results differ.
func diff(want, got *Result) string {
	if reflect.DeepEqual(all(want.Keys), all(got.Keys)) && reflect.DeepEqual(all(want.Direct), all(got.Direct)) && reflect.DeepEqual(all(want.Edge), all(got.Edge)) {
		return cmp.Diff(want, got, cmpopts.IgnoreUnexported(Result{}), cmpopts.IgnoreFields(Result{}, "Keys", "Direct", "Edge"))
	}
	return cmp.Diff(want, got, results) // slow
}

// TestSpill expects the same of runs that have little memory, down to next to none,
// on the sample's logs and on random lines: many sorted runs are merged.
func TestSpill(t *testing.T) {
	_, settings := loadSample(t)
	run := func(memory int64, lines func(c *Correlator)) (r *Result, runs int) {
		t.Helper()
		c := New(Options{Memory: memory})
		lines(c)
		for _, g := range c.gatherers {
			runs += len(g.edge.runs) + len(g.origin.runs)
		}
		r, err := c.Result(context.Background(), settings)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r, runs
	}
	same := func(name string, lines func(c *Correlator), runs map[int64]int) {
		t.Helper()
		want, _ := run(0, lines)
		if n := want.Keys.Len(); want.mem != nil || n < 50 || want.Edge.Len() == 0 {
			t.Fatalf("%s: %d keys and %d paths", name, n, want.Edge.Len())
		}
		for memory, least := range runs {
			got, n := run(memory, lines)
			if n < least || got.mem.Mapped() == 0 {
				t.Errorf("%s, %d bytes: %d runs, %d bytes of the result on disk", name, memory, n, got.mem.Mapped())
			}
			for range 2 { // walked twice
				if d := diff(want, got); d != "" {
					t.Fatalf("%s, %d bytes: the spilled result differs (-memory +spilled):\n%s", name, memory, d)
				}
			}
			for f := range got.Keys.All() { // a walk may end early
				if f.Key != want.Keys.At(0).Key {
					t.Errorf("first %q, want %q", f.Key, want.Keys.At(0).Key)
				}
				break
			}
		}
	}
	same("sample", func(c *Correlator) {
		src, err := logs.Open(filepath.Join("..", "samples", "site", "logs"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := logs.Scan(context.Background(), []logs.Source{src}, logs.Options{}, c.Handler); err != nil {
			t.Fatal(err)
		}
	}, map[int64]int{1: 4, 1 << 18: 2})
	same("random", func(c *Correlator) {
		r := rand.New(rand.NewPCG(4, 3))
		handlers := []logs.Handler{c.Handler(), c.Handler(), c.Handler()}
		for range 20_000 {
			randomLine(r, handlers[r.IntN(len(handlers))])
		}
	}, map[int64]int{1: 50, 300_000: 30, 1 << 20: 10, 4 << 20: 0})
}

// randomLine hands over a failing or passing line of either log.
func randomLine(r *rand.Rand, h logs.Handler) {
	key := fmt.Sprintf("%s/%d%s", []string{"a", "b/c", "Q q"}[r.IntN(3)], int(r.ExpFloat64()*400), []string{"", ".png", "/"}[r.IntN(3)])
	now := int64(1_767_225_600_000) + int64(r.IntN(86_400_000))
	agent := []byte([]string{"Mozilla/5.0", "Amazon CloudFront", "curl/8"}[r.IntN(3)])
	id := []byte(fmt.Sprint(r.Uint64()))
	ref := logs.Ref{Line: now}
	switch r.IntN(6) {
	case 0:
		h.EdgePassed([]byte("E1"), []byte(WireOfKey(key)), 200, now)
	case 1, 2, 3:
		h.Edge(&logs.EdgeRecord{Ref: ref, Time: now, Distribution: []byte("E1"), Stem: []byte(WireOfKey(key)), Status: 403, Method: []byte("GET"),
			Result: []byte("Error"), ResponseResult: []byte("Error"), DetailedResult: []byte("Error"), ContentType: []byte("application/xml"), ContentLength: int64(r.IntN(3)),
			Host: []byte("www.example.com"), Protocol: []byte("https"), ClientIP: []byte(fmt.Sprint("203.0.113.", r.IntN(200))), UserAgent: agent,
			RequestID: id, TimeTaken: int64(r.IntN(300)), FirstByte: int64(r.IntN(30)), Location: []byte("FRA56-P1")})
	default:
		rec := &logs.OriginRecord{Ref: ref, Time: now / 1000 * 1000, Bucket: []byte("site"), Key: []byte(strings.ReplaceAll(WireOfKey(key)[1:], "%", "%25")), Operation: []byte("REST.GET.OBJECT"),
			Status: 403, ErrorCode: []byte("AccessDenied"), RemoteIP: []byte("203.0.113.9"), UserAgent: agent, RequestID: id, RequestURI: []byte("GET " + WireOfKey(key) + " HTTP/1.1")}
		if r.IntN(2) == 0 {
			rec.Requester = []byte(serviceRequester)
		}
		h.Origin(rec)
	}
}

// TestSpillWithoutRoom expects a clear error when temporary files can't be made.
func TestSpillWithoutRoom(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	c := New(Options{Memory: 1})
	h := c.Handler()
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		randomLine(r, h)
	}
	_, err := c.Result(context.Background(), Settings{})
	var hint interface{ UserHint() string }
	if !errors.Is(err, os.ErrNotExist) || !errors.As(err, &hint) || !strings.Contains(err.Error(), os.TempDir()) {
		t.Fatalf("%v", err)
	}
}
