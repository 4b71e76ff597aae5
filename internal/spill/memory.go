package spill

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"unsafe"
)

// Memory hands out memory that the garbage collector does not know: up to a
// limit anonymous, then from mapped temporary files, of which the process lets go
// again and again (trim.go). That is cheap for what is written once and read from
// front to back, and dear for what is visited at random. The collector neither
// scans it nor lets as much again pile up before it runs. It is safe for concurrent
// use. A nil Memory is the heap.
//
// What it hands out is valid until Free or Drop and is never given back before.
type Memory struct {
	limit int64

	mu      sync.Mutex
	space   Space
	file    *os.File
	ram     region           // anonymous
	disk    region           // of the file, for Make
	kept    region           // of the file, for Keep
	keptAt  int64            // where the rest of kept begins in the file
	held    int64            // anonymous bytes handed out
	size    int64            // of the file
	alone   map[*byte][]byte // anonymous mappings of their own
	dropped map[int64][][]byte
	shared  [][]byte // anonymous regions
	onDisk  [][]byte
	err     error
}

// A region is mapped memory, of which the rest is free.
type region struct{ rest []byte }

func (r *region) take(size int64) []byte {
	b := r.rest[:size:size]
	r.rest = r.rest[size:]
	return b
}

// NewMemory returns a Memory that keeps limit bytes in RAM.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

const (
	regionSize = 16 << 20
	large      = 256 << 10 // has a mapping of its own, which Drop gives back
	align      = 64
)

// Make returns n zeroed values. T must hold no pointers.
func Make[T any](m *Memory, n int) []T {
	var v T
	size := int64(n) * int64(unsafe.Sizeof(v))
	if m == nil || size == 0 || !canMap {
		return make([]T, n)
	}
	b := m.take(rounded(size))
	if b == nil {
		return make([]T, n)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// Keep returns a copy of v that is only to be read. What goes to the file is written
// as a whole, not page by page. T must hold no pointers.
func Keep[T any](m *Memory, v []T) []T {
	var t T
	size := int64(len(v)) * int64(unsafe.Sizeof(t))
	if m == nil || size == 0 || !canMap {
		return slices.Clone(v)
	}
	b := m.keep(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), size))
	if b == nil {
		return slices.Clone(v)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(v))
}

// Drop gives back what Make has returned: large memory to the system, other for
// the next Make of the same size. Nothing may use it afterwards.
func Drop[T any](m *Memory, v []T) {
	if m == nil || cap(v) == 0 {
		return
	}
	var t T
	m.drop(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), cap(v)*int(unsafe.Sizeof(t))))
}

func (m *Memory) drop(b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := rounded(int64(len(b)))
	if own, ok := m.alone[unsafe.SliceData(b)]; ok {
		delete(m.alone, unsafe.SliceData(b))
		m.held -= size
		unmap(own)
	} else if m.err == nil && canMap { // else it may be the heap's
		if m.dropped == nil {
			m.dropped = make(map[int64][][]byte)
		}
		m.dropped[size] = append(m.dropped[size], unsafe.Slice(unsafe.SliceData(b), size))
	}
}

func rounded(size int64) int64 { return (size + align - 1) &^ (align - 1) }

// take returns memory, nil when there can be none: Err then tells why.
func (m *Memory) take(size int64) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil
	}
	if list := m.dropped[size]; len(list) > 0 {
		b := list[len(list)-1]
		m.dropped[size] = list[:len(list)-1]
		clear(b)
		return b
	}
	if b := m.within(size); b != nil {
		return b
	}
	if size > int64(len(m.disk.rest)) {
		// Written, not only made longer: a full disk is an error here, and would be
		// the end of the process when mapped memory is touched.
		region, err := m.grow(size, true)
		if err != nil {
			m.err = Fail(err)
			return nil
		}
		m.disk.rest = region
	}
	return m.disk.take(size)
}

// within returns anonymous memory, nil when the limit or the system has none.
func (m *Memory) within(size int64) []byte {
	if m.held+size > m.limit {
		return nil
	}
	m.held += size
	return m.anonymous(size)
}

// keep returns a copy, nil when there can be none: Err then tells why.
func (m *Memory) keep(v []byte) []byte {
	size := rounded(int64(len(v)))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil
	}
	if b := m.within(size); b != nil {
		copy(b, v)
		return b
	}
	if size > int64(len(m.kept.rest)) {
		region, err := m.grow(size, false)
		if err != nil {
			m.err = Fail(err)
			return nil
		}
		m.kept.rest, m.keptAt = region, m.size-int64(len(region))
	}
	if _, err := m.file.WriteAt(v, m.keptAt); err != nil {
		m.err = Fail(err)
		return nil
	}
	m.keptAt += size
	return m.kept.take(size)
}

// anonymous returns memory without a file, nil when the system gives none.
func (m *Memory) anonymous(size int64) []byte {
	if size >= large {
		b, err := mapAnonymous(int(size))
		if err != nil {
			return nil
		}
		if m.alone == nil {
			m.alone = make(map[*byte][]byte)
		}
		m.alone[unsafe.SliceData(b)] = b
		return b
	}
	if size > int64(len(m.ram.rest)) {
		b, err := mapAnonymous(regionSize)
		if err != nil {
			return nil
		}
		m.shared = append(m.shared, b)
		m.ram.rest = b
	}
	return m.ram.take(size)
}

// grow maps a new part of the file, for size bytes at least, and fills it with
// zeros or leaves it to be written.
func (m *Memory) grow(size int64, fill bool) ([]byte, error) {
	size = (size + regionSize - 1) &^ (regionSize - 1)
	if m.file == nil {
		f, err := m.space.File()
		if err != nil {
			return nil, err
		}
		m.file = f
		trimmed.add(m)
	}
	if fill {
		zero := make([]byte, 1<<20)
		for at := int64(0); at < size; at += int64(len(zero)) {
			if _, err := m.file.WriteAt(zero, m.size+at); err != nil {
				return nil, err
			}
		}
	} else if err := m.file.Truncate(m.size + size); err != nil {
		return nil, err
	}
	region, err := mapFile(m.file, m.size, int(size))
	if err != nil {
		return nil, err
	}
	m.size += size
	m.onDisk = append(m.onDisk, region)
	return region, nil
}

// trim lets go of the file's pages that are in RAM. Their content stays, in the
// system's cache as long as it has room, and comes back when it is touched.
func (m *Memory) trim() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.onDisk {
		release(r)
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
	trimmed.remove(m)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.alone {
		unmap(b)
	}
	for _, b := range slices.Concat(m.shared, m.onDisk) {
		unmap(b)
	}
	m.alone, m.dropped, m.shared, m.onDisk, m.ram, m.disk, m.kept, m.file, m.size, m.held = nil, nil, nil, nil, region{}, region{}, region{}, nil, 0, 0
	m.space.Close()
	runtime.KeepAlive(m)
}
