package awsx

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/state"
)

func TestStoreWritesUnderConditions(t *testing.T) {
	b := &awsoverlay.Store{Region: "eu-west-1"}
	server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"state": b}}
	s, err := open(t, server, Config{}).Store("s3://state/why403/")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, _, err := s.Get(ctx, "lock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get of nothing: %v", err)
	}
	first, err := s.Put(ctx, "lock", []byte("one"), state.Condition{IfNoneMatch: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, "lock", []byte("two"), state.Condition{IfNoneMatch: true}); !errors.Is(err, state.ErrCondition) {
		t.Errorf("second creation: %v", err)
	}
	second, err := s.Put(ctx, "lock", []byte("three"), state.Condition{IfMatch: first})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, "lock", []byte("four"), state.Condition{IfMatch: first}); !errors.Is(err, state.ErrCondition) || err.Error() != "s3://state/why403/lock: the object was changed by someone else" {
		t.Errorf("stale write: %v", err)
	}
	if data, etag, err := s.Get(ctx, "lock"); string(data) != "three" || etag != second || err != nil {
		t.Errorf("get: %q %s %v", data, etag, err)
	}
	if data, _ := b.Get("why403/lock"); string(data) != "three" {
		t.Errorf("stored %q", data)
	}
	b.Delete("why403/lock")
	if _, err := s.Put(ctx, "lock", nil, state.Condition{IfMatch: second}); !errors.Is(err, state.ErrCondition) {
		t.Errorf("write over a deleted object: %v", err)
	}
}

func TestStoreErrors(t *testing.T) {
	b := map[string]*awsoverlay.Store{"out": new(awsoverlay.Store)}
	f := func(server *awsoverlay.Server, location, want string) {
		t.Helper()
		s, err := open(t, server, Config{}).Store(location)
		if err == nil {
			_, err = s.Put(context.Background(), "", []byte("x"), state.Condition{})
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", location, err, want)
		}
	}
	f(&awsoverlay.Server{Buckets: b}, "s3://nowhere/report.html", "there is no bucket nowhere")
	f(&awsoverlay.Server{Buckets: b, Deny: []string{"s3:PutObject"}}, "s3://out/report.html", "not allowed to write s3://out/report.html")
	f(&awsoverlay.Server{Buckets: b}, "s3://", "s3:// is no location in S3; write s3://bucket/key")
}
