package s3source

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/why403/why403/logs"
)

const (
	listings  = 16 // listing calls side by side
	splitFrom = 4  // pages still to come from which on the rest is split
)

// List lists the objects that can hold events of the window.
func (s *Source) List(ctx context.Context, w logs.Window, page func([]logs.Object) error) error {
	region, err := s.region(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	l := &listing{
		s: s, client: s.c.S3(region), window: w, page: page, group: group,
		open: make(chan struct{}, listings),
	}
	group.Go(func() error { return l.scan(ctx, span{prefix: s.Prefix}) })
	return group.Wait()
}

// A listing is one call of List.
type listing struct {
	s      *Source
	client *s3.Client
	window logs.Window
	group  *errgroup.Group
	open   chan struct{} // one for each call that is open

	mu   sync.Mutex
	page func([]logs.Object) error
}

// A span is a part of the keys: those with a prefix, after one key and before
// another ("" for no bound), both excluded.
type span struct {
	prefix, after, before string
	token                 string // goes on with the last page, in place of after
	split                 bool   // it was made by splitting: it is not split again
}

// skip moves on to the keys after one.
func (at *span) skip(after string) { at.after, at.token = after, "" }

// A found is one page of a listing.
type found struct {
	objects  []logs.Object // those of the keys that can hold events of the window
	keys     []string
	prefixes []string
	token    string // of the next page, "" when there is none before the span's end
	last     string // the last key or prefix
}

// scan lists a span folder by folder, from key to key. Where the keys are dated
// it jumps over those outside of the window, however many.
func (l *listing) scan(ctx context.Context, at span) error {
	for {
		p, err := l.ask(ctx, at, "/")
		if err != nil {
			return err
		}
		if err := l.take(ctx, p); err != nil || p.token == "" {
			return err
		}
		at.token = p.token
		if len(p.keys) == 0 || p.keys[len(p.keys)-1] != p.last {
			continue // ends among folders
		}
		n, stem, date, ok := stamp(p.last)
		if !ok {
			continue
		}
		if n.Kind == logs.NameEdge && l.bounded() && !at.split && !strings.HasPrefix(at.prefix, stem) && allEdge(p.keys) {
			// The id comes before the date: each distribution has a run of
			// dates of its own.
			if done, err := l.distributions(ctx, at, p.last); done || err != nil {
				return err
			}
		}
		l.jump(&at, p.last)
		if at.token != "" {
			l.splitRest(ctx, &at, p, n, stem, date)
		}
		if at.token == "" && at.after == stem+behind && strings.HasPrefix(at.prefix, stem) {
			return nil // there is nothing but this run
		}
	}
}

// behind follows every digit: a stem and it follow all dates.
const behind = ":"

func (l *listing) bounded() bool { return !l.window.From.IsZero() || !l.window.To.IsZero() }

func allEdge(keys []string) bool {
	for _, k := range keys {
		if logs.ParseName(k).Kind != logs.NameEdge {
			return false
		}
	}
	return true
}

// distributions lists the run of each distribution in a folder side by side,
// given a key of the first one. It reports whether it did: a folder that holds
// too many other names is left to scan.
func (l *listing) distributions(ctx context.Context, at span, key string) (bool, error) {
	n, stem, _, _ := stamp(key)
	folder := stem[:len(stem)-len(n.Distribution)-len(".")]
	if len(folder) < len(at.prefix) {
		folder = at.prefix // it names the begin of the id
	}
	p, err := l.ask(ctx, span{prefix: folder, after: stem + behind, before: at.before}, ".")
	if err != nil || p.token != "" {
		return false, err
	}
	for _, o := range append(p.prefixes, p.keys...) {
		if strings.Contains(o[len(folder):], "/") {
			return false, nil // there are folders to be chosen from
		}
	}
	for _, other := range p.prefixes {
		l.group.Go(func() error {
			at := span{prefix: other}
			// As if the run began long before the window.
			l.jump(&at, other+"2006-01-02-15.0")
			return l.scan(ctx, at)
		})
	}
	if err := l.emit(ctx, p); err != nil {
		return false, err
	}
	own := span{prefix: stem, after: key}
	l.jump(&own, key)
	if own.after == stem+behind {
		return true, nil
	}
	return true, l.scan(ctx, own)
}

// limits returns the dates of names between which objects can hold events of
// the window, by the layout in which the names hold them.
func (l *listing) limits(n logs.Name, date time.Time) (from, to time.Time) {
	// The name's own span is relative to its date.
	if !l.window.From.IsZero() {
		from = l.window.From.Add(-n.To.Sub(date))
	}
	if !l.window.To.IsZero() {
		to = l.window.To.Add(date.Sub(n.From))
	}
	return from, to
}

// stamp returns the dated name's date, and the text before it.
func stamp(key string) (n logs.Name, stem string, date time.Time, ok bool) {
	n = logs.ParseName(key)
	d := n.Stamp
	if d.Layout == "" || n.From.IsZero() || d.At+len(d.Layout) > len(key) {
		return n, "", date, false
	}
	date, err := time.Parse(d.Layout, key[d.At:d.At+len(d.Layout)])
	return n, key[:d.At], date, err == nil
}

// jump moves on from a key whose date shows that what follows is outside of the
// window: to the window's begin, or over the rest of the dates. Other names may
// stand between two years (2026-… < 2026/… < 2027-…), so a jump ends with the
// year unless a distribution's id leads.
func (l *listing) jump(at *span, key string) {
	n, stem, date, ok := stamp(key)
	if !ok {
		return
	}
	from, to := l.limits(n, date)
	next := ""
	switch {
	case !from.IsZero() && date.Before(from):
		next = stem + from.UTC().Add(-time.Second).Format(n.Stamp.Layout)
	case !to.IsZero() && !date.Before(to):
		next = stem + behind
	default:
		return
	}
	if n.Kind != logs.NameEdge {
		next = min(next, key[:n.Stamp.At+len("2006")]+".")
	}
	if next > key {
		at.skip(next)
	}
}

// splitRest lists the rest of a run of dates in parts side by side, when the
// last page shows that it is long: its dates tell how many keys a span of time
// holds. at moves behind them.
func (l *listing) splitRest(ctx context.Context, at *span, p *found, n logs.Name, stem string, date time.Time) {
	_, stem0, date0, ok := stamp(p.keys[0])
	if at.split || !ok || stem != stem0 || !date.After(date0) {
		return
	}
	_, to := l.limits(n, date)
	if soon := time.Now().UTC().Add(time.Hour); to.IsZero() || to.After(soon) {
		to = soon
	}
	left := to.Sub(date)
	pages := int(left / date.Sub(date0))
	if pages < splitFrom {
		return
	}
	parts := min(pages/2, listings)
	from := p.last
	for i := range parts {
		part := span{prefix: at.prefix, after: from, split: true}
		from = stem + date.Add(left/time.Duration(parts)*time.Duration(i+1)).UTC().Format(n.Stamp.Layout)
		part.before = from + "\x00" // the bound may be a key itself
		l.group.Go(func() error { return l.scan(ctx, part) })
	}
	at.skip(from)
}

// take hands the page's objects on, and enters its folders.
func (l *listing) take(ctx context.Context, p *found) error {
	for _, folder := range p.prefixes {
		if !l.enters(folder) {
			continue
		}
		l.group.Go(func() error { return l.scan(ctx, span{prefix: folder}) })
	}
	return l.emit(ctx, p)
}

// enters reports whether a folder can hold events of the window.
func (l *listing) enters(folder string) bool {
	if n := logs.ParseName(folder + "x"); !n.From.IsZero() {
		return n.Overlaps(l.window)
	}
	// A year alone, as in …/2026/ or …/year=2026/.
	part := folder[strings.LastIndexByte(folder[:len(folder)-1], '/')+1 : len(folder)-1]
	year, err := time.Parse("2006", strings.TrimPrefix(part, "year="))
	if err != nil || year.Year() < 2006 || year.Year() > 2199 {
		return true
	}
	return logs.Name{From: year.Add(-logs.OriginDelay), To: year.AddDate(1, 0, 0).Add(logs.OriginDelay)}.Overlaps(l.window)
}

func (l *listing) emit(ctx context.Context, p *found) error {
	if len(p.objects) == 0 {
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.page(p.objects)
}

// ask asks for one page.
func (l *listing) ask(ctx context.Context, at span, delimiter string) (*found, error) {
	select {
	case l.open <- struct{}{}:
		defer func() { <-l.open }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	in := &s3.ListObjectsV2Input{
		Bucket: &l.s.Bucket, Prefix: &at.prefix, Delimiter: &delimiter,
		// XML can't hold every key.
		EncodingType: types.EncodingTypeUrl,
		RequestPayer: l.s.c.RequestPayer(),
	}
	switch {
	case at.token != "":
		in.ContinuationToken = &at.token
	case at.after != "":
		in.StartAfter = &at.after
	}
	out, err := l.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, l.s.listError(ctx, err)
	}
	p := new(found)
	if aws.ToBool(out.IsTruncated) {
		p.token = aws.ToString(out.NextContinuationToken)
	}
	decode := func(s *string) string {
		if out.EncodingType != types.EncodingTypeUrl {
			return aws.ToString(s)
		}
		if d, err := url.QueryUnescape(aws.ToString(s)); err == nil {
			return d
		}
		return aws.ToString(s)
	}
	for _, o := range out.Contents {
		key := decode(o.Key)
		if at.before != "" && key >= at.before {
			p.token = ""
			break
		}
		p.last = max(p.last, key)
		p.keys = append(p.keys, key)
		if strings.HasSuffix(key, "/") && aws.ToInt64(o.Size) == 0 {
			continue // a folder, as consoles make them
		}
		if l.bounded() && !logs.ParseName(key).Overlaps(l.window) {
			continue
		}
		p.objects = append(p.objects, logs.Object{
			URI: "s3://" + l.s.Bucket + "/" + key, Size: aws.ToInt64(o.Size),
			ETag: strings.Trim(aws.ToString(o.ETag), `"`), Modified: aws.ToTime(o.LastModified),
		})
	}
	for _, c := range out.CommonPrefixes {
		prefix := decode(c.Prefix)
		if at.before != "" && prefix >= at.before {
			p.token = ""
			break
		}
		p.last = max(p.last, prefix)
		p.prefixes = append(p.prefixes, prefix)
	}
	return p, nil
}
