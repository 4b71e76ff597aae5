package main

import (
	"os"
	"path/filepath"
	"testing"
)

// docs/causes must be what the checks' own pages say.
func TestCurrent(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "causes")
	want := render()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := want[e.Name()]; !ok {
			t.Errorf("%s: no such cause: run go generate ./checks/causes", e.Name())
		}
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%v: run go generate ./checks/causes", err)
		} else if string(got) != text {
			t.Errorf("%s is stale: run go generate ./checks/causes", name)
		}
	}
}

func TestWriteRemovesStale(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "no-such-cause.md")
	if err := os.WriteFile(stale, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("%s is still there", stale)
	}
	if _, err := os.Stat(filepath.Join(dir, "key-missing.md")); err != nil {
		t.Error(err)
	}
}
