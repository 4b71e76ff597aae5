package awsx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/internal/state"
)

// A Store writes and reads back small objects below s3://Bucket/Prefix: reports
// (--out) and state (--state; it is a state.Store). It is the only thing here
// that changes anything. An object is written whole or not at all.
type Store struct {
	Bucket, Prefix string

	c *Clients
}

// Store returns the store at a location, s3://bucket/prefix. Names are put
// behind the prefix as they are.
func (c *Clients) Store(location string) (*Store, error) {
	rest, ok := strings.CutPrefix(location, "s3://")
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return nil, fmt.Errorf("%s is no location in S3; write s3://bucket/key", location)
	}
	return &Store{Bucket: bucket, Prefix: prefix, c: c}, nil
}

// String returns the location.
func (s *Store) String() string { return "s3://" + s.Bucket + "/" + s.Prefix }

var _ state.Store = (*Store)(nil)

// uri names an object in errors.
func (s *Store) uri(name string) string { return "s3://" + s.Bucket + "/" + s.Prefix + name }

func (s *Store) client(ctx context.Context) (*s3.Client, error) {
	if err := s.c.ready(ctx); err != nil {
		return nil, err
	}
	return s.c.S3(s.c.BucketRegion(ctx, s.Bucket)), nil
}

// Get returns an object and its ETag. Its error matches fs.ErrNotExist when
// there is none.
func (s *Store) Get(ctx context.Context, name string) (data []byte, etag string, err error) {
	client, err := s.client(ctx)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.Wait(askTimeout))
	defer cancel()
	// The SDK's attempts end with the answer's header: a body that breaks off is
	// asked for again here.
	for try := 1; ; try++ {
		out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: aws.String(s.Prefix + name)})
		if err != nil {
			return nil, "", s.failed("read", name, err)
		}
		data, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err == nil {
			return data, aws.ToString(out.ETag), nil
		}
		if try == maxAttempts || ctx.Err() != nil {
			return nil, "", s.failed("read", name, err)
		}
	}
}

// Put writes an object as JSON and returns its ETag; see [state.Store].
func (s *Store) Put(ctx context.Context, name string, data []byte, c state.Condition) (etag string, err error) {
	return s.Write(ctx, name, data, "application/json", c)
}

// Write writes an object of a content type and returns its ETag. The error
// matches state.ErrCondition when the condition does not hold: nothing was
// written then.
func (s *Store) Write(ctx context.Context, name string, data []byte, contentType string, c state.Condition) (etag string, err error) {
	client, err := s.client(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.Wait(askTimeout))
	defer cancel()
	for try := 0; ; try++ {
		in := &s3.PutObjectInput{Bucket: &s.Bucket, Key: aws.String(s.Prefix + name), Body: bytes.NewReader(data), ContentType: &contentType}
		if c.IfNoneMatch {
			in.IfNoneMatch = aws.String("*")
		}
		if c.IfMatch != "" {
			in.IfMatch = &c.IfMatch
		}
		out, err := client.PutObject(ctx, in)
		switch code := status(err); {
		case err == nil:
			return aws.ToString(out.ETag), nil
		case code == http.StatusPreconditionFailed, code == http.StatusNotFound && c.IfMatch != "" && !noBucket(err):
			return "", fmt.Errorf("%s: %w", s.uri(name), state.ErrCondition)
		case code == http.StatusConflict && try < maxAttempts:
			// Another conditional write is under way.
			select {
			case <-time.After(time.Duration(try+1) * 100 * time.Millisecond):
			case <-ctx.Done():
				return "", s.failed("write", name, ctx.Err())
			}
		default:
			return "", s.failed("write", name, err)
		}
	}
}

func noBucket(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "NoSuchBucket"
}

func (s *Store) failed(verb, name string, err error) error {
	err = answerError(err, false)
	if errors.Is(err, gather.ErrUnavailable) {
		return err
	}
	var api *gather.APIError
	if errors.As(err, &api) {
		switch api.Code {
		case "NoSuchKey":
			return fmt.Errorf("%s: %w", s.uri(name), fs.ErrNotExist)
		case "NoSuchBucket":
			return &Error{What: "there is no bucket " + s.Bucket, Hint: "aws s3 ls shows the buckets of this account", Err: err}
		case "AccessDenied", "Forbidden":
			action := map[string]string{"read": "s3:GetObject", "write": "s3:PutObject"}[verb]
			return &Error{What: fmt.Sprintf("not allowed to %s %s", verb, s.uri(name)), Hint: "the run needs " + action + " there", Err: err}
		}
	}
	return &Error{What: fmt.Sprintf("can't %s %s: %v", verb, s.uri(name), err), Err: err}
}
