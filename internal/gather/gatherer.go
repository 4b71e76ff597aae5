package gather

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// Options tune a Gatherer.
type Options struct {
	// Concurrency bounds the questions that are open at a time; 0 is 8.
	Concurrency int
	// Inventories stand in for listings of their buckets.
	Inventories []Inventory
}

// A Gatherer fills facts, stage by stage, each stage asking only what it is
// called for: [Gatherer.Distributions], [Gatherer.Behaviors],
// [Gatherer.Buckets], [Gatherer.Account], [Gatherer.Organization],
// [Gatherer.Objects]. Equal questions are asked once, whatever stage asks them.
//
// The methods return an error only when ctx ended. What could not be answered
// is said by each fact's state, and in sum by [Gatherer.Problems].
//
// Its methods are not safe for concurrent use with each other; each one asks
// side by side.
type Gatherer struct {
	answers     Answers
	inventories inventories
	open        chan struct{} // one for each open question

	mu            sync.Mutex
	asked         map[Question]*reply
	problems      map[string]error
	distributions map[string]func() *facts.Distribution // by id
	facts         *facts.Facts
}

type reply struct {
	done chan struct{}
	data json.RawMessage
	err  error
}

// New returns a Gatherer that asks a.
func New(a Answers, o Options) *Gatherer {
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	f := facts.New()
	f.Caller = unasked[facts.Caller](GetCallerIdentity)
	f.Organization.SCPs = unasked[[]facts.OrgPolicy](OrganizationPolicies)
	f.Organization.RCPs = unasked[[]facts.OrgPolicy](OrganizationPolicies)
	if m, ok := a.(interface{ Mask() func(string) string }); ok {
		f.Mask = m.Mask()
	}
	return &Gatherer{
		answers: a, inventories: readLater(o.Inventories), open: make(chan struct{}, o.Concurrency),
		asked: map[Question]*reply{}, problems: map[string]error{}, facts: f,
		distributions: map[string]func() *facts.Distribution{},
	}
}

// Facts returns what was gathered so far. It must not be read while a stage
// runs.
func (g *Gatherer) Facts() *facts.Facts { return g.facts }

// Problems returns the errors that are no answer of AWS, each once, sorted: a
// file of the snapshot that can't be read, no credentials, no connection.
func (g *Gatherer) Problems() []error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []error
	for _, err := range g.problems {
		out = append(out, err)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Error() < out[j].Error() })
	return out
}

