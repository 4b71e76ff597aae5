package facts

import (
	"maps"
	"sync"
	"sync/atomic"
)

// One returns a list of one word, such as the permission that a fact lacks. It is
// shared and must not be changed: many keys lack the same.
func One(word string) []string {
	if list := (*ones.Load())[word]; list != nil {
		return list
	}
	onesMu.Lock()
	defer onesMu.Unlock()
	list := []string{word}
	if have := *ones.Load(); len(have) < 1000 {
		more := maps.Clone(have)
		more[word] = list
		ones.Store(&more)
	}
	return list
}

var (
	ones   atomic.Pointer[map[string][]string] // the map is never changed
	onesMu sync.Mutex
)

func init() { ones.Store(&map[string][]string{}) }
