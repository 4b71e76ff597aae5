package logs

import (
	"context"
	"slices"
	"testing"
)

// TestQueueOrder pushes objects of all sizes while they are taken: none is lost,
// the large ones come first, alone and by size, the small ones in batches as they
// were pushed.
func TestQueueOrder(t *testing.T) {
	q := newQueue()
	sizes := func(jobs []job) (list []int64) {
		for _, j := range jobs {
			list = append(list, j.object.Size)
		}
		return list
	}
	push := func(sizes ...int64) {
		t.Helper()
		var jobs []job
		for _, n := range sizes {
			jobs = append(jobs, job{object: &Object{Size: n}})
		}
		if err := q.push(context.Background(), jobs...); err != nil {
			t.Fatal(err)
		}
	}
	take := func(want ...int64) {
		t.Helper()
		if got := sizes(q.pop(nil)); !slices.Equal(got, want) {
			t.Fatalf("took %v, want %v", got, want)
		}
	}
	const large = smallBytes
	push(5, large+1, 3, -1, large+7, 0)
	push(large, large+9)
	take(large + 9)
	take(large + 7)
	push(large + 8)
	take(large + 8)
	take(large + 1)
	take(large)
	take(-1)
	take(5, 3, 0)
	var all []int64
	for n := range int64(3*batchSize + 1) {
		all = append(all, n)
		push(n)
	}
	take(all[:batchSize]...)
	take(all[batchSize : 2*batchSize]...)
	push(100) // what was taken makes room
	take(all[2*batchSize : 3*batchSize]...)
	take(all[3*batchSize], 100)
	q.close(false)
	take()
}

// TestRoomFor: an object fits with one byte more, small ones into few sizes that
// waste no more than half.
func TestRoomFor(t *testing.T) {
	for _, size := range []int64{0, 1, 4095, 4096, 26 << 10, 32<<10 - 1, 32 << 10, smallBytes - 1, smallBytes, smallBytes + 1, maxFetch} {
		room := roomFor(size)
		if room <= size || room > max(2*size, 4<<10) {
			t.Errorf("%d bytes take %d", size, room)
		}
		if size < smallBytes && (room&(room-1) != 0 || room > smallBytes) {
			t.Errorf("%d bytes take %d: no size of those that are used again", size, room)
		}
	}
}
