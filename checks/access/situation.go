// Package access judges one request to S3: may this requester read this key, by
// which rule, and what would refuse it besides?
//
// It stands on checks/policy, which knows policy documents alone, and adds what
// S3 does around them: Block Public Access, object ownership, ACLs, Requester
// Pays, archive classes, encryption and its key policy, and the answer to a key
// that does not exist, at REST and website endpoints.
//
// It must not name causes, offer remedies, or ask AWS: it reads facts and
// answers in three values. What the facts don't hold is unknown, never allowed.
package access

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// A Situation is one request to S3 with all that is known about it. Judge reads
// it and never changes it; a remedy is tried on a Clone.
type Situation struct {
	Access correlate.Access // who asks, and at which endpoint
	Action string           // "s3:GetObject" when ""
	Bucket string
	Key    string
	Exists correlate.Tri // whether the key is in the bucket

	// AccessPoint is the ARN of the access point that the request came by, "" if it
	// came by none or no S3 line names it.
	AccessPoint string

	// Principal is the requester as policies see it. Guesses names the condition
	// keys whose value no document states, in lower case.
	Principal policy.Principal
	Guesses   map[string]bool

	// BucketOwner is the canonical user id of the bucket's owner, "" if unknown;
	// OwnerAccount its twelve digits.
	BucketOwner, OwnerAccount string

	Distribution *correlate.Distribution // nil if unknown
	Origin       *correlate.Origin       // nil if unknown
	Facts        *facts.Facts            // never nil
	BucketFacts  *facts.Bucket           // never nil
	Object       *facts.Object           // never nil

	context *policy.Context // nil until it is asked for
	own     policy.Context  // memory of context
	recorded
	mem *memory
}

// recorded is what the logs and settings hold of a request's context.
type recorded struct {
	key      *correlate.FailingKey // nil when nothing is recorded
	behavior *correlate.Behavior
	line     *correlate.OriginSample // nil when none is at hand
	class    *correlate.OriginClass  // in place of line
}

// A Request is what a failing key and the facts at hand hold of one request.
// Every field but Key may be nil.
type Request struct {
	Key          *correlate.FailingKey
	Facts        *facts.Facts
	Distribution *correlate.Distribution
	Behavior     *correlate.Behavior
	Origin       *correlate.Origin
	Bucket       *facts.Bucket
	Object       *facts.Object
}

// CloudFront's service principal, and the User-Agent that it sends unless the
// viewer's is forwarded (CloudFront guide, Request and response behavior).
const (
	CloudFrontService   = "cloudfront.amazonaws.com"
	CloudFrontUserAgent = "Amazon CloudFront"
)

// ForKey returns the request that failed for the key, with the context that the
// earliest S3 line recorded; where no S3 line is at hand, with the one that the
// settings imply.
func ForKey(r Request) *Situation {
	s := new(Situation)
	s.OfKey(r)
	return s
}

// OfKey makes s what ForKey returns, in the memory of s.
func (s *Situation) OfKey(r Request) {
	k := r.Key
	if k == nil {
		k = &noKey
	}
	s.unsettled(k.Access, k.Bucket, k.Key, r.Facts, r.Bucket, r.Object)
	s.Distribution, s.Origin = r.Distribution, r.Origin
	from := recorded{key: k, behavior: r.Behavior, line: originSample(k)}
	requester := ""
	switch l := from.line; {
	case l != nil:
		s.Action, requester, s.AccessPoint = ActionOf(l.Operation), l.Requester, l.AccessPointARN
		if l.BucketOwner != "" {
			s.BucketOwner = l.BucketOwner
		}
	case len(k.Origin) > 0:
		from.class = originClass(k)
		s.Action, requester, s.AccessPoint = ActionOf(from.class.Operation), from.class.Requester, from.class.AccessPointARN
	case k.Key == "" && k.Access != correlate.AccessWebsite:
		s.Action = "s3:ListBucket" // GET / with no default root object
	}
	logged := from.line != nil || from.class != nil
	if !logged && s.Access == correlate.AccessOAC && r.Origin != nil {
		// No S3 line says who asked: an access control that does not sign, or not
		// for S3, makes the request anonymous.
		if oac := s.Facts.AccessControl[r.Origin.OriginAccessControlID]; oac.Known() && (oac.Value.SigningBehavior == "never" || oac.Value.OriginType != "" && oac.Value.OriginType != "s3") {
			s.Access = correlate.AccessAnonymous
		}
	}
	if logged && s.Access == correlate.AccessIAM {
		s.Principal = iamPrincipal(requester)
	}
	s.settle()
	if s.Access == correlate.AccessOAI && s.Principal.CanonicalUser == "" && isCanonical(requester) {
		s.Principal.CanonicalUser = requester
	}
	s.recorded = from
}

