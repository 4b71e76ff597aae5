package logs

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Open returns the source for a location on this machine: a directory, read
// with everything below it, or a file. For standard input see [Stdin].
func Open(location string) (Source, error) {
	info, err := os.Stat(location)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return directory(location), nil
	}
	return file(location), nil
}

// Stdin returns a source of one object, named "-", that can be opened once.
func Stdin(r io.Reader) Source { return &stdin{r: r} }

type stdin struct {
	r    io.Reader
	used bool
}

func (s *stdin) List(_ context.Context, _ Window, page func([]Object) error) error {
	return page([]Object{{URI: "-", Size: -1}})
}

func (s *stdin) Open(context.Context, *Object) (io.ReadCloser, error) {
	if s.used {
		return nil, fmt.Errorf("-: standard input can be read only once")
	}
	s.used = true
	return io.NopCloser(s.r), nil
}

// file is a source of one file.
type file string

func (f file) List(_ context.Context, _ Window, page func([]Object) error) error {
	o := Object{URI: string(f), Size: -1}
	if info, err := os.Stat(string(f)); err == nil {
		o.Size, o.Modified = info.Size(), info.ModTime()
	}
	return page([]Object{o})
}

func (f file) Open(_ context.Context, o *Object) (io.ReadCloser, error) { return os.Open(o.URI) }

// directory is a source of all files below a directory. Names that begin with a
// dot are not read. Symbolic links are followed, each directory is read once.
type directory string

func (d directory) List(ctx context.Context, w Window, page func([]Object) error) error {
	root, err := filepath.EvalSymlinks(string(d))
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	walk := walk{ctx: ctx, window: w, page: page, root: root, seen: map[string]bool{root: true}}
	return walk.entries(string(d), root, entries)
}

func (d directory) Open(_ context.Context, o *Object) (io.ReadCloser, error) { return os.Open(o.URI) }

// A walk is one listing of a directory.
type walk struct {
	ctx    context.Context
	window Window
	page   func([]Object) error
	root   string          // its real path
	seen   map[string]bool // real paths of directories, and of files that links led to
}

// entries lists the entries of the directory at path, whose real path is real.
func (w *walk) entries(path, real string, entries []fs.DirEntry) error {
	var files []Object
	for _, e := range entries {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		o := Object{URI: filepath.Join(path, e.Name()), Size: -1}
		target := filepath.Join(real, e.Name())
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			// What the tree holds anyway is not read twice.
			var err error
			if target, err = filepath.EvalSymlinks(target); err == nil {
				if w.seen[target] || strings.HasPrefix(target, w.root+string(filepath.Separator)) {
					continue
				}
				var info fs.FileInfo
				if info, err = os.Stat(target); err == nil {
					mode = info.Mode().Type()
				}
			}
			if err != nil {
				files = append(files, o) // opening it says what is wrong
				continue
			}
			w.seen[target] = true
		}
		switch {
		case mode.IsDir():
			if e.IsDir() {
				if w.seen[target] {
					continue
				}
				w.seen[target] = true
			}
			below, err := os.ReadDir(target)
			if err != nil {
				files = append(files, o)
				continue
			}
			if err := w.entries(o.URI, target, below); err != nil {
				return err
			}
		case mode.IsRegular():
			if w.window != (Window{}) && !ParseName(filepath.ToSlash(o.URI)).Overlaps(w.window) {
				continue
			}
			if info, err := os.Stat(target); err == nil {
				o.Size, o.Modified = info.Size(), info.ModTime()
			}
			files = append(files, o)
		}
	}
	if len(files) == 0 {
		return nil
	}
	return w.page(files)
}
