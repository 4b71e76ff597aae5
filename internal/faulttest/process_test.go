//go:build linux

package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/scan"
	"github.com/why403/why403/logs"
)

// pausing lets the requests that match wait once n of them were answered; reached
// is closed then.
func pausing(s *awsoverlay.Server, match func(*http.Request) bool, n int64) (reached chan struct{}) {
	reached = make(chan struct{})
	var count atomic.Int64
	var once sync.Once
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !match(r) || count.Add(1) <= n {
			return false
		}
		once.Do(func() { close(reached) })
		<-r.Context().Done()
		return true
	}
	return reached
}

// TestInterruptedScan cancels a run at each stage.
func TestInterruptedScan(t *testing.T) {
	good, err := scanAWS(t, t.Context(), newAWS(t, docsLogs()), scan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, match func(*http.Request) bool, n int64, keys bool) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAWS(t, docsLogs())
			reached := pausing(s, match, n)
			ctx, cancel := context.WithCancel(t.Context())
			progress := new(logs.Progress)
			go func() {
				defer cancel()
				<-reached
				// What was answered is not read yet.
				for name == "among the logs" && progress.Objects.Load() < n && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
			}()
			rep, err := scanAWS(t, ctx, s, scan.Options{Progress: progress})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v", err)
			}
			if rep == nil {
				if keys {
					t.Error("no report")
				}
				return
			}
			if got := rep.FailingKeys.Len() + rep.DirectFailures.Len() + rep.EdgeFailures.Len(); keys && got == 0 {
				t.Error("nothing in the report")
			}
			if !slices.Contains(rep.Run.Incomplete, "interrupted: the report covers what was read until then") {
				t.Errorf("incomplete: %v", rep.Run.Incomplete)
			}
			for k := range rep.FailingKeys.All() {
				if k.FixedSince != nil {
					t.Errorf("%s: fixed", k.Key)
				}
			}
			sound(t, good, rep)
		})
	}
	f("listing", isListing, 0, false)
	f("first log", isLog, 0, false)
	f("among the logs", isLog, 25, true)
	f("distribution", isDistribution, 0, false)
	f("policies", isPolicy, 1, true)
	f("objects", func(r *http.Request) bool {
		return r.Method == http.MethodHead && strings.Contains(r.Host, "minamo") && r.URL.Path != "/"
	}, 0, true)
}

// TestSignals sends signals to the program in mid-scan.
func TestSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			out, memory := filepath.Join(dir, "report.json"), filepath.Join(dir, "state")
			var s *awsoverlay.Server
			// What was answered may not be read yet when the signal comes: then there is
			// nothing to report, and the next try gives it more time.
			for wait := 50 * time.Millisecond; ; wait *= 4 {
				s = newAWS(t, docsLogs())
				reached := pausing(s, isLog, 25)
				c := command(t, newProxy(t, s), "scan", "s3://logs/", "--out", out, "--out", "s3://ops/report.md", "--state", memory, "--quiet")
				var stdout, stderr bytes.Buffer
				c.Stdout, c.Stderr = &stdout, &stderr
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				<-reached
				time.Sleep(wait)
				_ = c.Process.Signal(signal)
				r := finish(t, c, c.Wait(), &stdout, &stderr)
				if _, err := os.Stat(out); err != nil && r.code == 130 && wait < 10*time.Second {
					continue
				}
				if r.code != 130 || r.errors != "why403: error: interrupted: the report covers what was read until then\n" {
					t.Errorf("exit status %d: %s", r.code, r.errors)
				}
				break
			}
			partial(t, out)
			if data, _ := s.Buckets["ops"].Get("report.md"); !bytes.Contains(data, []byte("interrupted")) {
				t.Errorf("the report in S3 does not say that the run was interrupted: %.300s", data)
			}
			// The memory is as it was, and free.
			again := run(t, newProxy(t, newAWS(t, docsLogs())), "scan", "s3://logs/", "--out", out, "--state", memory, "--quiet")
			if again.code != 0 {
				t.Errorf("the next run: exit status %d: %s", again.code, again.errors)
			}
			if m := partial(t, out); m["summary"].(map[string]any)["statuses"].(map[string]any)["new"].(float64) < 5 {
				t.Errorf("the next run: %v", m["summary"])
			}
		})
	}
}

// partial reads a report that must be whole JSON.
func partial(t *testing.T, path string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return m
}