// New returns a request of the given kind with nothing known of its context but
// what the kind alone implies. Facts, bucket and object may be nil.
func New(a correlate.Access, bucket, key string, f *facts.Facts, b *facts.Bucket, o *facts.Object) *Situation {
	s := new(Situation)
	s.unsettled(a, bucket, key, f, b, o)
	s.settle()
	return s
}

// What stands for what is not at hand. It is never changed: remedies change a
// Clone.
var (
	noKey    correlate.FailingKey
	noFacts  facts.Facts
	noBucket facts.Bucket
	noObject facts.Object
)

func (s *Situation) unsettled(a correlate.Access, bucket, key string, f *facts.Facts, b *facts.Bucket, o *facts.Object) {
	if f == nil {
		f = &noFacts
	}
	if b == nil {
		b = f.Buckets[bucket]
	}
	if b == nil {
		b = &noBucket
	}
	if o == nil {
		o = b.Objects[key]
	}
	if o == nil {
		o = &noObject
	}
	if s.mem == nil {
		s.mem = new(memory)
	}
	*s = Situation{Access: a, Bucket: bucket, Key: key, Facts: f, BucketFacts: b, Object: o, mem: s.mem, own: s.own}
	s.Exists = Exists(b, o, key)
	if b.ACL.Known() {
		s.BucketOwner = b.ACL.Value.OwnerID
	}
	if b.Foreign != correlate.Yes {
		s.OwnerAccount = ownerAccount(f)
	}
}

// Clone returns a copy that can be changed without touching s.
func (s *Situation) Clone() *Situation {
	c := *s
	c.context, c.own, c.recorded = s.Context().Clone(), policy.Context{}, recorded{}
	b, o, f := *s.BucketFacts, *s.Object, *s.Facts
	c.BucketFacts, c.Object, c.Facts = &b, &o, &f
	return &c
}

// As makes the request one of an IAM principal, by its ARN or canonical user id.
// Condition keys that were set before are forgotten.
func (s *Situation) As(requester string) {
	s.Access = correlate.AccessIAM
	s.Principal = iamPrincipal(requester)
	s.Settle()
}

// Settle sets what follows from who asks: the principal and the condition keys
// that every request of this kind carries or lacks. Call it after Access,
// Distribution or Origin changed. Other condition keys are forgotten.
func (s *Situation) Settle() {
	s.own = policy.Context{} // who has the old one keeps it
	s.settle()
}

func (s *Situation) settle() {
	s.Principal = s.principal()
	s.Guesses = s.implied().guesses
	s.context, s.recorded = nil, recorded{}
}

func (s *Situation) implied() *implied {
	return s.mem.implies(kind{s.Access, s.accessPoint(), s.Principal.ARN != ""})
}

// Context returns the condition keys of the request, to be changed by remedies
// alone. It is made when it is first asked for: most requests are judged without
// a policy that reads any.
func (s *Situation) Context() *policy.Context {
	if s.context != nil {
		return s.context
	}
	s.context = &s.own
	s.context.Over(s.implied().context)
	s.contextOfKind()
	if s.key != nil {
		s.contextOfSettings(s.key, s.behavior)
	}
	switch {
	case s.line != nil:
		s.contextOfLine(s.line)
	case s.class != nil:
		s.contextOfClass(s.class)
	}
	return s.context
}

