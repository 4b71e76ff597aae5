package report

import (
	"bytes"
	"testing"

	"github.com/why403/why403/internal/spill"
)

// TestSpool expects each format of a report to be the same when its keys lie in
// a file.
func TestSpool(t *testing.T) {
	var space spill.Space
	defer space.Close()
	spool := func(keys Keys) Keys {
		s, err := NewSpool(&space)
		if err != nil {
			t.Fatal(err)
		}
		for k := range keys.All() {
			if err := s.Add(k); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Done(); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, r := range []*Report{sampleReport(), nastyReport()} {
		c := *r
		c.FailingKeys, c.DirectFailures = spool(r.FailingKeys), spool(r.DirectFailures)
		if c.FailingKeys.Len() == 0 || c.FailingKeys.Len() != r.FailingKeys.Len() {
			t.Fatalf("%d keys, want %d", c.FailingKeys.Len(), r.FailingKeys.Len())
		}
		for _, f := range Formats() {
			var want, got bytes.Buffer
			if err := Render(&want, f, r, Options{}); err != nil {
				t.Fatal(err)
			}
			if err := Render(&got, f, &c, Options{}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want.Bytes(), got.Bytes()) {
				t.Errorf("%s of a spooled report differs", f)
			}
		}
	}
}
