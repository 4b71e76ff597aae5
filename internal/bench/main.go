// Command bench measures why403 against the bare cost of unpacking its input
// and against the programs that people use in its place.
//
//	go run ./internal/bench                       the full data, every suite; about 15 minutes on two cores
//	go run ./internal/bench -size small           the same on little data, below a minute: does it still work?
//	go run ./internal/bench -only cloudfront -n 9 one suite, medians of nine rounds
//
// It makes its data by itself, from a fixed seed, and knows the truth: the
// lines of each log, those with status 403, and how often each exact key was
// refused. The data look like a busy site's day: gzipped CloudFront standard
// logs of some 475 bytes a line, S3 access logs in thousands of small objects,
// keys by Zipf's law, 2 % of the requests refused, by all parties that refuse.
// Traps of real logs are in: 403 in other columns than the status, encoded and
// doubly encoded keys, hex in lower case, quotes inside a User-Agent, lines
// without a Request-URI, unsorted lines, late objects. The data stay in -dir
// for the next run.
//
// Each suite runs its commands in turn (A B C A B C …), after one round that
// does not count, and prints the medians of wall time and CPU time, their
// ratios to the first command, which is the limit, and the largest peak memory
// of all rounds. Trust the ratios, not the seconds; on a machine with other
// work, trust the CPU ratios. Every answer is checked, why403's against all of
// the truth.
//
// The suites:
//
//	cloudfront  CloudFront's log alone, against libdeflate unpacking it in process
//	s3          S3's log alone, against rg -c ' 403 '
//	both        both logs joined, against the two limits one after the other
//	keys        half of the lines refused, some 460,000 distinct keys
//	keys5m      five million distinct keys, with --memory as given and with all it
//	            takes: the same report? (not part of the default; 8 GB of data)
//	memory      peak memory at 1 and 10 times the data (not part of the default)
//	growth      time at 1, 4 and 16 times the lines
//	startup     an empty folder and one line
//	s3fetch     the S3 log out of a bucket 20 ms away, against s5cmd cp
//
// Peers that are not installed are left out: cc with libdeflate for the limit
// (without it, gzip in Go is the first row), rg, mawk, igzip, pigz, goaccess,
// duckdb, s5cmd. Results and their reading are in docs/performance.md.
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// asUnpacker names the variable that makes this program an unpacker of the
// directory in it, asStore that which makes it an S3 server of one.
const (
	asUnpacker = "WHY403_BENCH_UNPACK"
	asStore    = "WHY403_BENCH_STORE"
)

