package report

import (
	"encoding/base64"
	"encoding/csv"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var csvHeader = []string{"kind", "distribution", "bucket", "key", "key_encoding", "access", "uri",
	"requests_cloudfront", "requests_s3", "requests_direct", "viewers", "first_seen", "last_seen", "status", "verdict",
	"cause_rank", "cause", "certainty", "summary", "evidence", "remedy", "verified", "missing"}

// renderCSV writes one row for each failing key or path and each of its
// causes (RFC 4180). cause_rank counts them from 0: rows of rank 0 are one for
// each key. A key without a cause has one row.
//
// Cells of text that a spreadsheet would take for a formula get a leading
// apostrophe, as does what would be one if semicolons separated cells. A key that is not UTF-8, or holds control or bidi characters, is
// base64 (key_encoding).
func renderCSV(w io.Writer, r *Report, _ Options) error {
	c := csv.NewWriter(w)
	if err := c.Write(csvHeader); err != nil {
		return err
	}
	row := make([]string, len(csvHeader))
	for it, err := range r.items() {
		if err != nil {
			return err
		}
		key, encoding := it.Key, "utf-8"
		if !isPrintable(key) || !utf8.ValidString(key) {
			key, encoding = base64.StdEncoding.EncodeToString([]byte(key)), "base64"
		}
		uri := ""
		if len(it.URIs) > 0 {
			uri = it.URIs[0]
		}
		for rank := range max(1, len(it.Causes)) {
			var cause Cause
			if len(it.Causes) > 0 {
				cause = it.Causes[rank]
			}
			row = append(row[:0], it.kind, cell(it.Distribution), cell(it.Bucket), cell(key), encoding, cell(it.Access), cell(uri),
				integer(it.Requests.CloudFront), integer(it.Requests.S3), integer(it.Requests.Direct), integer(it.Viewers),
				instant(it.FirstSeen), instant(it.LastSeen), cell(it.Status), cell(it.Verdict),
				strconv.Itoa(rank), cell(cause.ID), cell(cause.Certainty), cell(cause.Summary),
				cell(cause.evidence()), cell(cause.remedy()), cause.verified(), cell(strings.Join(missingNames(it.Unknown), " ")))
			if err := c.Write(row); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

// cell makes a text safe for a spreadsheet and a terminal.
func cell(s string) string {
	s = printable(s)
	if s == "" {
		return s
	}
	// Where the semicolon separates a spreadsheet's cells, one begins behind it.
	s = afterSemicolon.ReplaceAllString(s, "$1'$2")
	// Spreadsheets begin a formula with these, some with their full-width twins.
	if r, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " ")); strings.ContainsRune("=+-@|%＝＋－＠", r) {
		return "'" + s
	}
	return s
}

var afterSemicolon = regexp.MustCompile(`(;["' ]*)([=+@|%＝＋－＠-]\S)`)

func integer(n int64) string { return strconv.FormatInt(n, 10) }

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// evidence lists the facts: "source ref: fact; …".
func (c *Cause) evidence() string {
	var parts []string
	for _, e := range c.Evidence {
		parts = append(parts, strings.TrimSpace(e.Source+" "+e.Ref)+": "+e.Fact)
	}
	return strings.Join(parts, "; ")
}

// remedy is the title of the first remedy.
func (c *Cause) remedy() string {
	if len(c.Remedies) == 0 {
		return ""
	}
	return c.Remedies[0].Title
}

// verified says true, false or nothing of the first remedy.
func (c *Cause) verified() string {
	if len(c.Remedies) == 0 || c.Remedies[0].Verified == nil {
		return ""
	}
	return strconv.FormatBool(*c.Remedies[0].Verified)
}