func (s *Situation) contextOfKind() {
	c := s.context
	if s.OwnerAccount != "" {
		c.Set("aws:ResourceAccount", s.OwnerAccount)
		c.Set("s3:ResourceAccount", s.OwnerAccount)
	}
	if r := Region(s); r != "" {
		c.Set("aws:RequestedRegion", r)
	}
	switch s.Access {
	case correlate.AccessOAI:
		if s.Principal.ARN != "" {
			c.Set("aws:PrincipalArn", s.Principal.ARN)
		}
	case correlate.AccessOAC:
		if d := s.Distribution; d != nil && d.ARN != "" {
			c.Set("aws:SourceArn", d.ARN)
			if acc := d.AccountID(); acc != "" {
				c.Set("aws:SourceAccount", acc)
			}
		}
	case correlate.AccessIAM:
		if arn := roleOf(s.Principal.ARN); arn != "" {
			c.Set("aws:PrincipalArn", arn)
		}
		if acc := s.Principal.Account(); acc != "" {
			c.Set("aws:PrincipalAccount", acc)
		}
	}
	s.objectTags()
}

// A kind is what a request's condition keys follow from alone.
type kind struct {
	access      correlate.Access
	accessPoint bool
	named       bool // the principal's ARN is known
}

// An implied is what every request of one kind carries, lacks, and is guessed
// to. It is shared and must not be changed.
type implied struct {
	context *policy.Context
	guesses map[string]bool
}

var impliedBy sync.Map // of kind, *implied

func implies(k kind) *implied {
	if have, ok := impliedBy.Load(k); ok {
		return have.(*implied)
	}
	have, _ := impliedBy.LoadOrStore(k, k.implied())
	return have.(*implied)
}

func (k kind) implied() *implied {
	c := &policy.Context{Default: policy.Undefined}
	guesses := map[string]bool{}
	absent := func(keys ...string) {
		for _, k := range keys {
			c.SetAbsent(k)
		}
	}
	guess := func(keys ...string) {
		for _, k := range keys {
			guesses[strings.ToLower(k)] = true
		}
	}
	absent("s3:x-amz-acl", "s3:x-amz-grant-read", "s3:x-amz-grant-full-control", "s3:x-amz-server-side-encryption",
		"s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-copy-source", "s3:x-amz-metadata-directive",
		"s3:x-amz-storage-class", "s3:VersionId")
	if !k.accessPoint {
		absent("s3:DataAccessPointArn", "s3:DataAccessPointAccount", "s3:AccessPointNetworkOrigin")
	}
	if k.access != correlate.AccessIAM && k.access != correlate.AccessUnknown && k.access != "" {
		// IAM guide, Global condition keys: what only an IAM principal carries.
		absent("aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:username", "aws:MultiFactorAuthPresent",
			"aws:MultiFactorAuthAge", "aws:FederatedProvider", "aws:TokenIssueTime", "aws:SourceIdentity",
			"aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp")
	}
	switch k.access {
	case correlate.AccessWebsite, correlate.AccessAnonymous:
		absent("aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList",
			"aws:SourceArn", "aws:SourceAccount", "aws:SourceOwner", "aws:SourceOrgID", "aws:SourceOrgPaths",
			"s3:authType", "s3:signatureversion", "s3:signatureAge", "s3:x-amz-content-sha256")
		guess("s3:authType")
		c.Set("aws:PrincipalAccount", "anonymous")
		c.Set("aws:PrincipalType", "Anonymous")
		c.Set("aws:userid", "anonymous")
		c.Set("aws:ViaAWSService", "false")
		if k.access == correlate.AccessWebsite {
			// Website endpoints speak HTTP only (S3 guide, Website endpoints).
			c.Set("aws:SecureTransport", "false")
			absent("s3:TlsVersion")
		}
	case correlate.AccessOAI:
		absent("aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:SourceArn", "aws:SourceAccount",
			"aws:SourceOwner", "aws:SourceOrgID", "aws:SourceOrgPaths")
		c.Set("aws:PrincipalIsAWSService", "false")
		c.Set("aws:ViaAWSService", "false")
		c.Set("s3:authType", "REST-HEADER")
		c.Set("s3:signatureversion", "AWS4-HMAC-SHA256")
		guess("aws:PrincipalIsAWSService")
		if k.named {
			guess("aws:PrincipalArn")
		}
	case correlate.AccessOAC:
		absent("aws:PrincipalArn", "aws:PrincipalAccount", "aws:SourceOwner", "aws:SourceIp", "aws:Referer", "aws:UserAgent")
		guess("aws:SourceIp", "aws:Referer", "aws:UserAgent", "aws:ViaAWSService", "s3:authType")
		c.Set("aws:PrincipalIsAWSService", "true")
		c.Set("aws:PrincipalServiceName", CloudFrontService)
		c.SetList("aws:PrincipalServiceNamesList", CloudFrontService)
		c.Set("aws:ViaAWSService", "false")
		c.Set("s3:authType", "REST-HEADER")
		c.Set("s3:signatureversion", "AWS4-HMAC-SHA256")
	case correlate.AccessIAM:
		absent("aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:SourceArn", "aws:SourceAccount",
			"aws:SourceOwner", "aws:SourceOrgID", "aws:SourceOrgPaths")
		c.Set("aws:PrincipalIsAWSService", "false")
		c.Set("aws:ViaAWSService", "false")
		c.Set("s3:signatureversion", "AWS4-HMAC-SHA256")
	}
	return &implied{c, guesses}
}