func main() {
	if ok, err := role(); ok {
		exit(err)
	}
	b := &bench{out: os.Stdout}
	var only, size string
	flag.StringVar(&size, "size", "full", "how much data: full or small")
	flag.StringVar(&only, "only", "", "suites to run, with commas (default all but memory)")
	flag.StringVar(&b.dir, "dir", filepath.Join(os.TempDir(), "why403-bench"), "where the data are kept")
	flag.StringVar(&b.why403, "why403", "", "the program to measure (default: built from ./cmd/why403)")
	flag.IntVar(&b.rounds, "n", 5, "rounds that count")
	flag.Parse()
	b.scale = 1
	if size == "small" {
		b.scale = 1.0 / 64
	}
	var names []string
	if only != "" {
		names = strings.Split(only, ",")
	}
	exit(b.run(names))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: error: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// role does what a process of this program does that another one started.
func role() (ok bool, err error) {
	switch {
	case os.Getenv(asChild) != "":
		return true, child(os.Args[1:])
	case os.Getenv(asUnpacker) != "":
		return true, unpackAll(os.Getenv(asUnpacker))
	case os.Getenv(asStore) != "":
		return true, serve(os.Getenv(asStore))
	}
	return false, nil
}

// A bench is one run of this program.
type bench struct {
	out    io.Writer
	dir    string
	why403 string
	empty  string // a snapshot that holds nothing, so that no scan asks AWS
	scale  float64
	rounds int
	tools  *tools
}

// A suite is one table.
type suite struct {
	name string
	run  func(*bench) error
	on   bool // without -only
}

var suites = []suite{
	{"cloudfront", (*bench).cloudFront, true},
	{"s3", (*bench).origin, true},
	{"both", (*bench).both, true},
	{"keys", (*bench).manyKeys, true},
	{"keys5m", (*bench).mostKeys, false},
	{"memory", (*bench).memory, false},
	{"growth", (*bench).growth, true},
	{"startup", (*bench).startup, true},
	{"s3fetch", (*bench).fetch, true},
}

func (b *bench) run(names []string) error {
	for _, n := range names {
		if !slices.ContainsFunc(suites, func(s suite) bool { return s.name == n }) {
			return fmt.Errorf("no suite %q", n)
		}
	}
	b.empty = filepath.Join(b.dir, "no-facts")
	if err := os.MkdirAll(b.empty, 0o755); err != nil {
		return err
	}
	if b.why403 == "" {
		b.why403 = filepath.Join(b.dir, "why403")
		if out, err := exec.Command("go", "build", "-o", b.why403, "github.com/why403/why403/cmd/why403").CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w: %s", err, tail(out))
		}
	}
	b.tools = findTools(b.dir)
	for _, s := range suites {
		if len(names) == 0 && s.on || slices.Contains(names, s.name) {
			if err := s.run(b); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

// data makes the data set of a shape, and says so when it takes time.
func (b *bench) data(s shape) (*dataSet, error) {
	start := time.Now()
	d, err := s.open(b.dir)
	if took := time.Since(start); err == nil && took > 5*time.Second {
		fmt.Fprintf(os.Stderr, "bench: made %d MB of logs in %.0f s\n", (d.truth.EdgeBytes+d.truth.OriginBytes)/1e6, took.Seconds())
	}
	return d, err
}

// scan is why403 over locations. Its report is JSON when all of the truth is to
// be checked, else the text that users read.
func (b *bench) scan(name string, want *truth, json bool, locations ...string) *contender {
	c := &contender{name: name, command: append([]string{b.why403, "scan", "--snapshot", b.empty}, locations...), note: "whole job, text report", check: want.checkText}
	if json {
		c.command = append(c.command, "--output", "json")
		c.note, c.check = "whole job, JSON report, every key checked", want.check
	}
	return c
}

func (b *bench) cloudFront() error {
	d, err := b.data(usual(b.scale))
	if err != nil {
		return err
	}
	want := d.truth.of(true, false)
	cs := b.tools.unpackers(d)
	cs = append(cs, b.scan("why403 scan", want, false, d.edge), b.scan("why403 scan --output json", want, true, d.edge))
	cs = append(cs, b.tools.edgePeers(&dataSet{edge: d.edge, truth: want})...)
	return b.race(fmt.Sprintf("CloudFront: %d lines, %d MB, %d with 403", want.EdgeLines, want.EdgeBytes/1e6, want.EdgeForbidden), cs...)
}

func (b *bench) origin() error {
	d, err := b.data(usual(b.scale))
	if err != nil {
		return err
	}
	want := d.truth.of(false, true)
	cs := b.tools.originPeers(d)
	cs = slices.Insert(cs, 1, b.scan("why403 scan", want, false, d.origin), b.scan("why403 scan --output json", want, true, d.origin))
	return b.race(fmt.Sprintf("S3: %d lines, %d MB, %d with 403", want.OriginLines, want.OriginBytes/1e6, want.OriginForbidden), cs...)
}

func (b *bench) both() error     { return b.joined("Both logs", usual(b.scale)) }
func (b *bench) manyKeys() error { return b.joined("Half of the lines refused", failing(b.scale)) }

// joined scans both logs of a data set.
func (b *bench) joined(title string, s shape) error {
	d, err := b.data(s)
	if err != nil {
		return err
	}
	edge, origin := d.truth.distinct()
	return b.race(fmt.Sprintf("%s: %d and %d lines, %d and %d with 403, %d and %d keys", title, d.truth.EdgeLines, d.truth.OriginLines,
		d.truth.EdgeForbidden, d.truth.OriginForbidden, edge, origin),
		b.tools.bothLimits(d), b.scan("why403 scan", d.truth, false, d.edge, d.origin), b.scan("why403 scan --output json", d.truth, true, d.edge, d.origin))
}

// mostKeys scans more keys than --memory holds, and the same with more of it,
// and expects the same report. Its limit is the run that has the memory.
func (b *bench) mostKeys() error {
	d, err := b.data(distinct(b.scale))
	if err != nil {
		return err
	}
	edge, _ := d.truth.distinct()
	var want []byte
	same := func(report io.Reader) error {
		h := sha256.New()
		_, err := io.Copy(h, report)
		if got := h.Sum(nil); want == nil {
			want = got
		} else if !bytes.Equal(got, want) {
			return errors.New("the reports differ")
		}
		return err
	}
	var cs []*contender
	for _, memory := range []string{"16GiB", fmt.Sprintf("%dKiB", max(1, int(512<<10*b.scale)))} {
		c := b.scan("why403 scan --memory "+memory, d.truth, false, d.edge, d.origin)
		c.command = append(c.command, "--output", "csv", "--memory", memory)
		c.note, c.check = "CSV, byte for byte the same", same
		cs = append(cs, c)
	}
	return b.race(fmt.Sprintf("More keys than memory: %d and %d lines, %d keys", d.truth.EdgeLines, d.truth.OriginLines, edge), cs...)
}

func (b *bench) race(title string, cs ...*contender) error {
	if err := race(b.rounds, cs...); err != nil {
		return err
	}
	table(b.out, title, cs...)
	return nil
}

// memory compares peaks for data of one kind and ten times as much of it.
func (b *bench) memory() error {
	return b.scaled("Memory", usual(b.scale/10), usual(b.scale), usual(b.scale*10))
}

func (b *bench) growth() error {
	return b.scaled("Growth", usual(b.scale/16), usual(b.scale/4), usual(b.scale))
}

// scaled scans data sets of growing size and prints the time for each line.
func (b *bench) scaled(title string, shapes ...shape) error {
	var cs []*contender
	var lines []int64
	for _, s := range shapes {
		d, err := b.data(s)
		if err != nil {
			return err
		}
		n := d.truth.EdgeLines + d.truth.OriginLines
		lines = append(lines, n)
		cs = append(cs, b.scan(fmt.Sprintf("why403 scan, %d lines", n), d.truth, false, d.edge, d.origin))
	}
	if err := race(b.rounds, cs...); err != nil {
		return err
	}
	for i, c := range cs {
		n := time.Duration(lines[i])
		c.note = fmt.Sprintf("%d ns wall, %d ns CPU a line", c.wall()/n, c.cpu()/n)
	}
	table(b.out, title, cs...)
	return nil
}

// startup scans nothing, and next to nothing.
func (b *bench) startup() error {
	nothing, little := filepath.Join(b.dir, "empty"), filepath.Join(b.dir, "one-line")
	line := edgeHeader + "2026-11-20\t00:00:00\tFRA60-P1\t500\t198.18.0.1\tGET\td3.cloudfront.net\t/a\t403" + strings.Repeat("\t-", 24) + "\n"
	err := cmp.Or(os.MkdirAll(nothing, 0o755), os.MkdirAll(little, 0o755), os.WriteFile(filepath.Join(little, distribution+".2026-11-20-00.00000000"), []byte(line), 0o644))
	if err != nil {
		return err
	}
	empty := &contender{name: "why403 scan, an empty folder", command: []string{b.why403, "scan", "--snapshot", b.empty, nothing}, allow: 4}
	one := &contender{name: "why403 scan, one line", command: []string{b.why403, "scan", "--snapshot", b.empty, little}}
	return b.race("Start-up", &contender{name: "true", command: []string{"true"}}, empty, one)
}
