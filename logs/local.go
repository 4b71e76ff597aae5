package logs

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
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

func (s *stdin) Open(ctx context.Context, _ *Object) (io.ReadCloser, error) {
	if s.used {
		return nil, fmt.Errorf("-: standard input can be read only once")
	}
	s.used = true
	return patient(ctx, func() (io.ReadCloser, error) { return io.NopCloser(s.r), nil }), nil
}

// patient reads what open opens, standard input or a pipe, which both may wait for
// a writer without end. Read returns when ctx ends, whatever they wait for.
func patient(ctx context.Context, open func() (io.ReadCloser, error)) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		in, err := open()
		if err == nil {
			_, err = io.Copy(w, in)
			in.Close()
		}
		w.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	return r
}

// file is a source of one file.
type file string

func (f file) List(_ context.Context, _ Window, page func([]Object) error) error {
	o := Object{URI: string(f), Size: -1}
	if info, err := os.Stat(string(f)); err == nil && info.Mode().IsRegular() {
		o.Size, o.Modified = info.Size(), info.ModTime()
	}
	return page([]Object{o})
}

func (f file) Open(ctx context.Context, o *Object) (io.ReadCloser, error) {
	if o.Size < 0 {
		return patient(ctx, func() (io.ReadCloser, error) { return os.Open(o.URI) }), nil
	}
	return os.Open(o.URI)
}

// directory is a source of all files below a directory. Names that begin with a
// dot are not read. Symbolic links are followed, each file is read once.
type directory string

func (d directory) List(ctx context.Context, window Window, page func([]Object) error) error {
	root, err := filepath.EvalSymlinks(string(d))
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	w := walk{ctx: ctx, window: window, page: page, roots: []string{root}, dirs: map[string]bool{root: true}, files: map[string]bool{}}
	return w.entries(string(d), root, entries)
}

func (d directory) Open(_ context.Context, o *Object) (io.ReadCloser, error) { return os.Open(o.URI) }

// listed is how many files are handed on together, so that they are read while
// the others are listed.
const listed = 512

// A walk is one listing of a directory.
type walk struct {
	ctx    context.Context
	window Window
	page   func([]Object) error
	// Real paths: the directory, and those that links led to; every directory
	// walked; files that links led to.
	roots       []string
	dirs, files map[string]bool
}

// entries lists the entries of the directory at path, whose real path is real.
func (w *walk) entries(path, real string, entries []fs.DirEntry) error {
	files := make([]Object, 0, min(len(entries), listed))
	in, realIn := filepath.Join(path, "x"), filepath.Join(real, "x")
	in, realIn = in[:len(in)-1], realIn[:len(realIn)-1]
	for _, e := range entries {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if len(files) == listed {
			if err := w.page(files); err != nil {
				return err
			}
			files = files[:0]
		}
		name := e.Name()
		if name[0] == '.' {
			continue
		}
		o := Object{URI: in + name, Size: -1}
		target, mode := o.URI, e.Type()
		if in != realIn {
			target = realIn + name
		}
		if mode&fs.ModeSymlink != 0 {
			var err error
			if target, mode, err = follow(target); err != nil {
				files = append(files, o) // opening it says what is wrong
				continue
			}
			if w.holds(target) {
				continue // it is read under its own name
			}
			if mode.IsDir() {
				w.roots = append(w.roots, target)
			} else {
				w.files[target] = true
			}
		} else if len(w.files) > 0 && w.files[target] {
			continue
		}
		switch {
		case mode.IsDir():
			if w.dirs[target] {
				continue
			}
			w.dirs[target] = true
			below, err := os.ReadDir(target)
			if err != nil {
				files = append(files, o)
				continue
			}
			if err := w.entries(o.URI, target, below); err != nil {
				return err
			}
		case mode.IsRegular():
			if !w.overlaps(name) {
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

// overlaps reports whether a file of that name can hold events of the window.
// The folders are not asked: on a disk they can tell of anything.
func (w *walk) overlaps(name string) bool {
	if w.window == (Window{}) {
		return true
	}
	n := ParseName(name)
	if n.Kind == NameOrigin && n.To.Truncate(time.Minute).Equal(n.To.Truncate(24*time.Hour)) {
		// Delivered at midnight, or, in folders that are not asked, the events of
		// that day.
		n.To = n.To.Add(24 * time.Hour)
	}
	return n.Overlaps(w.window)
}

// follow finds what a symbolic link leads to in the end.
func follow(link string) (target string, mode fs.FileMode, err error) {
	if target, err = filepath.EvalSymlinks(link); err != nil {
		return "", 0, err
	}
	info, err := os.Stat(target)
	if err != nil {
		return "", 0, err
	}
	return target, info.Mode().Type(), nil
}

// holds reports whether the file or directory at a real path is part of the
// walk anyway.
func (w *walk) holds(target string) bool {
	if w.files[target] {
		return true
	}
	for _, root := range w.roots {
		if target == root || strings.HasPrefix(target, root+string(filepath.Separator)) {
			return true
		}
	}
	return false
}
