package correlate

import (
	"regexp"
	"strings"
)

// Existence is what S3 finds for an anonymous reader of a website's key.
type Existence int8

// The kinds of existence.
const (
	Missing    Existence = iota // no such object, and the reader may know it
	Hidden                      // the reader may not read it; it may exist or not
	Readable                    // the object can be read
	Unreadable                  // the object exists and the reader may not read it
)

// An Answer is what a website endpoint does with a request.
type Answer struct {
	Status   int
	Key      string // the key that was read, or that the refusal is about
	Body     string // the key whose body is sent: Key, or the error document's; "" none
	Location string // of a redirect
}

// Index returns the key that a website endpoint reads for the key of a
// request: the index document for "" and for a key that ends in a slash.
func (w *Website) Index(key string) string {
	if key == "" || strings.HasSuffix(key, "/") {
		return key + w.IndexSuffix
	}
	return key
}

// Resolve says how a website endpoint answers a GET of the key (the path
// without its first slash, decoded; see [KeyOfWire]). ask tells what an
// anonymous reader meets at a key; location tells an object's
// x-amz-website-redirect-location, "" if none, and may be nil.
//
// The order is S3's (S3 user guide, Hosting a static website; LocalStack's and
// Ceph's recorded tests): redirect of all requests,
// routing rules on the prefix alone, index document, the object, a 302 to the
// folder, routing rules on the error, error document.
func (w *Website) Resolve(key string, ask func(key string) Existence, location func(key string) string) Answer {
	if loc, ok := w.redirect(key, 0); ok {
		return Answer{Status: loc.code, Key: key, Location: loc.String()}
	}
	target := w.Index(key)
	a := Answer{Status: 200, Key: target, Body: target}
	switch ask(target) {
	case Readable:
		if location != nil {
			if loc := location(target); loc != "" {
				return Answer{Status: 301, Key: target, Location: loc}
			}
		}
		return a
	case Unreadable:
		a.Status = 403
	case Hidden:
		a.Status = 403
		if target == key && ask(key+"/"+w.IndexSuffix) == Readable {
			return Answer{Status: 302, Key: key, Location: "/" + escapeLocation(key) + "/"}
		}
	case Missing:
		a.Status = 404
		if target == key {
			switch ask(key + "/" + w.IndexSuffix) {
			case Readable:
				return Answer{Status: 302, Key: key, Location: "/" + escapeLocation(key) + "/"}
			case Unreadable:
				a.Status = 403
			}
		}
	}
	if loc, ok := w.redirect(key, a.Status); ok {
		return Answer{Status: loc.code, Key: target, Location: loc.String()}
	}
	a.Body = ""
	if w.ErrorKey != "" && ask(w.ErrorKey) == Readable {
		if location != nil {
			if loc := location(w.ErrorKey); loc != "" {
				return Answer{Status: 301, Key: target, Location: loc}
			}
		}
		a.Body = w.ErrorKey
	}
	return a
}

// A redirection is where a redirect leads. Without a host it stays on the one
// that was asked.
type redirection struct {
	code              int
	proto, host, path string
}

func (r redirection) String() string {
	if r.host == "" {
		return r.path
	}
	proto := r.proto
	if proto == "" {
		proto = "http"
	}
	return proto + "://" + r.host + r.path
}

// redirect finds the redirection for the requested key: with status 0 the one
// that needs no look at the object, else the one for that error.
func (w *Website) redirect(key string, status int) (redirection, bool) {
	if w.RedirectAll != "" {
		if status != 0 {
			return redirection{}, false
		}
		return redirection{301, w.RedirectProto, w.RedirectAll, "/" + escapeLocation(key)}, true
	}
	for i := range w.Rules {
		r := &w.Rules[i]
		if r.ErrorCode != status || !strings.HasPrefix(key, r.KeyPrefix) {
			continue
		}
		to := escapeLocation(key)
		switch {
		case r.HasReplaceKey:
			to = escapeUnsafe(r.ReplaceKey)
		case r.HasReplacePrefix:
			to = escapeUnsafe(r.ReplacePrefix) + escapeLocation(key[len(r.KeyPrefix):])
		}
		code := r.RedirectCode
		if code == 0 {
			code = 301
		}
		return redirection{code, r.Protocol, r.HostName, "/" + to}, true
	}
	return redirection{}, false
}

// escapeLocation percent-encodes a key for a Location header.
func escapeLocation(key string) string { return strings.TrimPrefix(WireOfKey(key), "/") }

// escapeUnsafe encodes what no URL may hold. A rule's replacement is otherwise
// taken as it was written: "#!/" and "page?path=" are known uses.
func escapeUnsafe(s string) string {
	return notInURL.ReplaceAllStringFunc(s, escapeLocation)
}

var notInURL = regexp.MustCompile(`[^!-~]+`)
