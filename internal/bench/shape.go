package main

import "time"

// A shape says what logs a generated data set holds. Equal shapes make equal
// data, byte for byte.
type shape struct {
	Version       int // of the generator: other data for the same numbers
	Seed          uint64
	Edge, Origin  int // lines of CloudFront's log and of S3's
	EdgeObjects   int
	OriginObjects int
	Keys          int     // objects of the site, asked for by Zipf's law
	Errors        float64 // share of CloudFront's lines with status 403
	ErrorKeys     int     // paths that fail
	Flat          bool    // failing paths fail equally often, in place of Zipf's law
	ToOrigin      float64 // share of the 403s that S3 made
	Direct        int     // 403 lines of S3 by clients past CloudFront
}

// generation is the Version of the generator. Change it with the lines it makes.
const generation = 2

// day is the day that all requests fall on.
var day = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

const (
	distribution = "E2BENCHMARK403"
	bucket       = "bench-site"
)

// usual is a day of a busy site: 2 % of the requests fail. At n = 1 it has
// 3.3 million lines of CloudFront's log in 160 objects, 1.57 GB unpacked, and
// 0.94 million lines of S3's in 20,000 objects, 516 MB.
func usual(n float64) shape {
	return shape{
		Version: generation, Seed: 403,
		Edge: int(3_300_000 * n), EdgeObjects: max(hours, int(160*n)),
		Origin: int(940_000 * n), OriginObjects: max(hours, int(20_000*n)),
		Keys: max(2_000, int(200_000*min(n, 1))), Errors: 0.02, ErrorKeys: max(400, int(40_000*min(n, 1))),
		ToOrigin: 0.40, Direct: int(9_125 * n),
	}
}

// failing is a site where everything goes wrong: half of 2 million lines are
// 403, for some 460,000 keys, half of which S3's log names as well.
func failing(n float64) shape {
	s := usual(n)
	s.Edge, s.EdgeObjects = int(2_000_000*n), max(hours, int(100*n))
	s.Origin, s.OriginObjects = int(400_000*n), max(hours, int(8_000*n))
	s.Errors, s.ErrorKeys, s.Flat, s.ToOrigin, s.Direct = 0.5, max(400, int(620_000*n)), true, 0.30, 0
	return s
}

// distinct is a site of which every request fails, for some five million keys,
// all of which S3's log names as well.
func distinct(n float64) shape {
	s := usual(n)
	s.Edge, s.EdgeObjects = int(7_500_000*n), max(hours, int(200*n))
	s.Origin, s.OriginObjects = s.Edge, max(hours, int(2_000*n))
	s.Errors, s.ErrorKeys, s.Flat, s.ToOrigin, s.Direct = 1, max(400, int(10_000_000*n)), true, 1, 0
	return s
}
