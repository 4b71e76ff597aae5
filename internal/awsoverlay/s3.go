package awsoverlay

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/why403/why403/internal/gather"
)

// A Store holds the objects of one bucket in memory. It is safe for concurrent
// use.
type Store struct {
	Region string // "" for us-east-1

	mu      sync.Mutex
	objects map[string]stored
	sorted  []string // nil: to be sorted again
}

type stored struct {
	data     []byte
	etag     string
	modified time.Time
}

// Put stores an object.
func (b *Store) Put(key string, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(key, data)
}

func (b *Store) put(key string, data []byte) string {
	if b.objects == nil {
		b.objects = map[string]stored{}
	}
	sum := md5.Sum(data)
	o := stored{data, `"` + hex.EncodeToString(sum[:]) + `"`, time.Now().UTC()}
	b.objects[key] = o
	b.sorted = nil
	return o.etag
}

// Get returns an object's bytes, and whether there is one.
func (b *Store) Get(key string) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	return o.data, ok
}

// Delete removes an object.
func (b *Store) Delete(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, key)
	b.sorted = nil
}

func (b *Store) keys() []string {
	if b.sorted == nil {
		b.sorted = make([]string, 0, len(b.objects))
		for k := range b.objects {
			b.sorted = append(b.sorted, k)
		}
		sort.Strings(b.sorted)
	}
	return b.sorted
}

// subresources gives the calls of a bucket by their query parameter.
var subresources = map[string]*gather.Call{
	"location":          gather.GetBucketLocation,
	"policy":            gather.GetBucketPolicy,
	"policyStatus":      gather.GetBucketPolicyStatus,
	"publicAccessBlock": gather.GetPublicAccessBlock,
	"ownershipControls": gather.GetOwnershipControls,
	"acl":               gather.GetBucketACL,
	"website":           gather.GetBucketWebsite,
	"requestPayment":    gather.GetRequestPayment,
	"encryption":        gather.GetBucketEncryption,
	"logging":           gather.GetBucketLogging,
	"versioning":        gather.GetBucketVersioning,
	"cors":              gather.GetBucketCORS,
}

// s3 answers S3. bucket is "" for path style, region "" for a custom endpoint.
func (s *Server) s3(w http.ResponseWriter, r *http.Request, bucket, region string) {
	// The path as sent: keys may hold empty segments and dots.
	path, err := url.PathUnescape(strings.SplitN(r.RequestURI, "?", 2)[0])
	if err != nil {
		fail(w, r, rest, &gather.APIError{Code: "InvalidURI", Message: "Couldn't parse the specified URI."})
		return
	}
	key := strings.TrimPrefix(path, "/")
	if bucket == "" {
		bucket, key, _ = strings.Cut(key, "/")
	}
	query := r.URL.Query()
	store := s.Buckets[bucket]
	if store == nil && s.Answers == nil {
		fail(w, r, rest, &gather.APIError{Code: "NoSuchBucket", Message: "The specified bucket does not exist"})
		return
	}
	if home := s.regionOf(r, bucket); region != "" && home != region {
		s.note("redirect", bucket, region)
		fail(w, r, rest, &gather.APIError{Code: "PermanentRedirect", Message: "The bucket is in this region: " + home, BucketRegion: home})
		return
	}
	if key == "" {
		s.bucket(w, r, bucket, query)
		return
	}
	if store != nil {
		s.stored(w, r, store, bucket, key)
		return
	}
	q := gather.Question{Bucket: bucket, Key: key}
	switch {
	case r.Method == http.MethodHead:
		s.head(w, r, q)
	case r.Method == http.MethodGet && query.Has("acl"):
		q.Call = gather.GetObjectACL
		s.answer(w, r, rest, q)
	case r.Method == http.MethodGet && query.Has("tagging"):
		q.Call = gather.GetObjectTagging
		s.answer(w, r, rest, q)
	default:
		s.forward(w, r)
	}
}

