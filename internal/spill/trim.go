package spill

import (
	"sync"
	"time"
)

// Pages of mapped files that the process has touched count as its own until it lets
// go of them. It does when they are more than mostResident.
const (
	mostResident = 24 << 20
	trimEvery    = 2 * time.Millisecond
)

// A trimmer looks after all Memories that have a file, while there are any.
type trimmer struct {
	mu       sync.Mutex
	memories map[*Memory]struct{}
	stop     chan struct{}
}

var trimmed trimmer

func (t *trimmer) add(m *Memory) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.memories) == 0 {
		t.memories, t.stop = make(map[*Memory]struct{}), make(chan struct{})
		go t.run(t.stop)
	}
	t.memories[m] = struct{}{}
}

func (t *trimmer) remove(m *Memory) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.memories[m]; !ok {
		return
	}
	if delete(t.memories, m); len(t.memories) == 0 {
		close(t.stop)
	}
}

func (t *trimmer) run(stop chan struct{}) {
	r := newResidence()
	defer r.close()
	usual := r.pages() // mostly the program's own file
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		now := r.pages()
		usual = min(usual, now)
		if now-usual < mostResident {
			continue
		}
		t.mu.Lock()
		list := make([]*Memory, 0, len(t.memories))
		for m := range t.memories {
			list = append(list, m)
		}
		t.mu.Unlock()
		for _, m := range list {
			m.trim()
		}
		usual = r.pages()
	}
}
