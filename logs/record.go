package logs

// Ref says where a record stands: the object and its line, counted from 1 (in
// a Parquet file: the row).
type Ref struct {
	Object *Object
	Line   int64
}

// An EdgeRecord is one request as CloudFront logged it: a line of a standard
// log (legacy or v2) or of a real-time log.
//
// Byte slices are as logged (one layer of percent-encoding, see [Unescape]),
// nil where the field is "-" or was not selected for delivery. They point into
// the reader's buffer and are valid until the Handler returns. Field names in
// the comments are CloudFront's (Standard logging reference).
type EdgeRecord struct {
	Ref  Ref
	Line []byte // the raw line; for JSON and Parquet a rendering of the row

	Time      int64 // date+time or timestamp(ms): when the response ended, Unix ms
	TimeTaken int64 // time-taken in ms, -1 if unknown
	FirstByte int64 // time-to-first-byte in ms, -1 if unknown

	Distribution []byte // DistributionId field, else from the object's name
	Location     []byte // x-edge-location
	ClientIP     []byte // c-ip
	Method       []byte // cs-method
	Domain       []byte // cs(Host): the distribution's own domain name
	Host         []byte // x-host-header: the Host that the viewer sent
	Stem         []byte // cs-uri-stem: the viewer's path, before any rewrite
	Query        []byte // cs-uri-query
	Status       int    // sc-status; 0 for "000" (the viewer left first)
	Referer      []byte // cs(Referer)
	UserAgent    []byte // cs(User-Agent)
	Cookie       []byte // cs(Cookie)

	Result         []byte // x-edge-result-type
	ResponseResult []byte // x-edge-response-result-type
	DetailedResult []byte // x-edge-detailed-result-type

	RequestID       []byte // x-edge-request-id
	Protocol        []byte // cs-protocol
	ProtocolVersion []byte // cs-protocol-version
	Bytes           int64  // sc-bytes, -1 if unknown
	RequestBytes    int64  // cs-bytes, -1 if unknown
	ContentType     []byte // sc-content-type
	ContentLength   int64  // sc-content-len, -1 if unknown
	ForwardedFor    []byte // x-forwarded-for
	Country         []byte // c-country
	PathPattern     []byte // cache-behavior-path-pattern
	OriginHost      []byte // r-host (real-time logs)

	// OriginFirstByte is origin-fbl in ms. It is -1 when the field was not
	// delivered, and NoOrigin when it was delivered as "-": no origin was
	// asked.
	OriginFirstByte int64
}

// NoOrigin is the OriginFirstByte of a request that CloudFront answered without
// asking an origin.
const NoOrigin = -2

// An OriginRecord is one line of an S3 server access log.
//
// Byte slices are as logged, nil where the field is "-" (quoted or not) or
// missing; they point into the reader's buffer and are valid until the Handler
// returns. Numbers are -1 where absent. Field names in the comments are S3's
// (Amazon S3 server access log format).
type OriginRecord struct {
	Ref  Ref
	Line []byte // the raw line; for JSON and Parquet a rendering of the row

	Time int64 // Time: when the request was received, Unix ms

	BucketOwner []byte // canonical user id
	Bucket      []byte
	RemoteIP    []byte
	Requester   []byte
	RequestID   []byte
	Operation   []byte
	Key         []byte // encoded; AppendKey decodes it
	RequestURI  []byte // "METHOD target HTTP/x.y" without the quotes, raw bytes
	Status      int    // 0 if absent
	ErrorCode   []byte
	BytesSent   int64
	ObjectSize  int64
	TotalTime   int64 // ms
	TurnAround  int64 // ms

	Referer          []byte
	UserAgent        []byte
	VersionID        []byte
	HostID           []byte
	SignatureVersion []byte
	CipherSuite      []byte
	AuthType         []byte
	HostHeader       []byte
	TLSVersion       []byte
	AccessPointARN   []byte
	ACLRequired      []byte
	SourceRegion     []byte
	KeyLayers        uint8 // layers of encoding on Key: 2, 1 (BATCH.*, S3.*) or 0
}

// A FirewallRecord is one record of an AWS WAF log.
type FirewallRecord struct {
	Ref  Ref
	Line []byte

	Time         int64  // timestamp, Unix ms
	RequestID    []byte // httpRequest.requestId = CloudFront's x-edge-request-id
	Action       []byte // ALLOW, BLOCK, COUNT, CAPTCHA, CHALLENGE
	RuleID       []byte // terminatingRuleId
	RuleType     []byte // terminatingRuleType
	GroupRule    []byte // the rule inside a rule group that terminated, if any
	WebACL       []byte // webaclId (an ARN)
	SourceName   []byte // httpSourceName: CF, ALB, …
	SourceID     []byte // httpSourceId: the distribution id for CF
	URI, Method  []byte
	ClientIP     []byte
	ResponseCode int // responseCodeSent, 0 if absent
}
