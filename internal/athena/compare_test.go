//go:build trino

package athena

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/logs"
)

// sampleSettings reads the sample site's distributions.
func sampleSettings(t testing.TB) (correlate.Settings, []int) {
	t.Helper()
	snapshot, err := gather.OpenSnapshot("../../samples/site/snapshot")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("../../samples/site/snapshot/distributions")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	g := gather.New(snapshot, gather.Options{})
	if err := g.Distributions(context.Background(), ids...); err != nil {
		t.Fatal(err)
	}
	s := g.Settings()
	var masked []int
	for _, d := range s.Distributions {
		for _, e := range d.ErrorResponses {
			if e.ErrorCode == 403 && e.ResponseCode != 0 && e.ResponseCode != 403 {
				masked = append(masked, e.ResponseCode)
			}
		}
	}
	slices.Sort(masked)
	return *s, slices.Compact(masked)
}

// siteLogs are the places of the sample site's logs.
func siteLogs(bucket string) []Logs {
	return []Logs{
		{Format: "cloudfront-w3c", Location: "s3://" + bucket + "/cloudfront/"},
		{Format: "s3-access", Location: "s3://" + bucket + "/s3/minamo"}, // a prefix that is no folder
		{Format: "s3-access", Location: "s3://" + bucket + "/s3/111122223333/ap-northeast-1/minamo-shop-media/", Suffix: "{yyyy}/{MM}/{dd}", Since: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
	}
}

var fixedSince = regexp.MustCompile(`^fixed since [0-9: -]+UTC`)

// compare demands that both engines say the same. Of a Result, what differs is
// told by Result.Approximate: line numbers, and times of success to the part of
// the map that package correlate keeps them in.
func compare(t testing.TB, local, remote outcome, bucket, dir string) {
	t.Helper()
	l, r := *local.inputs, *remote.inputs
	l.Bytes, r.Bytes = 0, 0
	root := filepath.Clean(dir)
	uri := func(object string) string {
		if rest, ok := strings.CutPrefix(filepath.Clean(object), root+"/"); ok {
			return "s3://" + bucket + "/" + rest
		}
		return object
	}
	for i := range l.RejectedSamples {
		l.RejectedSamples[i].Object, l.RejectedSamples[i].Line = uri(l.RejectedSamples[i].Object), 0
	}
	// Of the object at which the list of samples ends, other lines may be in it.
	for _, samples := range []*[]logs.Rejection{&l.RejectedSamples, &r.RejectedSamples} {
		slices.SortFunc(*samples, compareRejections)
		if n := len(*samples); n == maxSamples {
			last := (*samples)[n-1].Object
			*samples = slices.DeleteFunc(slices.Clone(*samples), func(x logs.Rejection) bool { return x.Object == last })
		}
	}
	if d := cmp.Diff(l, r); d != "" {
		t.Errorf("inputs (-local +athena):\n%s", d)
	}
	exact := cmp.FilterPath(func(p cmp.Path) bool {
		f, ok := p.Last().(cmp.StructField)
		return ok && p.Index(-2).Type() == reflect.TypeFor[correlate.LineRef]() && (f.Name() == "Object" || f.Name() == "Line")
	}, cmp.Comparer(func(a, b any) bool {
		if a, ok := a.(string); ok {
			return uri(a) == uri(b.(string))
		}
		return true
	}))
	// Successes are kept to the second up to four of them.
	near := cmp.FilterPath(func(p cmp.Path) bool {
		f, ok := p.Last().(cmp.StructField)
		return ok && (f.Name() == "OKBefore" || f.Name() == "OKAfter" || f.Name() == "LastOK")
	}, cmp.Comparer(func(a, b int64) bool { return a == b || a != 0 && b != 0 && max(a-b, b-a) <= 128_000 }))
	// Patterns tell of such a time to the minute.
	minutes := cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Patterns.Statement" }, cmp.Comparer(func(a, b string) bool {
		return fixedSince.ReplaceAllString(a, "") == fixedSince.ReplaceAllString(b, "")
	}))
	// Groups of the same traits, of different kinds of requesters, have no order.
	for _, result := range []*correlate.Result{local.result, remote.result} {
		slices.SortFunc(result.Passed, func(a, b correlate.PassedGroup) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	lists := cmp.Options{
		cmp.Transformer("keys", func(l *correlate.List[correlate.FailingKey]) []*correlate.FailingKey { return slices.Collect(l.All()) }),
		cmp.Transformer("paths", func(l *correlate.List[correlate.EdgeFailure]) []*correlate.EdgeFailure {
			return slices.Collect(l.All())
		}),
		cmpopts.IgnoreUnexported(correlate.Result{}),
	}
	if d := cmp.Diff(*local.result, *remote.result, exact, near, minutes, lists); d != "" {
		t.Errorf("result (-local +athena):\n%s", d)
	}
	t.Logf("local: %d lines, %d records, %d rejected, %d keys, %d direct, %d edge failures, %d patterns", l.Lines, l.Records, l.Rejected,
		local.result.Keys.Len(), local.result.Direct.Len(), local.result.Edge.Len(), len(local.result.Patterns))
	t.Logf("athena: %d lines, %d records, %d rejected, %d keys, %d direct, %d edge failures, %d patterns", r.Lines, r.Records, r.Rejected,
		remote.result.Keys.Len(), remote.result.Direct.Len(), remote.result.Edge.Len(), len(remote.result.Patterns))
	if n := local.result.Keys.Len() + local.result.Direct.Len() + local.result.Edge.Len(); n == 0 && !local.result.Coverage.Firewall {
		t.Error("nothing failed in these logs: nothing was compared")
	}
}
