package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
)

//go:embed testdata/limit.c
var limitSource string

// tools are the programs at hand. None is required.
type tools struct {
	limit string // the libdeflate program, built from limit.c; "" without a C compiler and libdeflate
	dir   string
}

func findTools(dir string) *tools {
	t := &tools{dir: dir}
	source, program := filepath.Join(dir, "limit.c"), filepath.Join(dir, "limit")
	if os.WriteFile(source, []byte(limitSource), 0o644) != nil {
		return t
	}
	if out, err := exec.Command("cc", "-O2", "-o", program, source, "-ldeflate", "-lpthread").CombinedOutput(); err == nil {
		t.limit = program
	} else {
		fmt.Fprintf(os.Stderr, "no libdeflate program: %v: %s\n", err, tail(out))
	}
	return t
}

func (t *tools) have(names ...string) bool {
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			return false
		}
	}
	return true
}

// unpackers only unpack CloudFront's log; the first one is the limit.
func (t *tools) unpackers(d *dataSet) []*contender {
	want := d.truth.EdgeBytes
	var cs []*contender
	if t.limit != "" {
		cs = append(cs, &contender{name: "libdeflate, in process", command: []string{t.limit, d.edge}, check: number(want, want), note: "unpacks only"})
	}
	self, _ := os.Executable()
	return append(cs, &contender{name: "klauspost/compress/gzip, in process", command: []string{self}, env: []string{asUnpacker + "=" + d.edge}, check: number(want, want), note: "unpacks only"})
}

// unpackAll is the part of the peers that Go programs usually have.
func unpackAll(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.gz"))
	if err != nil {
		return err
	}
	var next, total atomic.Int64
	errs := make(chan error)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			buf := make([]byte, 512<<10)
			var z *gzip.Reader
			errs <- func() error {
				for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
					f, err := os.Open(names[i])
					if err != nil {
						return err
					}
					if z == nil {
						z, err = gzip.NewReader(f)
					} else {
						err = z.Reset(f)
					}
					if err != nil {
						return err
					}
					n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{z}, buf)
					if err != nil {
						return err
					}
					total.Add(n)
					f.Close()
				}
				return nil
			}()
		}()
	}
	for range runtime.GOMAXPROCS(0) {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Println(total.Load())
	return nil
}

// edgePeers count 403s by path in CloudFront's log, and do no more than that.
func (t *tools) edgePeers(d *dataSet) []*contender {
	n := int64(len(d.truth.Keys))
	paths := number(n, n+n/2+100) // they count spellings, not keys
	var cs []*contender
	add := func(needs string, c *contender) {
		if t.have(strings.Fields(needs)...) {
			c.check = paths
			c.note = "counts by path"
			c.env = []string{`BYPATH=BEGIN {FS = "\t"} $9 == 403 {n[$8]++} END {for (k in n) print n[k] "\t" k}`, `SUM={n[$2] += $1} END {for (k in n) print n[k] "\t" k}`}
			cs = append(cs, c)
		}
	}
	add("igzip rg mawk", shell("igzip | rg | mawk, 2 at a time",
		`ls "$1"/*.gz | xargs -P2 -n10 sh -c 'igzip -dc "$@" | rg -N "\t403\t" | mawk "$BYPATH"' sh | mawk "$SUM" | wc -l`, d.edge))
	add("rg mawk", shell("rg -z | mawk", `rg -z --no-filename -N '\t403\t' "$1" | mawk "$BYPATH" | wc -l`, d.edge))
	add("pigz mawk", shell("pigz -dc | mawk", `cat "$1"/*.gz | pigz -dc | mawk "$BYPATH" | wc -l`, d.edge))
	add("zcat mawk", shell("zcat | mawk", `zcat "$1"/*.gz | mawk "$BYPATH" | wc -l`, d.edge))
	add("duckdb", shell("duckdb", `duckdb -csv -noheader -c "SELECT count(*) FROM (SELECT url_decode(c07) k, count(*) FROM read_csv('$1/*.gz', delim='\t', header=false, skip=2, quote='', escape='', auto_detect=false, columns={`+columns(33)+`}) WHERE c08 = '403' GROUP BY k)"`, d.edge))
	if t.have("goaccess") {
		cs = append(cs, &contender{name: "goaccess", note: "counts by path, method and protocol",
			command: []string{"sh", "-c", `zcat "$1"/*.gz | goaccess - --log-format=CLOUDFRONT --no-global-config --ignore-status=200 --ignore-status=304 --ignore-status=404 -o json >"$2" && rm "$2"`, "sh", d.edge, filepath.Join(t.dir, "goaccess.json")}})
	}
	return cs
}

// columns names columns of text for DuckDB, which would else guess for minutes.
func columns(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("'c%02d':'VARCHAR'", i))
	}
	return strings.Join(list, ", ")
}

// originPeers look for 403 in S3's log; the first one is the limit.
func (t *tools) originPeers(d *dataSet) []*contender {
	n := d.truth.OriginForbidden
	lines := number(n, n+n/5+2000) // they count 403 in other columns as well
	var cs []*contender
	if t.have("rg", "mawk") {
		cs = append(cs, shell("rg -c ' 403 '", `rg -c ' 403 ' "$1" | mawk -F: '{n += $NF} END {print n}'`, d.origin),
			shell("rg | mawk", `rg -N --no-filename ' 403 ' "$1" | mawk '{for (i = 10; i < NF; i++) if ($i ~ /"$/ || $i == "-") {if ($(i+1) == 403) {c++} break}} END {print c}'`, d.origin))
	}
	cs = append(cs, shell("grep -rhF ' 403 ' | wc -l", `grep -rhF ' 403 ' "$1" | wc -l`, d.origin))
	for _, c := range cs {
		c.check = lines
	}
	return cs
}

// bothLimits does the limits of both logs one after the other.
func (t *tools) bothLimits(d *dataSet) *contender {
	c := shell("libdeflate, then rg -c ' 403 '", `"$1" "$2" && rg -c ' 403 ' "$3" | mawk -F: '{n += $NF} END {print n}'`, t.limit, d.edge, d.origin)
	c.note = "the limits"
	if t.limit == "" || !t.have("rg", "mawk") {
		c = shell("gzip -dc, then grep", `cat "$1"/*.gz | gzip -dc | wc -c && grep -rhF ' 403 ' "$2" | wc -l`, d.edge, d.origin)
	}
	return c
}

// number checks an answer that is one number.
func number(low, high int64) func(io.Reader) error {
	return func(r io.Reader) error {
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return err
		}
		if n < low || n > high {
			return fmt.Errorf("%d, want %d to %d", n, low, high)
		}
		return nil
	}
}