// objectTags sets the tags of the object, when they were gathered: the ones
// that it has and, as absent, the ones that the policies ask for. Tags of a
// principal or a request come with IAM principals and writes only.
func (s *Situation) objectTags() {
	absent := func(kind policy.Kind, doc string) {
		if doc == "" || !strings.Contains(doc, "ag/") {
			return
		}
		for _, k := range s.mem.compiled(kind, doc).keys {
			name := strings.ToLower(k)
			switch {
			case strings.HasPrefix(name, "s3:existingobjecttag/"):
				if s.Object.Tags.Known() {
					s.context.SetAbsent(k)
				}
			case strings.HasPrefix(name, "aws:principaltag/"), strings.HasPrefix(name, "aws:requesttag/"), strings.HasPrefix(name, "s3:requestobjecttag/"):
				if s.Access != correlate.AccessIAM {
					s.context.SetAbsent(k)
				}
			}
		}
	}
	absent(policy.BucketPolicy, s.BucketFacts.Policy.Value)
	for _, p := range s.Facts.Organization.RCPs.Value {
		absent(policy.RCP, p.Content)
	}
	for _, p := range s.Facts.Organization.SCPs.Value {
		absent(policy.SCP, p.Content)
	}
	if s.Object.Tags.Known() {
		for k, v := range s.Object.Tags.Value {
			s.context.Set("s3:ExistingObjectTag/"+k, v)
		}
	}
}

func (s *Situation) principal() policy.Principal {
	switch s.Access {
	case correlate.AccessOAC:
		return policy.Principal{Type: policy.Service, Service: CloudFrontService}
	case correlate.AccessOAI:
		p := policy.Principal{Type: policy.OAI, Partial: true}
		if s.Principal.Type == policy.OAI {
			p = s.Principal
		}
		if s.Origin != nil && s.Origin.OriginAccessIdentity != "" {
			id := s.Origin.OriginAccessIdentity
			p.ARN = OAIArn(id)
			if f, ok := s.Facts.Identities[id]; ok && f.Known() {
				p.CanonicalUser = f.Value.S3CanonicalUserID
				p.Partial = false
			}
		}
		return p
	case correlate.AccessIAM:
		if s.Principal.Type == policy.IAM {
			return s.Principal
		}
		return policy.Principal{Type: policy.IAM, Partial: true}
	}
	return policy.Principal{Type: policy.Anonymous}
}

// OAIArn returns the ARN by which a bucket policy names an origin access
// identity.
func OAIArn(id string) string {
	return "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity " + id
}

