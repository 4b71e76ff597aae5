package cli

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// TestStart bounds what our packages allocate before main begins: tables, and
// regular expressions with counted repetitions, are made when they are needed.
func TestStart(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "version")
	cmd.Args[0] = "why403" // see TestMain
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if out, err := cmd.Output(); err != nil || !bytes.HasPrefix(out, []byte("why403 ")) {
		t.Fatalf("%s, %v: %s", out, err, stderr.Bytes())
	}
	line := regexp.MustCompile(`^init github\.com/why403/why403/(\S+) @.* (\d+) bytes, `)
	sum := 0
	for s := bufio.NewScanner(&stderr); s.Scan(); {
		m := line.FindStringSubmatch(s.Text())
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		const most = 64 << 10
		if sum += n; n > most {
			t.Errorf("%s allocates %d bytes at the start, want at most %d", m[1], n, most)
		}
	}
	const most = 192 << 10
	if sum == 0 || sum > most {
		t.Errorf("our packages allocate %d bytes at the start, want at most %d", sum, most)
	}
}
