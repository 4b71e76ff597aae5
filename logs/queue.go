package logs

import (
	"context"
	"slices"
	"sync"
)

// A job is one object to scan.
type job struct {
	source  Source
	object  *Object
	fetched *fetched // the object's bytes, if they are at hand
}

const (
	// maxQueued objects wait at most; a listing that is ahead of the scan waits
	// too.
	maxQueued = 1 << 16
	// Small objects are taken in batches.
	batchSize  = 16
	smallBytes = 256 << 10
)

// A queue hands out the largest object first, so that no large one is left for
// the end, when the other goroutines have nothing to do. Small ones come after
// the others, as they were pushed.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	large   []job // a heap; objects of unknown size too
	small   []job
	taken   int // of small
	closed  bool
}

func newQueue() *queue {
	q := new(queue)
	q.changed.L = &q.mu
	return q
}

func (j job) isSmall() bool { return j.object.Size >= 0 && j.object.Size < smallBytes }

// waiting returns how many jobs wait.
func (q *queue) waiting() int { return len(q.large) + len(q.small) - q.taken }

// push adds jobs, in an order that does not matter. It waits while the queue is
// full.
func (q *queue) push(ctx context.Context, jobs ...job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.waiting() >= maxQueued && !q.closed {
		q.changed.Wait()
	}
	if q.closed { // only by ctx while something is pushed
		return ctx.Err()
	}
	if q.taken > len(q.small)/2 {
		q.small, q.taken = slices.Delete(q.small, 0, q.taken), 0
	}
	for _, j := range jobs {
		if j.isSmall() {
			q.small = append(q.small, j)
			continue
		}
		q.large = append(q.large, j)
		for i := len(q.large) - 1; i > 0 && q.larger(i, (i-1)/2); i = (i - 1) / 2 {
			q.large[i], q.large[(i-1)/2] = q.large[(i-1)/2], q.large[i]
		}
	}
	q.changed.Broadcast()
	return nil
}

// pop appends the next job, or several small ones, to buf. It waits for one,
// and appends none when the queue is closed and empty.
func (q *queue) pop(buf []job) []job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.waiting() == 0 && !q.closed {
		q.changed.Wait()
	}
	if q.waiting() >= maxQueued {
		defer q.changed.Broadcast()
	}
	if len(q.large) > 0 {
		return append(buf, q.drop())
	}
	next := q.small[q.taken:]
	next = next[:min(len(next), batchSize)]
	buf = append(buf, next...)
	clear(next)
	q.taken += len(next)
	return buf
}

// drop removes the first of the large jobs.
func (q *queue) drop() job {
	first, last := q.large[0], len(q.large)-1
	q.large[0] = q.large[last]
	q.large[last] = job{}
	q.large = q.large[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && q.larger(child+1, child) {
			child++
		}
		if !q.larger(child, i) {
			return first
		}
		q.large[i], q.large[child] = q.large[child], q.large[i]
		i = child
	}
}

func (q *queue) larger(i, j int) bool { return q.large[i].object.Size > q.large[j].object.Size }

// close says that nothing more will be pushed. With drop, what waits is
// forgotten.
func (q *queue) close(drop bool) {
	q.mu.Lock()
	q.closed = true
	if drop {
		q.large, q.small, q.taken = nil, nil, 0
	}
	q.mu.Unlock()
	q.changed.Broadcast()
}
