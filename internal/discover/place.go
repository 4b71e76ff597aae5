package discover

import (
	"cmp"
	"slices"
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/logs"
)

// A Place is where a log lies in S3.
type Place struct {
	// Locations are s3://bucket/prefix, as narrow as the settings allow. More
	// than one: the settings can be read in two ways, objects may lie at each.
	Locations []string
	Layout    logs.Layout
	// Distributions or Buckets whose log it is, sorted; the other is empty.
	Distributions, Buckets []string

	simple bool     // S3's simple prefix: the name follows the location at once
	within []string // one of these stands in the key, in lower case; nil: any key will do
}

// Holds reports whether an object of the place's locations is one of its logs.
// Others may lie beside them: the log of another distribution in a folder of
// dates, other logs in a bucket without prefixes.
func (p *Place) Holds(uri string) bool {
	name := logs.ParseName(uri)
	switch {
	case len(p.Distributions) > 0:
		return name.Distribution == "" || slices.Contains(p.Distributions, name.Distribution)
	case p.simple:
		return slices.ContainsFunc(p.Locations, func(l string) bool {
			return name.Kind == logs.NameOrigin && name.Stamp.At == len(l)-len(year)
		})
	case p.within != nil:
		uri = strings.ToLower(uri)
		return slices.ContainsFunc(p.within, func(part string) bool { return strings.Contains(uri, part) })
	}
	return true
}

// year begins the date that follows a simple prefix. Made part of the prefix it
// keeps everything else in the bucket out of the listing.
const year = "20"

// legacyPlace is where legacy standard logging of a distribution goes. CloudFront
// appends a slash to a prefix that has none (CloudFront guide, Standard logging
// (legacy), Log prefix).
func legacyPlace(d *correlate.Distribution) Place {
	base := "s3://" + d.LogBucket + "/" + d.LogPrefix
	p := Place{Distributions: []string{d.ID}}
	if d.LogPrefix != "" && !strings.HasSuffix(d.LogPrefix, "/") {
		p.Locations = append(p.Locations, base+"/"+d.ID+".")
	}
	p.Locations = append(p.Locations, base+d.ID+".")
	return p
}

// accessPlace is where a bucket's classic server access log goes (Amazon S3 user
// guide, Logging requests with server access logging, Log object key format).
func accessPlace(bucket, account, region string, l facts.Logging) Place {
	base := "s3://" + l.TargetBucket + "/" + l.TargetPrefix
	p := Place{Buckets: []string{bucket}}
	switch {
	case l.Partitioned == "":
		p.simple = true
		base += year
	case account == "" || region == "":
		p.within = []string{"/" + bucket + "/"}
	default:
		base += account + "/" + region + "/" + bucket + "/"
	}
	p.Locations = []string{base}
	return p
}

// deliveryPlace is where a delivery to S3 goes. owner is the distribution's id or
// the bucket's name. ok is false when the destination is not a bucket's.
//
// Without a prefix in the destination, CloudWatch Logs puts AWSLogs/ACCOUNT/
// CloudFront before the suffix path when the delivery is created, and reports it
// as part of the suffix path; a later change of the suffix path drops it again,
// but older reports lack it too (CloudFront guide, Standard logging v2, "Example
// paths to access logs"; observed by users of CloudFormation and Terraform). So a
// suffix path without it is read in both ways.
func deliveryPlace(d *gather.Delivery, owner, account string) (p Place, ok bool) {
	_, rest, ok := strings.Cut(d.Destination, ":s3:::")
	if !ok || d.Type != "S3" {
		return p, false
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	origin := d.LogType == accessLogsOfS3
	if origin {
		p.Buckets = []string{owner}
	} else {
		p.Distributions = []string{owner}
	}
	prefix, suffix := strings.Trim(prefix, "/"), strings.Trim(d.SuffixPath, "/")
	var paths []string
	switch {
	case prefix != "":
		paths = []string{prefix + "/" + suffix}
	case strings.HasPrefix(suffix, "AWSLogs/"):
		paths = []string{suffix}
	case origin:
		paths = []string{"AWSLogs/{account-id}/" + suffix}
	default:
		paths = []string{"AWSLogs/{account-id}/CloudFront/" + suffix}
	}
	if prefix == "" && suffix != "" && paths[0] != suffix {
		paths = append(paths, suffix)
	}
	for _, path := range paths {
		known, whole := expand(path, owner, account, d.Hive)
		if whole && known != "" && !strings.HasSuffix(known, "/") {
			known += "/"
		}
		if whole && !origin {
			known += owner + "."
		}
		p.Locations = append(p.Locations, "s3://"+bucket+"/"+known)
	}
	if origin && prefix == "" && suffix == "" {
		// Nothing documents what follows: other services' logs may.
		p.within = []string{strings.ToLower(owner), "/s3"}
	}
	if d.Format == "plain" || d.Format == "raw" {
		p.Layout.Format = "cloudfront-plain"
	}
	p.Layout.Fields = d.Fields
	p.Layout.Delimiter = strings.NewReplacer(`\t`, "\t").Replace(d.Delimiter)
	return p, true
}

// expand replaces the variables of a suffix path whose values are known. It
// stops at the first other one; whole reports whether there was none.
func expand(path, owner, account string, hive bool) (known string, whole bool) {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		value := strings.NewReplacer(
			"{DistributionId}", owner, "{distributionid}", owner,
			"{accountid}", cmp.Or(account, "{accountid}"), "{account-id}", cmp.Or(account, "{account-id}"),
		).Replace(part)
		if before, _, ok := strings.Cut(value, "{"); ok {
			if parts = append(parts, before); hive {
				parts[len(parts)-1] = ""
			}
			return strings.Join(parts, "/"), false
		}
		if name := strings.Trim(part, "{}"); hive && "{"+name+"}" == part {
			if name == "account-id" {
				name = "aws-account-id"
			}
			value = name + "=" + value
		}
		parts = append(parts, value)
	}
	return strings.Trim(strings.Join(parts, "/"), "/"), true
}

// merge joins places of one location and layout.
func merge(places []Place) []Place {
	var out []Place
	for _, p := range places {
		i := slices.IndexFunc(out, func(q Place) bool {
			return slices.Equal(q.Locations, p.Locations) && q.Layout.Format == p.Layout.Format &&
				q.Layout.Delimiter == p.Layout.Delimiter && slices.Equal(q.Layout.Fields, p.Layout.Fields) && (len(q.Buckets) > 0) == (len(p.Buckets) > 0)
		})
		if i < 0 {
			out = append(out, p)
			continue
		}
		q := &out[i]
		q.Distributions, q.Buckets = append(q.Distributions, p.Distributions...), append(q.Buckets, p.Buckets...)
		q.within = append(q.within, p.within...)
		for _, list := range []*[]string{&q.Distributions, &q.Buckets} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
	}
	return out
}
