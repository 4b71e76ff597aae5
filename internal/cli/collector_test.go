package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestEaseCollector(t *testing.T) {
	t.Setenv("GOGC", "")
	old := debug.SetGCPercent(100)
	defer debug.SetGCPercent(old)
	becomes := func(what string, ok func(percent uint64) bool) {
		t.Helper()
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		for range 3000 {
			runtime.GC()
			if metrics.Read(s); ok(s[0].Value.Uint64()) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%s: GOGC stays %d", what, s[0].Value.Uint64())
	}
	stop := easeCollector(0)
	becomes("a small heap", func(p uint64) bool { return p > 100 })
	large := make([]byte, 2*smallHeap)
	becomes("a large heap", func(p uint64) bool { return p == 100 })
	runtime.KeepAlive(large)
	large = nil
	becomes("a small heap again", func(p uint64) bool { return p > 100 })
	stop()
	becomes("at the end", func(p uint64) bool { return p == 100 })

	os.Setenv("GOGC", "250")
	debug.SetGCPercent(250)
	stop = easeCollector(0)
	defer stop()
	for range 10 {
		runtime.GC()
	}
	becomes("the user's GOGC", func(p uint64) bool { return p == 250 })
}