// regionOf returns a bucket's Region.
func (s *Server) regionOf(r *http.Request, bucket string) string {
	if b := s.Buckets[bucket]; b != nil {
		return first(b.Region, "us-east-1")
	}
	var head struct{ BucketRegion string }
	data, err := s.Answers.Ask(r.Context(), gather.Question{Call: gather.HeadBucket, Bucket: bucket})
	var api *gather.APIError
	if errors.As(err, &api) {
		head.BucketRegion = api.BucketRegion
	} else if err == nil {
		_ = json.Unmarshal(data, &head)
	}
	return first(head.BucketRegion, "us-east-1")
}

func (s *Server) bucket(w http.ResponseWriter, r *http.Request, bucket string, query url.Values) {
	q := gather.Question{Bucket: bucket}
	switch {
	case r.Method == http.MethodHead:
		q.Call, q.Owner = gather.HeadBucket, r.Header.Get("X-Amz-Expected-Bucket-Owner")
		w.Header().Set("X-Amz-Bucket-Region", s.regionOf(r, bucket))
		if s.Buckets[bucket] != nil {
			s.note(q.Call.Name, bucket)
			if s.denied(q.Call.Permission) {
				fail(w, r, rest, &gather.APIError{Code: "403"})
			}
			return
		}
		data, err := s.ask(r, q)
		if err != nil {
			s.failOr(w, r, err)
			return
		}
		_ = data
	case r.Method != http.MethodGet:
		s.forward(w, r)
	case query.Get("list-type") == "2":
		s.list(w, r, bucket, query)
	case query.Has("versions"):
		q.Call, q.Prefix = gather.ListObjectVersions, query.Get("prefix")
		q.Max, _ = strconv.Atoi(query.Get("max-keys"))
		data, err := s.ask(r, q)
		if err != nil {
			s.failOr(w, r, err)
			return
		}
		var v gather.Versions
		_ = json.Unmarshal(data, &v)
		out := map[string]any{"Name": bucket, "IsTruncated": v.IsTruncated, "EncodingType": "url"}
		encode := func(list []gather.Version) (items []any) {
			for _, e := range list {
				items = append(items, map[string]any{"Key": encoded(e.Key, e.KeyEncoding), "VersionId": e.VersionId, "IsLatest": e.IsLatest, "LastModified": string(e.LastModified)})
			}
			return items
		}
		if l := encode(v.Versions); l != nil {
			out["Versions"] = l
		}
		if l := encode(v.DeleteMarkers); l != nil {
			out["DeleteMarkers"] = l
		}
		writeElement(w, fromJSON("ListVersionsResult", out))
	default:
		for name, call := range subresources {
			if query.Has(name) {
				q.Call = call
				s.answer(w, r, rest, q)
				return
			}
		}
		s.forward(w, r)
	}
}

func (s *Server) failOr(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, gather.ErrNotAsked) && s.Forward != nil {
		s.forward(w, r)
		return
	}
	fail(w, r, rest, err)
}

// encoded writes a key as S3 does for encoding-type=url.
func encoded(key, encoding string) string {
	if encoding == "base64" {
		key, _ = gather.ExactName(key, encoding)
	}
	return url.QueryEscape(key)
}

