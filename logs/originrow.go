package logs

import (
	"bytes"
	"time"
)

// An originField is a field of S3's server access log as it is delivered by
// CloudWatch vended logs.
type originField uint8

const (
	originOther originField = iota
	originTime
	originOwner
	originBucket
	originRemoteIP
	originRequester
	originRequestID
	originOperation
	originKey
	originURI
	originStatusCode
	originErrorCode
	originBytesSent
	originObjectSize
	originTotalTime
	originTurnAround
	originReferer
	originUserAgent
	originVersionID
	originHostID
	originSignature
	originCipher
	originAuth
	originHost
	originTLS
	originAccessPoint
	originACLRequired
	originRegion
)

// originFields maps normalised names. The first row is documented (Amazon S3
// user guide, server access logs in CloudWatch); the others follow its style
// and the names of the text log.
var originFields = map[string]originField{
	"requesttime": originTime, "bucketownerid": originOwner, "bucketname": originBucket,
	"remoteip": originRemoteIP, "requester": originRequester, "requestid": originRequestID,
	"operation": originOperation, "keyname": originKey, "requesturi": originURI,
	"httpstatus": originStatusCode, "bytessentsize": originBytesSent,

	"time": originTime, "bucketowner": originOwner, "bucket": originBucket, "key": originKey,
	"errorcode": originErrorCode, "bytessent": originBytesSent,
	"objectsize": originObjectSize, "totaltime": originTotalTime, "turnaroundtime": originTurnAround,
	"referer": originReferer, "referrer": originReferer, "useragent": originUserAgent,
	"versionid": originVersionID, "hostid": originHostID, "signatureversion": originSignature,
	"ciphersuite": originCipher, "authenticationtype": originAuth, "authtype": originAuth,
	"hostheader": originHost, "tlsversion": originTLS,
	"accesspointarn": originAccessPoint, "aclrequired": originACLRequired, "sourceregion": originRegion,
}

func originFieldOf(name []byte) originField {
	var buf [40]byte
	return originFields[string(normalise(buf[:0], name))]
}

// An originRow builds the record of a vended server access log, field by field.
type originRow struct {
	s      *scanner
	layers uint8 // of encoding on the keys of this object, as far as seen
	key    []byte
	path   []byte
	r      OriginRecord

	status, time []byte
}

func (w *originRow) begin() {
	w.r.clear()
	w.status, w.time = nil, nil
}

func (w *originRow) set(f originField, v []byte) {
	v = field(v)
	if v == nil {
		return
	}
	r := &w.r
	switch f {
	case originTime:
		w.time = v
	case originOwner:
		r.BucketOwner = v
	case originBucket:
		r.Bucket = v
	case originRemoteIP:
		r.RemoteIP = v
	case originRequester:
		r.Requester = v
	case originRequestID:
		r.RequestID = v
	case originOperation:
		r.Operation = v
	case originKey:
		r.Key = v
	case originURI:
		if n := len(v); n > 1 && v[0] == '"' && v[n-1] == '"' {
			v = v[1 : n-1]
		}
		r.RequestURI = field(v)
	case originStatusCode:
		w.status = v
	case originErrorCode:
		r.ErrorCode = v
	case originBytesSent:
		r.BytesSent = number(v)
	case originObjectSize:
		r.ObjectSize = number(v)
	case originTotalTime:
		r.TotalTime = number(v)
	case originTurnAround:
		r.TurnAround = number(v)
	case originReferer:
		r.Referer = v
	case originUserAgent:
		r.UserAgent = v
	case originVersionID:
		r.VersionID = v
	case originHostID:
		r.HostID = v
	case originSignature:
		r.SignatureVersion = v
	case originCipher:
		r.CipherSuite = v
	case originAuth:
		r.AuthType = v
	case originHost:
		r.HostHeader = v
	case originTLS:
		r.TLSVersion = v
	case originAccessPoint:
		r.AccessPointARN = v
	case originACLRequired:
		r.ACLRequired = v
	case originRegion:
		r.SourceRegion = v
	}
}

