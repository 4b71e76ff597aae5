package causes

import (
	_ "embed"
	"strings"
	"time"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

//go:embed pages/key-missing.md
var pageKeyMissing string

//go:embed pages/key-deleted.md
var pageKeyDeleted string

//go:embed pages/key-case.md
var pageKeyCase string

//go:embed pages/key-trailing-slash.md
var pageKeyTrailingSlash string

//go:embed pages/key-directory-index.md
var pageKeyDirectoryIndex string

//go:embed pages/key-extension.md
var pageKeyExtension string

//go:embed pages/key-double-slash.md
var pageKeyDoubleSlash string

//go:embed pages/key-origin-path.md
var pageKeyOriginPath string

//go:embed pages/key-encoding.md
var pageKeyEncoding string

//go:embed pages/key-unicode-form.md
var pageKeyUnicodeForm string

//go:embed pages/key-spa-route.md
var pageKeySPARoute string

var listBucket = []string{"s3:ListBucket"}

var keyDeleted = &checks.Check{
	ID: "key-deleted", Title: "The object was deleted: its current version is a delete marker",
	Page: pageKeyDeleted, Rank: rankKey + 10, Object: true, Permissions: []string{"s3:ListBucketVersions"},
	Opening: beginMissing,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		o := v.s.Object
		marker := o.Version.Known() && o.Version.Value.DeleteMarker
		switch {
		case marker || o.Head.Known() && o.Head.Value.DeleteMarker:
		case o.Version.Settled():
			return ruledOut()
		case v.s.BucketFacts.Versioning.Settled() && v.s.BucketFacts.Versioning.Value == "":
			return ruledOut() // never versioned: no delete markers
		case v.k.Deleted > 0 && v.s.BucketFacts.Versioning.Known():
			f := cause(weaker(v.missingCertainty(), checks.Likely), "%s was deleted at %s; the bucket keeps versions, so that its current version is a delete marker", v.object(), clock(v.k.Deleted))
			f = with(f, v.deletion(), ofFact(v.s.BucketFacts.Versioning, "Status", "versioning is %s", v.s.BucketFacts.Versioning.Value), v.refusal())
			return fixed(f, v.undelete())
		default:
			return undecided(or(o.Version.Missing(), "s3:ListBucketVersions"))
		}
		f := cause(v.missingCertainty(), "%s was deleted: its current version is a delete marker", v.object())
		if v.deletedAfter() == checks.Possible {
			f.Summary += ", written after the last refusal"
		}
		if marker {
			f = with(f, ofFact(o.Version, "VersionId "+o.Version.Value.VersionID, "the current version is a delete marker, written %s", o.Version.Value.LastModified))
		} else {
			f = with(f, ofFact(o.Head, "DeleteMarker", "the current version is a delete marker"))
		}
		f = with(f, v.deletion(), v.refusal())
		return fixed(f, v.undelete())
	},
}

// near is the check for one kind of existing neighbour.
func near(kind correlate.NearKind, rank int, title, page, format string) *checks.Check {
	return &checks.Check{
		ID: string(kind), Title: title, Page: page, Rank: rankKey + rank, Permissions: listBucket, Object: true, Opening: beginMissing,
		Key: func(p *checks.KeyPass) checks.Finding {
			v := look(p)
			if kind == correlate.NearDirectoryIndex && v.website() {
				return notApplicable() // a website endpoint serves the index document by itself
			}
			n := v.s.Object.Near
			if !n.Known() {
				if n.Settled() {
					return ruledOut()
				}
				return undecided(or(n.Missing(), "s3:ListBucket"))
			}
			for i, k := range n.Value {
				if k.Kind != kind {
					continue
				}
				c := v.missingCertainty()
				if i > 0 && n.Value[0].Kind != correlate.NearSpelling {
					c = weaker(c, checks.Likely)
				}
				if kind == correlate.NearOriginPath && !strings.HasSuffix(v.s.Key, "/"+k.Key) && k.Key != v.originPrefix()+v.s.Key {
					c = weaker(c, checks.Likely) // another folder, which the settings do not name
				}
				f := cause(c, format, printable(v.s.Key), printable(k.Key))
				f = with(f, access.Existence(v.s)...)
				f = with(f, ofFact(n, quote(k.Key), "the bucket holds %s", quote(k.Key)), v.refusal())
				return fixed(f, v.nearRemedies(k)...)
			}
			return ruledOut()
		},
	}
}

