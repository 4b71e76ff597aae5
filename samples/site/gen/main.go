// Command gen makes samples/site: one day of a believable site (two kinds of access log, the
// settings as AWS reported them afterwards) and the truth about every refused request in it.
//
//	go run ./samples/site/gen [-out samples/site] [-seed N]
//
// The flow is one way: the site (site.go, minamo.go) and its visitors (traffic.go, plants.go) make
// requests; cdn.go and s3.go answer them by the documented rules; cflog.go and s3log.go write what
// the two services log; snapshot.go writes the settings; truth.go what a diagnosis has to find.
//
// The program must not import any package of why403: it is a second, independent statement of the
// log formats and of the access rules. It reads no clock, so that the same seed makes the same files.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
)

// files maps a slash-separated path below the output directory to its content.
type files map[string][]byte

// owned are the parts of the output directory that a run replaces as a whole.
var owned = []string{"logs", "snapshot", "truth.json"}

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	out := flag.String("out", "samples/site", "directory to write")
	seed := flag.Uint64("seed", defaultSeed, "seed of everything that is drawn by chance")
	flag.Parse()
	made, err := generate(*seed)
	if err != nil {
		log.Fatal(err)
	}
	if err := write(*out, made); err != nil {
		log.Fatal(err)
	}
}

// defaultSeed made the files that are committed.
const defaultSeed = 20261120

// generate makes the whole sample in memory. It fails when the site contradicts itself: an ordinary
// request that is refused, or a planted one that is not.
func generate(seed uint64) (files, error) {
	w := newWorld(seed)
	w.visit()
	w.plant()
	w.serveAll()
	w.goPastCloudFront()
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("the site contradicts itself: %w", err)
	}
	made := files{}
	w.deliverCloudFront(made)
	w.deliverS3(made)
	w.writeSnapshot(made)
	w.writeTruth(made)
	return made, nil
}

func write(dir string, made files) error {
	for _, part := range owned {
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			return err
		}
	}
	for _, name := range made.names() {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, made[name], fs.FileMode(0o644)); err != nil {
			return err
		}
	}
	return nil
}

func (f files) names() []string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