// list answers ListObjectsV2.
func (s *Server) list(w http.ResponseWriter, r *http.Request, bucket string, query url.Values) {
	limit := 1000
	if n, err := strconv.Atoi(query.Get("max-keys")); err == nil {
		limit = min(n, limit)
	}
	prefix, delimiter := query.Get("prefix"), query.Get("delimiter")
	encode := query.Get("encoding-type") == "url"
	text := func(s string) string {
		if encode {
			return url.QueryEscape(s)
		}
		return s
	}
	out := map[string]any{"Name": bucket, "MaxKeys": limit, "IsTruncated": false}
	if encode {
		out["EncodingType"] = "url"
	}
	contents, prefixes := []any{}, []any{}
	if b := s.Buckets[bucket]; b != nil {
		s.note(gather.ListObjectsV2.Name, bucket, prefix)
		if s.denied(gather.ListObjectsV2.Permission) {
			fail(w, r, rest, &gather.APIError{Code: "AccessDenied", Message: "Access Denied"})
			return
		}
		after := first(query.Get("continuation-token"), query.Get("start-after"))
		b.mu.Lock()
		keys := b.keys()
		start, exact := slices.BinarySearch(keys, max(prefix, after))
		if exact && keys[start] == after {
			start++
		}
		last := ""
		for _, k := range keys[start:] {
			if !strings.HasPrefix(k, prefix) {
				break
			}
			common := ""
			if delimiter != "" {
				if j := strings.Index(k[len(prefix):], delimiter); j >= 0 {
					common = k[:len(prefix)+j+len(delimiter)]
				}
			}
			if common != "" && (common == last || strings.HasPrefix(after, common)) {
				continue
			}
			if len(contents)+len(prefixes) == limit {
				out["IsTruncated"] = true
				out["NextContinuationToken"] = last
				break
			}
			if common != "" {
				prefixes = append(prefixes, map[string]any{"Prefix": text(common)})
				last = common
				continue
			}
			o := b.objects[k]
			contents = append(contents, map[string]any{"Key": text(k), "Size": len(o.data), "ETag": o.etag, "LastModified": o.modified.Format("2006-01-02T15:04:05.000Z"), "StorageClass": "STANDARD"})
			last = k
		}
		b.mu.Unlock()
	} else {
		data, err := s.ask(r, gather.Question{Call: gather.ListObjectsV2, Bucket: bucket, Prefix: prefix, Delimiter: delimiter, Max: limit})
		if err != nil {
			s.failOr(w, r, err)
			return
		}
		var l gather.Listing
		_ = json.Unmarshal(data, &l)
		out["IsTruncated"] = l.IsTruncated
		for _, e := range l.Contents {
			item := map[string]any{"Key": encoded(e.Key, e.KeyEncoding), "Size": e.Size, "ETag": e.ETag, "StorageClass": e.StorageClass}
			if e.LastModified != "" {
				item["LastModified"] = string(e.LastModified)
			}
			if e.Owner != nil {
				item["Owner"] = map[string]any{"ID": e.Owner.ID}
			}
			contents = append(contents, item)
		}
		for _, p := range l.CommonPrefixes {
			prefixes = append(prefixes, map[string]any{"Prefix": encoded(p.Prefix, p.KeyEncoding)})
		}
	}
	out["KeyCount"] = len(contents) + len(prefixes)
	if len(contents) > 0 {
		out["Contents"] = contents
	}
	if len(prefixes) > 0 {
		out["CommonPrefixes"] = prefixes
	}
	w.Header().Set("Content-Type", "application/xml")
	writeElement(w, fromJSON("ListBucketResult", out))
}

// headers gives the members of a HeadObject answer that travel in headers.
var headers = map[string]string{
	"AcceptRanges": "Accept-Ranges", "LastModified": "Last-Modified", "ContentLength": "Content-Length", "ETag": "ETag",
	"ContentType": "Content-Type", "CacheControl": "Cache-Control", "ContentEncoding": "Content-Encoding",
	"ServerSideEncryption": "X-Amz-Server-Side-Encryption", "SSEKMSKeyId": "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
	"SSECustomerAlgorithm": "X-Amz-Server-Side-Encryption-Customer-Algorithm", "BucketKeyEnabled": "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled",
	"StorageClass": "X-Amz-Storage-Class", "ArchiveStatus": "X-Amz-Archive-Status", "Restore": "X-Amz-Restore",
	"WebsiteRedirectLocation": "X-Amz-Website-Redirect-Location", "VersionId": "X-Amz-Version-Id", "DeleteMarker": "X-Amz-Delete-Marker",
}

