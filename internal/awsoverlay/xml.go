package awsoverlay

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/why403/why403/internal/gather"
)

// element is an XML element. Its content is text, or a list of elements.
type element struct {
	name    string
	content any
}

func writeElement(w io.Writer, e element) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e.write(&b)
	_, _ = w.Write(b.Bytes())
}

func (e element) write(b *bytes.Buffer) {
	name, _, _ := strings.Cut(e.name, " ")
	fmt.Fprintf(b, "<%s>", e.name)
	switch c := e.content.(type) {
	case []any:
		for _, child := range c {
			child.(element).write(b)
		}
	case string:
		_ = xml.EscapeText(b, []byte(c))
	}
	fmt.Fprintf(b, "</%s>", name)
}

// flat holds the lists that repeat their element, without one around them, and
// the element's name. The API reference of S3 has it.
var flat = map[string]string{
	"OwnershipControls.Rules":                 "Rule",
	"ServerSideEncryptionConfiguration.Rules": "Rule",
	"CORSConfiguration.CORSRules":             "CORSRule",
	"CORSRule.AllowedHeaders":                 "AllowedHeader",
	"CORSRule.AllowedMethods":                 "AllowedMethod",
	"CORSRule.AllowedOrigins":                 "AllowedOrigin",
	"CORSRule.ExposeHeaders":                  "ExposeHeader",
	"ListBucketResult.Contents":               "Contents",
	"ListBucketResult.CommonPrefixes":         "CommonPrefixes",
	"ListVersionsResult.Versions":             "Version",
	"ListVersionsResult.DeleteMarkers":        "DeleteMarker",
}

// members holds the name of the elements in a list's own element, by the list's
// parent and name. The API references of S3 and CloudFront have it.
var members = map[string]string{
	"WebsiteConfiguration.RoutingRules": "RoutingRule",
	"AccessControlPolicy.Grants":        "Grant",
	"Tagging.TagSet":                    "Tag",

	"Aliases.Items":                    "CNAME",
	"AliasICPRecordals":                "AliasICPRecordal",
	"Origins.Items":                    "Origin",
	"OriginGroups.Items":               "OriginGroup",
	"Members.Items":                    "OriginGroupMember",
	"StatusCodes.Items":                "StatusCode",
	"CacheBehaviors.Items":             "CacheBehavior",
	"CustomErrorResponses.Items":       "CustomErrorResponse",
	"CustomHeaders.Items":              "OriginCustomHeader",
	"AllowedMethods.Items":             "Method",
	"CachedMethods.Items":              "Method",
	"TrustedSigners.Items":             "AwsAccountNumber",
	"TrustedKeyGroups.Items":           "KeyGroup",
	"ActiveTrustedSigners.Items":       "Signer",
	"ActiveTrustedKeyGroups.Items":     "KeyGroup",
	"KeyPairIds.Items":                 "KeyPairId",
	"FunctionAssociations.Items":       "FunctionAssociation",
	"LambdaFunctionAssociations.Items": "LambdaFunctionAssociation",
	"GeoRestriction.Items":             "Location",
	"OriginSslProtocols.Items":         "SslProtocol",
	"Headers.Items":                    "Name",
	"WhitelistedNames.Items":           "Name",
	"Cookies.Items":                    "Name",
	"QueryStringCacheKeys.Items":       "Name",
	"QueryStrings.Items":               "Name",
	"RealtimeLogConfig.Fields":         "Field",
	"KeyGroupConfig.Items":             "PublicKey",
	"DistributionList.Items":           "DistributionSummary",
}

// fromJSON turns the JSON of the AWS CLI into XML.
func fromJSON(name string, v any) element {
	switch v := v.(type) {
	case map[string]any:
		e := element{name: name, content: []any{}}
		if name == "Grantee" {
			e.name = fmt.Sprintf(`Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type=%q`, v["Type"])
		}
		children := []any{}
		for _, key := range keys(v) {
			value := v[key]
			list, ok := value.([]any)
			if !ok {
				if value != nil {
					children = append(children, fromJSON(key, value))
				}
				continue
			}
			if item := flat[name+"."+key]; item != "" {
				for _, x := range list {
					children = append(children, fromJSON(item, x))
				}
				continue
			}
			item := first(members[name+"."+key], members[key], "member")
			tag := key
			if tag == "Grants" {
				tag = "AccessControlList"
			}
			inner := []any{}
			for _, x := range list {
				inner = append(inner, fromJSON(item, x))
			}
			children = append(children, element{tag, inner})
		}
		e.content = children
		return e
	case string:
		return element{name, v}
	case nil:
		return element{name, ""}
	default:
		return element{name, fmt.Sprint(v)}
	}
}

