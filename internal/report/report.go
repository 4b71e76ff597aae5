// Package report holds the one report value of a run and renders it late: as
// terminal text, JSON, Markdown, HTML, CSV or Parquet.
//
// It must not decide anything: what is in the report was decided by logs,
// correlate and checks. Every value that comes from a log is hostile and is
// escaped by the renderer for its own medium; secrets were masked before they
// came here (internal/redact).
package report

import (
	"iter"
	"time"

	"github.com/why403/why403/internal/spill"
	"github.com/why403/why403/logs"
)

// SchemaVersion is the version of the JSON report (docs/json-output.md).
const SchemaVersion = "1"

// A Report is the result of one run.
type Report struct {
	SchemaVersion  string
	Run            Run
	Inputs         *logs.Inputs
	Summary        Summary
	FailingKeys    Keys // worst first
	DirectFailures Keys // worst first
	EdgeFailures   Paths
	APICalls       map[string]int64
	Notes          []string // what is missing or was limited, one sentence each

	// Documents are the policies and configurations that evidence points into,
	// secrets masked. Trend holds the days that the nightly memory kept, oldest
	// first. Both may be empty.
	Documents []Document
	Trend     []Day

	// Memory is what the entries lie in, nil when it is the heap.
	Memory *spill.Memory
}

// Close gives the entries' memory and temporary files back. They can't be walked
// afterwards.
func (r *Report) Close() {
	if r != nil {
		r.Memory.Free()
	}
}

// A Document is one policy or configuration as AWS answered it. Evidence whose
// Source is its Source, of a key in the bucket that it is Of, points into it by
// Ref ("Statement[1].Condition").
type Document struct {
	Source string `json:"source"` // the call: "s3:GetBucketPolicy"
	Of     string `json:"of"`     // the bucket, or another resource's name; "" fits every key
	Text   string `json:"text"`   // JSON
}

// A Day is one UTC day's totals over all nights that read its logs.
type Day struct {
	Day        string           `json:"day"`        // 2006-01-02
	Requests   int64            `json:"requests"`   // all CloudFront requests
	CloudFront int64            `json:"cloudfront"` // 403 lines of CloudFront
	S3         int64            `json:"s3"`         // 403 lines of S3 that are CloudFront's fetches
	Direct     int64            `json:"direct"`     // 403 lines of S3 by other clients
	Causes     map[string]int64 `json:"causes,omitempty"`
}

// A List is a sequence of entries that can be walked more than once. It may lie
// on disk.
type List[T any] interface {
	Len() int
	All() iter.Seq2[*T, error]
}

// Keys are failing keys, Paths those that the edge refused.
type (
	Keys  = List[FailingKey]
	Paths = List[EdgeFailure]
)

// Run says what ran and over which time.
type Run struct {
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Version  string    `json:"version"`
	Engine   string    `json:"engine"` // local, athena
	Window   Window    `json:"window"`
	// Incomplete names why the run is not complete (exit status 3), empty when it is.
	Incomplete []string `json:"incomplete,omitempty"`
	Hints      []string `json:"hints,omitempty"` // what the user can do about it
}

// Window is the span of event time that was asked for; a nil bound is open.
type Window struct {
	From *time.Time `json:"from"`
	To   *time.Time `json:"to"`
}

// Summary is what a reader wants first.
type Summary struct {
	Forbidden  int64          `json:"forbidden"`          // failing requests: CloudFront's lines, or S3's where CloudFront's log has none
	CloudFront int64          `json:"cloudfront"`         // 403 lines of CloudFront
	S3         int64          `json:"s3"`                 // 403 lines of S3 that are CloudFront's fetches
	Direct     int64          `json:"direct"`             // 403 lines of S3 by other clients
	Requests   int64          `json:"requests"`           // all CloudFront requests
	Causes     []CauseCount   `json:"causes"`             // by requests, worst first
	Statuses   map[string]int `json:"statuses,omitempty"` // keys by status new, still, fixed, quiet
	Patterns   []Pattern      `json:"patterns,omitempty"`
	Noise      Noise          `json:"noise"`
}

// CauseCount sums up the keys and edge failures with one verdict.
type CauseCount struct {
	ID        string `json:"id"`
	Title     string `json:"title"`
	Certainty string `json:"certainty"` // the weakest of them
	Keys      int64  `json:"keys"`
	Requests  int64  `json:"requests"`
	New       int64  `json:"new"`
}

// Pattern is a regularity over failing keys, seen in the logs alone.
type Pattern struct {
	ID        string `json:"id"`
	Statement string `json:"statement"`
	Keys      int64  `json:"keys"`
	Requests  int64  `json:"requests"`
}

// Noise sums up scanner requests.
type Noise struct {
	Keys     int64    `json:"keys"`
	Requests int64    `json:"requests"`
	Examples []string `json:"examples,omitempty"`
}

