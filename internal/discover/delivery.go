package discover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/gather"
)

// delivery is a gather.Delivery with what is to be said of it.
type delivery struct{ gather.Delivery }

// Fields without which a log of CloudFront is of no use, and those without which
// causes stay unknown. Either name of a pair will do.
var (
	fieldsNeeded = []string{"sc-status", "cs-uri-stem", "time|timestamp|timestamp(ms)"}
	fieldsWanted = []string{"cs-method", "x-edge-result-type", "x-edge-detailed-result-type", "x-edge-request-id", "x-host-header", "cs-uri-query", "sc-content-type", "time-taken"}
)

// lacks names those of the fields that the delivery does not choose.
func (d *delivery) lacks(fields []string) string {
	if len(d.Fields) == 0 {
		return "" // the default, which has them all
	}
	var out []string
	for _, f := range fields {
		names := strings.Split(f, "|")
		if !slices.ContainsFunc(d.Fields, func(have string) bool { return slices.Contains(names, strings.ToLower(have)) }) {
			out = append(out, names[0])
		}
	}
	return strings.Join(out, ", ")
}

// chooseFields is the command that chooses the missing ones too.
func (d *delivery) chooseFields() string {
	fields := slices.Clone(d.Fields)
	for _, f := range slices.Concat(fieldsNeeded, fieldsWanted) {
		name := (&delivery{gather.Delivery{Fields: fields}}).lacks([]string{f})
		if name == "time" && !slices.Contains(fields, "date") {
			fields = append(fields, "date")
		}
		if name != "" {
			fields = append(fields, name)
		}
	}
	for i, f := range fields {
		fields[i] = quote(f)
	}
	return "choose them: aws logs update-delivery-configuration --region " + edgeRegion + " --id " + quote(d.ID) + " --record-fields " + strings.Join(fields, " ")
}

// width is how many fields the log has.
func (d *delivery) width() int {
	if len(d.Fields) == 0 {
		return defaultFields
	}
	return len(d.Fields)
}

// defaultFields is how many a delivery has when none are chosen (CloudFront
// guide, Standard logging v2).
const defaultFields = 35

func (d *delivery) words() string {
	w := "standard log v2"
	if d.Format != "" {
		w += ", " + d.Format
	}
	switch n := len(d.Fields); n {
	case 0:
	case 1:
		w += ", 1 field"
	default:
		w += fmt.Sprintf(", %d fields", n)
	}
	return w
}

// byWorth returns the deliveries in the order of what their logs are worth: the
// most fields first, then the format that tells most of itself.
func byWorth(list []gather.Delivery) []delivery {
	out := make([]delivery, len(list))
	for i, d := range list {
		out[i] = delivery{d}
	}
	rank := func(d delivery) int {
		return slices.Index([]string{"raw", "plain", "parquet", "json", "w3c"}, d.Format)
	}
	slices.SortStableFunc(out, func(a, b delivery) int {
		return cmp.Or(cmp.Compare(b.width(), a.width()), cmp.Compare(rank(b), rank(a)))
	})
	return out
}

// switchOnEdge is the command that switches standard logging v2 on.
func (f *finder) switchOnEdge(d *correlate.Distribution, account string) string {
	arn := cmp.Or(d.ARN, "arn:aws:cloudfront::"+cmp.Or(account, "ACCOUNT")+":distribution/"+d.ID)
	name := "why403-" + d.ID
	return strings.Join([]string{
		"aws logs put-delivery-source --region " + edgeRegion + " --name " + quote(name) + " --resource-arn " + quote(arn) + " --log-type " + accessLogs,
		"aws logs put-delivery-destination --region " + edgeRegion + " --name " + quote(name) + " --output-format w3c --delivery-destination-configuration destinationResourceArn=arn:aws:s3:::" + placeholder + "/cloudfront",
		"aws logs create-delivery --region " + edgeRegion + " --delivery-source-name " + quote(name) + " --delivery-destination-arn " + quote("arn:aws:logs:"+edgeRegion+":"+cmp.Or(account, "ACCOUNT")+":delivery-destination:"+name) + ` --s3-delivery-configuration '{"suffixPath":"` + suggestedSuffix + `"}'`,
	}, " && ")
}

// switchOnAccess is the command that switches a bucket's server access log on.
// The log bucket must be of the same account and Region.
func (f *finder) switchOnAccess(b *facts.Bucket) string {
	target := placeholder
	for _, t := range f.targets {
		if t[0] == b.Location.Value && b.Location.Known() {
			target = t[1]
			break
		}
	}
	return "aws s3api put-bucket-logging --bucket " + quote(b.Name) + " --bucket-logging-status " +
		quote(`{"LoggingEnabled":{"TargetBucket":"`+target+`","TargetPrefix":"s3/","TargetObjectKeyFormat":{"PartitionedPrefix":{"PartitionDateSource":"EventTime"}}}}`)
}

// quote makes a word of a POSIX shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/:,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
