package awsoverlay

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/why403/why403/internal/gather"
)

// A Server answers like AWS. Set the exported fields before the first request.
type Server struct {
	// Answers holds what AWS knows: a gather.Snapshot. nil: nothing.
	Answers gather.Answers
	// Management is the organization's management account, "" for one that is not
	// the caller's.
	Management string
	// Deny holds IAM actions that are refused, as "s3:GetBucketPolicy".
	Deny []string
	// Forward answers what Answers does not know, nil: it is refused.
	Forward *url.URL
	// Buckets holds objects in memory, by bucket.
	Buckets map[string]*Store
	// Fault, if set, sees every request first and reports whether it has
	// answered it.
	Fault func(w http.ResponseWriter, r *http.Request) bool
	// Delay is how long an answer waits.
	Delay time.Duration

	once     sync.Once
	server   *httptest.Server
	mu       sync.Mutex
	requests []string
}

// Start starts the server on a loopback port and returns its URL.
func (s *Server) Start() string {
	s.once.Do(func() { s.server = httptest.NewServer(s) })
	return s.server.URL
}

// Close stops the server.
func (s *Server) Close() {
	if s.server != nil {
		s.server.CloseClientConnections()
		s.server.Close()
	}
}

// Dial connects any address to the server, in the clear.
func (s *Server) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", strings.TrimPrefix(s.Start(), "http://"))
}

// Requests returns what was asked, in order: "s3:GetBucketPolicy bucket".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Server) note(what ...string) {
	s.mu.Lock()
	s.requests = append(s.requests, strings.TrimSpace(strings.Join(what, " ")))
	s.mu.Unlock()
}

func (s *Server) denied(action string) bool { return slices.Contains(s.Deny, action) }

var (
	s3Host      = regexp.MustCompile(`^(?:(.+)\.)?s3[.-]([a-z0-9-]+)\.amazonaws\.com$`)
	s3Global    = regexp.MustCompile(`^(?:(.+)\.)?s3\.amazonaws\.com$`)
	controlHost = regexp.MustCompile(`^([0-9]+)\.s3-control\.([a-z0-9-]+)\.amazonaws\.com$`)
)

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Delay > 0 {
		time.Sleep(s.Delay)
	}
	if s.Fault != nil && s.Fault(w, r) {
		return
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if m := controlHost.FindStringSubmatch(host); m != nil {
		q := gather.Question{Call: gather.GetAccountPublicAccessBlock, ID: m[1]}
		if name, ok := strings.CutPrefix(r.URL.Path, "/v20180820/accesspoint/"); ok {
			q.Call = gather.GetAccessPoint
			if name, ok = strings.CutSuffix(name, "/policy"); ok {
				q.Call = gather.GetAccessPointPolicy
			}
			q.ID = m[2] + "." + m[1] + "." + name
		}
		s.answer(w, r, s3control, q)
		return
	}
	if m := s3Host.FindStringSubmatch(host); m != nil {
		s.s3(w, r, m[1], m[2])
		return
	}
	if m := s3Global.FindStringSubmatch(host); m != nil {
		s.s3(w, r, m[1], "us-east-1")
		return
	}
	switch strings.SplitN(host, ".", 2)[0] {
	case "cloudfront":
		s.cloudfront(w, r)
	case "sts":
		s.answer(w, r, query, gather.Question{Call: gather.GetCallerIdentity})
	case "kms", "wafv2", "logs", "organizations":
		s.json(w, r, host)
	case "127", "localhost": // a custom S3 endpoint, path style
		s.s3(w, r, "", "")
	default:
		s.forward(w, r)
	}
}

// forward hands a request to the other server, or refuses it.
func (s *Server) forward(w http.ResponseWriter, r *http.Request) {
	if s.Forward == nil {
		fail(w, r, rest, &gather.APIError{Code: "NotImplemented", Message: "the test double does not know " + r.Method + " " + r.Host + r.URL.Path})
		return
	}
	p := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.Out.URL.Scheme, p.Out.URL.Host = s.Forward.Scheme, s.Forward.Host
		p.Out.Host = r.Host
	}}
	p.ServeHTTP(w, r)
}

