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
// the end, when the other goroutines have nothing to do.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	jobs    []job // a heap
	closed  bool
}

func newQueue() *queue {
	q := new(queue)
	q.changed.L = &q.mu
	return q
}

// push adds jobs, in an order that does not matter. It waits while the queue is
// full.
func (q *queue) push(ctx context.Context, jobs ...job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.jobs) >= maxQueued && !q.closed {
		q.changed.Wait()
	}
	if q.closed { // only by ctx while something is pushed
		return ctx.Err()
	}
	for _, j := range jobs {
		q.jobs = append(q.jobs, j)
		for i := len(q.jobs) - 1; i > 0 && q.larger(i, (i-1)/2); i = (i - 1) / 2 {
			q.jobs[i], q.jobs[(i-1)/2] = q.jobs[(i-1)/2], q.jobs[i]
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
	for len(q.jobs) == 0 && !q.closed {
		q.changed.Wait()
	}
	full := len(q.jobs) >= maxQueued
	for len(q.jobs) > 0 && len(buf) < batchSize {
		j := q.jobs[0]
		small := j.object.Size >= 0 && j.object.Size < smallBytes
		if len(buf) > 0 && !small {
			break
		}
		buf = append(buf, j)
		q.drop()
		if !small {
			break
		}
	}
	if full {
		q.changed.Broadcast()
	}
	return buf
}

// drop removes the first job.
func (q *queue) drop() {
	last := len(q.jobs) - 1
	q.jobs[0] = q.jobs[last]
	q.jobs[last] = job{}
	q.jobs = q.jobs[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return
		}
		if child+1 < last && q.larger(child+1, child) {
			child++
		}
		if !q.larger(child, i) {
			return
		}
		q.jobs[i], q.jobs[child] = q.jobs[child], q.jobs[i]
		i = child
	}
}

func (q *queue) larger(i, j int) bool { return q.jobs[i].object.Size > q.jobs[j].object.Size }

// close says that nothing more will be pushed. With drop, what waits is
// forgotten.
func (q *queue) close(drop bool) {
	q.mu.Lock()
	q.closed = true
	if drop {
		q.jobs = slices.Delete(q.jobs, 0, len(q.jobs))
	}
	q.mu.Unlock()
	q.changed.Broadcast()
}