// TestKilled kills the program at random moments: what stood at its targets
// before is there, or the new report as a whole.
func TestKilled(t *testing.T) {
	s := newAWS(t, docsLogs())
	p := newProxy(t, s)
	dir := t.TempDir()
	memory := filepath.Join(dir, "state")
	targets := []string{filepath.Join(dir, "report.json"), filepath.Join(dir, "report.html")}
	for _, f := range targets {
		if err := os.WriteFile(f, []byte(`{"old":true}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 9))
	finished := 0
	for range 6 {
		c := command(t, p, "scan", "s3://logs/", "--out", targets[0], "--out", targets[1], "--quiet")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(rnd.IntN(1500))*time.Millisecond, func() { _ = c.Process.Kill() })
		if c.Wait() == nil {
			finished++
		}
		partial(t, targets[0])
		if data, _ := os.ReadFile(targets[1]); string(data) != `{"old":true}` && !bytes.HasSuffix(bytes.TrimSpace(data), []byte("</html>")) {
			t.Errorf("seed %d: half a page: %d bytes", seed, len(data))
		}
	}
	t.Logf("%d of 6 runs ended before they were killed", finished)
	// A run that was killed with the memory's lock: the next one says until when.
	s = newAWS(t, docsLogs())
	reached := pausing(s, isLog, 5)
	c := command(t, newProxy(t, s), "scan", "s3://logs/", "--state", memory, "--quiet")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	_ = c.Process.Kill()
	_ = c.Wait()
	r := run(t, p, "scan", "s3://logs/", "--state", memory, "--quiet")
	if r.code != 0 && !strings.Contains(r.errors, "lock") {
		t.Errorf("exit status %d: %s", r.code, r.errors)
	}
	t.Logf("after the kill: exit status %d: %s", r.code, r.errors)
}

// TestTargetsThatFail writes to places that can't be written: full, missing,
// taken by a file, refused by S3.
func TestTargetsThatFail(t *testing.T) {
	s := newAWS(t, docsLogs())
	s.Deny = []string{"s3:PutObject"}
	p := newProxy(t, s)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good.json")
	f := func(name string, code int, want string, args ...string) {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(good)
			r := run(t, p, append([]string{"scan", "s3://logs/", "--quiet"}, args...)...)
			if r.code != code || !strings.Contains(r.errors, want) {
				t.Errorf("exit status %d, want %d: %s", r.code, code, r.errors)
			}
			if slices.Contains(args, good) {
				partial(t, good) // the other targets are written all the same
			}
			if data, _ := os.ReadFile(file); string(data) != "kept" {
				t.Errorf("the file in the way was changed: %q", data)
			}
			left, _ := filepath.Glob(filepath.Join(dir, ".why403*"))
			if len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	f("out below a file", 4, "--out "+file+"/report.html: not a directory", "--out", file+"/report.html", "--out", good)
	f("out in no directory", 4, "no such file or directory", "--out", filepath.Join(dir, "none", "r.html"), "--out", good)
	f("out is a directory", 4, "--out "+dir+"/d.html: ", "--out", mkdir(t, dir+"/d.html"), "--out", good)
	f("out to S3 refused", 4, "not allowed to write s3://ops/r.html", "--out", "s3://ops/r.html", "--out", good)
	f("record below a file", 4, "--record "+file, "--record", file+"/facts")
	f("state below a file", 4, "state "+file, "--state", file+"/state")
	f("state in S3 refused", 4, "not allowed to write s3://ops/state/", "--state", "s3://ops/state/")
	t.Run("full", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err)
		}
		defer full.Close()
		c := command(t, p, "scan", "s3://logs/")
		var errs bytes.Buffer
		c.Stdout, c.Stderr = full, &errs
		r := finish(t, c, c.Run(), new(bytes.Buffer), &errs)
		if r.code != 4 || !strings.Contains(r.errors, "no space left on device") {
			t.Errorf("exit status %d: %s", r.code, r.errors)
		}
	})
	t.Run("full disk", func(t *testing.T) {
		small := mkdir(t, filepath.Join(dir, "small"))
		if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=16k"); err != nil {
			t.Skip("needs to mount: ", err)
		}
		defer syscall.Unmount(small, 0)
		out := filepath.Join(small, "r.html")
		if err := os.WriteFile(out, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"--out", out}, {"--record", filepath.Join(small, "facts")}, {"--state", filepath.Join(small, "state")}} {
			r := run(t, p, append([]string{"scan", "s3://logs/", "--quiet"}, args...)...)
			if r.code == 0 || !strings.Contains(r.errors, "no space left on device") {
				t.Errorf("%v: exit status %d: %s", args, r.code, r.errors)
			}
			if data, _ := os.ReadFile(out); string(data) != "old" {
				t.Errorf("%v: the old report is gone: %d bytes", args, len(data))
			}
		}
	})
}

// TestFilesThatMayNotGrow runs the program where no file may be longer than 16 KiB,
// as on a disk that is full: reports, snapshot, state and temporary files. What
// stood there stays, and nothing is left behind.
func TestFilesThatMayNotGrow(t *testing.T) {
	p := newProxy(t, newAWS(t, docsLogs()))
	f := func(name, want string, args ...string) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "r.html")
			if err := os.WriteFile(out, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			for i, a := range args {
				args[i] = strings.ReplaceAll(a, "DIR", dir)
			}
			temp := filepath.Join(dir, "temp")
			if err := os.Mkdir(temp, 0o700); err != nil {
				t.Fatal(err)
			}
			c := command(t, p, append([]string{"scan", "s3://logs/", "--quiet"}, args...)...)
			shell, err := exec.LookPath("bash")
			if err != nil {
				t.Skip(err)
			}
			c.Args = append([]string{"bash", "-c", `ulimit -f 16 && exec "$0" "$@"`}, append([]string{c.Path}, c.Args[1:]...)...)
			c.Path = shell
			c.Env = append(c.Env, "TMPDIR="+temp)
			var outs, errs bytes.Buffer
			c.Stdout, c.Stderr = &outs, &errs
			r := finish(t, c, c.Run(), &outs, &errs)
			if r.code != 4 || !strings.Contains(r.errors, want) || !strings.Contains(r.errors, "file too large") {
				t.Errorf("exit status %d: %.2000s", r.code, r.errors)
			}
			if data, _ := os.ReadFile(out); string(data) != "old" {
				t.Errorf("the old report is gone: %d bytes", len(data))
			}
			err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				name := d.Name()
				if strings.HasPrefix(name, ".why403") || strings.HasSuffix(name, ".tmp") || filepath.Dir(path) == temp {
					t.Errorf("left behind: %s", path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	f("report", "--out ", "--out", "DIR/r.html")
	f("snapshot", "--record ", "--record", "DIR/facts")
	f("temporary files", "", "--memory", "1", "--out", "DIR/r.html")
}

// TestDirectoriesThatCantBeWritten has targets in directories that are read-only,
// as an ordinary user: root writes everywhere.
func TestDirectoriesThatCantBeWritten(t *testing.T) {
	p := newProxy(t, newAWS(t, docsLogs()))
	readOnly := t.TempDir()
	temp := t.TempDir()
	if err := os.Chmod(readOnly, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(readOnly, 0o755) })
	nobody := os.Getuid() == 0
	if nobody { // the program, its certificates and its place are to be reached
		name, err := build()
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{filepath.Dir(name), filepath.Dir(p.Bundle), filepath.Dir(filepath.Dir(p.Bundle)), readOnly, filepath.Dir(readOnly)} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, info.Mode().Perm()|0o055); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{name, p.Bundle} {
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(temp, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	f := func(name string, want string, args ...string) {
		t.Run(name, func(t *testing.T) {
			c := command(t, p, append([]string{"scan", "s3://logs/", "--quiet"}, args...)...)
			if nobody {
				c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			c.Env = append(c.Env, "TMPDIR="+temp)
			if name == "temporary files" {
				c.Env = append(c.Env, "TMPDIR="+readOnly)
			}
			c.Dir = "/"
			var outs, errs bytes.Buffer
			c.Stdout, c.Stderr = &outs, &errs
			r := finish(t, c, c.Run(), &outs, &errs)
			if r.code != 4 || !strings.Contains(r.errors, want) || !strings.Contains(r.errors, "permission denied") {
				t.Errorf("exit status %d: %.2000s", r.code, r.errors)
			}
			if left, _ := os.ReadDir(readOnly); len(left) > 0 {
				t.Errorf("written: %v", left)
			}
		})
	}
	f("report", "--out "+readOnly, "--out", filepath.Join(readOnly, "r.html"))
	f("snapshot", "--record "+readOnly, "--record", filepath.Join(readOnly, "facts"))
	f("state", "state "+readOnly, "--state", readOnly)
	f("temporary files", "", "--memory", "1")
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTLS has certificates that must not be trusted: no request gets through.
func TestTLS(t *testing.T) {
	f := func(broken, want string) {
		t.Run(broken, func(t *testing.T) {
			s := newAWS(t, docsLogs())
			p := newBrokenProxy(t, s, broken)
			if broken == "authority" {
				p.Bundle = newProxy(t, s).Bundle
			}
			c := command(t, p, "scan", "s3://logs/", "--quiet")
			var out, errs bytes.Buffer
			c.Stdout, c.Stderr = &out, &errs
			r := finish(t, c, c.Run(), &out, &errs)
			if r.code != 4 || !strings.Contains(r.errors, want) {
				t.Errorf("exit status %d: %s", r.code, r.errors)
			}
			t.Log(r.errors)
			if n := len(s.Requests()); n > 0 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
	f("name", "x509: certificate is valid for elsewhere.example")
	f("expired", "x509: certificate has expired")
	f("authority", "x509: certificate signed by unknown authority")
}
