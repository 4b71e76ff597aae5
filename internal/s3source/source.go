package s3source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/logs"
)

// Options tune a Source.
type Options struct {
	// Concurrency fixes how many objects are fetched side by side; 0 finds the
	// number that suits.
	Concurrency int
}

// A Source holds the objects below s3://Bucket/Prefix. The prefix is S3's: it
// need not end at a slash.
type Source struct {
	Bucket, Prefix string

	c      *awsx.Clients
	region func(context.Context) (string, error)
	fetch  *fetcher
	gate   *gate
}

var _ logs.Remote = (*Source)(nil)

// Parse splits s3://bucket/prefix. ok is false for a location of another kind.
func Parse(location string) (bucket, prefix string, ok bool) {
	rest, ok := strings.CutPrefix(location, "s3://")
	if !ok {
		return "", "", false
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	return bucket, prefix, true
}

// New returns the Source for a location, s3://bucket/prefix. It asks nothing of
// AWS yet.
func New(c *awsx.Clients, location string, o Options) (*Source, error) {
	bucket, prefix, ok := Parse(location)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is no location in S3; write s3://bucket/prefix", location)
	case bucket == "":
		return nil, fmt.Errorf("%s names no bucket; write s3://bucket/prefix", location)
	case strings.ContainsAny(bucket, "*?"):
		return nil, fmt.Errorf("%s: a bucket's name can't hold wildcards", location)
	}
	s := &Source{Bucket: bucket, Prefix: prefix, c: c, gate: newGate(o.Concurrency)}
	var mu sync.Mutex
	known := ""
	s.region = func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if known == "" {
			if err := c.Ready(ctx); err != nil {
				return "", err
			}
			known = c.BucketRegion(ctx, bucket)
		}
		return known, nil
	}
	s.fetch = newFetcher(c, bucket, s.region)
	return s, nil
}

// URI returns the location.
func (s *Source) URI() string { return "s3://" + s.Bucket + "/" + s.Prefix }

// Parallel returns how many objects may be opened side by side. Open holds back
// those that would not make it faster.
func (s *Source) Parallel() int { return s.gate.max }

// Open returns an object's stored bytes. A read that breaks off is taken up
// again where it ended.
func (s *Source) Open(ctx context.Context, o *logs.Object) (io.ReadCloser, error) {
	key, ok := strings.CutPrefix(o.URI, "s3://"+s.Bucket+"/")
	if !ok {
		return nil, fmt.Errorf("%s is not in %s", o.URI, s.URI())
	}
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	body, err := s.fetch.open(ctx, key, o)
	if err != nil {
		s.gate.leave(errors.Is(err, errBusy))
		return nil, err
	}
	body.closed = func(busy bool) { s.gate.leave(busy) }
	return body, nil
}

// listError says in one sentence why a bucket can't be listed.
func (s *Source) listError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = s.c.Plain(err)
	if errors.Is(err, gather.ErrUnavailable) {
		return err
	}
	e := &awsx.Error{What: fmt.Sprintf("can't list %s: %v", s.URI(), err), Err: err}
	var why *awsx.Error
	if errors.As(err, &why) {
		e.Hint = why.Hint
	}
	var api *gather.APIError
	if errors.As(err, &api) {
		switch api.Code {
		case "NoSuchBucket":
			e.What, e.Err = fmt.Sprintf("there is no bucket %s", s.Bucket), errors.Join(err, fs.ErrNotExist)
			e.Hint = "aws s3 ls shows the buckets of this account; check the name and --profile"
		case "AccessDenied", "Forbidden":
			e.What = fmt.Sprintf("not allowed to list %s", s.URI())
			e.Hint = "the run needs s3:ListBucket on arn:aws:s3:::" + s.Bucket + "; why403 permissions prints the whole policy"
		case "InvalidBucketName":
			e.What = fmt.Sprintf("%s is no bucket name", s.Bucket)
		}
	}
	return e
}
