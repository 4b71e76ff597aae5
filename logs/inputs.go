package logs

// Inputs counts what was read. Lines = Records + Skipped + Rejected, for the
// whole and for each format. A line is a line of text or a row of Parquet; two
// records that were joined without a newline in between count as two.
type Inputs struct {
	Objects  int64 `json:"objects"`
	Bytes    int64 `json:"bytes"` // stored bytes
	Lines    int64 `json:"lines"`
	Records  int64 `json:"records"`  // well-formed requests
	Skipped  int64 `json:"skipped"`  // headers, blank lines, connection logs, outside the window
	Rejected int64 `json:"rejected"` // not understood

	// Duplicates are records delivered more than once, counted in Records. Scan
	// does not look for them: whoever joins the records sets it.
	Duplicates int64                   `json:"duplicates"`
	ByStatus   map[int]int64           `json:"by_status"` // CloudFront's status codes
	ByFormat   map[string]*FormatCount `json:"by_format"`

	RejectedSamples []Rejection  `json:"rejected_samples"`     // the first by object and line
	Unreadable      []Unreadable `json:"unreadable,omitempty"` // all, by object
}

// FormatCount is the share of one format in Inputs.
type FormatCount struct {
	Objects   int64 `json:"objects"`
	Lines     int64 `json:"lines"`
	Records   int64 `json:"records"`
	Forbidden int64 `json:"forbidden"` // records with status 403
	Skipped   int64 `json:"skipped"`
	Rejected  int64 `json:"rejected"`
}

// A Rejection names one line that was not understood.
type Rejection struct {
	Object string `json:"object"`
	Line   int64  `json:"line"`
	Reason string `json:"reason"`
}

// An Unreadable names an object of which some or all could not be read.
type Unreadable struct {
	Object string `json:"object"`
	Reason string `json:"reason"`
	Lines  int64  `json:"lines"` // lines read before it failed
}