// head answers HeadObject: from the key's own answer, else from a listing. A
// missing key is 404 only for callers who may list.
func (s *Server) head(w http.ResponseWriter, r *http.Request, q gather.Question) {
	q.Call = gather.HeadObject
	data, err := s.ask(r, q)
	if errors.Is(err, gather.ErrNotAsked) {
		list, lerr := s.Answers.Ask(r.Context(), gather.Question{Call: gather.ListObjectsV2, Bucket: q.Bucket, Prefix: q.Key, Max: 1})
		var l gather.Listing
		if lerr == nil {
			_ = json.Unmarshal(list, &l)
			err = &gather.APIError{Code: "404"}
			if len(l.Contents) == 1 {
				if k, _ := gather.ExactName(l.Contents[0].Key, l.Contents[0].KeyEncoding); k == q.Key {
					data, err = fmt.Appendf(nil, `{"ContentLength":%d}`, l.Contents[0].Size), nil
				}
			}
		}
	}
	var api *gather.APIError
	if errors.As(err, &api) && statusOf(api.Code) == http.StatusNotFound {
		if s.denied("s3:ListBucket") {
			err = &gather.APIError{Code: "403"}
		} else if api.DeleteMarker == nil {
			err = &gather.APIError{Code: "404", DeleteMarker: new(s.deleted(r, q))}
		}
	}
	if err != nil {
		s.failOr(w, r, err)
		return
	}
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	_ = d.Decode(&v)
	for name, value := range v {
		if name == "Metadata" {
			m, _ := value.(map[string]any)
			for k, x := range m {
				w.Header().Set("X-Amz-Meta-"+k, fmt.Sprint(x))
			}
			continue
		}
		text := fmt.Sprint(value)
		if name == "LastModified" {
			for _, layout := range []string{time.RFC3339, time.RFC1123} {
				if t, err := time.Parse(layout, text); err == nil {
					text = t.UTC().Format(http.TimeFormat)
				}
			}
		}
		if h := headers[name]; h != "" {
			w.Header().Set(h, text)
		}
	}
}

// deleted says whether a key's current version is a delete marker.
func (s *Server) deleted(r *http.Request, q gather.Question) bool {
	data, err := s.Answers.Ask(r.Context(), gather.Question{Call: gather.ListObjectVersions, Bucket: q.Bucket, Prefix: q.Key, Max: 20})
	var v gather.Versions
	if err != nil || json.Unmarshal(data, &v) != nil {
		return false
	}
	return slices.ContainsFunc(v.DeleteMarkers, func(e gather.Version) bool { return e.IsLatest })
}

// stored answers for objects in memory: GET with ranges, HEAD, conditional PUT.
func (s *Server) stored(w http.ResponseWriter, r *http.Request, b *Store, bucket, key string) {
	operation := map[string]string{http.MethodGet: "s3:GetObject", http.MethodHead: "s3:HeadObject", http.MethodPut: "s3:PutObject", http.MethodDelete: "s3:DeleteObject"}[r.Method]
	s.note(operation, bucket, key)
	if s.denied(strings.Replace(operation, "Head", "Get", 1)) {
		fail(w, r, rest, &gather.APIError{Code: "AccessDenied", Message: "Access Denied"})
		return
	}
	b.mu.Lock()
	o, ok := b.objects[key]
	b.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		data, err := io.ReadAll(r.Body)
		if err == nil && strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
			data, err = unchunk(data)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		o, ok := b.objects[key]
		match := r.Header.Get("If-Match")
		switch {
		case match != "" && !ok:
			fail(w, r, rest, &gather.APIError{Code: "NoSuchKey", Message: "The specified key does not exist."})
		case match != "" && match != o.etag, r.Header.Get("If-None-Match") == "*" && ok:
			fail(w, r, rest, &gather.APIError{Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold"})
		default:
			w.Header().Set("ETag", b.put(key, data))
		}
	case http.MethodDelete:
		b.Delete(key)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet, http.MethodHead:
		if !ok {
			code := "NoSuchKey"
			if s.denied("s3:ListBucket") {
				code = "AccessDenied"
			}
			fail(w, r, rest, &gather.APIError{Code: code, Message: "The specified key does not exist."})
			return
		}
		w.Header().Set("ETag", o.etag)
		w.Header().Set("Content-Type", "binary/octet-stream")
		http.ServeContent(w, r, "", o.modified, bytes.NewReader(o.data))
	}
}

// unchunk takes the chunks of aws-chunked encoding out of a body, and leaves
// the trailers away.
func unchunk(body []byte) ([]byte, error) {
	var out []byte
	for {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		size, _, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if !ok || err != nil || int(n) > len(rest) {
			return nil, errors.New("the body is not aws-chunked")
		}
		if n == 0 {
			return out, nil
		}
		out = append(out, rest[:n]...)
		body = bytes.TrimPrefix(rest[n:], []byte("\r\n"))
	}
}
