package logs

import "bytes"

// An edgeField is a field of an EdgeRecord, or of the log that it is made from.
type edgeField uint8

const (
	fieldOther edgeField = iota // known or not, of no use here
	fieldDate
	fieldTime
	fieldTimestamp   // seconds, with or without a fraction
	fieldTimestampMS // milliseconds
	fieldDistribution
	fieldLocation
	fieldBytes
	fieldClientIP
	fieldMethod
	fieldCSHost
	fieldXHost
	fieldStem
	fieldStatus
	fieldReferer
	fieldUserAgent
	fieldQuery
	fieldCookie
	fieldResult
	fieldResponseResult
	fieldDetailedResult
	fieldRequestID
	fieldProtocol
	fieldProtocolVersion
	fieldRequestBytes
	fieldTimeTaken
	fieldFirstByte
	fieldForwardedFor
	fieldContentType
	fieldContentLength
	fieldCountry
	fieldPathPattern
	fieldOriginHost
	fieldOriginFirstByte
)

// edgeFields maps normalised names: the spellings of the W3C header, JSON keys,
// Parquet columns, real-time fields and common Firehose transforms fall
// together (CloudFront guide, Standard logging reference and Real-time logs).
var edgeFields = map[string]edgeField{
	"date": fieldDate, "time": fieldTime,
	"timestamp": fieldTimestamp, "timestampms": fieldTimestampMS,
	"distributionid": fieldDistribution, "primarydistributionid": fieldDistribution,
	"xedgelocation": fieldLocation, "scbytes": fieldBytes, "cip": fieldClientIP,
	"csmethod": fieldMethod, "cshost": fieldCSHost, "xhostheader": fieldXHost,
	"csuristem": fieldStem, "scstatus": fieldStatus,
	"csreferer": fieldReferer, "csreferrer": fieldReferer, "csuseragent": fieldUserAgent,
	"csuriquery": fieldQuery, "cscookie": fieldCookie,
	"xedgeresulttype": fieldResult, "xedgeresponseresulttype": fieldResponseResult,
	"xedgedetailedresulttype": fieldDetailedResult, "xedgerequestid": fieldRequestID,
	"csprotocol": fieldProtocol, "csprotocolversion": fieldProtocolVersion, "csbytes": fieldRequestBytes,
	"timetaken": fieldTimeTaken, "timetofirstbyte": fieldFirstByte, "xforwardedfor": fieldForwardedFor,
	"sccontenttype": fieldContentType, "sccontentlen": fieldContentLength,
	"ccountry": fieldCountry, "cachebehaviorpathpattern": fieldPathPattern,
	"rhost": fieldOriginHost, "originfbl": fieldOriginFirstByte,
}

// normalise appends name in lower case with only its letters and digits.
func normalise(dst []byte, name []byte) []byte {
	for _, c := range name {
		if c-'A' <= 25 {
			c |= 0x20
		}
		if c-'a' <= 25 || c-'0' <= 9 {
			dst = append(dst, c)
		}
	}
	return dst
}

func edgeFieldOf(name []byte) edgeField {
	var buf [40]byte
	return edgeFields[string(normalise(buf[:0], name))]
}

// clear makes r an empty record.
func (r *EdgeRecord) clear() {
	*r = EdgeRecord{TimeTaken: -1, FirstByte: -1, Bytes: -1, RequestBytes: -1, ContentLength: -1, OriginFirstByte: -1}
}

// set stores one field as logged. Time and status are not set here: whoever
// decided that the record is wanted has them. realTime swaps the host fields
// and takes the query off the stem, as real-time logs need.
func (r *EdgeRecord) set(f edgeField, v []byte, realTime bool) {
	if f == fieldOther {
		return
	}
	absent := len(v) == 0 || len(v) == 1 && v[0] == '-'
	if absent {
		if f == fieldOriginFirstByte {
			r.OriginFirstByte = NoOrigin
		}
		return
	}
	switch f {
	case fieldTimestampMS:
		if n := number(v); n >= 0 {
			r.Time = n
		}
	case fieldDistribution:
		r.Distribution = v
	case fieldLocation:
		r.Location = v
	case fieldBytes:
		r.Bytes = number(v)
	case fieldClientIP:
		r.ClientIP = v
	case fieldMethod:
		r.Method = v
	case fieldCSHost:
		if realTime {
			r.Host = v
		} else {
			r.Domain = v
		}
	case fieldXHost:
		if realTime {
			r.Domain = v
		} else {
			r.Host = v
		}
	case fieldStem:
		r.Stem = v
		if realTime {
			if i := bytes.IndexByte(v, '?'); i >= 0 {
				r.Stem = v[:i]
				if r.Query == nil {
					r.Query = field(v[i+1:])
				}
			}
		}
	case fieldReferer:
		r.Referer = v
	case fieldUserAgent:
		r.UserAgent = v
	case fieldQuery:
		r.Query = v
	case fieldCookie:
		r.Cookie = v
	case fieldResult:
		r.Result = v
	case fieldResponseResult:
		r.ResponseResult = v
	case fieldDetailedResult:
		r.DetailedResult = v
	case fieldRequestID:
		r.RequestID = v
	case fieldProtocol:
		r.Protocol = v
	case fieldProtocolVersion:
		r.ProtocolVersion = v
	case fieldRequestBytes:
		r.RequestBytes = number(v)
	case fieldTimeTaken:
		r.TimeTaken = millis(v)
	case fieldFirstByte:
		r.FirstByte = millis(v)
	case fieldForwardedFor:
		r.ForwardedFor = v
	case fieldContentType:
		r.ContentType = v
	case fieldContentLength:
		r.ContentLength = number(v)
	case fieldCountry:
		r.Country = v
	case fieldPathPattern:
		r.PathPattern = v
	case fieldOriginHost:
		r.OriginHost = v
	case fieldOriginFirstByte:
		r.OriginFirstByte = millis(v)
	}
}
