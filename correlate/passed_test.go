package correlate

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What a table says of a key must be true, exact at the ends, and near the truth
// between; and it must not depend on the order in which goroutines come.
func TestPassed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for round := range 400 {
		n := 1 + rng.IntN(12)
		if round%4 == 0 {
			n = 1 + rng.IntN(3000)
		}
		span := 1 << (1 + rng.IntN(20))
		secs := make([]uint32, n)
		for i := range secs {
			secs[i] = 1_795_000_000 + uint32(rng.IntN(span))
		}
		var one, other passed
		const h = 0x1234_5678_9abc
		for i, s := range secs {
			one.see(h, s)
			one.see(uint64(i)*0x9e3779b97f4a7c15, s) // others
		}
		for _, i := range rng.Perm(n) {
			other.see(h, secs[i])
		}
		slices.Sort(secs)
		if other.find(h+1) != nil {
			t.Fatal("found what was never seen")
		}
		for range 20 {
			first := 1_795_000_000 + uint32(rng.IntN(span))
			last := first + uint32(rng.IntN(span))
			b, a, l := one.around(one.find(h), first, last)
			if b2, a2, l2 := other.around(other.find(h), first, last); b != b2 || a != a2 || l != l2 {
				t.Fatalf("round %d: another order says %d %d %d, one %d %d %d", round, b2, a2, l2, b, a, l)
			}
			var before, after uint32
			for _, s := range secs {
				if s < first {
					before = s
				}
				if s > last && after == 0 {
					after = s
				}
			}
			latest := secs[len(secs)-1]
			part := uint32(max(1, 2*span/wideBits))
			if len(secs) <= 5 {
				part = 0
			}
			if l != latest || b > before || a != 0 && a < after || (after == 0) != (a == 0) && part == 0 {
				t.Fatalf("round %d: got %d %d %d, want %d %d %d", round, b, a, l, before, after, latest)
			}
			// What lies in one part with first or last cannot be told from it.
			if part == 0 && (b != before || a != after) || before-b > part && first-before > part || a != 0 && a-after > part && after-last > part {
				t.Fatalf("round %d: got %d %d, want %d %d, parts of %d s", round, b, a, before, after, part)
			}
		}
	}
}