// A protocol is a wire format of answers and errors.
type protocol int

const (
	rest      protocol = iota // S3
	s3control                 // S3 Control
	restXML                   // CloudFront
	query                     // STS
	json11                    // KMS, Organizations, WAF, CloudWatch Logs
)

// ask answers a question, refusing what is denied.
func (s *Server) ask(r *http.Request, q gather.Question) (json.RawMessage, error) {
	s.note(q.Call.Name, first(q.Bucket, q.ID), q.Key+q.Prefix)
	if q.Call.Permission != "" && s.denied(q.Call.Permission) {
		return nil, &gather.APIError{Code: "AccessDenied", Message: "User is not authorized to perform: " + q.Call.Permission}
	}
	if s.Answers == nil {
		return nil, gather.ErrNotAsked
	}
	return s.Answers.Ask(r.Context(), q)
}

func first(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}

// answer answers a request that is one question.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, p protocol, q gather.Question) {
	data, err := s.ask(r, q)
	if errors.Is(err, gather.ErrNotAsked) && s.Forward != nil {
		s.forward(w, r)
		return
	}
	if err != nil {
		fail(w, r, p, err)
		return
	}
	if p == json11 {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(epochs(data))
		return
	}
	writeXML(w, q.Call, data)
}

// statusOf gives the error codes that AWS sends with another status than 400.
func statusOf(code string) int {
	switch code {
	case "AccessDenied", "Forbidden", "403", "InvalidAccessKeyId", "ExpiredToken", "AllAccessDisabled", "AccountProblem":
		return http.StatusForbidden
	case "405", "MethodNotAllowed":
		return http.StatusMethodNotAllowed
	case "404", "NotFound", "OwnershipControlsNotFoundError", "ServerSideEncryptionConfigurationNotFoundError":
		return http.StatusNotFound
	case "PermanentRedirect", "301":
		return http.StatusMovedPermanently
	case "PreconditionFailed":
		return http.StatusPreconditionFailed
	case "NotImplemented":
		return http.StatusNotImplemented
	case "InternalError":
		return http.StatusInternalServerError
	case "SlowDown":
		return http.StatusServiceUnavailable
	}
	if strings.HasPrefix(code, "NoSuch") {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// fail writes an error in a protocol's format.
func fail(w http.ResponseWriter, r *http.Request, p protocol, err error) {
	var api *gather.APIError
	if !errors.As(err, &api) {
		if !errors.Is(err, gather.ErrNotAsked) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		api = &gather.APIError{Code: "AccessDenied", Message: "the test double holds no answer"}
	}
	if api.BucketRegion != "" {
		w.Header().Set("X-Amz-Bucket-Region", api.BucketRegion)
	}
	if api.DeleteMarker != nil && *api.DeleteMarker {
		w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	status := statusOf(api.Code)
	if p == json11 {
		code := api.Code
		if code == "AccessDenied" {
			code = "AccessDeniedException"
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": api.Message})
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	inner := element{"Error", []any{element{"Code", api.Code}, element{"Message", api.Message}}}
	if p == rest {
		writeElement(w, inner)
		return
	}
	writeElement(w, element{"ErrorResponse", []any{inner, element{"RequestId", "test"}}})
}

// cloudfront answers the CloudFront API, version 2020-05-31.
func (s *Server) cloudfront(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/2020-05-31/")
	parts := strings.Split(path, "/")
	var q gather.Question
	if ok && r.Method == http.MethodGet {
		last := parts[len(parts)-1]
		switch {
		case path == "distribution":
			q.Call = gather.ListDistributions
		case parts[0] == "distribution" && len(parts) == 2:
			q = gather.Question{Call: gather.GetDistribution, ID: last}
		case parts[0] == "origin-access-control" && len(parts) == 2:
			q = gather.Question{Call: gather.GetOriginAccessControl, ID: last}
		case parts[0] == "origin-access-identity" && len(parts) == 3:
			q = gather.Question{Call: gather.GetOriginAccessIdentity, ID: last}
		case parts[0] == "cache-policy" && len(parts) == 2:
			q = gather.Question{Call: gather.GetCachePolicy, ID: last}
		case parts[0] == "origin-request-policy" && len(parts) == 2:
			q = gather.Question{Call: gather.GetOriginRequestPolicy, ID: last}
		case parts[0] == "function" && last == "describe":
			q = gather.Question{Call: gather.DescribeFunction, ID: parts[1]}
		case parts[0] == "function" && len(parts) == 2:
			q = gather.Question{Call: gather.GetFunction, ID: last}
		case parts[0] == "key-group" && len(parts) == 2:
			q = gather.Question{Call: gather.GetKeyGroup, ID: last}
		case parts[0] == "public-key" && len(parts) == 2:
			q = gather.Question{Call: gather.GetPublicKey, ID: last}
		}
	}
	if ok && r.Method == http.MethodPost && strings.TrimSuffix(path, "/") == "get-realtime-log-config" {
		var in struct{ ARN string }
		if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
			return
		}
		q = gather.Question{Call: gather.GetRealtimeLogConfig, ID: in.ARN}
	}
	switch q.Call {
	case nil:
		s.forward(w, r)
	case gather.ListDistributions:
		s.distributions(w, r)
	default:
		s.answer(w, r, restXML, q)
	}
}

// pageSize is how many distributions CloudFront lists at a time.
const pageSize = 100

// distributions answers ListDistributions with summaries of the distributions.
func (s *Server) distributions(w http.ResponseWriter, r *http.Request) {
	data, err := s.ask(r, gather.Question{Call: gather.ListDistributions})
	switch {
	case errors.Is(err, gather.ErrNotAsked) && s.Forward != nil:
		s.forward(w, r)
		return
	case err != nil:
		fail(w, r, restXML, err)
		return
	}
	var all struct {
		DistributionList struct{ Items []map[string]any }
	}
	_ = json.Unmarshal(data, &all)
	items := all.DistributionList.Items
	for from := range items {
		id, _ := items[from]["Id"].(string)
		if id <= r.URL.Query().Get("Marker") {
			continue
		}
		list := map[string]any{"IsTruncated": len(items) > from+pageSize}
		page := items[from:min(from+pageSize, len(items))]
		for _, d := range page {
			id, _ := d["Id"].(string)
			if list["IsTruncated"] == true {
				list["NextMarker"] = id
			}
			data, err := s.Answers.Ask(r.Context(), gather.Question{Call: gather.GetDistribution, ID: id})
			var full struct{ Distribution map[string]any }
			if err != nil || json.Unmarshal(data, &full) != nil {
				continue
			}
			config, _ := full.Distribution["DistributionConfig"].(map[string]any)
			d["DomainName"], d["ARN"], d["Origins"], d["Aliases"] = full.Distribution["DomainName"], full.Distribution["ARN"], config["Origins"], config["Aliases"]
		}
		list["Items"] = page
		data, _ = json.Marshal(map[string]any{"DistributionList": list})
		break
	}
	writeXML(w, gather.ListDistributions, data)
}

// json answers the services that speak JSON 1.1.
func (s *Server) json(w http.ResponseWriter, r *http.Request, host string) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	var in struct{ KeyId, Name, Id, ChildId, TargetId, Filter, PolicyId string }
	_ = json.Unmarshal(body, &in)
	region := ""
	if labels := strings.Split(host, "."); len(labels) > 1 {
		region = labels[1]
	}
	switch operation {
	case "DescribeKey":
		s.answer(w, r, json11, gather.Question{Call: gather.DescribeKey, ID: in.KeyId})
	case "GetKeyPolicy":
		s.answer(w, r, json11, gather.Question{Call: gather.GetKeyPolicy, ID: in.KeyId})
	case "GetWebACL":
		s.answer(w, r, json11, gather.Question{Call: gather.GetWebACL, ID: in.Id})
	case "DescribeEffectivePolicy":
		s.answer(w, r, json11, gather.Question{Call: gather.DescribeEffectivePolicy})
	case "DescribeDeliverySources":
		s.answer(w, r, json11, gather.Question{Call: gather.DescribeDeliverySources, ID: region})
	case "DescribeDeliveries":
		s.answer(w, r, json11, gather.Question{Call: gather.DescribeDeliveries, ID: region})
	case "DescribeDeliveryDestinations":
		s.answer(w, r, json11, gather.Question{Call: gather.DescribeDeliveryDestinations, ID: region})
	case "DescribeOrganization", "ListParents", "ListPoliciesForTarget", "DescribePolicy":
		s.organization(w, r, operation, in.ChildId, in.TargetId, in.Filter, in.PolicyId)
	default:
		s.forward(w, r)
	}
}

// policy is one policy of an organization, as gather answers it.
type policy struct {
	Policy struct {
		PolicySummary map[string]any
		Content       string
	}
	Target string
	Level  int
}

// organization answers the chain of calls that gather.OrganizationPolicies
// stands for. Policies that don't say where they are attached are at the root.
func (s *Server) organization(w http.ResponseWriter, r *http.Request, operation, child, target, filter, id string) {
	reply := func(v any) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(v)
	}
	action := "organizations:" + operation
	s.note(action, first(child, target, id))
	if s.denied(action) {
		fail(w, r, json11, &gather.APIError{Code: "AccessDeniedException", Message: "You don't have permissions to access this resource."})
		return
	}
	kinds := map[string]string{"SERVICE_CONTROL_POLICY": "scp", "RESOURCE_CONTROL_POLICY": "rcp"}
	var all []policy
	for _, kind := range []string{"scp", "rcp"} {
		if filter != "" && kinds[filter] != kind {
			continue
		}
		var data json.RawMessage
		err := error(gather.ErrNotAsked)
		if s.Answers != nil {
			data, err = s.Answers.Ask(r.Context(), gather.Question{Call: gather.OrganizationPolicies, ID: kind})
		}
		if err != nil {
			if operation == "ListPoliciesForTarget" {
				if errors.Is(err, gather.ErrNotAsked) && s.Forward != nil {
					s.forward(w, r)
					return
				}
				fail(w, r, json11, err)
				return
			}
			continue
		}
		var v struct{ Policies []policy }
		if err := json.Unmarshal(data, &v); err != nil {
			fail(w, r, json11, err)
			return
		}
		all = append(all, v.Policies...)
	}
	levels := map[int]string{0: "r-root"}
	for i, p := range all {
		if p.Target == "" {
			all[i].Target = "r-root"
		}
		levels[p.Level] = all[i].Target
	}
	switch operation {
	case "DescribeOrganization":
		if len(all) == 0 && s.Forward != nil {
			s.forward(w, r)
			return
		}
		reply(map[string]any{"Organization": map[string]string{"Id": "o-example", "MasterAccountId": first(s.Management, "999999999999")}})
	case "ListParents":
		order := []int{}
		for l := range levels {
			order = append(order, l)
		}
		sort.Ints(order)
		chain := []string{}
		for _, l := range order {
			if levels[l] != child {
				chain = append(chain, levels[l])
			}
		}
		at := slices.Index(chain, child)
		if at < 0 {
			at = len(chain)
		}
		kind := "ORGANIZATIONAL_UNIT"
		if at <= 1 {
			at, kind = 1, "ROOT"
		}
		reply(map[string]any{"Parents": []map[string]string{{"Id": chain[at-1], "Type": kind}}})
	case "ListPoliciesForTarget":
		list := []map[string]any{}
		for _, p := range all {
			if p.Target == target {
				list = append(list, p.Policy.PolicySummary)
			}
		}
		reply(map[string]any{"Policies": list})
	case "DescribePolicy":
		for _, p := range all {
			if p.Policy.PolicySummary["Id"] == id {
				reply(map[string]any{"Policy": p.Policy})
				return
			}
		}
		fail(w, r, json11, &gather.APIError{Code: "PolicyNotFoundException", Message: fmt.Sprintf("no policy %s", id)})
	}
}
