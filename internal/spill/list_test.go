package spill

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type thing struct {
	N     int64
	Small int8
	Yes   bool
	Name  string
	Kind  kind
	Tags  []string
	Same  []thing
	Next  *thing
}

type kind string

func codeThing(c *Coder, v *thing) {
	c.Int(&v.N)
	Small(c, &v.Small)
	c.Bool(&v.Yes)
	c.Text(&v.Name)
	String(c, &v.Kind)
	Slice(c, &v.Tags, (*Coder).Text)
	Shared(c, &v.Same, codeThing)
	Pointer(c, &v.Next, codeThing)
}

// TestList expects what is read to be what was added, in memory and on disk,
// whoever reads, and in another order.
func TestList(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, limit := range []int64{-1, 0, 1 << 20} {
		var m *Memory
		if limit >= 0 {
			m = NewMemory(limit)
		}
		r := rand.New(rand.NewPCG(uint64(limit), 7))
		shared := [][]thing{nil, {}, {{Name: "a"}}, {{Name: "b"}, {Name: strings.Repeat("c", 300)}}}
		random := func() thing {
			v := thing{Small: int8(r.Uint32()), Yes: r.IntN(2) == 0, Kind: kind(fmt.Sprint("kind ", r.IntN(5))), Same: shared[r.IntN(len(shared))]}
			v.N = []int64{0, -1, math.MaxInt64, math.MinInt64, r.Int64N(1000)}[r.IntN(5)]
			v.Name = []string{"", "x", "common text", fmt.Sprint("text ", r.Uint64()), "\xff\x00"}[r.IntN(5)]
			if n := r.IntN(4); n > 0 {
				v.Tags = make([]string, n-1)
				for i := range v.Tags {
					v.Tags[i] = fmt.Sprint("tag ", r.IntN(2000))
				}
			}
			if r.IntN(3) == 0 {
				v.Next = &thing{N: r.Int64(), Name: strings.Repeat("long", r.IntN(1000))}
			}
			return v
		}
		want := make([]thing, 5000)
		l := NewList(m, codeThing)
		for i := range want {
			want[i] = random()
			l.Add(&want[i])
		}
		want = append(want, thing{Name: strings.Repeat("larger than a chunk", 1<<15)})
		l.Add(&want[len(want)-1])
		order := r.Perm(len(want))
		l.Arrange(len(order), func(i int) int { return order[i] })
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				for i, n := range order {
					if d := cmp.Diff(want[n], *l.At(i)); d != "" {
						t.Errorf("limit %d, value %d: %s", limit, n, d)
						return
					}
				}
			})
		}
		readers.Wait()
		if err := m.Err(); err != nil || l.Len() != len(want) || limit == 0 && m.Mapped() == 0 && canMap {
			t.Errorf("limit %d: %d values, %d bytes on disk, %v", limit, l.Len(), m.Mapped(), err)
		}
		m.Free()
	}
}

// TestDrop expects memory that was dropped to come again, zeroed.
func TestDrop(t *testing.T) {
	m := NewMemory(8 << 20)
	defer m.Free()
	for range 100 { // more than the limit, were it not the same
		for _, size := range []int{1000, 200_000, 3 << 20} {
			b := Make[byte](m, size)
			for i := range b {
				if b[i] != 0 {
					t.Fatal("memory is not zero")
				}
				b[i] = 1
			}
			Drop(m, b)
		}
	}
	if n := m.Mapped(); n != 0 {
		t.Errorf("%d bytes on disk", n)
	}
}
