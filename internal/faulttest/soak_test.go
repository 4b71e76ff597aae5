package faulttest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/why403/why403/internal/scan"
)

// TestSoak scans lines of which 1 % are mutated at random: counts add up, and no
// goroutine stays. WHY403_SOAK_LINES and WHY403_SOAK_ROUNDS make it long.
func TestSoak(t *testing.T) {
	number := func(name string, or int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return or
	}
	lines, rounds := number("WHY403_SOAK_LINES", 20_000), number("WHY403_SOAK_ROUNDS", 2)
	seed := uint64(number("WHY403_SOAK_SEED", int(time.Now().UnixNano())))
	rnd := rand.New(rand.NewPCG(seed, 403))
	before := runtime.NumGoroutine()
	for round := range rounds {
		dir := t.TempDir()
		made := 0
		for file := 0; made < lines; file++ {
			var b bytes.Buffer
			b.WriteString(edgeHeader)
			for n := 0; n < 10_000 && made < lines; n++ {
				status := []int{200, 200, 304, 403}[rnd.IntN(4)]
				line := fmt.Appendf(nil, "2026-11-20\t13:%02d:%02d\tNRT20-C2\t671\t203.0.113.77\tGET\td2docsminamo02.cloudfront.net\t/guide/%d.html\t%d\t-\tMozilla/5.0\t-\t-\tError\tR%d==\tdocs.minamo.example\thttps\t122\t0.062\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tError\tHTTP/2.0\t-\t-\t49646\t0.062\tError\ttext/html\t303\t-\t-",
					rnd.IntN(60), rnd.IntN(60), rnd.IntN(500), status, made)
				if rnd.IntN(100) == 0 {
					for range 1 + rnd.IntN(4) { // never to a line's end: the lines are counted
						if c := byte(rnd.IntN(256)); c != '\n' {
							line[rnd.IntN(len(line))] = c
						}
					}
				}
				b.Write(append(line, '\n'))
				made++
			}
			name := filepath.Join(dir, fmt.Sprintf("E2MINAMODOCS02.2026-11-20-13.%08d", file))
			if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		rep, err := scan.Run(t.Context(), scan.Options{Locations: []string{dir}, Snapshot: sampleSnapshot, MaxKeys: 200})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		in := rep.Inputs
		files := (lines + 9_999) / 10_000
		if in.Lines != in.Records+in.Skipped+in.Rejected || in.Lines != int64(made+2*files) || len(in.Unreadable) > 0 {
			t.Errorf("seed %d: %d lines made and %d of headers; read %d = %d records + %d skipped + %d rejected, unreadable %v",
				seed, made, 2*files, in.Lines, in.Records, in.Skipped, in.Rejected, in.Unreadable)
		}
		var mem runtime.MemStats
		rep = nil
		runtime.GC()
		runtime.ReadMemStats(&mem)
		t.Logf("round %d: %d lines, %d rejected, heap %d MiB", round, in.Lines, in.Rejected, mem.HeapAlloc>>20)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), strings.TrimSpace(string(stacks[:runtime.Stack(stacks, true)])))
}
