package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// A Key is one object to ask about.
type Key struct {
	Key string // exact bytes
	// Near searches for the keys that a missing one may have been meant to be
	// (correlate.Near, bound to what is known of the key). nil: no search.
	Near func(context.Context, correlate.Lister) ([]correlate.NearKey, error)
}

// Objects asks about keys of a bucket, whose settings [Gatherer.Buckets] has
// asked for before. A key that exists costs one call, two when its owner or ACL
// matters; one that does not exist one call and what the search for near keys
// costs, which keys of the same folder share.
func (g *Gatherer) Objects(ctx context.Context, bucket string, keys ...Key) error {
	b := g.bucketFor(bucket)
	if b.Head.State == facts.NotFound {
		return ctx.Err()
	}
	// Tags matter only where a policy looks at them.
	tags := mentions(b.Policy.Value, "ExistingObjectTag")
	for _, p := range g.facts.Organization.RCPs.Value {
		tags = tags || mentions(p.Content, "ExistingObjectTag")
	}
	each(keys, func(k Key) {
		o := g.object(ctx, b, k, tags)
		put(g, b.Objects, k.Key, o)
	})
	return ctx.Err()
}

func mentions(policy, word string) bool {
	return strings.Contains(strings.ToLower(policy), strings.ToLower(word))
}

func (g *Gatherer) object(ctx context.Context, b *facts.Bucket, k Key, tags bool) *facts.Object {
	o := &facts.Object{
		Key:     k.Key,
		Listed:  unasked[facts.Listed](ListObjectsV2),
		Head:    unasked[facts.ObjectHead](HeadObject),
		ACL:     unasked[facts.ACL](GetObjectACL),
		Tags:    unasked[map[string]string](GetObjectTagging),
		Version: unasked[facts.LatestVersion](ListObjectVersions),
		Near:    unasked[[]correlate.NearKey](ListObjectsV2),
	}
	q := func(c *Call) Question { return Question{Call: c, Bucket: b.Name, Key: k.Key} }
	o.Head = fact(ctx, g, q(HeadObject), decodeObjectHead)

	// A refused HeadObject says nothing: without s3:ListBucket it is S3's
	// answer for a missing key as well. A listing tells.
	if b.Keys.Known() && b.Inventory.IsZero() {
		o.Listed = g.listed(ctx, b.Name, k.Key)
	} else if !o.Head.Settled() {
		o.Listed = g.exact(ctx, b.Name, k.Key)
		if l := g.inventory(ctx, b.Name); l != nil && !o.Listed.Settled() {
			o.Listed = l.inventoried(k.Key)
		}
	}

	switch o.Exists() {
	case correlate.Yes:
		if _, stored := g.answers.(wholeList); stored || !aclsDisabled(b) {
			o.ACL = fact(ctx, g, q(GetObjectACL), decodeACL)
			if !o.ACL.Known() && o.Listed.State == facts.NotGathered {
				o.Listed = g.exact(ctx, b.Name, k.Key) // it tells the owner
			}
		}
		if tags {
			o.Tags = fact(ctx, g, q(GetObjectTagging), decodeTags)
		}
		if id := o.Head.Value.SSEKMSKeyID; id != "" {
			g.kms(ctx, id)
		}
	case correlate.No:
		o.Version = g.version(ctx, b, k.Key)
		if k.Near != nil {
			o.Near = g.near(ctx, b, k)
		}
	default:
		o.Version = g.version(ctx, b, k.Key)
	}
	return o
}

// kms asks for a KMS key, by the id or ARN that an object names.
func (g *Gatherer) kms(ctx context.Context, id string) {
	k := &facts.KMSKey{ID: id}
	k.Key = fact(ctx, g, Question{Call: DescribeKey, ID: id}, decodeKMSKey)
	k.Policy = fact(ctx, g, Question{Call: GetKeyPolicy, ID: id}, decodePolicy)
	put(g, g.facts.KMSKeys, id, k)
}

// exact asks a listing for one key: keys come in byte order, so the first one
// with the key as its prefix is the key itself, if it exists.
func (g *Gatherer) exact(ctx context.Context, bucket, key string) facts.Fact[facts.Listed] {
	q := Question{Call: ListObjectsV2, Bucket: bucket, Prefix: key, Max: 1}
	f := fact(ctx, g, q, func(data json.RawMessage) (facts.Listed, error) {
		l, err := decodeListing(data)
		if err != nil {
			return facts.Listed{}, err
		}
		for _, e := range l.Contents {
			if k, err := ExactName(e.Key, e.KeyEncoding); err == nil && k == key {
				return e.listed(), nil
			}
		}
		return facts.Listed{}, errNoKey
	})
	// The answer is good; it says that there is no such key.
	if f.Code == CodeAnswer && strings.HasSuffix(f.Message, errNoKey.Error()) {
		f.State, f.Code, f.Message = facts.NotFound, "", ""
	}
	return f
}

var errNoKey = errors.New("no such key in the listing")

func (e *Entry) listed() facts.Listed {
	v := facts.Listed{StorageClass: e.StorageClass, LastModified: string(e.LastModified), Size: e.Size}
	if e.Owner != nil {
		v.OwnerID = e.Owner.ID
	}
	return v
}