// contextOfSettings sets the condition keys that the distribution's settings
// and CloudFront's lines decide, as far as they do.
func (s *Situation) contextOfSettings(k *correlate.FailingKey, b *correlate.Behavior) {
	c := s.context
	if k.First > 0 {
		s.setTime(k.First)
	}
	if s.Access == correlate.AccessOAC || s.Access == correlate.AccessOAI || s.Access == correlate.AccessAnonymous {
		if p := viewerProtocol(k); p != "" && s.Origin != nil {
			switch {
			case s.Origin.S3 && p == "https", !s.Origin.S3 && s.Origin.ProtocolPolicy == "https-only":
				c.Set("aws:SecureTransport", "true")
			case s.Origin.S3 && p == "http", !s.Origin.S3 && s.Origin.ProtocolPolicy == "http-only":
				c.Set("aws:SecureTransport", "false")
				c.SetAbsent("s3:TlsVersion")
			}
		}
	}
	if s.Access == correlate.AccessOAC || k.Distribution == "" || s.Origin == nil {
		return
	}
	if v, ok := CustomHeader(s.Origin, "Referer"); ok {
		c.Set("aws:Referer", v)
	} else if yes, known := Forwards(s.Facts, b, "Referer"); known && !yes {
		c.SetAbsent("aws:Referer")
	}
	if v, ok := CustomHeader(s.Origin, "User-Agent"); ok {
		c.Set("aws:UserAgent", v)
	} else if yes, known := Forwards(s.Facts, b, "User-Agent"); known && !yes {
		c.Set("aws:UserAgent", s.Facts.Masked(CloudFrontUserAgent))
	}
}

// contextOfLine sets the condition keys that an S3 line recorded (S3 guide, Server
// access log format).
func (s *Situation) contextOfLine(l *correlate.OriginSample) {
	c := s.context
	if l.Time > 0 {
		s.setTime(l.Time)
	}
	if s.Access != correlate.AccessOAC {
		s.setIP(l.RemoteIP)
		s.setText("aws:Referer", s.masked(string(l.Referer)))
		s.setText("aws:UserAgent", s.masked(l.UserAgent))
	}
	if s.Access != correlate.AccessWebsite {
		s.setTLS(l.TLSVersion, l.CipherSuite, l.HostHeader)
	}
	if l.VersionID != "" {
		c.Set("s3:VersionId", l.VersionID)
	}
	s.setSignature(l.SignatureVersion, l.AuthType)
	if l.AccessPointARN != "" {
		c.Set("s3:DataAccessPointArn", l.AccessPointARN)
		if f := strings.Split(l.AccessPointARN, ":"); len(f) > 4 {
			c.Set("s3:DataAccessPointAccount", f[4])
		}
	}
}

// contextOfClass is contextOfLine for the fields that a class of lines shares.
func (s *Situation) contextOfClass(l *correlate.OriginClass) {
	if s.Access != correlate.AccessOAC {
		s.setText("aws:Referer", s.masked(string(l.Referer)))
		s.setText("aws:UserAgent", s.masked(l.UserAgent))
	}
	if s.Access != correlate.AccessWebsite {
		s.setTLS(l.TLSVersion, "", l.HostHeader)
	}
	s.setSignature(l.SignatureVer, l.AuthType)
}

// masked is a logged Referer or user agent in the form in which the facts hold
// such values.
func (s *Situation) masked(v string) string {
	if v == "" {
		return ""
	}
	return s.Facts.Masked(v)
}

// put gives the key a known value of another context.
func put(c *policy.Context, key string, v policy.Value) {
	switch {
	case v.List:
		c.SetList(key, v.Values...)
	case len(v.Values) == 1:
		c.Set(key, v.Values[0])
	}
}

func (s *Situation) setTime(ms int64) {
	t := time.UnixMilli(ms).UTC()
	s.context.Set("aws:CurrentTime", t.Format(time.RFC3339))
	s.context.Set("aws:EpochTime", strconv.FormatInt(t.Unix(), 10))
}

func (s *Situation) setText(key, v string) {
	if v == "" {
		s.context.SetAbsent(key)
	} else {
		s.context.Set(key, v)
	}
}

// setIP: a private address came by a VPC endpoint, whose id no line holds.
func (s *Situation) setIP(ip string) {
	a, err := netip.ParseAddr(ip)
	switch {
	case err != nil:
		s.context.SetUnknown("aws:SourceIp")
	case a.IsPrivate():
		s.context.SetAbsent("aws:SourceIp")
		s.context.Set("aws:VpcSourceIp", ip)
		s.context.SetUnknown("aws:SourceVpce")
		s.context.SetUnknown("aws:SourceVpc")
	default:
		s.context.Set("aws:SourceIp", ip)
		s.context.SetAbsent("aws:VpcSourceIp")
		s.context.SetAbsent("aws:SourceVpce")
		s.context.SetAbsent("aws:SourceVpc")
	}
}

