package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// A parquetRow is one failing key or path and one of its causes.
type parquetRow struct {
	Kind         string            `parquet:"kind,dict"`
	Distribution string            `parquet:"distribution,dict"`
	Bucket       string            `parquet:"bucket,dict"`
	Key          string            `parquet:"key"`
	KeyEncoding  string            `parquet:"key_encoding,dict"`
	Access       string            `parquet:"access,dict"`
	URIs         []string          `parquet:"uris,list"`
	CloudFront   int64             `parquet:"requests_cloudfront"`
	S3           int64             `parquet:"requests_s3"`
	Direct       int64             `parquet:"requests_direct"`
	Viewers      int64             `parquet:"viewers"`
	FirstSeen    time.Time         `parquet:"first_seen,timestamp(millisecond)"`
	LastSeen     time.Time         `parquet:"last_seen,timestamp(millisecond)"`
	Status       string            `parquet:"status,dict"`
	Verdict      string            `parquet:"verdict,dict"`
	Noise        bool              `parquet:"noise"`
	CauseRank    int32             `parquet:"cause_rank"`
	Cause        *string           `parquet:"cause,optional,dict"`
	Certainty    *string           `parquet:"certainty,optional,dict"`
	Summary      *string           `parquet:"summary,optional"`
	Evidence     []parquetEvidence `parquet:"evidence,list"`
	Remedy       *string           `parquet:"remedy,optional,dict"`
	Verified     *bool             `parquet:"verified,optional"`
	RuledOut     []string          `parquet:"ruled_out,list"`
	Missing      []string          `parquet:"missing,list"`
	Hours        []parquetHour     `parquet:"hours,list"`
}

type parquetEvidence struct {
	Source string `parquet:"source"`
	Ref    string `parquet:"ref"`
	Fact   string `parquet:"fact"`
}

type parquetHour struct {
	Hour  time.Time `parquet:"hour,timestamp(millisecond)"`
	Count int64     `parquet:"count"`
}

// parquetGroup bounds the rows of a row group, and with it the memory.
const parquetGroup = 20_000

// renderParquet writes one row for each failing key or path and each of its
// causes, as renderCSV does; samples/sql queries it. A key without a cause has
// one row with null for it. The counts of hours, like the requests, belong to
// the key and stand on its row of cause_rank 0 alone.
//
// A key that is not UTF-8 is base64 (key_encoding).
func renderParquet(w io.Writer, r *Report, _ Options) (err error) {
	defer func() { // parquet-go reports some failures so
		if p := recover(); p != nil {
			err = fmt.Errorf("parquet: %v", p)
		}
	}()
	pw := parquet.NewGenericWriter[parquetRow](w,
		parquet.Compression(&parquet.Snappy),
		parquet.MaxRowsPerRowGroup(parquetGroup),
		parquet.CreatedBy("why403", r.Run.Version, ""),
		parquet.KeyValueMetadata("why403.schema_version", r.schemaVersion()),
	)
	rows := make([]parquetRow, 0, 256)
	flush := func() error {
		_, err := pw.Write(rows)
		rows = rows[:0]
		return err
	}
	for it, err := range r.items() {
		if err != nil {
			return errors.Join(err, pw.Close())
		}
		rows = appendParquet(rows, it)
		if len(rows) >= 200 {
			if err := flush(); err != nil {
				return errors.Join(err, pw.Close())
			}
		}
	}
	return errors.Join(flush(), pw.Close())
}

func appendParquet(rows []parquetRow, it item) []parquetRow {
	row := parquetRow{
		Kind: it.kind, Distribution: valid(it.Distribution), Bucket: valid(it.Bucket), Access: it.Access, URIs: validAll(it.URIs),
		CloudFront: it.Requests.CloudFront, S3: it.Requests.S3, Direct: it.Requests.Direct, Viewers: it.Viewers,
		FirstSeen: it.FirstSeen.UTC(), LastSeen: it.LastSeen.UTC(), Status: it.Status, Verdict: it.Verdict, Noise: it.Noise,
		RuledOut: it.RuledOut, Missing: validAll(missingNames(it.Unknown)),
	}
	row.Key, row.KeyEncoding = encodeKey(it.Key)
	for _, h := range it.Hours {
		row.Hours = append(row.Hours, parquetHour{h.Hour.UTC(), h.Count})
	}
	if len(it.Causes) == 0 {
		return append(rows, row)
	}
	for rank := range it.Causes {
		c := &it.Causes[rank]
		row := row
		row.CauseRank = int32(rank)
		summary := valid(c.Summary)
		row.Cause, row.Certainty, row.Summary = &c.ID, &c.Certainty, &summary
		for _, e := range c.Evidence {
			row.Evidence = append(row.Evidence, parquetEvidence{valid(e.Source), valid(e.Ref), valid(e.Fact)})
		}
		if len(c.Remedies) > 0 {
			remedy := valid(c.Remedies[0].Title)
			row.Remedy, row.Verified = &remedy, c.Remedies[0].Verified
		}
		if rank > 0 {
			row.Hours = nil
		}
		rows = append(rows, row)
	}
	return rows
}

// valid makes s the UTF-8 that a Parquet string has to be: readers refuse a
// file over one bad byte.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func validAll(list []string) []string {
	for i, s := range list {
		if !utf8.ValidString(s) {
			list = slices.Clone(list)
			for ; i < len(list); i++ {
				list[i] = valid(list[i])
			}
			break
		}
	}
	return list
}
