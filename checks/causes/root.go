package causes

import (
	_ "embed"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/correlate"
)

//go:embed pages/default-root-unset.md
var pageDefaultRootUnset string

//go:embed pages/default-root-slash.md
var pageDefaultRootSlash string

//go:embed pages/default-root-missing.md
var pageDefaultRootMissing string

//go:embed pages/index-document-missing.md
var pageIndexDocumentMissing string

//go:embed pages/error-page-forbidden.md
var pageErrorPageForbidden string

// defaultRoot says which default-root check names a missing key: "" when none.
func (v view) defaultRoot() string {
	d := v.Distribution
	if d == nil || !v.asked("/") || d.DefaultRootObject == "" {
		return ""
	}
	if strings.HasPrefix(d.DefaultRootObject, "/") {
		return "default-root-slash"
	}
	if v.s.Key == v.originPrefix()+d.DefaultRootObject {
		return "default-root-missing"
	}
	return ""
}

var defaultRootUnset = &checks.Check{
	ID: "default-root-unset", Title: "The site's root was asked for, and the distribution has no default root object",
	Page: pageDefaultRootUnset, Rank: rankKey + 1, Permissions: []string{"cloudfront:GetDistribution"},
	Access: checks.AnyAccess &^ checks.Website, Viewers: true,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		listing := v.code("AccessDenied", "") != nil && v.operation("REST.GET.BUCKET") || v.s.Key == ""
		root := v.s.Key == "" || v.Origin != nil && v.Origin.OriginPath != "" && strings.Trim(v.s.Key, "/") == strings.Trim(v.Origin.OriginPath, "/")
		if !root || !(listing || v.asked("/")) {
			if v.Distribution == nil && v.asked("/") {
				return undecided("cloudfront:GetDistribution")
			}
			return ruledOut()
		}
		switch {
		case v.Distribution == nil:
			if len(v.k.URIs) > 0 && !v.asked("/") {
				return undecided("cloudfront:GetDistribution")
			}
			f := cause(checks.Likely, "the path / reached S3 as a request to list the bucket: the distribution has no default root object")
			return fixed(with(f, v.refusal()), v.defaultRootRemedy("index.html"))
		case v.Distribution.DefaultRootObject != "":
			return ruledOut()
		}
		f := cause(v.sure(false, false), "the path / was asked for and distribution %s has no default root object, so S3 was asked to list the bucket", v.Distribution.ID)
		f = with(f, evidence("cloudfront:GetDistribution", "DefaultRootObject", "DefaultRootObject is empty"), v.refusal())
		return fixed(f, v.defaultRootRemedy("index.html"))
	},
}

var defaultRootSlash = &checks.Check{
	ID: "default-root-slash", Title: "The default root object begins with a slash, which becomes part of the key",
	Page: pageDefaultRootSlash, Rank: rankKey + 2, Permissions: []string{"cloudfront:GetDistribution"}, Viewers: true,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.Distribution == nil {
			if v.asked("/") {
				return undecided("cloudfront:GetDistribution")
			}
			return ruledOut()
		}
		root := v.Distribution.DefaultRootObject
		if !strings.HasPrefix(root, "/") || !v.asked("/") || !strings.HasSuffix(v.s.Key, root) {
			return ruledOut()
		}
		if v.s.Exists == correlate.Yes {
			return ruledOut() // somebody stored it under that very key
		}
		if v.website() && v.o.Status == 404 {
			return ruledOut()
		}
		f := cause(v.missingCertainty(), "the default root object %s begins with a slash: S3 is asked for the key %s, which does not exist", quote(root), quote(v.s.Key))
		if v.s.Exists == correlate.Unknown {
			f = cause(weaker(v.sure(false, false), checks.Likely), "the default root object %s begins with a slash: S3 is asked for the key %s", quote(root), quote(v.s.Key))
		}
		f = with(f, evidence("cloudfront:GetDistribution", "DefaultRootObject", "DefaultRootObject is %s", quote(root)))
		f = with(f, access.Existence(v.s)...)
		return fixed(with(f, v.refusal()), v.defaultRootRemedy(strings.TrimLeft(root, "/")))
	},
}

var defaultRootMissing = &checks.Check{
	ID: "default-root-missing", Title: "The default root object is not in the bucket",
	Page: pageDefaultRootMissing, Rank: rankKey + 3, Object: true, Permissions: []string{"cloudfront:GetDistribution", "s3:ListBucket"}, Viewers: true,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.Distribution == nil {
			if v.asked("/") && !v.website() {
				return undecided("cloudfront:GetDistribution")
			}
			return ruledOut()
		}
		if v.defaultRoot() != "default-root-missing" {
			return ruledOut()
		}
		if f, done := v.Open(beginMissing); done {
			return *f
		}
		f := cause(v.missingCertainty(), "the path / is answered with the default root object %s, and %s does not exist", quote(v.Distribution.DefaultRootObject), v.object())
		f = with(f, evidence("cloudfront:GetDistribution", "DefaultRootObject", "DefaultRootObject is %s", quote(v.Distribution.DefaultRootObject)))
		f = with(f, access.Existence(v.s)...)
		return fixed(with(f, v.refusal()), append(v.missingRemedies(), v.defaultRootNear()...)...)
	},
}

