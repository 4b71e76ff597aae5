package correlate

import (
	"fmt"
	"strings"
)

// A Resolver follows viewer paths of one distribution to S3 keys. It is safe
// for concurrent use.
//
// The rules are the CloudFront guide's: behaviors are tried in order on the
// normalised path; the default root object stands for exactly "/"; the origin
// path is put before the raw path; nothing else changes it, unless a function
// does, which settings cannot tell (see [Rewrite]).
type Resolver struct {
	d         *Distribution
	behaviors []route
}

// A route is where a behavior's requests go: the origin, and the second one of
// an origin group.
type route struct {
	behavior *Behavior
	group    *OriginGroup
	primary  *target
	second   *target
}

type target struct {
	origin   *Origin
	endpoint Endpoint
	website  *Website // nil when not a website, or its configuration is unknown
}

// NewResolver returns the Resolver of a distribution. websites holds website
// configurations by bucket; for a website endpoint without one, the index
// document is taken to be index.html, and Resolution.IndexAssumed says so.
func NewResolver(d *Distribution, websites map[string]*Website) *Resolver {
	r := &Resolver{d: d}
	origins := make(map[string]*target, len(d.Origins))
	for i := range d.Origins {
		o := &d.Origins[i]
		t := &target{origin: o, endpoint: ParseEndpoint(o.DomainName)}
		if t.endpoint.Kind == EndpointWebsite {
			t.website = websites[t.endpoint.Bucket]
		}
		origins[o.ID] = t
	}
	for i := range d.Behaviors {
		b := &d.Behaviors[i]
		rt := route{behavior: b, primary: origins[b.TargetOriginID]}
		for j := range d.OriginGroups {
			g := &d.OriginGroups[j]
			if g.ID != b.TargetOriginID {
				continue
			}
			rt.group = g
			if len(g.Members) > 0 {
				rt.primary = origins[g.Members[0]]
			}
			if len(g.Members) > 1 {
				rt.second = origins[g.Members[1]]
			}
		}
		r.behaviors = append(r.behaviors, rt)
	}
	return r
}

// Distribution returns the settings that the Resolver follows.
func (r *Resolver) Distribution() *Distribution { return r.d }

// A Resolution is the way of one viewer path through a distribution.
type Resolution struct {
	Path     string       // the viewer's path as on the wire
	Behavior *Behavior    // nil when the settings name none
	Group    *OriginGroup // nil when the behavior targets an origin
	Target                // the origin, or an origin group's first
	Second   *Target      // an origin group's second, nil if none

	root string // the default root object, when it was put in
}

// A Target is a request to one origin.
type Target struct {
	Origin   *Origin // nil when the settings do not hold it
	Endpoint Endpoint
	Wire     string // the path that the origin is asked for

	// S3 says that the origin is S3, which then looks for Key in Bucket. For an
	// access point Bucket is its name or alias. Key "" on a REST endpoint asks
	// for the bucket's listing (REST.GET.BUCKET); see ListsBucket.
	S3          bool
	Bucket, Key string

	// Redirect is the Location of a website's answer that reads no object: from
	// RedirectAllRequestsTo or a routing rule without an error code.
	Redirect string
	// IndexAssumed says that a website's index document was taken to be
	// index.html for want of its configuration.
	IndexAssumed bool

	website *Website
	index   bool // the index document was put in
}

// ListsBucket reports whether S3 reads the request as ListObjects: a REST
// endpoint asked for "/".
func (t *Target) ListsBucket() bool {
	return t.S3 && t.Key == "" && t.Endpoint.Kind != EndpointWebsite
}

// Resolve follows a viewer's path, as CloudFront logs it in cs-uri-stem.
func (r *Resolver) Resolve(stem string) Resolution { return r.ResolveWire(WirePath(stem)) }

