package gather

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/inventory"
)

// An Inventory is an S3 Inventory delivery that stands in for listings of its
// bucket: the search for near keys then costs no call. It is as old as it is,
// so that a key's existence is still asked of S3 first.
type Inventory struct {
	*inventory.Manifest
	Location string // of the manifest, for messages
	Open     inventory.Opener
}

// inventories holds what was read of the inventories given, by bucket: of each
// bucket the newest.
type inventories map[string]func(context.Context) (*objectList, error)

func readLater(given []Inventory) inventories {
	given = slices.Clone(given)
	slices.SortStableFunc(given, func(a, b Inventory) int { return a.Created.Compare(b.Created) })
	out := inventories{}
	for _, v := range given {
		var (
			once sync.Once
			list *objectList
			err  error
		)
		out[v.SourceBucket] = func(ctx context.Context) (*objectList, error) {
			once.Do(func() {
				l := &objectList{listed: map[string]facts.Listed{}}
				if err = l.rows(ctx, v.Manifest, v.Open); err != nil {
					err = fmt.Errorf("inventory %s: %w", v.Location, err)
					return
				}
				l.made = v.Created
				l.finish()
				list = l
			})
			return list, err
		}
	}
	return out
}

// inventory returns what an inventory of the bucket holds, nil without one. One
// that can't be read is a problem that is said once, and no inventory.
func (g *Gatherer) inventory(ctx context.Context, bucket string) *objectList {
	read, ok := g.inventories[bucket]
	if !ok {
		return nil
	}
	l, err := read(ctx)
	if err != nil {
		g.note(err)
		return nil
	}
	return l
}

// inventoried looks a key up in the bucket's inventory.
func (l *objectList) inventoried(key string) facts.Fact[facts.Listed] {
	f := unasked[facts.Listed](ListObjectsV2)
	f.Call = facts.SourceInventory
	if v, ok := l.listed[key]; ok {
		f.State, f.Value = facts.Known, v
	} else {
		f.State = facts.NotFound
	}
	return f
}

func (l *objectList) keyList() (facts.Fact[*correlate.KeyList], time.Time) {
	f := unasked[*correlate.KeyList](ListObjectsV2)
	f.Call, f.State, f.Value = facts.SourceInventory, facts.Known, l.keys
	return f, l.made
}
