package scan

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/why403/why403/correlate"
)

// masked returns the statuses that a distribution's custom error responses turn a
// 403 into, asking for its settings when a log first names it.
func (r *run) masked(ctx context.Context) func(distribution []byte) []int {
	var mu sync.Mutex
	known := map[string]func() []int{}
	return func(distribution []byte) []int {
		mu.Lock()
		f := known[string(distribution)]
		if f == nil {
			name := string(distribution)
			f = sync.OnceValue(func() []int { return r.maskedBy(ctx, name) })
			known[name] = f
		}
		mu.Unlock()
		return f()
	}
}

func (r *run) maskedBy(ctx context.Context, name string) []int {
	ids := r.idsOf(ctx, name)
	if name == "" {
		ids = r.Distributions // the log does not tell: any of these
	}
	var out []int
	for _, id := range ids {
		d := r.gatherer.Distribution(ctx, id)
		if d.Config.Known() && (len(ids) == 1 || name == "" || names(d.Config.Value, name)) {
			out = append(out, statuses(d.Config.Value)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// statuses are what a distribution's viewers may see in place of a 403.
func statuses(d *correlate.Distribution) (out []int) {
	for _, e := range d.ErrorResponses {
		if e.ErrorCode == 403 && e.ResponseCode != 0 && e.ResponseCode != 403 {
			out = append(out, e.ResponseCode)
		}
	}
	return out
}

func names(d *correlate.Distribution, name string) bool {
	return name == d.ID || strings.EqualFold(name, d.DomainName)
}

// idsOf returns the ids of the distributions that a name in a log can mean: an
// id, or a domain name, for which all have to be looked at where their list does
// not tell it.
func (r *run) idsOf(ctx context.Context, name string) []string {
	if isDistribution(name) || slices.Contains(r.Distributions, name) {
		return []string{name}
	}
	if !strings.Contains(name, ".") {
		return nil
	}
	for _, id := range r.Distributions {
		if d := r.gatherer.Distribution(ctx, id); d.Config.Known() && names(d.Config.Value, name) {
			return []string{id}
		}
	}
	var ids []string
	for _, d := range r.gatherer.ListDistributions(ctx).Value {
		if d.DomainName == "" || strings.EqualFold(d.DomainName, name) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// isDistribution reports whether a name in a log has the shape of a distribution
// id. Logs are not to be trusted with what AWS is asked.
func isDistribution(s string) bool {
	if len(s) < 10 || len(s) > 20 || s[0] != 'E' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'A' > 25 {
			return false
		}
	}
	return true
}

// seen asks for the settings of the distributions that the logs have named.
// S3's lines name none: for buckets that CloudFront fetched from, the account's
// distributions are looked through for those whose origin they are. A snapshot
// is asked for all that it holds.
func (r *run) seen(ctx context.Context, named, fetched []string) error {
	var ids []string
	for _, name := range named {
		ids = append(ids, r.idsOf(ctx, name)...)
	}
	if r.Snapshot != "" {
		for _, d := range r.gatherer.ListDistributions(ctx).Value {
			ids = append(ids, d.ID)
		}
		return r.gatherer.Distributions(ctx, ids...)
	}
	if err := r.gatherer.Distributions(ctx, ids...); err != nil {
		return err
	}
	return r.gatherer.Distributions(ctx, r.servers(ctx, fetched)...)
}

// servers finds the distributions whose origin is one of the buckets, but for
// buckets that a known one has.
func (r *run) servers(ctx context.Context, buckets []string) (ids []string) {
	for _, d := range r.gatherer.Settings().Distributions {
		for _, o := range d.Origins {
			buckets = slices.DeleteFunc(buckets, func(b string) bool { return b == correlate.ParseEndpoint(o.DomainName).Bucket })
		}
	}
	if len(buckets) == 0 {
		return nil
	}
	all := r.gatherer.ListDistributions(ctx)
	if !all.Known() {
		r.notes = append(r.notes, "which distribution asked bucket "+strings.Join(buckets[:min(len(buckets), maxNamed)], ", ")+
			" is not known: the log of S3 does not tell, and the distributions were not listed ("+all.Missing()+"); name it with --distribution")
	}
	for _, d := range all.Value {
		if d.Serves(buckets) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}