var (
	keyCase = near(correlate.NearCase, 40, "An existing key differs only in the case of its letters",
		pageKeyCase, "the key %s does not exist; %s does, and differs only in case")
	keyTrailingSlash = near(correlate.NearTrailingSlash, 41, "The key exists with, or without, a slash at its end",
		pageKeyTrailingSlash, "the key %s does not exist; %s does, and differs only in the slash at its end")
	keyDirectoryIndex = near(correlate.NearDirectoryIndex, 42, "A folder was asked for, and a REST endpoint serves no index document",
		pageKeyDirectoryIndex, "%s is a folder: a REST endpoint serves no index document, though %s exists")
	keyExtension = near(correlate.NearExtension, 43, "The key exists with a file extension",
		pageKeyExtension, "the key %s does not exist; %s does, and differs only in its extension")
	keyDoubleSlash = near(correlate.NearDoubleSlash, 37, "The path has a doubled or leading slash, which is part of the key",
		pageKeyDoubleSlash, "the key %s has a slash too many; %s exists")
	keyOriginPath = near(correlate.NearOriginPath, 36, "The origin path before the key is missing, doubled or wrong",
		pageKeyOriginPath, "the key %s does not exist; %s does: the origin path is missing, doubled or wrong")
	keyEncoding = near(correlate.NearEncoding, 38, "The path decodes to another key than the one that exists",
		pageKeyEncoding, "the path decodes to the key %s, which does not exist; %s does")
	keyUnicodeForm = near(correlate.NearUnicode, 39, "The key exists in another Unicode normalisation form",
		pageKeyUnicodeForm, "the key %s does not exist; %s does, and is the same text in another Unicode form")
)

var keySPARoute = &checks.Check{
	ID: "key-spa-route", Title: "A route of a single-page application, which was never an object",
	Page: pageKeySPARoute, Rank: rankKey + 60, Object: true, Permissions: append([]string{"cloudfront:GetDistribution"}, listBucket...),
	Opening: beginMissing,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.Distribution == nil && !v.direct() && v.routeLike() {
			return undecided("cloudfront:GetDistribution")
		}
		c, page := v.spaRoute()
		if c == "" {
			return ruledOut()
		}
		f := cause(weaker(c, v.missingCertainty()), "%s is a route of a single-page application, not an object: S3 has nothing to serve there", printable("/"+v.s.Key))
		f = with(f, access.Existence(v.s)...)
		if page != nil {
			f = with(f, evidence("cloudfront:GetDistribution", "CustomErrorResponses", "the distribution answers %d with %s and status %d", page.ErrorCode, page.ResponsePagePath, page.ResponseCode))
		}
		return fixed(with(f, v.refusal()), v.spaRemedies(page)...)
	},
}

// spaRoute says how much speaks for a client-side route: no neighbour, no
// extension, and a page of the application served in place of errors.
func (v view) spaRoute() (checks.Certainty, *correlate.ErrorResponse) {
	if v.Distribution == nil || !v.routeLike() {
		return "", nil
	}
	for i := range v.Distribution.ErrorResponses {
		r := &v.Distribution.ErrorResponses[i]
		if (r.ErrorCode == 403 || r.ErrorCode == 404) && r.ResponseCode == 200 && strings.HasSuffix(r.ResponsePagePath, ".html") {
			return checks.Likely, r
		}
	}
	return "", nil
}

