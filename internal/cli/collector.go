package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// smallHeap is the least heap, in bytes, that the collector lets grow: its own
// rule, twice what is in use, makes it run every few ms when nearly all memory is
// not the heap's (internal/spill). Less of it costs time, more of it the peak.
const smallHeap = 24 << 20

// easeCollector makes the collector wait until the heap is smallHeap, or a
// twentieth of the bytes that the run may use, and go by its own rule beyond. A
// GOGC of the user's holds. It ends with stop.
func easeCollector(memory int64) (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	small := uint64(max(memory/20, smallHeap))
	var stopped atomic.Bool
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := 100
	var set func(struct{})
	afterNext := func() { runtime.AddCleanup(new(*byte), set, struct{}{}) }
	set = func(struct{}) {
		if stopped.Load() {
			debug.SetGCPercent(100)
			return
		}
		metrics.Read(live)
		b := min(max(live[0].Value.Uint64(), 1<<20), small/2)
		if p := int(100 * (small - b) / b); p != percent {
			percent = p
			debug.SetGCPercent(p)
		}
		afterNext()
	}
	afterNext()
	return func() { stopped.Store(true) }
}
