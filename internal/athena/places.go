package athena

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/why403/why403/logs"
)

// Detect finds the places of logs in a source in S3 by the names of its objects
// and by the head of one object of each place. It lists the source, narrowed to
// the window, and opens one object of each place. What it can't know is taken
// from o: Fields and Delimiter. Two places never share an object.
func Detect(ctx context.Context, source logs.Source, w logs.Window, o logs.Options) ([]Logs, error) {
	places := map[string]*Logs{}
	samples := map[string]logs.Object{}
	heads := map[string]map[string]bool{}
	err := source.List(ctx, w, func(page []logs.Object) error {
		for _, object := range page {
			l, since, name := placeOf(object.URI)
			key := l.Location + "\x00" + l.Suffix + "\x00" + l.Pattern
			p := places[key]
			if p == nil {
				p, l.Names = &l, name.Kind
				places[key], heads[key] = p, map[string]bool{}
			}
			if name.Overlaps(w) && object.Size > 0 {
				p.Bytes += object.Size
			}
			if h := heads[key]; name.Kind != p.Names {
				h[""] = true
			} else if len(h) <= maxHeads {
				h[object.URI[:name.Stamp.At]] = true
			}
			if s := samples[key]; s.URI == "" || s.Size <= 0 && object.Size > 0 {
				samples[key] = object
			}
			if !since.IsZero() && (p.Since.IsZero() || since.Before(p.Since)) {
				p.Since = since
			}
			if len(l.Distributions) > 0 && !slices.Contains(p.Distributions, l.Distributions[0]) {
				p.Distributions = append(p.Distributions, l.Distributions[0])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []Logs
	for key, p := range places {
		object := samples[key]
		format, err := formatOf(ctx, source, object, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", object.URI, err)
		}
		if _, ok := forms[format]; !ok {
			return nil, &UsageError{fmt.Sprintf("%s holds %s logs, which athena can't read", object.URI, cmp.Or(format, "no known")), "give a location that holds nothing else, or use --engine local"}
		}
		p.Format = format
		if p.Fields, p.Delimiter = o.Fields, o.Delimiter; len(p.Fields) == 0 {
			if p.Fields, err = fieldsOf(ctx, source, object, format); err != nil {
				return nil, fmt.Errorf("%s: %w", object.URI, err)
			}
		}
		slices.Sort(p.Distributions)
		if h := heads[key]; p.Suffix == "" && len(h) <= maxHeads && !h[""] { // "": a name without a date
			p.Heads = slices.Sorted(maps.Keys(h))
		} else {
			p.Names = logs.NameUnknown
		}
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Logs) int {
		return cmp.Or(cmp.Compare(a.Location, b.Location), cmp.Compare(a.Suffix, b.Suffix), cmp.Compare(a.Pattern, b.Pattern))
	})
	// The tables of one folder, flat and dated, must differ in name.
	for i := range out {
		f := forms[out[i].Format]
		out[i].Name = f.table + "_" + slug(strings.TrimPrefix(out[i].Location+strings.ReplaceAll(out[i].Suffix, "DistributionId", "id"), "s3://"))
	}
	return out, nil
}

// maxHeads bounds the Heads of a place.
const maxHeads = 100

// placeOf reads the layout off an object's name. Objects of one folder whose
// names follow different rules are different logs, and what lies flat in a
// folder is not what lies in folders below it.
func placeOf(uri string) (l Logs, since time.Time, name logs.Name) {
	name = logs.ParseName(uri)
	l.Location = uri[:strings.LastIndexByte(uri, '/')+1]
	switch name.Kind {
	case logs.NameEdge:
		l.Pattern = edgeNames
	case logs.NameOrigin, logs.NameOriginEvent:
		l.Pattern = originNames
	default:
		l.Pattern = otherNames
	}
	if name.Folder.Layout == "" {
		return l, since, name
	}
	at, layout := name.Folder.At, name.Folder.Layout
	root, rest := uri[:at], uri[at:]
	if since, _ = time.Parse(layout, rest[:len(layout)]); since.IsZero() {
		return l, since, name
	}
	l.Pattern = ""
	suffix := strings.NewReplacer("2006", "{yyyy}", "01", "{MM}", "02", "{dd}", "15", "{HH}").Replace(layout)
	if strings.Contains(layout, "=") {
		if !strings.HasPrefix(layout, "year=") {
			l.Location = root // folders that no projection of ours makes
			return l, time.Time{}, name
		}
		l.Hive = true
		suffix = strings.NewReplacer("year=", "", "month=", "", "day=", "", "hour=", "").Replace(suffix)
	}
	// The folder before the date may name the distribution.
	folder := path.Base(strings.TrimSuffix(root, "/"))
	variable, id, hive := strings.Cut(folder, "=")
	switch {
	case hive && l.Hive && strings.EqualFold(variable, "distributionid"):
		suffix = "{" + variable + "}/" + suffix
	case !hive && !l.Hive && name.Distribution != "" && folder == name.Distribution:
		id = folder
		suffix = "{DistributionId}/" + suffix
	default:
		folder = ""
	}
	if folder != "" {
		l.Distributions = []string{id}
		root = strings.TrimSuffix(root, folder+"/")
	}
	l.Location, l.Suffix = root, suffix
	return l, since, name
}

// Patterns of names.
const (
	edgeNames   = `^[0-9A-Z]{10,20}\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$`
	originNames = `^[^/]*[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9A-Z]{8,}[^/]*$`
	otherNames  = `^[^/]*$`
)

// one is a source of a single object.
type one struct {
	logs.Source
	object logs.Object
}

func (s one) List(_ context.Context, _ logs.Window, page func([]logs.Object) error) error {
	return page([]logs.Object{s.object})
}

// formatOf lets the parser say what an object holds.
func formatOf(ctx context.Context, source logs.Source, object logs.Object, o logs.Options) (string, error) {
	in, err := logs.Scan(ctx, []logs.Source{one{source, object}}, logs.Options{Format: o.Format, Fields: o.Fields, Delimiter: o.Delimiter, Concurrency: 1},
		func() logs.Handler { return ignore{} })
	if err != nil {
		return "", err
	}
	for name := range in.ByFormat {
		return name, nil
	}
	if len(in.Unreadable) > 0 {
		return "", &UsageError{in.Unreadable[0].Reason, "give the field list of the delivery (--fields)"}
	}
	return "", nil
}

type ignore struct{}

func (ignore) Edge(*logs.EdgeRecord)                  {}
func (ignore) Origin(*logs.OriginRecord)              {}
func (ignore) Firewall(*logs.FirewallRecord)          {}
func (ignore) EdgePassed(_, _ []byte, _ int, _ int64) {}
func (ignore) OriginPassed(*logs.OriginRecord)        {}

// fieldsOf reads the names of the fields off an object, nil where the format
// does not tell them.
func fieldsOf(ctx context.Context, source logs.Source, object logs.Object, name string) ([]string, error) {
	switch forms[name].form {
	case formText, formFirewall:
		return nil, nil
	case formDelimited:
		if name != "cloudfront-w3c" {
			return nil, nil
		}
	}
	body, err := source.Open(ctx, &object)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if forms[name].form == formParquet {
		data, err := io.ReadAll(io.LimitReader(body, 256<<20))
		if err != nil {
			return nil, err
		}
		return parquetFields(data)
	}
	buffered := bufio.NewReaderSize(body, 64<<10)
	var text io.Reader = buffered
	switch head, _ := buffered.Peek(4); {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		if text, err = gzip.NewReader(buffered); err != nil {
			return nil, err
		}
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		text = z
	}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimPrefix(lines.Text(), "\ufeff")
		if name == "cloudfront-w3c" {
			if rest, ok := strings.CutPrefix(line, "#Fields:"); ok {
				return strings.Fields(rest), nil
			}
			continue
		}
		return jsonFields(line)
	}
	return nil, lines.Err()
}

// jsonFields are the keys of an object, in their order.
func jsonFields(line string) ([]string, error) {
	var out []string
	d := json.NewDecoder(strings.NewReader(line))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprint(key))
	}
	return out, nil
}

// parquetFields are the columns of a file, with Hive's type where it is no
// string.
func parquetFields(data []byte) (out []string, err error) {
	defer func() { // the library panics on some damaged files
		if p := recover(); p != nil {
			err = fmt.Errorf("parquet: damaged file: %v", p)
		}
	}()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	for _, column := range f.Schema().Fields() {
		if !column.Leaf() {
			continue
		}
		name, typ := column.Name(), ""
		t := column.Type()
		switch t.Kind() {
		case parquet.Boolean:
			typ = " boolean"
		case parquet.Int32:
			typ = " int"
		case parquet.Int64:
			typ = " bigint"
		case parquet.Int96:
			typ = " timestamp"
		case parquet.Float:
			typ = " float"
		case parquet.Double:
			typ = " double"
		}
		if l := t.LogicalType(); l != nil {
			switch l.Value.(type) {
			case *format.DateType:
				typ = " date"
			case *format.TimestampType:
				typ = " timestamp"
			}
		}
		out = append(out, name+typ)
	}
	return out, nil
}
