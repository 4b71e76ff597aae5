package s3source

import (
	"context"
	"sync"
	"time"
)

// A gate finds how many objects side by side make the scan fastest: it begins
// with some, lets more in while that brings more objects a second, and fewer
// when the server says that it is busy.
type gate struct {
	max   int
	fixed bool

	mu      sync.Mutex
	limit   int
	inside  int
	waiting []chan struct{}

	since time.Time // begin of the present measurement
	done  int       // objects finished in it
	best  float64   // objects a second, the best so far
}

const (
	gateStart = 32
	gateMax   = 256
	gateMin   = 4
)

// newGate returns a gate that lets n in, or as many as suit if n is 0.
func newGate(n int) *gate {
	if n > 0 {
		return &gate{max: n, limit: n, fixed: true}
	}
	return &gate{max: gateMax, limit: gateStart}
}

func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if g.inside < g.limit {
		if g.since.IsZero() {
			g.since = time.Now()
		}
		g.inside++
		g.mu.Unlock()
		return nil
	}
	c := make(chan struct{})
	g.waiting = append(g.waiting, c)
	g.mu.Unlock()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		for i, w := range g.waiting {
			if w == c {
				g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
				return ctx.Err()
			}
		}
		// It was let in meanwhile.
		g.inside--
		g.admit()
		return ctx.Err()
	}
}

// leave says that an object is finished, and whether the server was busy.
func (g *gate) leave(busy bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if !g.fixed {
		g.adapt(busy, time.Now())
	}
	g.admit()
}

func (g *gate) admit() {
	for len(g.waiting) > 0 && g.inside < g.limit {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		g.inside++
	}
}

// adapt moves the limit. It is called with the lock held.
func (g *gate) adapt(busy bool, now time.Time) {
	if busy {
		g.limit = max(gateMin, g.limit/2)
		g.since, g.done, g.best = now, 0, 0
		return
	}
	g.done++
	// Only what happens while objects wait tells anything about the limit.
	if g.done < 2*g.limit {
		return
	}
	took := now.Sub(g.since).Seconds()
	rate := float64(g.done) / max(took, 1e-9)
	full := len(g.waiting) > 0
	g.since, g.done = now, 0
	if full && rate > 1.05*g.best {
		g.best = rate
		g.limit = min(g.max, g.limit+g.limit/2)
	}
}
