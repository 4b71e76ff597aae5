package state

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// The lock's times. A run that dies without a word blocks the next one for
// lockTTL at most; one that lives renews it in time.
const (
	lockTTL   = 15 * time.Minute
	lockRenew = 5 * time.Minute
)

// LockedError says that another run holds the memory.
type LockedError struct {
	Store   string
	Holder  string // host and process
	Since   time.Time
	Expires time.Time
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("state %s: another run holds the lock: %s, since %s; it expires at %s unless renewed",
		e.Store, e.Holder, e.Since.UTC().Format(time.RFC3339), e.Expires.UTC().Format(time.RFC3339))
}

// ErrLockLost says that the lock expired and another run took it.
var ErrLockLost = errors.New("the lock was lost to another run, nothing was written")

// lockFile is the lock's content.
type lockFile struct {
	Owner   string    `json:"owner"` // random
	Holder  string    `json:"holder"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"` // in the past: free
}

// A lock is held from acquire to release. It is an object that is only ever
// replaced under the ETag last seen, never deleted: a role that may put
// objects is enough.
type lock struct {
	store Store
	now   func() time.Time
	plain bool // the store ignores conditions, and the user said so

	mu   sync.Mutex
	file lockFile
	etag string
	stop context.CancelFunc
	done chan struct{}
}

func acquire(ctx context.Context, s Store, now func() time.Time, plain bool) (*lock, error) {
	host, _ := os.Hostname()
	t := now().UTC()
	l := &lock{store: s, now: now, plain: plain,
		file: lockFile{Owner: rand.Text(), Holder: fmt.Sprintf("%s pid %d", host, os.Getpid()), Since: t, Expires: t.Add(lockTTL)}}
	c := Condition{IfNoneMatch: true}
	switch data, etag, err := s.Get(ctx, lockName); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("state %s: lock: %w", s, err)
	default:
		var held lockFile
		if json.Unmarshal(data, &held) == nil && held.Expires.After(t) {
			return nil, &LockedError{s.String(), held.Holder, held.Since, held.Expires}
		}
		c = Condition{IfMatch: etag}
	}
	if err := l.write(ctx, c); err != nil {
		if errors.Is(err, ErrCondition) { // someone was faster
			e := &LockedError{Store: s.String(), Holder: "a run that began at the same time", Since: t, Expires: t.Add(lockTTL)}
			if data, _, err := s.Get(ctx, lockName); err == nil {
				var held lockFile
				if json.Unmarshal(data, &held) == nil {
					e.Holder, e.Since, e.Expires = held.Holder, held.Since, held.Expires
				}
			}
			return nil, e
		}
		return nil, fmt.Errorf("state %s: lock: %w", s, err)
	}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.done = make(chan struct{})
	go l.keep(ctx)
	return l, nil
}

func (l *lock) write(ctx context.Context, c Condition) error {
	if l.plain {
		c = Condition{}
	}
	data, err := json.Marshal(l.file)
	if err != nil {
		return err
	}
	l.etag, err = put(ctx, l.store, lockName, append(data, '\n'), c)
	return err
}

// keep renews the lock until it is released.
func (l *lock) keep(ctx context.Context) {
	defer close(l.done)
	tick := time.NewTicker(lockRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.renew(ctx)
		}
	}
}

// renew moves the expiry on. It returns ErrLockLost when another run took the
// lock; any other failure leaves it to the next renewal.
func (l *lock) renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, tag := l.file, l.etag
	l.file.Expires = l.now().UTC().Add(lockTTL)
	err := l.write(ctx, Condition{IfMatch: tag})
	if err != nil {
		l.file, l.etag = old, tag
		if errors.Is(err, ErrCondition) {
			return ErrLockLost
		}
	}
	return err
}

// release frees the lock, even when ctx has ended. It is safe to call more than
// once.
func (l *lock) release(ctx context.Context) error {
	if l.stop == nil {
		return nil
	}
	l.stop()
	<-l.done
	l.stop = nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file.Expires = time.Unix(0, 0).UTC()
	err := l.write(ctx, Condition{IfMatch: l.etag})
	if errors.Is(err, ErrCondition) { // expired, and taken since
		return nil
	}
	return err
}
