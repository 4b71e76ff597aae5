package spill

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Memory hands out memory: from the heap up to a limit, then from mapped
// temporary files, of which it keeps about as much again in RAM. It is safe for
// concurrent use. A nil Memory is the heap.
//
// What it hands out is valid until Free and is never given back before.
type Memory struct {
	limit int64
	heap  atomic.Int64

	mu      sync.Mutex
	space   Space
	file    *os.File
	size    int64
	regions [][]byte
	free    []byte // of the last region
	err     error
	stop    chan struct{}
}

// NewMemory returns a Memory that takes limit bytes from the heap.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

const (
	regionSize = 16 << 20
	align      = 64
)

// Make returns n zeroed values. T must hold no pointers.
func Make[T any](m *Memory, n int) []T {
	var v T
	size := int64(n) * int64(unsafe.Sizeof(v))
	if m == nil || size == 0 {
		return make([]T, n)
	}
	if m.heap.Load()+size <= m.limit {
		m.heap.Add(size)
		return make([]T, n)
	}
	b := m.mapped(size)
	if b == nil {
		return make([]T, n)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// mapped returns memory of the file, nil when there can be none: Err then tells
// why.
func (m *Memory) mapped(size int64) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil || !canMap {
		return nil
	}
	size = (size + align - 1) &^ (align - 1)
	if size > int64(len(m.free)) {
		region, err := m.grow((max(size, regionSize) + regionSize - 1) &^ (regionSize - 1))
		if err != nil {
			m.err = Fail(err)
			return nil
		}
		m.free = region
	}
	b := m.free[:size:size]
	m.free = m.free[size:]
	return b
}

// grow maps a new part of the file.
func (m *Memory) grow(size int64) ([]byte, error) {
	if m.file == nil {
		f, err := m.space.File()
		if err != nil {
			return nil, err
		}
		m.file, m.stop = f, make(chan struct{})
		go m.trim(m.stop)
	}
	// Written, not only made longer: a full disk is an error here, and would be
	// the end of the process when mapped memory is touched.
	zero := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(zero)) {
		if _, err := m.file.WriteAt(zero, m.size+at); err != nil {
			return nil, err
		}
	}
	region, err := mapFile(m.file, m.size, int(size))
	if err != nil {
		return nil, err
	}
	m.size += size
	m.regions = append(m.regions, region)
	return region, nil
}

// trim lets go of the pages that are in RAM, over and over, while more than the
// limit is mapped. Their content stays, in the system's cache as long as it has
// room, and comes back when it is touched.
func (m *Memory) trim(stop chan struct{}) {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		m.mu.Lock()
		if m.size > m.limit {
			for _, r := range m.regions {
				release(r)
			}
		}
		m.mu.Unlock()
	}
}

// Err returns why memory could not be mapped, nil if it could. The heap took its
// place.
func (m *Memory) Err() error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Mapped returns how many bytes went to files.
func (m *Memory) Mapped() int64 {
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size
}

// Free gives all memory back. Nothing that was handed out may be used
// afterwards.
func (m *Memory) Free() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil {
		close(m.stop)
		m.stop = nil
	}
	for _, r := range m.regions {
		unmap(r)
	}
	m.regions, m.free, m.file, m.size = nil, nil, nil, 0
	m.heap.Store(0)
	m.space.Close()
	runtime.KeepAlive(m)
}