// routeLike reports whether nothing speaks against a client-side route.
func (v view) routeLike() bool {
	last := v.s.Key[strings.LastIndexByte(v.s.Key, '/')+1:]
	return !v.website() && v.s.Key != "" && !v.k.Noise && !v.hasNear() && !v.rootRequest() && !strings.Contains(last, ".")
}

func (v view) hasNear() bool {
	for _, n := range v.s.Object.Near.Value {
		if n.Kind != correlate.NearSpelling {
			return true
		}
	}
	return false
}

var keyMissing = &checks.Check{
	ID: "key-missing", Title: "There is no such object, and S3 hides that because the requester may not list the bucket",
	Page: pageKeyMissing, Rank: rankKey + 90, Object: true, Permissions: listBucket,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if f, since := v.uploadedSince(); since {
			return f
		}
		if f, done := v.Open(beginMissing); done {
			return *f
		}
		if c, _ := v.spaRoute(); c != "" || v.hasNear() || v.namedMissing() {
			return ruledOut() // another check names why it is missing
		}
		c := v.missingCertainty()
		n := v.s.Object.Near
		if !n.Settled() {
			c = weaker(c, checks.Likely)
		}
		for _, other := range []*checks.Check{keyDeleted, keySPARoute, defaultRootUnset, defaultRootSlash, defaultRootMissing, indexDocumentMissing} {
			if p.Finding(other).Verdict == checks.Undecided {
				c = weaker(c, checks.Likely) // it may have a better name
			}
		}
		var f checks.Finding
		switch {
		case v.shown404():
			f = cause(c, "%s does not exist; but %s may list the bucket by the settings of now, and S3 answers 404 then: they changed since, or the key was there at the time", v.object(), v.who())
		case v.website():
			f = cause(c, "%s does not exist, and the bucket does not let everyone read that key: a website endpoint answers 403 instead of 404", v.object())
		default:
			f = cause(c, "%s does not exist; S3 answers 403 instead of 404 because %s may not list the bucket", v.object(), v.who())
		}
		f = with(with(f, access.Existence(v.s)...), v.deletion())
		for _, k := range n.Value {
			f = with(f, ofFact(n, quote(k.Key), "a similar key exists: %s", quote(k.Key)))
		}
		return fixed(with(f, v.refusal()), v.missingRemedies()...)
	},
}

// beginMissing is how all checks on a missing key begin: done is false when the key
// is missing and that can be why S3 refused it.
var beginMissing = opening(func(v view) (f checks.Finding, done bool) {
	switch {
	case !v.reads() || v.s.Key == "":
		return notApplicable(), true
	case v.s.Exists == correlate.Yes:
		return ruledOut(), true
	case v.code("InvalidObjectState", "KMS.") != nil:
		return ruledOut(), true // S3 found the object
	case !v.authorization() && v.code("NoSuchKey") == nil:
		return notApplicable(), true // S3 refused it before it looked
	case v.s.Exists == correlate.Unknown:
		return undecided(or(v.s.Object.Listed.Missing(), or(v.s.Object.Head.Missing(), "s3:ListBucket"))), true
	case v.website() && v.o.Status == 404:
		return ruledOut(), true // would be 404 at a website endpoint
	case v.website() && v.o.Status == 0:
		return undecided(append(v.policyMissing(), v.o.Step(access.GateGrant).Missing...)...), true
	}
	return checks.Finding{}, false
})

// missingCertainty: at a REST endpoint a missing key is 403 for whoever may not
// list; where the settings let the requester list, 404 would be the answer.
func (v view) missingCertainty() checks.Certainty {
	c := weaker(v.sure(false, false), v.deletedAfter())
	if v.shown404() || v.rewritten() {
		c = weaker(c, checks.Possible)
	}
	if o := v.s.Object; !v.s.BucketFacts.Inventory.IsZero() && !o.Head.Settled() && (o.Listed.Call == facts.SourceInventory || !o.Listed.Settled()) {
		c = weaker(c, checks.Likely) // what an inventory tells was true when it was made
	}
	return c
}

