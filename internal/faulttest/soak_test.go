//go:build unix

package faulttest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/why403/why403/internal/scan"
)

// soakFile is the number of lines of a log object of the soak.
const soakFile = 10_000

// TestSoak scans lines of which 1 % are mutated at random: counts add up, memory
// stays flat, and no goroutine stays. WHY403_SOAK_LINES and WHY403_SOAK_ROUNDS
// make it long, WHY403_SOAK_SEED repeats a run.
func TestSoak(t *testing.T) {
	number := func(name string, or int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return or
	}
	lines, rounds := number("WHY403_SOAK_LINES", 20_000), number("WHY403_SOAK_ROUNDS", 2)
	seed := uint64(number("WHY403_SOAK_SEED", int(time.Now().UnixNano())))
	t.Logf("WHY403_SOAK_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 403))
	before := runtime.NumGoroutine()
	var first uint64 // bytes in use after the first round
	for round := range rounds {
		dir := t.TempDir()
		headers, mutated := soakLogs(t, rnd, dir, lines)
		begin := time.Now()
		rep, err := scan.Run(t.Context(), scan.Options{Locations: []string{dir}, Snapshot: sampleSnapshot, MaxKeys: 200})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		took := time.Since(begin)
		in := *rep.Inputs
		if in.Lines != in.Records+in.Skipped+in.Rejected || in.Lines != int64(lines+headers) || len(in.Unreadable) > 0 {
			t.Errorf("round %d: %d lines made and %d of headers; read %d = %d records + %d skipped + %d rejected, unreadable %v",
				round, lines, headers, in.Lines, in.Records, in.Skipped, in.Rejected, in.Unreadable)
		}
		if mutated == 0 || in.Rejected == 0 {
			t.Errorf("round %d: %d lines mutated, %d rejected: the soak tests nothing", round, mutated, in.Rejected)
		}
		rep.Close()
		rep = nil
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.GC() // and what pools kept through the first
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		if round == 0 {
			first = mem.HeapAlloc
		} else if mem.HeapAlloc > first+first/2+16<<20 {
			t.Errorf("round %d: %d MiB in use, %d after the first round", round, mem.HeapAlloc>>20, first>>20)
		}
		var use syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
		t.Logf("round %d: %d lines, %d mutated, %d rejected; scanned in %s; heap %d MiB, largest resident size %d MiB, %d goroutines",
			round, in.Lines, mutated, in.Rejected, took.Round(time.Millisecond), mem.HeapAlloc>>20, use.Maxrss>>10, runtime.NumGoroutine())
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), strings.TrimSpace(string(stacks[:runtime.Stack(stacks, true)])))
}

// soakLogs writes log objects of so many lines: CloudFront's and S3's, some
// packed. Of a hundred lines about one is mutated.
func soakLogs(t *testing.T, rnd *rand.Rand, dir string, lines int) (headers, mutated int) {
	t.Helper()
	made := 0
	for file := 0; made < lines; file++ {
		var b bytes.Buffer
		name := fmt.Sprintf("E2MINAMODOCS02.2026-11-20-13.%08d", file)
		edge := file%3 > 0
		if edge {
			b.WriteString(edgeHeader)
			headers += strings.Count(edgeHeader, "\n")
		} else {
			name = fmt.Sprintf("2026-11-20-13-00-00-%016d", file)
		}
		for n := 0; n < soakFile && made < lines; n++ {
			var line []byte
			if edge {
				line = fmt.Appendf(nil, "2026-11-20\t13:%02d:%02d\tNRT20-C2\t671\t203.0.113.77\tGET\td2docsminamo02.cloudfront.net\t/guide/%d.html\t%d\t-\tMozilla/5.0\t-\t-\tError\tR%d==\tdocs.minamo.example\thttps\t122\t0.062\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tError\tHTTP/2.0\t-\t-\t49646\t0.062\tError\ttext/html\t303\t-\t-",
					rnd.IntN(60), rnd.IntN(60), rnd.IntN(500), []int{200, 200, 304, 403}[rnd.IntN(4)], made)
			} else {
				page := rnd.IntN(500)
				line = fmt.Appendf(nil, "%s minamo-docs-site [20/Nov/2026:13:%02d:%02d +0000] 130.176.70.100 - S%d WEBSITE.GET.OBJECT guide/%d.html \"GET /guide/%d.html HTTP/1.1\" %s 303 - 37 - \"-\" \"Amazon CloudFront\" - host-id= - - - %s - - - -",
					owner, rnd.IntN(60), rnd.IntN(60), made, page, page, []string{"200 -", "200 -", "304 -", "403 AccessDenied"}[rnd.IntN(4)], siteHost)
			}
			if rnd.IntN(100) == 0 {
				line = mutate(rnd, line)
				mutated++
			}
			b.Write(append(line, '\n'))
			made++
		}
		data := b.Bytes()
		if file%8 == 1 {
			name += ".gz"
			var packed bytes.Buffer
			z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
			_, _ = z.Write(data)
			_ = z.Close()
			data = packed.Bytes()
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return headers, mutated
}

// mutate changes a line at random. It stays one line, and not an empty one: the
// lines are counted.
func mutate(rnd *rand.Rand, line []byte) []byte {
	random := func() byte {
		if rnd.IntN(2) == 0 {
			return "\t \"[]\\%-+\r\x00#{}0"[rnd.IntN(15)]
		}
		if c := byte(rnd.IntN(256)); c != '\n' {
			return c
		}
		return 0
	}
	for range 1 + rnd.IntN(4) {
		i := rnd.IntN(len(line))
		j := i + rnd.IntN(len(line)-i)
		switch rnd.IntN(6) {
		case 0, 1:
			line[i] = random()
		case 2: // insert
			line = append(line[:i:i], append([]byte{random()}, line[i:]...)...)
		case 3: // cut out
			line = append(line[:i:i], line[j:]...)
		case 4: // twice
			line = append(line[:j:j], line[i:]...)
		case 5: // cut short
			line = line[:i+1]
		}
	}
	return line
}
