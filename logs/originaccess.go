package logs

import (
	"bytes"
)

// originAccess is S3's server access log, by either prefix layout.
var originAccess = &Format{
	Name: "s3-access",
	Doc:  "S3 server access log lines",
	sniff: func(head []byte) bool {
		_, reason := new(originParser).head(new(OriginRecord), firstLine(head))
		return reason == ""
	},
	lines: func(s *scanner, _ []byte) (lineDecoder, error) { return &s.access, nil },
}

type originDecoder struct {
	s     *scanner
	parse originParser
}

func (d *originDecoder) decode(block []byte) {
	for len(block) > 0 {
		line, rest := cutLine(block)
		block = rest
		d.s.line++
		if len(line) == 0 {
			d.s.skip()
			continue
		}
		reason := d.take(line)
		if reason == "" {
			continue
		}
		// Two records can be spliced into one line; the second is whole.
		if second := secondRecord(line); second != nil && d.second(second) {
			reason = "two records in one line: the first is cut, the second was read"
		}
		d.s.reject(reason)
	}
}

// second hands over a record that begins inside a line, which is counted as
// rejected.
func (d *originDecoder) second(line []byte) bool {
	records, skipped := d.s.count.Records, d.s.count.Skipped
	ok := d.take(line) == ""
	d.s.count.Records, d.s.count.Skipped = records, skipped
	return ok
}

// take handles one line, or says why it can't.
func (d *originDecoder) take(line []byte) (reason string) {
	s := d.s
	r := &s.passed
	at, reason := d.parse.head(r, line)
	if reason != "" {
		return reason
	}
	tail, reason := r.parseStatus(line, at)
	if reason != "" {
		return reason
	}
	if !s.originRecord(r.Status, r.Time) {
		return ""
	}
	r.Ref = Ref{s.object, s.line}
	r.Line = line
	if r.Status != 403 {
		s.handler.OriginPassed(r)
		return ""
	}
	s.origin = *r
	s.origin.parseTail(line, tail)
	s.handler.Origin(&s.origin)
	return ""
}

func (r *OriginRecord) clear() {
	*r = OriginRecord{BytesSent: -1, ObjectSize: -1, TotalTime: -1, TurnAround: -1}
}

// token cuts the text up to the next space.
func token(b []byte) (token, rest []byte, ok bool) {
	n := bytes.IndexByte(b, ' ')
	if n <= 0 {
		return nil, b, false
	}
	return b[:n], b[n+1:], true
}

// An originParser reads lines. It keeps what is the same in nearly all lines.
type originParser struct {
	dates     dateCache
	prefix    []byte // bucket owner, bucket and the spaces after them
	owner     int    // length of the bucket owner
	caller    []byte // remote IP, requester (up to its first space) and the spaces after them
	address   int    // length of the remote IP
	operation []byte // and the space after it
}

// head reads the fields up to the key and returns where the request-URI
// begins.
func (p *originParser) head(r *OriginRecord, line []byte) (at int, reason string) {
	var ok bool
	var rest []byte
	if n := len(p.prefix); n > 0 && bytes.HasPrefix(line, p.prefix) {
		r.BucketOwner, r.Bucket = line[:p.owner:p.owner], line[p.owner+1:n-1]
		rest = line[n:]
	} else {
		if r.BucketOwner, rest, ok = token(line); !ok {
			return 0, "line ends before the bucket"
		}
		if r.Bucket, rest, ok = token(rest); !ok {
			return 0, "line ends before the time"
		}
		p.owner = len(r.BucketOwner)
		p.prefix = append(p.prefix[:0], line[:len(line)-len(rest)]...)
	}
	// [06/Feb/2019:00:00:38 +0000]
	if len(rest) < 29 || rest[0] != '[' || rest[12] != ':' || rest[27] != ']' || rest[28] != ' ' {
		return 0, "the time is not understood"
	}
	date, ok1 := p.dates.clf(rest[1:12])
	day, ok2 := clock(rest[13:21])
	zone, ok3 := zone(rest[21:27])
	if !ok1 || !ok2 || !ok3 {
		return 0, "the time is not understood"
	}
	r.Time = date + day - zone
	rest = rest[29:]
	if n := len(p.caller); n > 0 && bytes.HasPrefix(rest, p.caller) {
		r.RemoteIP, r.Requester = rest[:p.address:p.address], rest[p.address+1:n-1]
		rest = rest[n:]
	} else {
		start := rest
		if r.RemoteIP, rest, ok = token(rest); !ok {
			return 0, "line ends before the requester"
		}
		if r.Requester, rest, ok = token(rest); !ok {
			return 0, "line ends before the request id"
		}
		p.address = len(r.RemoteIP)
		p.caller = append(p.caller[:0], start[:len(start)-len(rest)]...)
	}
	if r.RequestID, rest, ok = token(rest); !ok {
		return 0, "line ends before the operation"
	}
	if n := len(p.operation); n > 0 && bytes.HasPrefix(rest, p.operation) {
		r.Operation, rest = rest[:n-1], rest[n:]
	} else if rest, reason = p.findOperation(r, rest); reason != "" {
		return 0, reason
	}
	if r.Key, rest, ok = token(rest); !ok {
		return 0, "line ends before the request-URI"
	}
	r.KeyLayers = 2
	if isKeptOnce(r.Operation) {
		r.KeyLayers = 1
	}
	r.Bucket, r.RemoteIP, r.Requester = field(r.Bucket), field(r.RemoteIP), field(r.Requester)
	r.RequestID, r.Key = field(r.RequestID), field(r.Key)
	return len(line) - len(rest), ""
}

