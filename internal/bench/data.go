package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// A dataSet is a directory of generated logs and what is true of them.
type dataSet struct {
	edge, origin string // directories of CloudFront's log and of S3's
	truth        *truth
}

// open returns the data set of a shape below dir, made on the first call.
func (s shape) open(dir string) (*dataSet, error) {
	name := filepath.Join(dir, fmt.Sprintf("%d-%d-%d-%g", s.Version, s.Edge, s.Origin, s.Errors))
	d := &dataSet{edge: filepath.Join(name, "cloudfront"), origin: filepath.Join(name, "s3")}
	var err error
	if d.truth, err = readTruth(filepath.Join(name, "truth.json")); err == nil {
		return d, nil
	}
	if err := os.RemoveAll(name); err != nil {
		return nil, err
	}
	for _, dir := range []string{d.edge, d.origin} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if d.truth, err = s.generate(d.edge, d.origin); err != nil {
		return nil, err
	}
	return d, d.truth.write(filepath.Join(name, "truth.json")) // last: what has a truth is whole
}

const hours = 24

// generate writes the logs. Each hour is made by itself, from a random source
// of its own, so that the result does not depend on how many are made at once.
func (s shape) generate(edge, origin string) (*truth, error) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	parts := make([]*truth, hours)
	for h := range hours {
		g.Go(func() error {
			w := newHour(s, h)
			w.lines()
			parts[h] = w.truth
			return cmp.Or(w.writeEdge(edge), w.writeOrigin(origin))
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	all := new(truth)
	for _, p := range parts {
		all.add(p)
	}
	return all, nil
}

// An hour makes the lines of one hour of the day.
type hour struct {
	shape
	nth   int
	r     *rand.Rand
	keys  *rand.Zipf // of the site's objects
	fails *rand.Zipf // of the paths that fail
	truth *truth

	edge, origin [][]byte // objects' texts
	pick         []int    // objects of edge by weight
	recent       []refusal
	buf          []byte
}

// A refusal is a 403 of S3's that CloudFront may serve again from its cache.
type refusal struct {
	key string
	ms  int64
}

func newHour(s shape, nth int) *hour {
	r := rand.New(rand.NewPCG(s.Seed, uint64(nth)))
	h := &hour{shape: s, nth: nth, r: r, truth: &truth{Keys: map[string]counts{}},
		keys:  rand.NewZipf(r, 1.1, 8, uint64(s.Keys-1)),
		fails: rand.NewZipf(r, 1.05, 60, uint64(s.ErrorKeys-1)),
	}
	h.edge = make([][]byte, share(s.EdgeObjects, nth))
	h.origin = make([][]byte, share(s.OriginObjects, nth))
	for i := range h.edge {
		h.edge[i] = append(h.edge[i], edgeHeader...)
		for range 1 + int(8*math.Exp(0.4*r.NormFloat64())) { // sizes differ, as edges do
			h.pick = append(h.pick, i)
		}
	}
	return h
}

// share is the nth hour's part of n.
func share(n, nth int) int { return n*(nth+1)/hours - n*nth/hours }

// at returns a time in the hour, in Unix ms, after a part of it is over.
func (h *hour) at(part float64) int64 {
	ms := int64(part*3_600_000) + h.r.Int64N(4_000) - 2_000 // lines are not sorted
	return day.UnixMilli() + int64(h.nth)*3_600_000 + min(max(ms, 0), 3_599_999)
}

func (h *hour) chance(p float64) bool { return h.r.Float64() < p }

// failingKey draws one of the paths that fail.
func (h *hour) failingKey() string {
	n := h.fails.Uint64()
	if h.Flat {
		n = h.r.Uint64N(uint64(h.ErrorKeys))
	}
	return keyName(h.Keys - h.ErrorKeys/10 + int(n)) // a tenth of them succeed at other times
}

// lines makes the texts of the hour's objects.
func (h *hour) lines() {
	var originLines [][]byte
	fetched := func(o originLine) {
		originLines = append(originLines, slices.Clone(h.originLine(&o)))
	}
	n := share(h.Edge, h.nth)
	for i := range n {
		l := edgeLine{ms: h.at(float64(i) / float64(n)), key: keyName(int(h.keys.Uint64()))}
		if h.chance(h.Errors) {
			l = h.refuse(l.ms)
			if l.kind == refusedByOrigin {
				fetched(originLine{ms: l.ms - 20 - h.r.Int64N(60), key: l.key, forbidden: true, cloudFront: true})
			}
		}
		at := h.pick[h.r.IntN(len(h.pick))]
		h.edge[at] = append(h.edge[at], h.edgeLine(&l)...)
	}
	n = share(h.Direct, h.nth)
	for i := range n {
		o := originLine{ms: h.at(float64(i) / float64(n)), key: h.failingKey(), forbidden: true}
		switch {
		case h.chance(0.17):
			o.key, o.list = "", true
		case h.chance(0.02):
			o.batch = true
		}
		fetched(o)
	}
	n = share(h.Origin, h.nth) - len(originLines)
	for i := range n {
		fetched(originLine{ms: h.at(float64(i) / float64(n)), key: keyName(int(h.keys.Uint64())), cloudFront: true})
	}
	h.r.Shuffle(len(originLines), func(i, j int) { originLines[i], originLines[j] = originLines[j], originLines[i] })
	h.spread(originLines)
}

// spread puts S3's lines into objects of skewed sizes.
func (h *hour) spread(lines [][]byte) {
	weights := make([]float64, len(h.origin))
	sum := 0.0
	for i := range weights {
		weights[i] = math.Exp(0.8 * h.r.NormFloat64())
		sum += weights[i]
	}
	done, part := 0, 0.0
	for i, w := range weights {
		part += w
		end := int(part / sum * float64(len(lines)))
		if i == len(weights)-1 {
			end = len(lines)
		}
		for _, l := range lines[done:max(end, done)] {
			h.origin[i] = append(h.origin[i], l...)
		}
		done = max(end, done)
	}
}

// refuse makes a line with status 403.
func (h *hour) refuse(ms int64) edgeLine {
	l := edgeLine{ms: ms, forbidden: true, key: h.failingKey()}
	rest := (1 - h.ToOrigin) / 0.60 // the kinds keep their proportions
	p := h.r.Float64()
	for _, k := range []struct {
		kind  edgeKind
		share float64
	}{
		{refusedByOrigin, h.ToOrigin}, {refusedFromCache, 0.15 * rest}, {refusedUnsigned, 0.17 * rest}, {refusedByWAF, 0.12 * rest},
		{refusedByCountry, 0.08 * rest}, {refusedByFunction, 0.05 * rest}, {refusedByLambda, 1},
	} {
		if l.kind = k.kind; p < k.share {
			break
		}
		p -= k.share
	}
	switch l.kind {
	case refusedByOrigin:
		h.recent = append(h.recent, refusal{l.key, ms})
		if len(h.recent) > 64 {
			h.recent = h.recent[1:]
		}
	case refusedFromCache:
		if len(h.recent) > 0 {
			again := h.recent[h.r.IntN(len(h.recent))]
			l.key, l.ms = again.key, again.ms+1_000+h.r.Int64N(8_000)
		}
	}
	have := h.truth.Keys[l.key]
	have.Edge++
	h.truth.Keys[l.key] = have
	h.truth.EdgeForbidden++
	return l
}

func (h *hour) writeEdge(dir string) error {
	z, err := gzip.NewWriterLevel(nil, 6)
	if err != nil {
		return err
	}
	hourStart := day.Add(time.Duration(h.nth) * time.Hour)
	for i, text := range h.edge {
		h.truth.EdgeBytes += int64(len(text))
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s.%s.%08x.gz", distribution, hourStart.Format("2006-01-02-15"), mix(uint64(h.nth)<<32|uint64(i))>>32)))
		if err != nil {
			return err
		}
		z.Reset(f)
		_, err = z.Write(text)
		if err := cmp.Or(err, z.Close(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (h *hour) writeOrigin(dir string) error {
	hourStart := day.Add(time.Duration(h.nth) * time.Hour)
	for i, text := range h.origin {
		h.truth.OriginBytes += int64(len(text))
		delivered := hourStart.Add(time.Hour * time.Duration(i) / time.Duration(len(h.origin)))
		if h.chance(0.02) {
			delivered = delivered.Add(time.Duration(1+h.r.IntN(180)) * time.Minute) // late
		}
		name := fmt.Sprintf("%s-%016X", delivered.Format("2006-01-02-15-04-05"), mix(1<<62|uint64(h.nth)<<32|uint64(i)))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// mix scatters numbers (SplitMix64's last step); different ones stay different.
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// keyName is the nth object of the site. Some keys are of the odd kinds that a
// log encodes.
func keyName(n int) string {
	m := mix(uint64(n))
	folder := folders[m%uint64(len(folders))]
	ext := extensions[m>>8%uint64(len(extensions))]
	id := strconv.Itoa(n)
	switch m >> 16 % 100 {
	case 0:
		return folder + "/Résumé " + id + ext
	case 1:
		return folder + "/photo+" + id + " (1)" + ext
	case 2:
		return folder + "/100%-" + id + ext
	case 3:
		return folder + "/カタログ-" + id + ext
	}
	return folder + "/" + words[m>>24%uint64(len(words))] + "-" + id + ext
}

var (
	folders    = strings.Fields("assets/img assets/js assets/css media/video media/thumbs docs/guide docs/api blog/2025 blog/2026 shop/catalog shop/product static/fonts downloads")
	extensions = strings.Fields(".jpg .png .webp .js .css .html .svg .json .woff2 .mp4 .pdf")
	words      = strings.Fields("hero banner main vendor chunk intro index product summer winter map tile cover detail thumb icon print guide price list")
)