// setTLS: every request has a Host, so that a line without one is of the time
// before S3 logged host and TLS.
func (s *Situation) setTLS(version, cipher, host string) {
	if version == "" && cipher == "" && host == "" {
		return
	}
	if version == "" && cipher == "" {
		s.context.Set("aws:SecureTransport", "false")
		s.context.SetAbsent("s3:TlsVersion")
		return
	}
	s.context.Set("aws:SecureTransport", "true")
	if v := strings.TrimPrefix(strings.ToLower(version), "tlsv"); v != "" && v != strings.ToLower(version) {
		if !strings.Contains(v, ".") {
			v += ".0"
		}
		s.context.Set("s3:TlsVersion", v)
	}
}

func (s *Situation) setSignature(version, auth string) {
	switch version {
	case "SigV4":
		s.context.Set("s3:signatureversion", "AWS4-HMAC-SHA256")
	case "SigV2":
		s.context.Set("s3:signatureversion", "AWS")
	case "":
		if s.Access == correlate.AccessIAM {
			s.context.SetUnknown("s3:signatureversion")
		}
	}
	switch auth {
	case "AuthHeader":
		s.context.Set("s3:authType", "REST-HEADER")
	case "QueryString":
		s.context.Set("s3:authType", "REST-QUERY-STRING")
	}
}

// originSample returns the S3 line at hand that is judged: one that was refused
// before others, one that wanted to read before a write, one that surely belongs
// to its CloudFront line before an ambiguous one, then the earliest.
func originSample(k *correlate.FailingKey) *correlate.OriginSample {
	var best *correlate.OriginSample
	most := -1
	for i := range k.Samples {
		o := k.Samples[i].Origin
		if o == nil {
			continue
		}
		n := weight(o.Status, o.Operation)
		if !k.Samples[i].Ambiguous {
			n++
		}
		if n > most {
			best, most = o, n
		}
	}
	return best
}

// originClass is originSample for the kinds of lines.
func originClass(k *correlate.FailingKey) *correlate.OriginClass {
	var best *correlate.OriginClass
	most := -1
	for i := range k.Origin {
		if n := weight(k.Origin[i].Status, k.Origin[i].Operation); n > most {
			best, most = &k.Origin[i], n
		}
	}
	return best
}

func weight(status int, operation string) int {
	n := 0
	if status == 403 {
		n += 4
	}
	if ActionOf(operation) == "s3:GetObject" {
		n += 2
	}
	return n
}

func viewerProtocol(k *correlate.FailingKey) string {
	p := ""
	for i := range k.Edge {
		switch q := k.Edge[i].Protocol; {
		case p == "":
			p = q
		case p != q:
			return ""
		}
	}
	return p
}

func (s *Situation) accessPoint() bool {
	if s.AccessPoint != "" {
		return true
	}
	if s.Origin == nil {
		return false
	}
	k := s.mem.parseEndpoint(s.Origin.DomainName).Kind
	return k == correlate.EndpointAccessPoint || k == correlate.EndpointMultiRegion
}

// ActionOf returns the IAM action of a logged operation (S3 guide, Server
// access log format: REST.METHOD.RESOURCE), "" when none authorises it.
func ActionOf(operation string) string {
	i := strings.IndexByte(operation, '.')
	if i < 0 {
		return "s3:GetObject"
	}
	switch operation[i+1:] {
	case "GET.OBJECT", "HEAD.OBJECT", "COPY.OBJECT_GET", "COPY.PART_GET", "GET.OBJECT_ATTRIBUTES":
		return "s3:GetObject"
	case "GET.BUCKET", "HEAD.BUCKET":
		return "s3:ListBucket"
	case "GET.BUCKETVERSIONS":
		return "s3:ListBucketVersions"
	case "GET.OBJECT_TAGGING":
		return "s3:GetObjectTagging"
	case "GET.ACL":
		return "s3:GetObjectAcl"
	case "PUT.OBJECT", "POST.OBJECT", "PUT.PART", "POST.UPLOADS", "POST.UPLOAD", "COPY.OBJECT", "COPY.PART":
		return "s3:PutObject"
	case "DELETE.OBJECT", "POST.MULTI_OBJECT_DELETE":
		return "s3:DeleteObject"
	case "DELETE.UPLOAD":
		return "s3:AbortMultipartUpload"
	}
	return "s3:GetObject"
}