// deletion is the evidence of S3's own line, if there is one.
func (v view) deletion() checks.Evidence {
	if v.k.Deleted == 0 {
		return checks.Evidence{}
	}
	return evidence("s3-log", "", "the key was deleted at %s", clock(v.k.Deleted))
}

// shown404 reports whether the settings of now would show the missing key as
// 404, which is not what S3 answered.
func (v view) shown404() bool { return v.o.Status == 404 && v.code("NoSuchKey") == nil }

// rewritten reports whether the key is only what the viewer's path leads to, and
// a function may change that path on its way.
func (v view) rewritten() bool {
	if v.k.KeyKnown != correlate.KeyResolved && v.k.KeyKnown != correlate.KeyGuessed || v.Behavior == nil {
		return false
	}
	for _, f := range v.Behavior.Functions {
		if f.EventType == "viewer-request" || f.EventType == "origin-request" {
			return true
		}
	}
	return false
}

// deletedAfter weakens what a key's absence says when its delete marker is
// younger than the refusals: it may have been there at the time.
func (v view) deletedAfter() checks.Certainty {
	o := v.s.Object.Version
	if !o.Known() || !o.Value.DeleteMarker {
		return checks.Proven
	}
	c := v.since(o.Value.LastModified)
	if v.k.Deleted > 0 && c == checks.Possible {
		return checks.Likely // it was deleted before as well
	}
	return c
}

// since says how much a state that began at an instant explains: all when it
// is older than the refusals, little when it is younger.
func (v view) since(instant string) checks.Certainty {
	t, ok := parseTime(instant)
	switch {
	case !ok || v.k.First == 0 || t.UnixMilli() <= v.k.First:
		return checks.Proven
	case t.UnixMilli() <= v.k.Last:
		return checks.Likely
	}
	return checks.Possible
}

// rootRequest reports whether the key stands for the path "/".
func (v view) rootRequest() bool { return v.asked("/") }

// namedMissing reports whether a default-root or index check names the key.
func (v view) namedMissing() bool {
	d := v.s.Object
	if d.Version.Known() && d.Version.Value.DeleteMarker || d.Head.Known() && d.Head.Value.DeleteMarker {
		return true
	}
	return v.defaultRoot() != "" || v.indexDocument()
}

// uploadedSince finds a key that exists now but was written after the last
// refusal, when the settings allow it now.
func (v view) uploadedSince() (checks.Finding, bool) {
	if v.s.Exists != correlate.Yes || !v.reads() || !v.authorization() || v.k.Last == 0 || v.o.Allowed == correlate.No {
		return checks.Finding{}, false
	}
	o := v.s.Object
	written, ev := "", checks.Evidence{}
	if o.Head.Known() {
		written, ev = o.Head.Value.LastModified, ofFact(o.Head, "LastModified", "written %s", o.Head.Value.LastModified)
	} else if o.Listed.Known() {
		written, ev = o.Listed.Value.LastModified, ofFact(o.Listed, "LastModified", "written %s", o.Listed.Value.LastModified)
	}
	t, ok := parseTime(written)
	if !ok || t.UnixMilli() <= v.k.Last {
		return checks.Finding{}, false
	}
	if v.website() && v.o.Permitted != correlate.Unknown {
		return checks.Finding{}, false // it would have been a 404
	}
	c := checks.Likely
	if v.k.OKBefore > 0 || v.o.Permitted == correlate.Unknown {
		c = checks.Possible // it was there before: overwritten, or made readable
	}
	f := cause(c, "%s was written at %s, after the last refusal: it was missing then and has been fixed since", v.object(), t.UTC().Format("2006-01-02 15:04:05Z"))
	return with(f, ev, v.refusal()), true
}

// parseTime reads the forms in which AWS and its CLI print an instant.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05-0700", time.RFC1123, "2006-01-02 15:04:05-07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