// Refused returns the permissions for want of which AWS refused an answer,
// sorted.
func (g *Gatherer) Refused() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for q, r := range g.asked {
		var api *APIError
		if errors.As(r.err, &api) && api.refused() {
			out = append(out, cmp.Or(api.Permission, q.Call.Permission))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ask returns the answer to a question, asking it only once.
func (g *Gatherer) ask(ctx context.Context, q Question) (json.RawMessage, error) {
	g.mu.Lock()
	r, ok := g.asked[q]
	if ok {
		g.mu.Unlock()
		select {
		case <-r.done:
			return r.data, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r = &reply{done: make(chan struct{})}
	g.asked[q] = r
	g.mu.Unlock()
	defer close(r.done)

	select {
	case g.open <- struct{}{}:
		defer func() { <-g.open }()
	case <-ctx.Done():
		r.err = ctx.Err()
		return nil, r.err
	}
	r.data, r.err = g.answers.Ask(ctx, q)
	if r.err != nil {
		g.note(r.err)
	}
	return r.data, r.err
}

// note keeps an error that is no answer of AWS.
func (g *Gatherer) note(err error) {
	var api *APIError
	if errors.As(err, &api) || errors.Is(err, ErrNotAsked) || errors.Is(err, context.Canceled) {
		return
	}
	g.mu.Lock()
	g.problems[err.Error()] = err
	g.mu.Unlock()
}

// fact asks a question and decodes its answer.
func fact[T any](ctx context.Context, g *Gatherer, q Question, decode func(json.RawMessage) (T, error)) facts.Fact[T] {
	f := unasked[T](q.Call)
	data, err := g.ask(ctx, q)
	if err != nil {
		fail(&f, err)
		return f
	}
	v, err := decode(data)
	switch {
	case errors.Is(err, errNotSet):
		f.State = facts.NotSet
	case err != nil:
		f.State, f.Code, f.Message = facts.Failed, CodeAnswer, fmt.Sprintf("%s: %v", q, err)
	default:
		f.State, f.Value = facts.Known, v
	}
	return f
}

// each runs f for each item side by side.
func each[T any](items []T, f func(T)) {
	var group errgroup.Group
	for _, item := range items {
		group.Go(func() error { f(item); return nil })
	}
	_ = group.Wait()
}

// put stores a fact in one of the maps of Facts.
func put[V any](g *Gatherer, m map[string]V, key string, v V) {
	g.mu.Lock()
	m[key] = v
	g.mu.Unlock()
}

func unique(items []string) []string {
	seen := map[string]bool{"": true}
	var out []string
	for _, s := range items {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// Caller asks who the run is.
func (g *Gatherer) Caller(ctx context.Context) error {
	g.facts.Caller = fact(ctx, g, Question{Call: GetCallerIdentity}, decodeCaller)
	return ctx.Err()
}

// A DistributionName is a distribution of the account, in short. A snapshot tells
// the ID alone.
type DistributionName struct {
	ID, DomainName string
	Origins        struct{ Items []struct{ DomainName string } }
}

// Serves reports whether an origin of the distribution is one of the buckets.
func (d *DistributionName) Serves(buckets []string) bool {
	for _, o := range d.Origins.Items {
		if slices.Contains(buckets, correlate.ParseEndpoint(o.DomainName).Bucket) {
			return true
		}
	}
	return false
}

// ListDistributions returns the account's distributions. It is safe for
// concurrent use.
func (g *Gatherer) ListDistributions(ctx context.Context) facts.Fact[[]DistributionName] {
	return fact(ctx, g, Question{Call: ListDistributions}, func(data json.RawMessage) ([]DistributionName, error) {
		v, err := decode[struct {
			DistributionList *struct{ Items []DistributionName }
		}](data)
		if err != nil {
			return nil, err
		}
		if v.DistributionList == nil {
			return nil, lacks("DistributionList")
		}
		return v.DistributionList.Items, nil
	})
}

// Distributions asks for distributions, for the origin access controls and
// identities of their origins, and for what their website origins serve in place of
// a folder: keys are resolved by it.
func (g *Gatherer) Distributions(ctx context.Context, ids ...string) error {
	each(unique(ids), func(id string) { g.Distribution(ctx, id) })
	return ctx.Err()
}

// Distribution is Distributions for one of them, and returns it. It is safe for
// concurrent use with itself.
func (g *Gatherer) Distribution(ctx context.Context, id string) *facts.Distribution {
	g.mu.Lock()
	once := g.distributions[id]
	if once == nil {
		once = sync.OnceValue(func() *facts.Distribution { return g.distribution(ctx, id) })
		g.distributions[id] = once
	}
	g.mu.Unlock()
	return once()
}

func (g *Gatherer) distribution(ctx context.Context, id string) *facts.Distribution {
	d := &facts.Distribution{ID: id}
	d.Config = fact(ctx, g, Question{Call: GetDistribution, ID: id}, func(data json.RawMessage) (*correlate.Distribution, error) {
		c, err := correlate.ParseDistribution(data)
		if err == nil && c.ID == "" {
			c.ID = id
		}
		return c, err
	})
	put(g, g.facts.Distributions, id, d)
	if !d.Config.Known() {
		return d
	}
	for _, o := range d.Config.Value.Origins {
		e := correlate.ParseEndpoint(o.DomainName)
		g.expect(e.Bucket, e.Region)
	}
	each(d.Config.Value.Origins, func(o correlate.Origin) {
		if id := o.OriginAccessControlID; id != "" {
			put(g, g.facts.AccessControl, id, fact(ctx, g, Question{Call: GetOriginAccessControl, ID: id}, decodeAccessControl))
		}
		if id := o.OriginAccessIdentity; id != "" {
			put(g, g.facts.Identities, id, fact(ctx, g, Question{Call: GetOriginAccessIdentity, ID: id}, decodeIdentity))
		}
		if e := correlate.ParseEndpoint(o.DomainName); e.Kind == correlate.EndpointWebsite {
			website := fact(ctx, g, Question{Call: GetBucketWebsite, Bucket: e.Bucket}, decodeWebsite)
			b := g.bucketFor(e.Bucket)
			g.mu.Lock()
			b.Website = website
			g.mu.Unlock()
		}
	})
	return d
}

// Identities asks for origin access identities by their ids: those that a
// bucket policy names.
func (g *Gatherer) Identities(ctx context.Context, ids ...string) error {
	each(unique(ids), func(id string) {
		put(g, g.facts.Identities, id, fact(ctx, g, Question{Call: GetOriginAccessIdentity, ID: id}, decodeIdentity))
	})
	return ctx.Err()
}

// Behaviors asks for what the behaviors name: cache and origin request
// policies, CloudFront Functions with their code, key groups with their public
// keys.
func (g *Gatherer) Behaviors(ctx context.Context, behaviors ...*correlate.Behavior) error {
	var caches, requests, functions, groups []string
	for _, b := range behaviors {
		caches = append(caches, b.CachePolicyID)
		requests = append(requests, b.OriginRequestPolicyID)
		groups = append(groups, b.TrustedKeyGroups...)
		for _, f := range b.Functions {
			if !f.Lambda {
				functions = append(functions, lastSegment(f.ARN))
			}
		}
	}
	var all []func()
	for _, id := range unique(caches) {
		all = append(all, func() {
			put(g, g.facts.CachePolicies, id, fact(ctx, g, Question{Call: GetCachePolicy, ID: id}, decodeCachePolicy))
		})
	}
	for _, id := range unique(requests) {
		all = append(all, func() {
			put(g, g.facts.OriginRequest, id, fact(ctx, g, Question{Call: GetOriginRequestPolicy, ID: id}, decodeOriginRequestPolicy))
		})
	}
	for _, name := range unique(functions) {
		all = append(all, func() {
			f := &facts.Function{Name: name, Code: unasked[string](GetFunction)}
			f.ARN = fact(ctx, g, Question{Call: DescribeFunction, ID: name}, decodeFunctionARN)
			f.Code = fact(ctx, g, Question{Call: GetFunction, ID: name}, decodeCode)
			put(g, g.facts.Functions, name, f)
		})
	}
	for _, id := range unique(groups) {
		all = append(all, func() {
			group := fact(ctx, g, Question{Call: GetKeyGroup, ID: id}, decodeKeyGroup)
			put(g, g.facts.KeyGroups, id, group)
			each(unique(group.Value.Items), func(id string) {
				put(g, g.facts.PublicKeys, id, fact(ctx, g, Question{Call: GetPublicKey, ID: id}, decodePublicKey))
			})
		})
	}
	each(all, func(f func()) { f() })
	return ctx.Err()
}

// WebACLs asks for web ACLs, by DistributionConfig.WebACLId. An id of AWS WAF
// Classic, which is no ARN, is not asked for.
func (g *Gatherer) WebACLs(ctx context.Context, ids ...string) error {
	each(unique(ids), func(id string) {
		f := unasked[facts.WebACL](GetWebACL)
		if strings.HasPrefix(id, "arn:") {
			f = fact(ctx, g, Question{Call: GetWebACL, ID: id}, decodeWebACL)
		}
		put(g, g.facts.WebACLs, id, f)
	})
	return ctx.Err()
}

// Parts says what of a bucket is asked for besides what decides access: Region,
// policy, Block Public Access, ownership, requester pays and, unless ACLs are
// disabled, the ACL.
type Parts uint8

// The parts.
const (
	PartWebsite Parts = 1 << iota
	PartEncryption
	PartLogging
	PartVersioning
	PartCORS
)

// Buckets asks for the settings of buckets.
func (g *Gatherer) Buckets(ctx context.Context, parts Parts, names ...string) error {
	each(unique(names), func(name string) { g.bucket(ctx, name, parts) })
	return ctx.Err()
}

// bucketFor returns the bucket's entry in Facts, made if there is none.
func (g *Gatherer) bucketFor(name string) *facts.Bucket {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.facts.Buckets[name]
	if b == nil {
		b = &facts.Bucket{
			Name:              name,
			Head:              unasked[facts.BucketHead](HeadBucket),
			Location:          unasked[string](GetBucketLocation),
			Policy:            unasked[string](GetBucketPolicy),
			PolicyStatus:      unasked[bool](GetBucketPolicyStatus),
			PublicAccessBlock: unasked[facts.PublicAccessBlock](GetPublicAccessBlock),
			Ownership:         unasked[string](GetOwnershipControls),
			ACL:               unasked[facts.ACL](GetBucketACL),
			Website:           unasked[*correlate.Website](GetBucketWebsite),
			RequestPayment:    unasked[string](GetRequestPayment),
			Encryption:        unasked[facts.Encryption](GetBucketEncryption),
			Logging:           unasked[facts.Logging](GetBucketLogging),
			Versioning:        unasked[string](GetBucketVersioning),
			CORS:              unasked[[]facts.CORSRule](GetBucketCORS),
			Keys:              unasked[*correlate.KeyList](ListObjectsV2),
			Objects:           map[string]*facts.Object{},
		}
		g.facts.Buckets[name] = b
	}
	return b
}

// Logging asks where buckets are and where their server access logs go, nothing
// else.
func (g *Gatherer) Logging(ctx context.Context, names ...string) error {
	each(unique(names), func(name string) {
		if b := g.place(ctx, name); b.Head.State != facts.NotFound {
			b.Logging = fact(ctx, g, Question{Call: GetBucketLogging, Bucket: name}, decodeLogging)
			g.expect(b.Logging.Value.TargetBucket, b.Location.Value) // the same Region, S3 demands
		}
	})
	return ctx.Err()
}

// expecter is implemented by Answers that ask a bucket's own Region: one that is
// expected saves the question where the bucket is.
type expecter interface{ Expect(bucket, region string) }

func (g *Gatherer) expect(bucket, region string) {
	if e, ok := g.answers.(expecter); ok && bucket != "" && region != "" {
		e.Expect(bucket, region)
	}
}

// place asks where a bucket is.
func (g *Gatherer) place(ctx context.Context, name string) *facts.Bucket {
	b := g.bucketFor(name)
	q := Question{Call: HeadBucket, Bucket: name}
	b.Head = fact(ctx, g, q, decodeHead)
	if b.Head.State == facts.NotFound {
		return b
	}
	if r := g.region(ctx, q); r != "" {
		b.Location = facts.Fact[string]{Value: r, State: facts.Known, Call: HeadBucket.Name, Permission: HeadBucket.Permission}
	} else {
		b.Location = fact(ctx, g, Question{Call: GetBucketLocation, Bucket: name}, decodeLocation)
	}
	return b
}

func (g *Gatherer) bucket(ctx context.Context, name string, parts Parts) {
	b := g.place(ctx, name)
	if b.Head.State == facts.NotFound {
		return
	}
	q := func(c *Call) Question { return Question{Call: c, Bucket: name} }
	all := []func(){
		func() {
			b.Policy = fact(ctx, g, q(GetBucketPolicy), decodePolicy)
			if !b.Policy.Known() && b.Policy.State != facts.NotSet { // the policy itself tells more; no policy is not public
				b.PolicyStatus = fact(ctx, g, q(GetBucketPolicyStatus), decodePolicyStatus)
			}
		},
		func() { b.PublicAccessBlock = fact(ctx, g, q(GetPublicAccessBlock), decodePublicAccessBlock) },
		func() {
			b.Ownership = fact(ctx, g, q(GetOwnershipControls), decodeOwnership)
			if !aclsDisabled(b) {
				b.ACL = fact(ctx, g, q(GetBucketACL), decodeACL)
			}
		},
		func() { b.RequestPayment = fact(ctx, g, q(GetRequestPayment), decodePayer) },
		func() { b.Keys, b.Inventory = g.keys(ctx, name) },
	}
	for _, p := range []struct {
		part Parts
		ask  func()
	}{
		{PartWebsite, func() { b.Website = fact(ctx, g, q(GetBucketWebsite), decodeWebsite) }},
		{PartEncryption, func() { b.Encryption = fact(ctx, g, q(GetBucketEncryption), decodeEncryption) }},
		{PartLogging, func() { b.Logging = fact(ctx, g, q(GetBucketLogging), decodeLogging) }},
		{PartVersioning, func() { b.Versioning = fact(ctx, g, q(GetBucketVersioning), decodeVersioning) }},
		{PartCORS, func() { b.CORS = fact(ctx, g, q(GetBucketCORS), decodeCORS) }},
	} {
		if parts&p.part != 0 {
			all = append(all, p.ask)
		}
	}
	each(all, func(f func()) { f() })
	if b.Policy.State == facts.Refused && b.Head.Known() {
		b.Foreign = g.foreign(ctx, name)
	}
}

// region returns the Region that HeadBucket told, be it in a refusal.
func (g *Gatherer) region(ctx context.Context, q Question) string {
	data, err := g.ask(ctx, q)
	var api *APIError
	if errors.As(err, &api) {
		return api.BucketRegion
	}
	head, _ := decodeHead(data)
	return head.Region
}

// foreign says whether the bucket belongs to another account than the
// caller's: S3 then refuses a HeadBucket that names the caller's account as the
// expected owner.
func (g *Gatherer) foreign(ctx context.Context, bucket string) correlate.Tri {
	caller := fact(ctx, g, Question{Call: GetCallerIdentity}, decodeCaller)
	if !caller.Known() {
		return correlate.Unknown
	}
	switch fact(ctx, g, Question{Call: HeadBucket, Bucket: bucket, Owner: caller.Value.Account}, decodeHead).State {
	case facts.Known:
		return correlate.No
	case facts.Refused:
		return correlate.Yes
	}
	return correlate.Unknown
}

// keys returns the whole list of a bucket's keys, when it costs no call, and of
// an inventory the time at which it was made.
func (g *Gatherer) keys(ctx context.Context, bucket string) (facts.Fact[*correlate.KeyList], time.Time) {
	if l := g.inventory(ctx, bucket); l != nil {
		return l.keyList()
	}
	f := unasked[*correlate.KeyList](ListObjectsV2)
	whole, ok := g.answers.(wholeList)
	if !ok {
		return f, time.Time{}
	}
	keys, err := whole.Keys(ctx, bucket)
	switch {
	case err == nil:
		f.State, f.Value = facts.Known, keys
	case !errors.Is(err, ErrNotAsked):
		g.note(err)
		fail(&f, err)
	}
	return f, time.Time{}
}

// wholeList is implemented by Answers that may hold the list of all keys of a
// bucket. Their errors are those of Ask.
type wholeList interface {
	Keys(ctx context.Context, bucket string) (*correlate.KeyList, error)
	Listed(ctx context.Context, bucket, key string) (v facts.Listed, found bool, err error)
}

// Holds reports whether a snapshot tells of the object, so that to look at it costs
// no call.
func (g *Gatherer) Holds(bucket, key string) bool {
	s, ok := g.answers.(*Snapshot)
	return ok && s.holds(bucket, key)
}

// aclsDisabled says whether the bucket's ACLs are known to have no effect.
func aclsDisabled(b *facts.Bucket) bool {
	return b.Ownership.Known() && b.Ownership.Value == "BucketOwnerEnforced"
}

// Account asks for the settings of the caller's account: Block Public Access
// and the organization's S3 policy.
func (g *Gatherer) Account(ctx context.Context) error {
	if err := g.Caller(ctx); err != nil {
		return err
	}
	a := &facts.Account{ID: g.facts.Caller.Value.Account}
	each([]func(){
		func() {
			a.PublicAccessBlock = fact(ctx, g, Question{Call: GetAccountPublicAccessBlock, ID: a.ID}, decodePublicAccessBlock)
		},
		func() {
			a.EffectiveS3Policy = fact(ctx, g, Question{Call: DescribeEffectivePolicy}, decodeEffectivePolicy)
		},
	}, func(f func()) { f() })
	g.facts.Accounts[a.ID] = a
	return ctx.Err()
}

// Organization asks for the resource control policies and, with scps, the
// service control policies above the caller's account.
func (g *Gatherer) Organization(ctx context.Context, scps bool) error {
	g.facts.Organization.RCPs = fact(ctx, g, Question{Call: OrganizationPolicies, ID: "rcp"}, decodeOrgPolicies)
	if scps {
		g.facts.Organization.SCPs = fact(ctx, g, Question{Call: OrganizationPolicies, ID: "scp"}, decodeOrgPolicies)
	}
	return ctx.Err()
}

// accessPoint is what a log must show for an access point to be asked for.
var accessPoint = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^arn:aws[a-z-]*:s3:([a-z]{2,5}-[a-z0-9-]{1,30}):([0-9]{12}):accesspoint/([a-z0-9][a-z0-9-]{1,48}[a-z0-9])$`)
})

// AccessPoints asks for access points by their ARNs. Those of several Regions and
// of S3 Object Lambda are not asked for.
func (g *Gatherer) AccessPoints(ctx context.Context, arns ...string) error {
	each(unique(arns), func(arn string) {
		p := &facts.AccessPoint{ARN: arn, Config: unasked[facts.AccessPointConfig](GetAccessPoint), Policy: unasked[string](GetAccessPointPolicy)}
		if m := accessPoint().FindStringSubmatch(arn); m != nil {
			id := strings.Join(m[1:], ".")
			p.Config = fact(ctx, g, Question{Call: GetAccessPoint, ID: id}, decodeAccessPoint)
			if p.Config.State != facts.NotFound {
				p.Policy = fact(ctx, g, Question{Call: GetAccessPointPolicy, ID: id}, decodePolicy)
			}
		}
		put(g, g.facts.AccessPoints, arn, p)
	})
	return ctx.Err()
}

// Settings returns what correlation may know, from the facts gathered so far.
func (g *Gatherer) Settings() *correlate.Settings {
	s := &correlate.Settings{Websites: map[string]*correlate.Website{}, Identities: map[string]string{}}
	for _, id := range sorted(g.facts.Distributions) {
		if d := g.facts.Distributions[id]; d.Config.Known() {
			s.Distributions = append(s.Distributions, d.Config.Value)
		}
	}
	for name, b := range g.facts.Buckets {
		if b.Website.Known() {
			s.Websites[name] = b.Website.Value
		}
	}
	for id, i := range g.facts.Identities {
		if i.Known() && i.Value.S3CanonicalUserID != "" {
			s.Identities[i.Value.S3CanonicalUserID] = id
		}
	}
	return s
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