// A FailingKey is one entry of failing_keys or direct_failures.
type FailingKey struct {
	Distribution string    `json:"distribution"`
	Bucket       string    `json:"bucket"`
	Key          string    `json:"key"` // exact bytes; base64 in JSON when not UTF-8
	KeyEncoding  string    `json:"key_encoding"`
	Access       string    `json:"access"`
	URIs         []string  `json:"uris"`
	Requests     Requests  `json:"requests"`
	Viewers      int64     `json:"viewers"`
	FirstSeen    time.Time `json:"first_seen"`
	LastSeen     time.Time `json:"last_seen"`
	Status       string    `json:"status"` // new, still, fixed, quiet, ""
	Verdict      string    `json:"verdict"`
	Causes       []Cause   `json:"causes"`
	RuledOut     []string  `json:"ruled_out"`
	Unknown      []Unknown `json:"unknown"`

	LastSuccess *time.Time  `json:"last_success,omitempty"`
	FixedSince  *time.Time  `json:"fixed_since,omitempty"`
	Resolution  []string    `json:"resolution,omitempty"`
	Rewrite     string      `json:"rewrite,omitempty"`
	Samples     []Sample    `json:"samples,omitempty"`
	Hours       []HourCount `json:"hours,omitempty"`
	Noise       bool        `json:"noise,omitempty"`
	Notes       []string    `json:"notes,omitempty"` // what no cause says: for example that the settings allow it now
	Plan        []string    `json:"plan,omitempty"`  // titles of the remedies that together open the key, in order
}

// Requests counts CloudFront's lines, S3's lines that are CloudFront's fetches,
// S3's lines of other clients.
type Requests struct {
	CloudFront int64 `json:"cloudfront"`
	S3         int64 `json:"s3"`
	Direct     int64 `json:"direct"`
}

// Hit is the number by which failures are ranked: viewers' requests, or S3's
// lines where CloudFront's log has none.
func (r Requests) Hit() int64 {
	return max(r.CloudFront, r.S3) + r.Direct
}

// An EdgeFailure is a path that CloudFront refused by itself.
type EdgeFailure struct {
	Distribution string      `json:"distribution"`
	URI          string      `json:"uri"`
	Requests     int64       `json:"requests"`
	Viewers      int64       `json:"viewers"`
	FirstSeen    time.Time   `json:"first_seen"`
	LastSeen     time.Time   `json:"last_seen"`
	Status       string      `json:"status"`
	Verdict      string      `json:"verdict"`
	Causes       []Cause     `json:"causes"`
	RuledOut     []string    `json:"ruled_out"`
	Unknown      []Unknown   `json:"unknown"`
	Samples      []Sample    `json:"samples,omitempty"`
	Hours        []HourCount `json:"hours,omitempty"`
	Noise        bool        `json:"noise,omitempty"`
}

// A Cause is one cause of a failure.
type Cause struct {
	ID        string     `json:"id"`
	Certainty string     `json:"certainty"`
	Summary   string     `json:"summary"`
	Evidence  []Evidence `json:"evidence"`
	Remedies  []Remedy   `json:"remedies"`
}

// Evidence is one fact that carries a cause.
type Evidence struct {
	Source string `json:"source"`
	Ref    string `json:"ref"`
	Fact   string `json:"fact"`
}

// A Remedy is one fix. Verified is nil when it could not be simulated.
type Remedy struct {
	Title          string   `json:"title"`
	Commands       []string `json:"commands"`
	Verified       *bool    `json:"verified"`
	Opens          string   `json:"opens,omitempty"`
	Remains        []string `json:"remains,omitempty"` // what would still refuse the request
	Assumes        []string `json:"assumes,omitempty"` // what the simulation took for granted
	Document       string   `json:"document,omitempty"`
	Diff           string   `json:"diff,omitempty"`
	CloudFormation string   `json:"cloudformation,omitempty"`
	Terraform      string   `json:"terraform,omitempty"`
}

// Unknown is a cause that could be neither found nor ruled out.
type Unknown struct {
	ID      string   `json:"id"`
	Missing []string `json:"missing"`
}

// A Sample is one failing request, both of its lines where they were joined.
// Addresses and secrets are masked.
type Sample struct {
	CloudFront *Line `json:"cloudfront,omitempty"`
	S3         *Line `json:"s3,omitempty"`
	Ambiguous  bool  `json:"ambiguous,omitempty"`
}

// A Line is one log line: where it stands and its telling fields, in order.
type Line struct {
	Ref    string     `json:"ref"` // object:line
	Time   time.Time  `json:"time"`
	Fields []LineItem `json:"fields"`
}

// A LineItem is one field of a log line, masked where needed.
type LineItem struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// An HourCount is a number of 403s in the hour that begins at Hour.
type HourCount struct {
	Hour  time.Time `json:"hour"`
	Count int64     `json:"count"`
}
