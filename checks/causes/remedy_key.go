package causes

import (
	"fmt"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

func (v view) undelete() checks.Remedy {
	id := "VERSION_ID_OF_THE_DELETE_MARKER"
	if o := v.s.Object; o.Version.Known() && o.Version.Value.DeleteMarker && o.Version.Value.VersionID != "" {
		id = o.Version.Value.VersionID
	}
	r := checks.Remedy{
		Title:    "Take the delete marker away, so that the version before it is current again",
		Commands: []string{"aws s3api delete-object --bucket " + sh(v.s.Bucket) + " --key " + sh(v.s.Key) + " --version-id " + sh(id)},
		Apply: func(s *access.Situation) {
			refresh(s)
			s.Object.Head = facts.Fact[facts.ObjectHead]{Permission: "s3:GetObjectVersion"} // how the version is stored is not known
		},
	}
	if v.s.Object.Version.Known() && v.s.Object.Version.Value.Previous == "" {
		r.Title, r.Apply = "Upload the object again: no older version is kept", refresh
		r.Commands = []string{"aws s3 cp ./FILE " + sh(s3URI(v.s.Bucket, v.s.Key))}
	}
	return r
}

func (v view) missingRemedies() []checks.Remedy {
	if v.k.Noise || v.direct() {
		return nil // what a scanner asked for is not to be supplied
	}
	list := []checks.Remedy{{
		Title:    "Upload the object",
		Commands: []string{"aws s3 cp ./FILE " + sh(s3URI(v.s.Bucket, v.s.Key))},
		Apply:    refresh,
	}}
	if v.oac() && v.distributionARN() != "" {
		if r, ok := v.appendPolicy("Let the distribution list the bucket, so that a missing key answers 404",
			"with no default root object, the path / would show the list of keys to every viewer; the object stays missing",
			fmt.Sprintf(`{"Sid":"AllowCloudFrontList","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:ListBucket","Resource":%s,"Condition":{"StringEquals":{"AWS:SourceArn":%s}}}`,
				js("arn:"+v.s.Partition()+":s3:::"+v.s.Bucket), js(v.distributionARN()))); ok {
			r.Apply = nil // it changes the answer, not that the request fails
			list = append(list, r)
		}
	}
	return list
}

// nearRemedies: put the object where it is looked for, or look where it is.
func (v view) nearRemedies(n correlate.NearKey) []checks.Remedy {
	from, to := sh(s3URI(v.s.Bucket, n.Key)), sh(s3URI(v.s.Bucket, v.s.Key))
	move := checks.Remedy{
		Title:    "Copy the object to the key that is asked for",
		Commands: []string{"aws s3 cp " + from + " " + to},
		Apply:    refresh,
	}
	ask := func(s *access.Situation) {
		s.Key, s.Exists = n.Key, correlate.Yes
		s.Object = s.BucketFacts.Objects[n.Key]
		if s.Object == nil {
			s.Object = &facts.Object{Key: n.Key}
		}
	}
	link := checks.Remedy{Title: "Correct the links to " + printable(correlate.WireOfKey(n.Key)), Apply: ask}
	switch n.Kind {
	case correlate.NearDirectoryIndex:
		f := v.functionRemedy("Add index.html to folders with a CloudFront Function", "index-documents", indexFunction)
		f.Apply = ask
		return []checks.Remedy{f, move}
	case correlate.NearExtension:
		f := v.functionRemedy("Add .html to paths without an extension with a CloudFront Function", "add-html", extensionFunction)
		f.Apply = ask
		return []checks.Remedy{move, f}
	case correlate.NearOriginPath:
		want := v.wantedOriginPath(n.Key)
		prefix := v.originPrefix()
		if v.Origin == nil {
			return []checks.Remedy{link, move}
		}
		link.Title = "Take the origin path out of the links: CloudFront adds it"
		r := checks.Remedy{
			Title:    fmt.Sprintf("Set the origin path of origin %s to %s", v.Origin.ID, quote(want)),
			Opens:    "every path of the origin is looked for there",
			Commands: append(updateDistribution(v.id(), jqOrigin(v.Origin.ID)+".OriginPath = "+js(want)), invalidate(v.id())),
			Apply:    ask,
		}
		switch {
		case prefix != "" && strings.HasPrefix(v.s.Key, prefix+prefix):
			return []checks.Remedy{link, move} // doubled: the links have it already
		case want == "":
			return []checks.Remedy{move, r} // stored without it: other keys may be in their place
		}
		return []checks.Remedy{r, move}
	case correlate.NearDoubleSlash, correlate.NearEncoding:
		return []checks.Remedy{link, move}
	}
	return []checks.Remedy{move, link}
}

// wantedOriginPath returns the origin path by which the key that exists would
// have been asked for.
func (v view) wantedOriginPath(near string) string {
	tail := strings.TrimPrefix(v.s.Key, v.originPrefix())
	if p, ok := strings.CutSuffix(near, tail); ok && (p == "" || strings.HasSuffix(p, "/")) {
		if p = strings.Trim(p, "/"); p != "" {
			return "/" + p
		}
		return ""
	}
	return ""
}

const indexFunction = `function handler(event) {
  var request = event.request;
  if (request.uri.endsWith('/')) {
    request.uri += 'index.html';
  } else if (!request.uri.split('/').pop().includes('.')) {
    request.uri += '/index.html';
  }
  return request;
}
`

const extensionFunction = `function handler(event) {
  var request = event.request;
  if (!request.uri.endsWith('/') && !request.uri.split('/').pop().includes('.')) {
    request.uri += '.html';
  }
  return request;
}
`

const spaFunction = `function handler(event) {
  var request = event.request;
  if (!request.uri.split('/').pop().includes('.')) {
    request.uri = '/index.html';
  }
  return request;
}
`

func (v view) spaRemedies(page *correlate.ErrorResponse) []checks.Remedy {
	f := v.functionRemedy("Send routes to the application's page with a CloudFront Function", "spa-routes", spaFunction)
	f.Apply = func(s *access.Situation) {
		root := "index.html"
		if v.Distribution != nil && v.Distribution.DefaultRootObject != "" {
			root = v.Distribution.DefaultRootObject
		}
		s.Key = v.originPrefix() + root
		s.Object = s.BucketFacts.Objects[s.Key]
		if s.Object == nil {
			s.Object = &facts.Object{Key: s.Key}
		}
		s.Exists = access.Exists(s.BucketFacts, s.Object, s.Key)
	}
	list := []checks.Remedy{f}
	if v.Distribution != nil && page != nil && page.ErrorCode == 404 {
		if more := v.missingRemedies(); len(more) > 1 {
			list = append(list, more[1:]...) // ListBucket: then the 404 is mapped
		}
	}
	return list
}

func (v view) defaultRootRemedy(object string) checks.Remedy {
	key := v.originPrefix() + object
	ask := func(s *access.Situation) {
		s.Key, s.Action = key, ""
		s.Object = s.BucketFacts.Objects[key]
		if s.Object == nil {
			s.Object = &facts.Object{Key: key}
		}
		s.Exists = access.Exists(s.BucketFacts, s.Object, key)
	}
	r := checks.Remedy{
		Title:    "Set the default root object to " + object,
		Commands: append(updateDistribution(v.id(), ".DefaultRootObject = "+js(object)), invalidate(v.id())),
		Apply:    ask,
	}
	if access.Exists(v.s.BucketFacts, v.s.BucketFacts.Objects[key], key) == correlate.No {
		r.Title = "Upload " + object + " and set it as the default root object"
		r.Commands = append([]string{"aws s3 cp ./FILE " + sh(s3URI(v.s.Bucket, key))}, r.Commands...)
		r.Apply = func(s *access.Situation) { ask(s); refresh(s) }
	}
	return r
}

// defaultRootNear offers a similar key that exists as the default root object.
func (v view) defaultRootNear() []checks.Remedy {
	for _, n := range v.s.Object.Near.Value {
		if rest, ok := strings.CutPrefix(n.Key, v.originPrefix()); ok && rest != "" && !strings.HasPrefix(rest, "/") {
			return []checks.Remedy{v.defaultRootRemedy(rest)}
		}
	}
	return nil
}

func (v view) errorPageRemedies(r *correlate.ErrorResponse) []checks.Remedy {
	if r.ResponsePagePath == "" {
		return []checks.Remedy{{
			Title:    fmt.Sprintf("Take the custom error response for %d away, so that viewers see the real status", r.ErrorCode),
			Commands: updateDistribution(v.id(), fmt.Sprintf(".CustomErrorResponses.Items |= map(select(.ErrorCode != %d)) | .CustomErrorResponses.Quantity = (.CustomErrorResponses.Items | length)", r.ErrorCode)),
		}}
	}
	page := strings.TrimPrefix(correlate.WirePath(r.ResponsePagePath), "/")
	key := v.originPrefix() + page
	list := []checks.Remedy{{
		Title:    "Upload the error page",
		Commands: []string{"aws s3 cp ./FILE " + sh(s3URI(v.s.Bucket, key))},
		Apply: func(s *access.Situation) {
			s.Key = key
			refresh(s)
		},
	}}
	list = append(list, checks.Remedy{
		Title: "Point the custom error response at a page that can be read",
		Commands: updateDistribution(v.id(), fmt.Sprintf("(.CustomErrorResponses.Items[] | select(.ErrorCode == %d)).ResponsePagePath = %s",
			r.ErrorCode, js("/PAGE.html"))),
	})
	return list
}