// CustomHeader returns the value of an origin custom header.
func CustomHeader(o *correlate.Origin, name string) (string, bool) {
	if o != nil {
		for _, h := range o.CustomHeaders {
			if strings.EqualFold(h.Name, name) {
				return h.Value, true
			}
		}
	}
	return "", false
}

// Forwards reports whether the behavior forwards the viewer's header to the
// origin, by its cache policy, origin request policy or legacy settings, and
// whether that is known.
func Forwards(f *facts.Facts, b *correlate.Behavior, name string) (yes, known bool) {
	if b == nil {
		return false, false
	}
	for _, h := range b.ForwardedHeaders {
		if h == "*" || strings.EqualFold(h, name) {
			return true, true
		}
	}
	known = true
	if b.CachePolicyID != "" {
		switch p := f.CachePolicy(b.CachePolicyID); {
		case !p.Known():
			known = false
		case p.Value.HeaderBehavior == "whitelist" && containsFold(p.Value.Headers, name):
			return true, true
		}
	}
	if b.OriginRequestPolicyID != "" {
		p := f.OriginRequestPolicy(b.OriginRequestPolicyID)
		if !p.Known() {
			return false, false
		}
		in := containsFold(p.Value.Headers, name)
		switch p.Value.HeaderBehavior {
		case "whitelist":
			if in {
				return true, true
			}
		case "allViewer", "allViewerAndWhitelistCloudFront":
			return true, true
		case "allExcept":
			if !in {
				return true, true
			}
		}
	}
	return false, known
}

func containsFold(list []string, s string) bool {
	for _, v := range list {
		if strings.EqualFold(v, s) {
			return true
		}
	}
	return false
}

// Exists says whether the key is in the bucket: by the bucket's whole list of
// keys where there is one, else by what was asked of the object.
func Exists(b *facts.Bucket, o *facts.Object, key string) correlate.Tri {
	if e := o.Exists(); e != correlate.Unknown {
		return e
	}
	if b != nil && b.Keys.Known() && b.Keys.Value != nil && key != "" {
		return triOf(b.Keys.Value.Has(key))
	}
	return correlate.Unknown
}

// Region returns the bucket's region, "" if unknown.
func Region(s *Situation) string {
	switch b := s.BucketFacts; {
	case b.Head.Known() && b.Head.Value.Region != "":
		return b.Head.Value.Region
	case b.Location.Known():
		if b.Location.Value == "" {
			return "us-east-1" // GetBucketLocation answers null for it
		}
		return b.Location.Value
	case s.Origin != nil:
		return s.mem.parseEndpoint(s.Origin.DomainName).Region
	}
	return ""
}

func ownerAccount(f *facts.Facts) string {
	if f.Caller.Known() {
		if _, ok := f.Accounts[f.Caller.Value.Account]; ok || len(f.Accounts) == 0 {
			return f.Caller.Value.Account
		}
	}
	if len(f.Accounts) == 1 {
		for id := range f.Accounts {
			return id
		}
	}
	if f.Caller.Known() {
		return f.Caller.Value.Account
	}
	return ""
}

func iamPrincipal(requester string) policy.Principal {
	p := policy.Principal{Type: policy.IAM, Partial: true}
	if strings.HasPrefix(requester, "arn:") {
		p.ARN = requester
	} else if isCanonical(requester) {
		p.CanonicalUser = requester
	}
	return p
}

// roleOf returns aws:PrincipalArn: for a role session the role's own ARN.
func roleOf(arn string) string {
	head, tail, ok := strings.Cut(arn, ":assumed-role/")
	if !ok {
		return arn
	}
	role, _, _ := strings.Cut(tail, "/")
	return strings.Replace(head, ":sts:", ":iam:", 1) + ":role/" + role
}

func isCanonical(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

func triOf(b bool) correlate.Tri {
	if b {
		return correlate.Yes
	}
	return correlate.No
}
