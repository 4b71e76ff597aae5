package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/internal/inventory"
	"github.com/why403/why403/internal/s3source"
	"github.com/why403/why403/logs"
)

// inventories opens the S3 Inventory deliveries that stand in for listings.
func (r *run) inventories(ctx context.Context) ([]gather.Inventory, error) {
	var out []gather.Inventory
	for _, location := range r.Inventories {
		open := localInventory
		if isS3(location) {
			open = r.bucketInventory
		}
		v, err := open(ctx, location)
		if err != nil {
			return nil, &Error{fmt.Errorf("--inventory %s: %w", location, bare(err)),
				"give the manifest.json of a delivery, or the folder DESTINATION/BUCKET/CONFIGURATION/ for the newest one"}
		}
		out = append(out, v)
	}
	return out, nil
}

// delivered finds the manifest of a delivery: CONFIGURATION/2026-11-24T01-00Z/
// manifest.json (Amazon S3 user guide, Locating your inventory list).
var delivered = regexp.MustCompile(`(?:^|/)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}Z/manifest\.json$`)

// newest returns the manifest of the newest of the deliveries of one
// configuration.
func newest(manifests []string) (string, error) {
	if len(manifests) == 0 {
		return "", errors.New("no delivery of an inventory")
	}
	configuration := func(m string) string { return path.Dir(path.Dir(m)) }
	for _, m := range manifests {
		if configuration(m) != configuration(manifests[0]) {
			return "", fmt.Errorf("inventories of two configurations, %s and %s", configuration(manifests[0]), configuration(m))
		}
	}
	return slices.Max(manifests), nil
}

func manifest(location string, f io.ReadCloser, err error) (*inventory.Manifest, error) {
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := inventory.ReadManifest(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", location, err)
	}
	return m, nil
}

// localInventory opens a delivery that was copied to disk, with its data files
// beside the manifest or where S3 puts them, in ../data.
func localInventory(_ context.Context, location string) (gather.Inventory, error) {
	file := location
	if info, err := os.Stat(location); err != nil {
		return gather.Inventory{}, err
	} else if info.IsDir() {
		file = filepath.Join(location, "manifest.json")
		if _, err := os.Stat(file); err != nil {
			found, err := filepath.Glob(filepath.Join(location, "*T*Z", "manifest.json"))
			if err != nil {
				return gather.Inventory{}, err
			}
			if file, err = newest(found); err != nil {
				return gather.Inventory{}, err
			}
		}
	}
	f, err := os.Open(file)
	m, err := manifest(file, f, err)
	open := func(_ context.Context, key string) (io.ReadCloser, error) {
		dir := filepath.Dir(file)
		f, err := os.Open(filepath.Join(dir, path.Base(key)))
		if errors.Is(err, fs.ErrNotExist) {
			f, err = os.Open(filepath.Join(dir, "..", "data", path.Base(key)))
		}
		return f, err
	}
	return gather.Inventory{Manifest: m, Location: file, Open: open}, err
}

// bucketInventory opens a delivery where S3 has put it.
func (r *run) bucketInventory(ctx context.Context, location string) (gather.Inventory, error) {
	s, err := s3source.New(r.clients, location, s3source.Options{})
	if err != nil {
		return gather.Inventory{}, err
	}
	if !strings.HasSuffix(location, "/manifest.json") {
		var found []string
		if err := s.List(ctx, logs.Window{}, func(objects []logs.Object) error {
			for _, o := range objects {
				if delivered.MatchString(o.URI) {
					found = append(found, o.URI)
				}
			}
			return nil
		}); err != nil {
			return gather.Inventory{}, err
		}
		if location, err = newest(found); err != nil {
			return gather.Inventory{}, err
		}
	}
	f, err := s.Open(ctx, &logs.Object{URI: location, Size: -1})
	m, err := manifest(location, f, err)
	open := func(ctx context.Context, key string) (io.ReadCloser, error) {
		return s.Open(ctx, &logs.Object{URI: "s3://" + s.Bucket + "/" + key, Size: -1})
	}
	return gather.Inventory{Manifest: m, Location: location, Open: open}, err
}