// decodeListing reads the answer of a ListObjectsV2. An empty one still says
// how many keys it holds, or that it is not truncated.
func decodeListing(data json.RawMessage) (Listing, error) { return decode[Listing](data) }

// listed looks a key up in the whole list of the bucket's keys.
func (g *Gatherer) listed(ctx context.Context, bucket, key string) facts.Fact[facts.Listed] {
	f := unasked[facts.Listed](ListObjectsV2)
	v, found, err := g.answers.(wholeList).Listed(ctx, bucket, key)
	switch {
	case err != nil:
		fail(&f, err)
	case found:
		f.State, f.Value = facts.Known, v
	default:
		f.State = facts.NotFound
	}
	return f
}

// version asks whether a key's current version is a delete marker, unless it is
// known already that it can't be: HeadObject's 404 says so, or the bucket never
// had versioning.
func (g *Gatherer) version(ctx context.Context, b *facts.Bucket, key string) facts.Fact[facts.LatestVersion] {
	none := unasked[facts.LatestVersion](ListObjectVersions)
	none.State = facts.NotFound
	_, err := g.ask(ctx, Question{Call: HeadObject, Bucket: b.Name, Key: key})
	var api *APIError
	if errors.As(err, &api) && api.DeleteMarker != nil {
		if !*api.DeleteMarker {
			return none
		}
	} else if v := fact(ctx, g, Question{Call: GetBucketVersioning, Bucket: b.Name}, decodeVersioning); v.Known() && v.Value == "" {
		return none
	}
	f := fact(ctx, g, Question{Call: ListObjectVersions, Bucket: b.Name, Prefix: key, Max: 20}, func(data json.RawMessage) (facts.LatestVersion, error) {
		return decodeVersions(data, key)
	})
	if f.Code == CodeAnswer && strings.HasSuffix(f.Message, errNoKey.Error()) {
		return none
	}
	return f
}

// decodeVersions finds the current version of a key, and the newest version
// under it when it is a delete marker. Versions come newest first.
func decodeVersions(data json.RawMessage, key string) (facts.LatestVersion, error) {
	v, err := decode[Versions](data)
	if err != nil {
		return facts.LatestVersion{}, err
	}
	markers, err := ofKey(v.DeleteMarkers, key)
	if err != nil {
		return facts.LatestVersion{}, err
	}
	versions, err := ofKey(v.Versions, key)
	if err != nil {
		return facts.LatestVersion{}, err
	}
	for _, m := range markers {
		if m.IsLatest {
			out := facts.LatestVersion{DeleteMarker: true, VersionID: m.VersionId, LastModified: string(m.LastModified)}
			if len(versions) > 0 {
				out.Previous = versions[0].VersionId
			}
			return out, nil
		}
	}
	for _, m := range versions {
		if m.IsLatest {
			return facts.LatestVersion{VersionID: m.VersionId, LastModified: string(m.LastModified)}, nil
		}
	}
	return facts.LatestVersion{}, errNoKey
}

// near searches for near keys, in the whole list when it is at hand, else by
// listings.
func (g *Gatherer) near(ctx context.Context, b *facts.Bucket, k Key) facts.Fact[[]correlate.NearKey] {
	f := unasked[[]correlate.NearKey](ListObjectsV2)
	var l correlate.Lister = lister{g, b.Name}
	if b.Keys.Known() {
		l, f.Call = b.Keys.Value, b.Keys.Call
	}
	keys, err := k.Near(ctx, l)
	if err != nil {
		fail(&f, err)
		return f
	}
	f.State, f.Value = facts.Known, keys
	return f
}

// lister lists a bucket, one ListObjectsV2 for each question not asked before.
type lister struct {
	g      *Gatherer
	bucket string
}

// maxPage is how many keys S3 returns at most in one answer.
const maxPage = 1000

func (l lister) List(ctx context.Context, prefix, delimiter string, max int) (keys, prefixes []string, complete bool, err error) {
	q := Question{Call: ListObjectsV2, Bucket: l.bucket, Prefix: prefix, Delimiter: delimiter, Max: min(max, maxPage)}
	data, err := l.g.ask(ctx, q)
	if err != nil {
		return nil, nil, false, err
	}
	page, err := decodeListing(data)
	if err != nil {
		return nil, nil, false, fmt.Errorf("%s: %w", q, err)
	}
	for _, e := range page.Contents {
		k, err := ExactName(e.Key, e.KeyEncoding)
		if err != nil {
			return nil, nil, false, fmt.Errorf("%s: %w", q, err)
		}
		keys = append(keys, k)
	}
	for _, p := range page.CommonPrefixes {
		k, err := ExactName(p.Prefix, p.KeyEncoding)
		if err != nil {
			return nil, nil, false, fmt.Errorf("%s: %w", q, err)
		}
		prefixes = append(prefixes, k)
	}
	return keys, prefixes, !page.IsTruncated, nil
}

// Lister returns a lister of the bucket, for searches outside of
// [Gatherer.Objects]. Its errors are those of [Answers].
func (g *Gatherer) Lister(bucket string) correlate.Lister {
	if b := g.facts.Buckets[bucket]; b != nil && b.Keys.Known() {
		return b.Keys.Value
	}
	return lister{g, bucket}
}