// keys returns an object's members in a fixed order.
func keys(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	// The order of elements carries no meaning.
	for i := range out {
		for j := i; j > 0 && out[j] < out[j-1]; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

// roots says which member of an answer is the document, and its element.
var roots = map[*gather.Call][2]string{
	gather.ListDistributions:       {"DistributionList", "DistributionList"},
	gather.GetDistribution:         {"Distribution", "Distribution"},
	gather.GetOriginAccessControl:  {"OriginAccessControl", "OriginAccessControl"},
	gather.GetOriginAccessIdentity: {"CloudFrontOriginAccessIdentity", "CloudFrontOriginAccessIdentity"},
	gather.GetCachePolicy:          {"CachePolicy", "CachePolicy"},
	gather.GetOriginRequestPolicy:  {"OriginRequestPolicy", "OriginRequestPolicy"},
	gather.DescribeFunction:        {"FunctionSummary", "FunctionSummary"},
	gather.GetKeyGroup:             {"KeyGroup", "KeyGroup"},
	gather.GetPublicKey:            {"PublicKey", "PublicKey"},
	gather.GetRealtimeLogConfig:    {"", "GetRealtimeLogConfigResult"},

	gather.GetBucketPolicyStatus:       {"PolicyStatus", "PolicyStatus"},
	gather.GetPublicAccessBlock:        {"PublicAccessBlockConfiguration", "PublicAccessBlockConfiguration"},
	gather.GetAccessPoint:              {"", "GetAccessPointResult"},
	gather.GetAccessPointPolicy:        {"", "GetAccessPointPolicyResult"},
	gather.GetAccountPublicAccessBlock: {"PublicAccessBlockConfiguration", "PublicAccessBlockConfiguration"},
	gather.GetOwnershipControls:        {"OwnershipControls", "OwnershipControls"},
	gather.GetBucketACL:                {"", "AccessControlPolicy"},
	gather.GetObjectACL:                {"", "AccessControlPolicy"},
	gather.GetBucketWebsite:            {"", "WebsiteConfiguration"},
	gather.GetRequestPayment:           {"", "RequestPaymentConfiguration"},
	gather.GetBucketEncryption:         {"ServerSideEncryptionConfiguration", "ServerSideEncryptionConfiguration"},
	gather.GetBucketLogging:            {"", "BucketLoggingStatus"},
	gather.GetBucketVersioning:         {"", "VersioningConfiguration"},
	gather.GetBucketCORS:               {"", "CORSConfiguration"},
	gather.GetObjectTagging:            {"", "Tagging"},
	gather.ListObjectsV2:               {"", "ListBucketResult"},
	gather.ListObjectVersions:          {"", "ListVersionsResult"},
}

// writeXML writes an answer as the service does.
func writeXML(w http.ResponseWriter, call *gather.Call, data json.RawMessage) {
	var v map[string]any
	switch call {
	case gather.GetFunction:
		var code string
		_ = json.Unmarshal(data, &code)
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, code)
		return
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	if tag, ok := v["ETag"].(string); ok {
		w.Header().Set("ETag", tag)
	}
	switch call {
	case gather.GetBucketPolicy:
		policy, _ := v["Policy"].(string)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, policy)
	case gather.GetBucketLocation:
		region, _ := v["LocationConstraint"].(string)
		writeElement(w, element{"LocationConstraint", region})
	case gather.GetCallerIdentity:
		writeElement(w, element{"GetCallerIdentityResponse", []any{fromJSON("GetCallerIdentityResult", v)}})
	default:
		root := roots[call]
		if root[0] == "" {
			writeElement(w, fromJSON(root[1], v))
			return
		}
		if v[root[0]] == nil {
			v[root[0]] = map[string]any{}
		}
		writeElement(w, fromJSON(root[1], v[root[0]]))
	}
}

var iso = regexp.MustCompile(`"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))"`)

// epochs writes times as the JSON protocol does: seconds since 1970.
func epochs(data []byte) []byte {
	return iso.ReplaceAllFunc(data, func(m []byte) []byte {
		t, err := time.Parse(time.RFC3339Nano, string(m[1:len(m)-1]))
		if err != nil {
			return m
		}
		return fmt.Appendf(nil, "%.3f", float64(t.UnixMilli())/1000)
	})
}
