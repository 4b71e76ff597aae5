package logs

import (
	"bytes"
	"fmt"
)

// A Format is one shape of log.
type Format struct {
	Name string // as in Options.Format and Inputs.ByFormat
	Doc  string // one line on what it is

	// sniff reports whether an object in which head is found is of this format.
	// head is unpacked, begins with a line, without a byte order mark, and holds
	// the whole of it unless that is longer than maxLine.
	sniff func(head []byte) bool

	// lines makes the decoder of one object of a format of lines; an error
	// refuses the object. whole decodes an object that must be at hand as a
	// whole, and calls use. One of both is set.
	lines func(s *scanner, head []byte) (lineDecoder, error)
	whole func(s *scanner, data []byte) error

	id int // index in formats
}

// A lineDecoder takes the lines of one object.
type lineDecoder interface {
	// decode handles every line of block, which ends in a newline.
	decode(block []byte)
}

// formats are tried in this order. The last takes everything.
var formats = []*Format{
	edgeConnection,
	edgeW3C,
	originAccess,
	edgeRealTime,
	edgeParquet,
	originParquet,
	edgeJSON,
	originJSON,
	firewallJSON,
	edgePlain,
	unknownFormat,
}

func init() {
	for i, f := range formats {
		f.id = i
	}
}

// Formats lists the formats that Options.Format can name.
func Formats() []*Format { return formats[:len(formats)-1] }

// formatNamed returns the format that Options.Format can name, nil if there is
// none.
func formatNamed(name string) *Format {
	for _, f := range Formats() {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// sniffLines bounds the lines that are looked at to find a format.
const sniffLines = 8

// formatOf finds the format of an object by its first bytes, and the line that
// tells it, which begins head: blank and broken lines may come before it.
func formatOf(block []byte) (f *Format, head []byte) {
	head = block
	if foreignTo(block) != "" {
		return unknownFormat, block
	}
	for range sniffLines {
		if head = bytes.TrimLeft(head, "\r\n"); len(head) == 0 {
			break
		}
		for _, f := range formats {
			if f != unknownFormat && f.sniff(head) {
				return f, head
			}
		}
		_, head, _ = bytes.Cut(head, []byte{'\n'})
	}
	return unknownFormat, block
}

// unknownFormat takes what no other format knows.
var unknownFormat = &Format{
	Name:  "unknown",
	Doc:   "none of the known formats: every line is rejected",
	sniff: func([]byte) bool { return true },
	lines: func(s *scanner, head []byte) (lineDecoder, error) {
		if is := foreignTo(head); is != "" {
			return nil, fmt.Errorf("%s: unpack or convert it first", is)
		}
		return unknownDecoder{s}, nil
	},
}

// foreign are files that hold logs in no form that is read here.
var foreign = []struct{ magic, is string }{
	{string(gzipMagic), "packed twice, with gzip inside"},
	{string(zstdMagic), "packed twice, with zstd inside"},
	{"PK\x03\x04", "a ZIP archive"},
	{"BZh", "packed with bzip2"},
	{"\xFD7zXZ\x00", "packed with xz"},
	{"\xFF\x06\x00\x00sNaPpY", "packed with Snappy"},
	{"ORC", "an ORC file"},
	{"Obj\x01", "an Avro file"},
}

// foreignTo says which of the foreign files begins with head, "" if none.
func foreignTo(head []byte) string {
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.is
		}
	}
	return ""
}

type unknownDecoder struct{ s *scanner }

func (d unknownDecoder) decode(block []byte) {
	for len(block) > 0 {
		line, rest := cutLine(block)
		block = rest
		d.s.line++
		if len(line) == 0 {
			d.s.skip()
		} else {
			d.s.reject("no known log format")
		}
	}
}

var bom = []byte("\xEF\xBB\xBF")

// cutLine cuts the first line off block, which ends in a newline. The line is
// without its newline and carriage return.
func cutLine(block []byte) (line, rest []byte) {
	n := bytes.IndexByte(block, '\n')
	line, rest = block[:n], block[n+1:]
	if n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, rest
}
