package spill

import (
	"testing"
	"time"
)

// TestTrim expects the process to let go of what it has read of a file.
func TestTrim(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := newResidence()
	defer r.close()
	before := r.pages()
	if before == 0 {
		t.Skip("the system does not tell what is resident")
	}
	m := NewMemory(0)
	defer m.Free()
	var kept [][]byte
	block := make([]byte, 1<<20)
	for range 4 * mostResident >> 20 {
		kept = append(kept, Keep(m, block))
	}
	sum := byte(0)
	for _, b := range kept {
		for i := 0; i < len(b); i += 4096 {
			sum |= b[i]
		}
	}
	for end := time.Now().Add(time.Minute); r.pages() > before+2*mostResident; time.Sleep(trimEvery) {
		if time.Now().After(end) {
			t.Fatalf("%d MiB are resident, %d before", r.pages()>>20, before>>20)
		}
	}
	if err := m.Err(); err != nil || sum != 0 {
		t.Error(sum, err)
	}
}
