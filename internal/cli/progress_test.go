package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/why403/why403/logs"
)

func TestPace(t *testing.T) {
	f := func(objects, listed int64, attrs string) {
		t.Helper()
		p := new(logs.Progress)
		p.Objects.Store(objects)
		p.Listed.Store(listed)
		p.Bytes.Store(3_000_000)
		p.Lines.Store(40_000)
		if got := strings.TrimSpace(fmt.Sprintln(pace(p, 20*time.Second)...)); got != attrs {
			t.Errorf("attributes %q, want %q", got, attrs)
		}
	}
	f(100, 400, "objects 100 listed 400 bytes 3000000 lines 40000 lines_per_s 2000 eta_s 60")
	f(400, 400, "objects 400 listed 400 bytes 3000000 lines 40000 lines_per_s 2000")
	f(0, 400, "objects 0 listed 400 bytes 3000000 lines 40000 lines_per_s 2000")
}
