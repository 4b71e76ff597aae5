package spill

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestMemory fills more memory than the heap's share, from several goroutines,
// and expects it unchanged after the pages were let go.
func TestMemory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	m := NewMemory(1 << 20)
	defer m.Free()
	const workers, blocks, size = 4, 300, 64 << 10
	all := make([][][]uint64, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range blocks {
				b := Make[uint64](m, size/8)
				for i := range b {
					if b[i] != 0 {
						t.Error("memory is not zero")
						return
					}
					b[i] = r.Uint64()
				}
				all[w] = append(all[w], b)
			}
		})
	}
	wg.Wait()
	time.Sleep(50 * time.Millisecond)
	for w := range workers {
		r := rand.New(rand.NewPCG(uint64(w), 1))
		for _, b := range all[w] {
			for i := range b {
				if want := r.Uint64(); b[i] != want {
					t.Fatalf("worker %d: %d, want %d", w, b[i], want)
				}
			}
		}
	}
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	if canMap && m.Mapped() < workers*blocks*size-1<<20 {
		t.Errorf("only %d bytes are mapped", m.Mapped())
	}
}

// TestNothingLeft expects no file to have a name, and none after Close.
func TestNothingLeft(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	names := func() int {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	var s Space
	f, err := s.File()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("spilled"); err != nil {
		t.Fatal(err)
	}
	if n := names(); n != 0 && runtime.GOOS != "windows" {
		t.Errorf("%d files while open", n)
	}
	b := make([]byte, 7)
	if _, err := f.ReadAt(b, 0); err != nil || !bytes.Equal(b, []byte("spilled")) {
		t.Errorf("%q %v", b, err)
	}
	if err := s.Close(); err != nil || names() != 0 {
		t.Errorf("%d files after Close, %v", names(), err)
	}
}