// ResolveWire follows a viewer's path as it was on the wire.
func (r *Resolver) ResolveWire(path string) Resolution {
	path, _, _ = strings.Cut(path, "?")
	res := Resolution{Path: path}
	normal := normalPath(path)
	var rt *route
	for i := range r.behaviors {
		if matchPath(r.behaviors[i].behavior.PathPattern, normal) {
			rt = &r.behaviors[i]
			break
		}
	}
	if rt == nil {
		return res
	}
	res.Behavior, res.Group = rt.behavior, rt.group
	if path == "/" && r.d.DefaultRootObject != "" {
		res.root = r.d.DefaultRootObject
		path = "/" + res.root
	}
	res.Target = rt.primary.ask(path)
	if rt.second != nil {
		second := rt.second.ask(path)
		res.Second = &second
	}
	return res
}

// ask says what a request for the path means to the origin.
func (t *target) ask(path string) Target {
	if t == nil {
		return Target{Wire: path}
	}
	out := Target{Origin: t.origin, Endpoint: t.endpoint, Wire: t.origin.OriginPath + path, website: t.website}
	e := &t.endpoint
	if e.Kind == EndpointOther {
		return out
	}
	out.S3 = true
	out.Bucket, out.Key = e.Bucket, KeyOfWire(out.Wire)
	switch {
	case e.PathStyle:
		out.Bucket, out.Key, _ = strings.Cut(out.Key, "/")
	case e.AccessPoint != "":
		out.Bucket = e.AccessPoint
	case e.Kind == EndpointWebsite:
		w := t.website
		if w == nil {
			w, out.IndexAssumed = &Website{IndexSuffix: "index.html"}, true
		}
		if loc, ok := w.redirect(out.Key, 0); ok {
			out.Redirect, out.IndexAssumed = loc.String(), false
			return out
		}
		asked := out.Key
		out.Key = w.Index(asked)
		out.index = out.Key != asked
		out.IndexAssumed = out.IndexAssumed && out.index
	}
	return out
}

// Steps tells the way in short sentences, for the report.
func (res *Resolution) Steps() []string {
	var steps []string
	say := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	say("the viewer asked for %s", quote(res.Path))
	if res.Behavior == nil {
		say("no behavior of the distribution matches the path")
		return steps
	}
	if res.Behavior.PathPattern == "*" {
		say("the default behavior matches")
	} else {
		say("behavior %s matches", quote(res.Behavior.PathPattern))
	}
	if res.root != "" {
		say("the default root object %s stands for \"/\"", quote(res.root))
	}
	if res.Group != nil {
		say("origin group %s asks its primary origin first", quote(res.Group.ID))
	}
	res.Target.steps(say)
	if res.Second != nil {
		say("on status %s the second origin is asked", joinInts(res.Group.Statuses))
		res.Second.steps(say)
	}
	return steps
}

func (t *Target) steps(say func(string, ...any)) {
	if t.Origin == nil {
		say("the settings hold no origin for this behavior")
		return
	}
	if p := t.Origin.OriginPath; p != "" {
		say("origin %s puts its origin path %s before the path", quote(t.Origin.ID), quote(p))
	}
	say("origin %s is asked for %s", quote(t.Origin.DomainName), quote(t.Wire))
	switch {
	case !t.S3:
		say("the origin is not S3")
	case t.Redirect != "":
		say("the website's configuration redirects to %s without reading an object", quote(t.Redirect))
	case t.ListsBucket():
		say("S3 reads \"/\" as a request to list bucket %s: there is no default root object", t.Bucket)
	default:
		if t.index {
			if t.IndexAssumed {
				say("the website endpoint puts its index document in, taken to be index.html: the bucket's website configuration is not at hand")
			} else {
				say("the website endpoint puts its index document %s in", quote(t.website.IndexSuffix))
			}
		}
		say("S3 looks for key %s in bucket %s", quote(t.Key), t.Bucket)
	}
}

// quote prints bytes unambiguously: Go's quoting, ASCII only.
func quote(s string) string { return fmt.Sprintf("%+q", s) }

func joinInts(v []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(v)), ", "), "[]")
}