// indexDocument reports whether the key is the index document of a folder that
// was asked for at a website endpoint.
func (v view) indexDocument() bool {
	w := v.s.BucketFacts.Website
	if !v.website() || !w.Known() || w.Value == nil || w.Value.IndexSuffix == "" {
		return false
	}
	if v.s.Key != w.Value.IndexSuffix && !strings.HasSuffix(v.s.Key, "/"+w.Value.IndexSuffix) {
		return false
	}
	for _, u := range v.k.URIs {
		if strings.HasSuffix(u, "/") {
			return true
		}
	}
	return false
}

var indexDocumentMissing = &checks.Check{
	ID: "index-document-missing", Title: "The folder has no index document, and the policy does not cover its key",
	Page: pageIndexDocumentMissing, Rank: rankKey + 4, Object: true, Permissions: []string{"s3:GetBucketWebsite", "s3:ListBucket"},
	Access: checks.Website,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		w := v.s.BucketFacts.Website
		folder := false
		for _, u := range v.k.URIs {
			folder = folder || strings.HasSuffix(u, "/")
		}
		if !folder {
			return ruledOut()
		}
		if !w.Settled() {
			return undecided(or(w.Missing(), "s3:GetBucketWebsite"))
		}
		if !v.indexDocument() || v.defaultRoot() != "" {
			return ruledOut()
		}
		if f, done := v.Open(beginMissing); done {
			return *f
		}
		f := cause(v.missingCertainty(), "the folder's index document %s does not exist, and the bucket does not let everyone read that key, so the website endpoint answers 403 instead of 404", v.object())
		f = with(f, ofFact(w, "IndexDocument.Suffix", "IndexDocument.Suffix is %s", quote(w.Value.IndexSuffix)))
		f = with(f, access.Existence(v.s)...)
		return fixed(with(f, v.refusal()), v.missingRemedies()...)
	},
}

// errorPage returns the custom error response whose page is this key.
func (v view) errorPage() *correlate.ErrorResponse {
	if v.Distribution == nil {
		return nil
	}
	for i := range v.Distribution.ErrorResponses {
		r := &v.Distribution.ErrorResponses[i]
		if r.ResponsePagePath == "" {
			continue
		}
		path := strings.TrimPrefix(r.ResponsePagePath, "/")
		if v.s.Key == v.originPrefix()+correlate.WirePath(path) || v.s.Key == path {
			return r
		}
	}
	return nil
}

var errorPageForbidden = &checks.Check{
	ID: "error-page-forbidden", Title: "The custom error page itself is refused",
	Page: pageErrorPageForbidden, Rank: rankKey + 5, Permissions: []string{"cloudfront:GetDistribution"}, Viewers: true,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.Distribution == nil {
			return undecided("cloudfront:GetDistribution")
		}
		if r := v.errorPage(); r != nil {
			c := v.sure(false, false)
			if len(v.k.URIs) == 0 && (v.Coverage == nil || !v.Coverage.Edge) {
				c = weaker(c, checks.Likely) // without CloudFront's log: viewers may have asked for the page itself
			}
			for _, u := range v.k.URIs {
				if correlate.WirePath(u) == r.ResponsePagePath {
					c = weaker(c, checks.Likely) // viewers asked for the page itself as well
				}
			}
			f := cause(c, "%s is the custom error page for status %d, and S3 refuses it: CloudFront passes that refusal on to the viewer", v.object(), r.ErrorCode)
			f = with(f, evidence("cloudfront:GetDistribution", "CustomErrorResponses", "ErrorCode %d has ResponsePagePath %s", r.ErrorCode, quote(r.ResponsePagePath)))
			return fixed(with(f, v.refusal()), v.errorPageRemedies(r)...)
		}
		// S3 answered this key with another error than 403, and the viewer saw 403.
		for i := range v.k.Origin {
			c := &v.k.Origin[i]
			if c.Status == 403 || c.Status < 400 {
				continue
			}
			for j := range v.Distribution.ErrorResponses {
				r := &v.Distribution.ErrorResponses[j]
				if r.ErrorCode != c.Status || !v.viewerSaw(403) {
					continue
				}
				switch {
				case r.ResponseCode == 403:
					f := cause(v.sure(false, false), "S3 answered %d for %s, and a custom error response turns %d into 403", c.Status, v.object(), c.Status)
					f = with(f, evidence("cloudfront:GetDistribution", "CustomErrorResponses", "ErrorCode %d has ResponseCode 403", r.ErrorCode), v.refusal())
					return fixed(f, v.errorPageRemedies(r)...)
				case r.ResponsePagePath != "":
					f := cause(weaker(v.sure(false, false), checks.Likely), "S3 answered %d for %s, and the fetch of the custom error page %s was refused: CloudFront passes that 403 on", c.Status, v.object(), quote(r.ResponsePagePath))
					f = with(f, evidence("cloudfront:GetDistribution", "CustomErrorResponses", "ErrorCode %d has ResponsePagePath %s", r.ErrorCode, quote(r.ResponsePagePath)), v.refusal())
					return fixed(f, v.errorPageRemedies(r)...)
				}
			}
		}
		return ruledOut()
	},
}

func (v view) viewerSaw(status int) bool {
	for i := range v.k.Edge {
		if v.k.Edge[i].Status == status {
			return true
		}
	}
	return false
}

func (v view) operation(name string) bool {
	for i := range v.k.Origin {
		if v.k.Origin[i].Operation == name {
			return true
		}
	}
	return false
}