// findOperation reads the operation, which follows the request id. The requester
// can hold spaces: then what seemed to be the request id is part of it.
func (p *originParser) findOperation(r *OriginRecord, line []byte) (rest []byte, reason string) {
	var ok bool
	if r.Operation, rest, ok = token(line); !ok {
		return nil, "line ends before the key"
	}
	end := len(r.Requester)
	for !isOperation(r.Operation) {
		end += 1 + len(r.RequestID)
		r.RequestID = r.Operation
		if r.Operation, rest, ok = token(rest); !ok {
			return nil, "no operation found"
		}
	}
	// The requester stands before the request id in the same line.
	r.Requester = r.Requester[:end]
	p.operation = append(append(p.operation[:0], r.Operation...), ' ')
	return rest, ""
}

// isOperation reports whether b has the shape of an operation.
func isOperation(b []byte) bool {
	n := bytes.IndexByte(b, '.')
	if n < 2 || n == len(b)-1 {
		return false
	}
	for _, c := range b {
		if c-'A' > 25 && c-'0' > 9 && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

// zone parses " +0000", in ms.
func zone(b []byte) (int64, bool) {
	if string(b) == " +0000" {
		return 0, true
	}
	h, m := number(b[2:4]), number(b[4:6])
	if b[0] != ' ' || h < 0 || h > 24 || m < 0 || m > 60 {
		return 0, false
	}
	ms := (h*60 + m) * 60_000
	switch b[1] {
	case '+':
		return ms, true
	case '-':
		return -ms, true
	}
	return 0, false
}

// parseStatus finds the end of the request-URI, which holds raw bytes of the
// wire, quotes and spaces too: the first place where status, error code and
// four numbers fit, if there is one after " HTTP/x.y" the first of these. It
// returns where the fields after turn-around time begin.
func (r *OriginRecord) parseStatus(line []byte, at int) (tail int, reason string) {
	uri := line[at:]
	if bytes.HasPrefix(uri, []byte("- ")) {
		if n := r.fits(uri[2:]); n > 0 {
			r.RequestURI = nil
			return at + 2 + n, ""
		}
		return 0, "no status after the request-URI"
	}
	if len(uri) == 0 || uri[0] != '"' {
		return 0, "the request-URI does not begin with a quote"
	}
	first, firstTail := 0, 0
	for end := 1; ; end++ {
		n := bytes.IndexByte(uri[end:], '"')
		if n < 0 {
			break
		}
		end += n
		if end+2 > len(uri) || uri[end+1] != ' ' {
			continue
		}
		n = r.fits(uri[end+2:])
		if n == 0 {
			continue
		}
		if end == 2 && uri[1] == '-' || endsInHTTP(uri[:end]) {
			r.RequestURI = field(uri[1:end])
			return at + end + 2 + n, ""
		}
		if first == 0 {
			first, firstTail = end, end+2+n
		}
	}
	if first == 0 {
		return 0, "no status after the request-URI"
	}
	r.fits(uri[first+2:])
	r.RequestURI = field(uri[1:first])
	return at + firstTail, ""
}

func endsInHTTP(b []byte) bool {
	n := len(b) - len(" HTTP/1.1")
	return n >= 0 && string(b[n:n+6]) == " HTTP/" && b[n+6]-'0' <= 9 && b[n+7] == '.' && b[n+8]-'0' <= 9
}

// fits reports how many bytes "STATUS ERROR BYTES SIZE TOTAL TURN " takes at
// the beginning of b, 0 if it does not stand there, and notes the values.
func (r *OriginRecord) fits(b []byte) int {
	i := 4
	if len(b) > 1 && b[1] == ' ' {
		i = 2
	}
	if len(b) < i || b[i-1] != ' ' {
		return 0
	}
	code, ok := status(b[:i-1])
	if !ok || i == 2 && b[0] != '-' {
		return 0
	}
	start := i
	for ; i < len(b) && b[i] != ' '; i++ {
		if c := b[i]; c|0x20-'a' > 25 && c-'0' > 9 && c != '.' && c != '-' {
			return 0
		}
	}
	errorCode := b[start:i]
	if len(errorCode) == 0 || len(errorCode) > 1 && bytes.IndexByte(errorCode, '-') >= 0 {
		return 0
	}
	var numbers [4]int64
	for k := range numbers {
		i++ // the space
		n, digits := int64(0), i
		for i < len(b) && b[i]-'0' <= 9 {
			n = n*10 + int64(b[i]-'0')
			i++
		}
		if digits = i - digits; digits == 0 {
			n = -1
			if i < len(b) && b[i] == '-' {
				i, digits = i+1, 1
			}
		}
		if digits == 0 || digits > 18 || i >= len(b) || b[i] != ' ' {
			return 0
		}
		numbers[k] = n
	}
	r.Status, r.ErrorCode = code, field(errorCode)
	r.BytesSent, r.ObjectSize, r.TotalTime, r.TurnAround = numbers[0], numbers[1], numbers[2], numbers[3]
	return i + 1
}

// parseTail reads the fields from the referer on.
func (r *OriginRecord) parseTail(line []byte, at int) {
	rest := bytes.TrimRight(line[at:], " ")
	r.Referer, r.UserAgent = nil, nil
	// The last quote of the line closes the user agent: no later field has one.
	if last := bytes.LastIndexByte(rest, '"'); last > 0 {
		quoted := rest[:last]
		rest = bytes.TrimPrefix(rest[last+1:], []byte{' '})
		switch {
		case bytes.HasPrefix(quoted, []byte(`- "`)):
			r.UserAgent = field(quoted[3:])
		case quoted[0] == '"':
			referer, agent, both := bytes.Cut(quoted[1:], []byte(`" "`))
			r.Referer, r.UserAgent = field(referer), field(agent)
			if !both {
				_, rest, _ = bytes.Cut(rest, []byte{' '})
			}
		}
	} else {
		_, rest, _ = bytes.Cut(rest, []byte{' '})
		_, rest, _ = bytes.Cut(rest, []byte{' '})
	}
	var tokens [11][]byte
	n := 0
	for left := rest; n < len(tokens) && len(left) > 0; n++ {
		tokens[n], left, _ = bytes.Cut(left, []byte{' '})
	}
	if n > 2 && isSplitHostID(tokens[1]) && string(tokens[2]) != "-" && !bytes.HasPrefix(tokens[2], []byte("Sig")) {
		// The host id can be of two tokens (observed).
		start := len(tokens[0]) + 1
		tokens[1] = rest[start : start+len(tokens[1])+1+len(tokens[2])]
		copy(tokens[2:], tokens[3:])
	}
	r.VersionID, r.HostID = field(tokens[0]), field(tokens[1])
	r.SignatureVersion, r.CipherSuite, r.AuthType = field(tokens[2]), field(tokens[3]), field(tokens[4])
	r.HostHeader, r.TLSVersion, r.AccessPointARN = field(tokens[5]), field(tokens[6]), field(tokens[7])
	r.ACLRequired, r.SourceRegion = field(tokens[8]), field(tokens[9])
}

// isSplitHostID reports whether b looks like the first half of a host id that
// was logged as two tokens.
func isSplitHostID(b []byte) bool {
	return len(b) >= 16 && b[0] == 'A' && isUpperAlnum(b)
}

// secondRecord finds a record that begins inside line: the bucket owner before
// the second time. It returns nil if there is none.
func secondRecord(line []byte) []byte {
	first := bytes.Index(line, []byte(" ["))
	if first < 0 {
		return nil
	}
	for at := first + 2; ; {
		n := bytes.Index(line[at:], []byte(" ["))
		if n < 0 {
			return nil
		}
		at += n
		if b := line[at+2:]; len(b) > 27 && b[2] == '/' && b[6] == '/' && b[11] == ':' && b[26] == ']' {
			bucket := bytes.LastIndexByte(line[:at], ' ')
			if bucket > 0 {
				owner := bytes.LastIndexByte(line[:bucket], ' ') + 1
				// The cut can stand inside a token: the owner is its last 64.
				owner = max(owner, bucket-64)
				if owner > 0 {
					return line[owner:]
				}
			}
		}
		at += 2
	}
}
