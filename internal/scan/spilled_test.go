package scan

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/why403/why403/internal/report"
)

// TestMemoryLimit expects the report of a run whose keys all lie on disk, each in
// a run of its own, to be byte for byte that of a run that has the memory.
func TestMemoryLimit(t *testing.T) {
	at := time.Date(2026, 11, 25, 3, 15, 0, 0, time.UTC)
	bytesOf := func(rep *report.Report, format string) []byte {
		t.Helper()
		rep.Run.Started, rep.Run.Finished = at, at
		var buf bytes.Buffer
		if err := report.Render(&buf, format, rep, report.Options{}); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	for _, o := range []Options{
		{Locations: []string{sampleLogs}, Snapshot: sampleSnapshot, MaxKeys: 200},
		{Locations: []string{sampleLogs}, MaxKeys: 3},
	} {
		_, o.AWS = sampleAWS(t)
		run := func(limit int64, state string) *report.Report {
			t.Helper()
			o := o
			o.MemoryLimit = limit
			if state != "" {
				m, err := OpenMemory(t.Context(), filepath.Join(t.TempDir(), "state"), o, MemoryOptions{Now: func() time.Time { return at }})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close(t.Context())
				o.Memory = m
			}
			rep, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(rep.Close)
			return rep
		}
		for _, state := range []string{"", "state"} {
			want, got := run(0, state), run(1, state)
			if want.Memory != nil || got.Memory.Mapped() == 0 || want.FailingKeys.Len() < 50 {
				t.Fatalf("%d keys; %d bytes in temporary files", want.FailingKeys.Len(), got.Memory.Mapped())
			}
			for _, f := range report.Formats() {
				w, g := bytesOf(want, f), bytesOf(got, f)
				if !bytes.Equal(w, g) {
					t.Errorf("max-keys %d, %s, state %q: the spilled report differs (%d and %d bytes)", o.MaxKeys, f, state, len(w), len(g))
				}
				if f == "json" && !json.Valid(g) {
					t.Error("no JSON")
				}
			}
		}
	}
}
