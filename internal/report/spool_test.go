package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/spill"
)

// spooled puts a list into a spool, every third entry late.
func spooled[T any](t *testing.T, s *Spool[T], l List[T]) List[T] {
	t.Helper()
	var late []*T
	var at []int
	i := 0
	for v, err := range l.All() {
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 1 {
			late, at = append(late, v), append(at, i)
		} else {
			s.Add(v)
		}
		i++
	}
	for _, v := range late {
		s.Add(v)
	}
	s.Restore(at)
	if s.Len() != l.Len() || s.Len() == 0 {
		t.Fatalf("%d entries, want %d", s.Len(), l.Len())
	}
	return s
}

// TestSpool expects each format of a report to be the same when its entries are
// spooled, in memory or in a file.
func TestSpool(t *testing.T) {
	onDisk := spill.NewMemory(0)
	defer onDisk.Free()
	for _, m := range []*spill.Memory{nil, onDisk} {
		for _, r := range []*Report{sampleReport(), nastyReport()} {
			c := *r
			c.FailingKeys, c.DirectFailures = spooled(t, NewKeys(m), r.FailingKeys), spooled(t, NewKeys(m), r.DirectFailures)
			c.EdgeFailures = spooled(t, NewPaths(m), r.EdgeFailures)
			for _, f := range Formats() {
				var want, got bytes.Buffer
				if err := Render(&want, f, r, Options{}); err != nil {
					t.Fatal(err)
				}
				if err := Render(&got, f, &c, Options{}); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(want.Bytes(), got.Bytes()) {
					t.Errorf("%s of a spooled report differs", f)
				}
			}
		}
	}
	if err := onDisk.Err(); err != nil {
		t.Fatal(err)
	}
}

// fill gives every field a value other than zero.
func fill(r *rand.Rand, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<32), r.Int64N(1e9)).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", r.IntN(50)))
	case reflect.Int64:
		v.SetInt(1 + r.Int64N(100))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(3), 3))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	default:
		panic(v.Type().String())
	}
}

// TestSpoolHoldsAll expects every field of an entry to be in a spool.
func TestSpoolHoldsAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	holdsAll(t, r, NewKeys(nil))
	holdsAll(t, r, NewPaths(nil))
}

func holdsAll[T any](t *testing.T, r *rand.Rand, s *Spool[T]) {
	t.Helper()
	var want Slice[T]
	for range 100 {
		v := new(T)
		fill(r, reflect.ValueOf(v).Elem())
		want = append(want, v)
		s.Add(v)
	}
	want = append(want, new(T)) // zero times, no list at all
	s.Add(new(T))
	var got Slice[T]
	for v := range s.All() {
		got = append(got, v)
	}
	if d := cmp.Diff(slices.Clone(want), got); d != "" {
		t.Fatal(d)
	}
}