// finish hands the record over and counts it. line is called for wanted ones.
func (w *originRow) finish(line func() []byte) {
	s, r := w.s, &w.r
	var ok bool
	if r.Bucket == nil {
		s.reject("no bucket_name among the fields")
		return
	}
	if r.Operation == nil {
		s.reject("no operation among the fields")
		return
	}
	if r.Time, ok = isoTime(w.time); !ok {
		s.reject("request_time is not understood")
		return
	}
	if w.status != nil {
		if r.Status, ok = status(w.status); !ok {
			s.reject("http_status is not a status code")
			return
		}
	}
	if !s.originRecord(r.Status, r.Time) {
		return
	}
	w.findLayers()
	r.Ref = Ref{s.object, s.line}
	if r.Status != 403 {
		s.handler.OriginPassed(r)
		return
	}
	r.Line = line()
	s.handler.Origin(r)
}

// findLayers says how many layers of encoding are on the key. The documentation
// does not tell, so the key is compared with the path that was asked for; a
// record that does not show it is taken as the ones before it.
func (w *originRow) findLayers() {
	r := &w.r
	r.KeyLayers = w.layers
	if isKeptOnce(r.Operation) {
		r.KeyLayers = min(1, w.layers)
	}
	if bytes.IndexByte(r.Key, '%') < 0 && bytes.IndexByte(r.Key, '+') < 0 && bytes.IndexByte(r.RequestURI, '%') < 0 {
		return
	}
	path, ok := w.wirePath()
	if !ok {
		return
	}
	fits, layers := 0, uint8(0)
	for n := range uint8(3) {
		r.KeyLayers = n
		key, err := r.AppendKey(w.key[:0])
		w.key = key
		if err == nil && bytes.Equal(key, path) {
			fits, layers = fits+1, n
		}
	}
	r.KeyLayers = w.layers
	if fits == 1 {
		r.KeyLayers, w.layers = layers, layers
	}
}

// wirePath is the key that the request-URI asks for, path style or not.
func (w *originRow) wirePath() ([]byte, bool) {
	r := &w.r
	_, target, ok := bytes.Cut(r.RequestURI, []byte{' '})
	if !ok {
		return nil, false
	}
	if n := bytes.LastIndexByte(target, ' '); n >= 0 {
		target = target[:n]
	}
	target, _, _ = bytes.Cut(target, []byte{'?'})
	if len(target) == 0 || target[0] != '/' {
		return nil, false
	}
	target = target[1:]
	if host := r.HostHeader; host == nil || bytes.HasPrefix(host, []byte("s3.")) || bytes.HasPrefix(host, []byte("s3-")) {
		if rest, ok := bytes.CutPrefix(target, r.Bucket); ok && len(rest) > 0 && rest[0] == '/' {
			target = rest[1:]
		}
	}
	w.path = append(w.path[:0], target...)
	return unescapeForm(w.path)
}

// isKeptOnce reports whether S3 encodes the keys of the operation's lines only
// once: BATCH.* and S3.*.
func isKeptOnce(op []byte) bool {
	return len(op) > 2 && (op[0] == 'B' || op[0] == 'S' && op[1] == '3')
}

// isoTime parses 2006-01-02T15:04:05.000Z and the like, or Unix ms.
func isoTime(b []byte) (int64, bool) {
	if n := number(b); n > 0 {
		return n, true
	}
	t, err := time.Parse(time.RFC3339, string(b))
	return t.UnixMilli(), err == nil
}

// originJSON is a server access log delivered to S3 as JSON.
var originJSON = &Format{
	Name: "s3-json",
	Doc:  "S3 server access log delivered by CloudWatch vended logs as JSON",
	sniff: func(head []byte) bool {
		return hasJSONKeys(head, "operation", "bucketname") || hasJSONKeys(head, "operation", "requesturi")
	},
	lines: func(s *scanner, _ []byte) (lineDecoder, error) {
		d := &originJSONDecoder{row: originRow{s: s, layers: 2}}
		d.jsonLines = jsonLines{s: s, object: d.object}
		return d, nil
	},
}

type originJSONDecoder struct {
	jsonLines
	row originRow
}

func (d *originJSONDecoder) object(start int) bool {
	d.row.begin()
	for {
		key, value, end := d.walk.member()
		if end {
			break
		}
		if key == nil {
			return false
		}
		d.row.set(originFieldOf(key), d.walk.scalar(value))
	}
	d.row.finish(func() []byte { return d.walk.b[start:d.walk.i] })
	return true
}
