package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// A truth is what a data set holds, as its generator planted it.
type truth struct {
	EdgeLines, OriginLines         int64 // records, header lines not counted
	EdgeForbidden, OriginForbidden int64
	EdgeBytes, OriginBytes         int64 // unpacked
	Keys                           map[string]counts
}

// counts are the lines with status 403 of one exact key.
type counts struct{ Edge, Origin int64 }

func (t *truth) add(o *truth) {
	t.EdgeLines += o.EdgeLines
	t.OriginLines += o.OriginLines
	t.EdgeForbidden += o.EdgeForbidden
	t.OriginForbidden += o.OriginForbidden
	t.EdgeBytes += o.EdgeBytes
	t.OriginBytes += o.OriginBytes
	if t.Keys == nil {
		t.Keys = map[string]counts{}
	}
	for k, n := range o.Keys {
		have := t.Keys[k]
		t.Keys[k] = counts{have.Edge + n.Edge, have.Origin + n.Origin}
	}
}

// distinct returns how many keys each log names in lines with status 403.
func (t *truth) distinct() (edge, origin int) {
	for _, n := range t.Keys {
		if n.Edge > 0 {
			edge++
		}
		if n.Origin > 0 {
			origin++
		}
	}
	return edge, origin
}

// of returns the part of the truth that a scan of some of the logs must find.
func (t *truth) of(edge, origin bool) *truth {
	p := *t
	p.Keys = make(map[string]counts, len(t.Keys))
	if !edge {
		p.EdgeLines, p.EdgeForbidden, p.EdgeBytes = 0, 0, 0
	}
	if !origin {
		p.OriginLines, p.OriginForbidden, p.OriginBytes = 0, 0, 0
	}
	for k, n := range t.Keys {
		if !edge {
			n.Edge = 0
		}
		if !origin {
			n.Origin = 0
		}
		if n != (counts{}) {
			p.Keys[k] = n
		}
	}
	return &p
}

// check compares a JSON report with the truth: lines, 403s and, for each exact
// key, the number of its requests in each log.
func (t *truth) check(report io.Reader) error {
	got := truth{Keys: map[string]counts{}}
	r := bufio.NewReaderSize(report, 1<<20)
	section := ""
	for {
		line, err := r.ReadBytes('\n')
		line = bytes.TrimRight(line, ",\n")
		switch {
		case bytes.HasPrefix(line, []byte(`"inputs": `)):
			if err := got.inputs(line[len(`"inputs": `):]); err != nil {
				return err
			}
		case bytes.HasPrefix(line, []byte(`"`)):
			section, _, _ = strings.Cut(string(line[1:min(len(line), 20)]), `"`)
		case bytes.HasPrefix(line, []byte(`{"`)):
			if err := got.entry(section, line); err != nil {
				return fmt.Errorf("%s: %w in %.200s", section, err, line)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	return t.compare(&got)
}

// inputs reads what the report says of its inputs.
func (t *truth) inputs(data []byte) error {
	var in struct {
		Rejected int64
		Formats  map[string]struct{ Records, Forbidden int64 } `json:"by_format"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	if in.Rejected > 0 {
		return fmt.Errorf("%d lines rejected, want none", in.Rejected)
	}
	t.EdgeLines, t.EdgeForbidden = in.Formats["cloudfront-w3c"].Records, in.Formats["cloudfront-w3c"].Forbidden
	t.OriginLines, t.OriginForbidden = in.Formats["s3-access"].Records, in.Formats["s3-access"].Forbidden
	return nil
}

// entry adds one failing key or path. It reads the fields up to the counts and
// leaves the rest of the line alone.
func (t *truth) entry(section string, line []byte) error {
	var key, encoding string
	d := json.NewDecoder(bytes.NewReader(line))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		switch name {
		case "key":
			err = d.Decode(&key)
		case "key_encoding":
			err = d.Decode(&encoding)
		case "uri":
			if err = d.Decode(&key); err == nil {
				key, err = keyOf(key)
			}
		case "requests":
			if section == "edge_failures" {
				var n int64
				err = d.Decode(&n)
				t.found(key, counts{Edge: n})
				return err
			}
			var n struct{ CloudFront, S3, Direct int64 }
			if err = d.Decode(&n); err == nil && encoding == "base64" {
				var raw []byte
				raw, err = base64.StdEncoding.DecodeString(key)
				key = string(raw)
			}
			t.found(key, counts{n.CloudFront, n.S3 + n.Direct})
			return err
		default:
			var skip json.RawMessage
			err = d.Decode(&skip)
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("no requests")
}

func (t *truth) found(key string, n counts) {
	have := t.Keys[key]
	t.Keys[key] = counts{have.Edge + n.Edge, have.Origin + n.Origin}
}

// keyOf undoes both layers of a cs-uri-stem: CloudFront's and the wire's.
func keyOf(stem string) (string, error) {
	wire, err := url.PathUnescape(stem)
	if err != nil {
		return "", err
	}
	key, err := url.QueryUnescape(wire)
	return strings.TrimPrefix(key, "/"), err
}

// compare returns an error that names the first difference.
func (t *truth) compare(got *truth) error {
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"CloudFront records", got.EdgeLines, t.EdgeLines},
		{"S3 records", got.OriginLines, t.OriginLines},
		{"CloudFront 403s", got.EdgeForbidden, t.EdgeForbidden},
		{"S3 403s", got.OriginForbidden, t.OriginForbidden},
	} {
		if c.got != c.want {
			return fmt.Errorf("%d %s, want %d", c.got, c.what, c.want)
		}
	}
	for k, want := range t.Keys {
		if have := got.Keys[k]; have != want {
			return fmt.Errorf("key %q: %+v, want %+v", k, have, want)
		}
	}
	for k, have := range got.Keys {
		if _, ok := t.Keys[k]; !ok {
			return fmt.Errorf("key %q: %+v, want none", k, have)
		}
	}
	return nil
}

// checkText compares the head of a text report with the truth: the requests of
// CloudFront's log. It is what a reader sees first.
func (t *truth) checkText(report io.Reader) error {
	text, err := io.ReadAll(report)
	if err != nil {
		return err
	}
	if t.EdgeLines == 0 {
		return nil
	}
	want := "of CloudFront's " + thousands(t.EdgeLines)
	if head := bytes.Join(bytes.Fields(text[:min(len(text), 2000)]), []byte(" ")); !bytes.Contains(head, []byte(want)) {
		return fmt.Errorf("the report does not say %q: %.300s", want, head)
	}
	return nil
}

// thousands writes a number as the text report does.
func thousands(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

func readTruth(name string) (*truth, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	t := new(truth)
	return t, json.Unmarshal(data, t)
}

func (t *truth) write(name string) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}
