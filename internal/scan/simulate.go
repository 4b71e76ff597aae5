package scan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/gather"
)

// A Question is one request to be judged by the settings as they are now.
type Question struct {
	Distribution string // id; with it, Path may stand in place of Bucket and Key
	Path         string // the viewer's path, percent-encoded as CloudFront logs it
	Bucket, Key  string
	Access       correlate.Access // "" follows the distribution's origin, else anonymous
	Principal    string           // ARN of an IAM requester
	Action       string           // "s3:GetObject" when ""
	Context      map[string]string
	Snapshot     string
	AWS          awsx.Config
	Log          *slog.Logger
}

// A Judgement is the answer to a Question.
type Judgement struct {
	Bucket, Key string
	Access      correlate.Access
	Steps       []string // from path to key, when a path was given
	*access.Outcome
}

// Simulate judges one request against AWS or a snapshot.
func Simulate(ctx context.Context, q Question) (*Judgement, error) {
	r := &run{Options: Options{Snapshot: q.Snapshot, AWS: q.AWS, Log: q.Log}, started: time.Now()}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	j := &Judgement{Bucket: q.Bucket, Key: q.Key, Access: q.Access}
	var (
		dist     *correlate.Distribution
		behavior *correlate.Behavior
		origin   *correlate.Origin
	)
	if q.Distribution != "" {
		if err := r.gatherer.Distributions(ctx, q.Distribution); err != nil {
			return nil, err
		}
		f := r.gatherer.Facts().Distributions[q.Distribution]
		if err := r.problem(); err != nil {
			return nil, err
		}
		if f == nil || !f.Config.Known() {
			return nil, &Error{fmt.Errorf("distribution %s: its settings could not be read", q.Distribution), "check the id and the permission cloudfront:GetDistribution"}
		}
		dist = f.Config.Value
		path := q.Path
		if path == "" {
			path = "/" + q.Key
		}
		res := correlate.NewResolver(dist, nil).Resolve(path)
		behavior, origin = res.Behavior, res.Origin
		if q.Path != "" {
			j.Bucket, j.Key, j.Steps = res.Bucket, res.Key, res.Steps()
			if j.Bucket == "" {
				return nil, &Error{fmt.Errorf("path %s: the origin that serves it is not an S3 bucket", q.Path), "only S3 origins can be simulated"}
			}
			if err := r.gatherer.Buckets(ctx, gather.PartWebsite, j.Bucket); err != nil {
				return nil, err
			}
			if b := r.gatherer.Facts().Buckets[j.Bucket]; b != nil && b.Website.Known() {
				res = correlate.NewResolver(dist, map[string]*correlate.Website{j.Bucket: b.Website.Value}).Resolve(path)
				j.Key, j.Steps = res.Key, res.Steps()
			}
		}
		if err := r.gatherer.Behaviors(ctx, behavior); err != nil {
			return nil, err
		}
		if j.Access == "" {
			j.Access = accessBy(res.Target)
		}
	}
	if j.Access == "" {
		j.Access = correlate.AccessAnonymous
		if q.Principal != "" {
			j.Access = correlate.AccessIAM
		}
	}
	g := r.gatherer
	if err := g.Buckets(ctx, gather.PartWebsite|gather.PartEncryption, j.Bucket); err != nil {
		return nil, err
	}
	if err := g.Account(ctx); err != nil {
		return nil, err
	}
	if err := g.Organization(ctx, j.Access == correlate.AccessIAM); err != nil {
		return nil, err
	}
	if err := g.Objects(ctx, j.Bucket, gather.Key{Key: j.Key}); err != nil {
		return nil, err
	}
	if err := r.problem(); err != nil {
		return nil, err
	}
	key := &correlate.FailingKey{Distribution: q.Distribution, Bucket: j.Bucket, Key: j.Key, Access: j.Access}
	s := access.ForKey(access.Request{Key: key, Facts: g.Facts(), Distribution: dist, Behavior: behavior, Origin: origin,
		Bucket: g.Facts().Buckets[j.Bucket]})
	if q.Action != "" {
		s.Action = q.Action
	}
	if q.Principal != "" {
		s.As(q.Principal)
	}
	for k, v := range q.Context {
		if policy.SharedSecret(k) && v != "" {
			s.Context().Set(k, g.Facts().Masked(v)) // as a recorded snapshot holds it
			continue
		}
		setContext(s.Context(), k, v)
	}
	j.Outcome = access.Judge(s)
	return j, nil
}

// problem returns why an answer did not come, nil if all came. It keeps the hint.
func (r *run) problem() error {
	errs := r.gatherer.Problems()
	if len(errs) == 0 {
		return nil
	}
	e := &Error{errs[0], ""}
	var h interface{ UserHint() string }
	if errors.As(errs[0], &h) {
		e.hint = h.UserHint()
	}
	return e
}

// accessBy says how an origin's settings make CloudFront ask S3.
func accessBy(t correlate.Target) correlate.Access {
	switch {
	case t.Endpoint.Kind == correlate.EndpointWebsite:
		return correlate.AccessWebsite
	case t.Origin == nil:
		return correlate.AccessUnknown
	case t.Origin.OriginAccessControlID != "":
		return correlate.AccessOAC
	case t.Origin.OriginAccessIdentity != "":
		return correlate.AccessOAI
	}
	return correlate.AccessAnonymous
}

// setContext sets a condition key; a value with commas is a multivalued key.
func setContext(c *policy.Context, key, value string) {
	switch values := strings.Split(value, ","); {
	case value == "":
		c.SetAbsent(key)
	case len(values) == 1:
		c.Set(key, value)
	default:
		c.SetList(key, values...)
	}
}
