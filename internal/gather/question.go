package gather

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/why403/why403/checks/facts"
)

// A Question is one call with its parameters. Questions are comparable: equal
// ones are asked once.
type Question struct {
	Call   *Call
	Bucket string
	Key    string // exact bytes
	// ID names anything that is not a bucket or key: a distribution, a policy,
	// a function, a KMS key (as an object names it), a web ACL's ARN, a Region
	// (deliveries), "scp" or "rcp" (organization policies).
	ID string
	// Owner restricts HeadBucket to a bucket of this account id.
	Owner string

	// Prefix, Delimiter and Max are a listing's.
	Prefix, Delimiter string
	Max               int
}

// String names the question for messages: operation and what it is about.
func (q Question) String() string {
	s := q.Call.Name
	switch {
	case q.Key != "":
		return fmt.Sprintf("%s s3://%s/%s", s, q.Bucket, q.Key)
	case q.Prefix != "":
		return fmt.Sprintf("%s s3://%s/%s", s, q.Bucket, q.Prefix)
	case q.Bucket != "":
		return s + " " + q.Bucket
	case q.ID != "":
		return s + " " + q.ID
	}
	return s
}

// File returns the answer's place in a snapshot directory, slash-separated.
// The answers to listings are merged into one file for each bucket.
func (q Question) File() string {
	f := q.Call.file
	if q.Owner != "" {
		f = "buckets/{bucket}/head-expected-owner.json"
	}
	return strings.NewReplacer("{bucket}", EncodeName(q.Bucket), "{key}", EncodeName(q.Key), "{id}", EncodeName(lastSegment(q.ID))).Replace(f)
}

// lastSegment returns what follows the last slash: the id in an ARN.
func lastSegment(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// Answers answers questions: AWS, or a snapshot directory.
//
// Ask returns the answer as the AWS CLI prints it in JSON. Its error is an
// [*APIError] when AWS refused or knows no such thing, matches [ErrNotAsked]
// when the answer is not at hand, and [ErrUnavailable] when no further question
// can be answered either. Implementations are safe for concurrent use and
// return soon after ctx ends.
type Answers interface {
	Ask(ctx context.Context, q Question) (json.RawMessage, error)
}

// ErrNotAsked says that a question was not asked: the snapshot holds no answer,
// or a limit was reached.
var ErrNotAsked = errors.New("not asked")

// ErrUnavailable says that AWS can't be asked at all: no credentials, or none
// that are valid.
var ErrUnavailable = errors.New("AWS is not available")

// An APIError is an error that AWS answered. It is written to a snapshot as
// {"Error":{"Code":…,"Message":…}}.
type APIError struct {
	Code    string
	Message string
	// BucketRegion is the header x-amz-bucket-region, "" if there was none.
	BucketRegion string `json:",omitempty"`
	// DeleteMarker is the header x-amz-delete-marker of a 404: whether the
	// current version is a delete marker. nil: not known (the AWS CLI does not
	// print it).
	DeleteMarker *bool `json:",omitempty"`
	// Permission is the IAM action of the call that failed, of several that the
	// question stands for; "" for the question's own.
	Permission string `json:",omitempty"`
}

// refused reports whether a permission was lacking.
func (e *APIError) refused() bool {
	return states[cmp.Or(bare[e.Code], e.Code)] == facts.Refused
}

func (e *APIError) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// EncodeName returns the name under which a snapshot keeps the answers for a
// key, bucket or id: every byte but the unreserved characters of RFC 3986 is
// %XX in upper-case hex. The names "." and "..", which are directories, have
// their dots encoded too.
func EncodeName(key string) string {
	if key == "." || key == ".." {
		return strings.ReplaceAll(key, ".", "%2E")
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
