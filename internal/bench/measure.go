package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A sample is what one run of a command took.
type sample struct {
	Wall, CPU time.Duration
	Peak      int64 // bytes of the largest process
	Exit      int
}

// A contender is one command, run in turn with others.
type contender struct {
	name    string
	command []string
	env     []string
	before  func() error          // before each run, not timed
	check   func(io.Reader) error // reads standard output after each run; nil trusts it
	allow   int                   // an exit status that is no failure
	note    string                // printed beside the figures
	samples []sample
}

// shell returns a contender for a line of sh.
func shell(name, line string, args ...string) *contender {
	return &contender{name: name, command: append([]string{"sh", "-c", line, name}, args...)}
}

// asChild names the variable that makes this program run one command and print
// its sample. The command's peak memory would else begin at that of the
// process that starts it: a child counts its parent's pages until it executes.
const asChild = "WHY403_BENCH_CHILD"

// child runs a command for measure. It is the whole main of that process.
func child(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, asChild+"=") })
	start := time.Now()
	err := cmd.Run()
	s := sample{Wall: time.Since(start)}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	s.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.Exit = cmd.ProcessState.ExitCode()
	s.Peak = peakOf(cmd.ProcessState)
	return json.NewEncoder(os.NewFile(3, "sample")).Encode(s)
}

// measure runs a command once. Exit status 3 is why403's for a report that
// lacks facts, which is what a scan without an account is.
func (c *contender) measure() error {
	if c.before != nil {
		if err := c.before(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	stdout, err := os.Create(filepath.Join(os.TempDir(), fmt.Sprintf("why403-bench-%d", os.Getpid())))
	if err != nil {
		return err
	}
	defer os.Remove(stdout.Name())
	defer stdout.Close()
	var stderr bytes.Buffer
	cmd := exec.Command(self, c.command...)
	cmd.Env = append(append(os.Environ(), c.env...), asChild+"=1")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = stdout, &stderr, []*os.File{w}
	err = cmd.Run()
	w.Close()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", c.name, err, tail(stderr.Bytes()))
	}
	var s sample
	if err := json.NewDecoder(r).Decode(&s); err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if s.Exit != 0 && s.Exit != 3 && s.Exit != c.allow {
		return fmt.Errorf("%s: exit status %d: %s", c.name, s.Exit, tail(stderr.Bytes()))
	}
	if c.check != nil {
		if _, err := stdout.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := c.check(stdout); err != nil {
			return fmt.Errorf("%s: wrong answer: %w", c.name, err)
		}
	}
	c.samples = append(c.samples, s)
	return nil
}

func tail(b []byte) string { return strings.TrimSpace(string(b[max(0, len(b)-500):])) }

// race runs the contenders in turn, A B C A B C, n times, after one round that
// does not count.
func race(n int, cs ...*contender) error {
	for i := range n + 1 {
		for _, c := range cs {
			if err := c.measure(); err != nil {
				return err
			}
			if i == 0 {
				c.samples = c.samples[:0]
			}
		}
	}
	return nil
}

func (c *contender) wall() time.Duration {
	return median(c.samples, func(s sample) time.Duration { return s.Wall })
}
func (c *contender) cpu() time.Duration {
	return median(c.samples, func(s sample) time.Duration { return s.CPU })
}

// peak is the largest peak of all runs.
func (c *contender) peak() int64 {
	return slices.MaxFunc(c.samples, func(a, b sample) int { return cmp.Compare(a.Peak, b.Peak) }).Peak
}

func median[T cmp.Ordered](list []sample, of func(sample) T) T {
	v := make([]T, len(list))
	for i, s := range list {
		v[i] = of(s)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// print writes a table of the contenders. The first one is the limit: ratios
// are of medians against its own.
func table(w io.Writer, title string, cs ...*contender) {
	fmt.Fprintf(w, "\n%s; medians of %d, in turn\n\n", title, len(cs[0].samples))
	fmt.Fprintf(w, "| %-44s | wall s | CPU s | wall/limit | CPU/limit | peak MiB |\n|%s|-------:|------:|-----------:|----------:|---------:|\n", "command", strings.Repeat("-", 46))
	limit := cs[0]
	for _, c := range cs {
		fmt.Fprintf(w, "| %-44s | %6.3f | %5.2f | %10.2f | %9.2f | %8.0f |", c.name, c.wall().Seconds(), c.cpu().Seconds(),
			ratio(c.wall(), limit.wall()), ratio(c.cpu(), limit.cpu()), float64(c.peak())/(1<<20))
		if c.note != "" {
			fmt.Fprintf(w, " %s", c.note)
		}
		fmt.Fprintln(w)
	}
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }
