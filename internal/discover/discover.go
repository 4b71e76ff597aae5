// Package discover finds the logs of distributions from their ids alone: the
// standard logs of CloudFront, legacy and v2, the buckets behind the origins, and
// their server access logs, classic and vended. What is off, or can't be seen, it
// says, with the command that switches it on or the permission that is missing.
//
// It must not read logs nor list buckets, and asks AWS only through
// internal/gather, so that a snapshot can answer and a recording holds what was
// asked.
package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/logs"
)

// A Result is what was found.
type Result struct {
	Places []Place
	// Buckets are those of the origins, sorted.
	Buckets []string
	// Lines say what was found, for people: lower-case, no final stop, those
	// about one distribution or bucket indented below its name.
	Lines []string
	// Notes say what is off or can't be seen, one sentence each, for the report.
	Notes []string
	// Hint says what to do first when there is no place at all.
	Hint string
	// Unknown distributions, which the account does not have.
	Unknown []string
}

// Log types of vended deliveries.
const (
	accessLogs      = "ACCESS_LOGS"
	connectionLogs  = "CONNECTION_LOGS"
	accessLogsOfS3  = "S3_SERVER_ACCESS_LOGS"
	edgeRegion      = "us-east-1" // CloudFront's deliveries are configured there
	readHere        = "why403 scan s3://BUCKET/PREFIX --distribution "
	placeholder     = "LOG-BUCKET"
	suggestedSuffix = "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}"
)

// All returns the ids of the account's distributions.
func All(ctx context.Context, g *gather.Gatherer) ([]string, error) {
	f := g.ListDistributions(ctx)
	if err := cmp.Or(ctx.Err(), unavailable(g)); err != nil {
		return nil, err
	}
	if !f.Known() {
		return nil, &Error{"the account's distributions can't be listed: " + missing(f), "name them: why403 scan --distribution ID --distribution ID"}
	}
	var ids []string
	for _, d := range f.Value {
		ids = append(ids, d.ID)
	}
	if len(ids) == 0 {
		return nil, &Error{"the account has no distribution", "check --profile: aws sts get-caller-identity"}
	}
	return ids, nil
}

// Find finds the logs of the distributions. Its error is ctx's, or says that AWS
// can't be asked at all.
func Find(ctx context.Context, g *gather.Gatherer, ids []string) (*Result, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	f := &finder{g: g, Result: new(Result), deliveries: map[string]facts.Fact[[]gather.Delivery]{}, origins: map[string][]string{}}
	if err := cmp.Or(g.Caller(ctx), g.Distributions(ctx, ids...), unavailable(g)); err != nil {
		return nil, err
	}
	f.account = g.Facts().Caller.Value.Account
	f.delivered(ctx, edgeRegion)

	for _, id := range ids {
		f.originsOf(id)
	}
	f.Buckets = slices.Sorted(maps.Keys(f.origins))
	if err := g.Logging(ctx, f.Buckets...); err != nil {
		return nil, err
	}
	for _, b := range f.Buckets {
		f.reuse(g.Facts().Buckets[b])
	}
	for _, id := range ids {
		f.distribution(ctx, id)
	}
	for _, b := range f.Buckets {
		f.bucket(ctx, g.Facts().Buckets[b])
	}
	f.Places = merge(f.Places)
	return f.Result, cmp.Or(ctx.Err(), unavailable(g))
}

type finder struct {
	*Result
	g          *gather.Gatherer
	account    string // the caller's
	deliveries map[string]facts.Fact[[]gather.Delivery]
	origins    map[string][]string // the distributions of a bucket
	targets    [][2]string         // Region and name of buckets that take access logs
}

// say adds a line.
func (f *finder) say(format string, a ...any) { f.Lines = append(f.Lines, fmt.Sprintf(format, a...)) }

// lack adds what is missing about a distribution or bucket, and what to do, as
// lines and as a note.
func (f *finder) lack(of, what, do string) {
	f.say("  %s", what)
	f.Hint = cmp.Or(f.Hint, do)
	note := of + ": " + what
	if do != "" {
		f.say("    %s", do)
		if len(do) > mostDo && strings.HasPrefix(of, "distribution ") {
			do = "why403 scan --" + of + " says the commands"
		}
		note += "; " + do
	}
	f.Notes = append(f.Notes, note)
}

// mostDo is how long a command may be for a note.
const mostDo = 300

// delivered returns the deliveries of a Region, asked for once.
func (f *finder) delivered(ctx context.Context, region string) facts.Fact[[]gather.Delivery] {
	d, ok := f.deliveries[region]
	if !ok {
		d = f.g.Deliveries(ctx, region)
		f.deliveries[region] = d
	}
	return d
}

// originsOf notes the buckets behind a distribution's origins.
func (f *finder) originsOf(id string) {
	config := f.g.Facts().Distributions[id].Config
	if !config.Known() {
		return
	}
	for _, o := range config.Value.Origins {
		if b := bucketOf(&o); b != "" && !slices.Contains(f.origins[b], id) {
			f.origins[b] = append(f.origins[b], id)
		}
	}
}

// bucketOf returns the bucket behind an origin, "" when it is none, or when only
// an access point is named.
func bucketOf(o *correlate.Origin) string {
	e := correlate.ParseEndpoint(o.DomainName)
	if e.PathStyle {
		bucket, _, _ := strings.Cut(strings.Trim(o.OriginPath, "/"), "/")
		return bucket
	}
	return e.Bucket
}

// reuse remembers a bucket that takes access logs: others in its Region can send
// theirs there too.
func (f *finder) reuse(b *facts.Bucket) {
	if b.Logging.Known() && b.Location.Known() {
		f.targets = append(f.targets, [2]string{b.Location.Value, b.Logging.Value.TargetBucket})
	}
}

// distribution finds the log of a distribution.
func (f *finder) distribution(ctx context.Context, id string) {
	config := f.g.Facts().Distributions[id].Config
	of := "distribution " + id
	account := f.account
	switch {
	case config.Known():
		d := config.Value
		account = cmp.Or(d.AccountID(), account)
		names := append([]string{d.DomainName}, d.Aliases...)
		f.say("%s (%s)", of, strings.Join(slices.DeleteFunc(names, func(s string) bool { return s == "" }), ", "))
	case config.State == facts.NotFound:
		f.Unknown = append(f.Unknown, id)
		f.say("%s", of)
		f.lack(of, "there is no such distribution in account "+cmp.Or(f.account, "of this profile"), "aws cloudfront list-distributions --query 'DistributionList.Items[].[Id,DomainName]' --output text")
		return
	default:
		f.say("%s", of)
		f.lack(of, "its settings can't be read: "+missing(config)+"; legacy logging and origins are not known", "name its logs: "+readHere+id)
	}

	places := f.standard(ctx, id, account, config)
	if config.Known() {
		f.realTime(ctx, config.Value)
		f.otherOrigins(config.Value)
	}
	f.Places = append(f.Places, places...)
}

// standard finds the standard logs of a distribution: one of them, when there are
// several, for they tell of the same requests: the legacy one, whose fields are
// always the same and which tends to be older, else the one with most fields.
func (f *finder) standard(ctx context.Context, id, account string, config facts.Fact[*correlate.Distribution]) []Place {
	of := "distribution " + id
	var chosen []Place
	take := func(what string, p Place) {
		if len(chosen) > 0 {
			f.say("  %s: %s; not read, it tells of the same requests", what, p.Locations[0])
			return
		}
		f.say("  %s: %s", what, p.Locations[0])
		chosen = append(chosen, p)
	}
	legacy := config.Known() && config.Value.LogBucket != ""
	if legacy {
		take("legacy standard log", legacyPlace(config.Value))
	}
	deliveries := f.delivered(ctx, edgeRegion)
	if !deliveries.Known() {
		if !legacy {
			f.lack(of, "deliveries of standard logs v2 can't be seen: "+missing(deliveries), "if it has one, name where it goes: "+readHere+id)
		}
		return chosen
	}
	elsewhere, settled := false, false
	for _, d := range byWorth(deliveries.Value) {
		if !strings.HasSuffix(d.Resource, ":distribution/"+id) {
			continue
		}
		p, ok := deliveryPlace(&d.Delivery, id, account)
		switch {
		case d.LogType == connectionLogs:
			f.say("  connection log: not read, it holds no status")
		case d.LogType != accessLogs:
		case ok:
			needed, wanted := d.lacks(fieldsNeeded), d.lacks(fieldsWanted)
			switch first := len(chosen) == 0; {
			case needed != "" && first:
				f.lack(of, "the standard log v2 at "+p.Locations[0]+" can't be used without "+needed, d.chooseFields())
				settled = true
			case wanted != "" && first:
				take(d.words(), p)
				f.lack(of, "the standard log v2 lacks "+wanted+": some causes will stay unknown", d.chooseFields())
			default:
				take(d.words(), p)
			}
		case d.Destination == "":
			settled = true
			if !legacy {
				f.lack(of, "standard log v2 goes to a destination of account "+arnAccount(d.Target)+", which only that account can see", "ask there for the bucket, and name it: "+readHere+id)
			}
		default:
			elsewhere = true
			f.say("  standard log v2 goes to %s: not read from there", d.Destination)
		}
	}
	switch {
	case len(chosen) > 0 || settled:
	case config.State == facts.Refused && !elsewhere:
		f.lack(of, "no delivery of standard logs v2", "if legacy logging is on, name where it goes: "+readHere+id)
	case config.Known() && !elsewhere:
		f.lack(of, "standard logging is off: what happens at the edge is not seen", "switch it on: "+f.switchOnEdge(config.Value, account))
	case config.Known():
		f.lack(of, "no standard log goes to S3", "add a delivery to a bucket: "+f.switchOnEdge(config.Value, account))
	}
	return chosen
}

// realTime says where real-time logs go: to a stream; where they lie in S3, if
// they do, no setting of CloudFront tells.
func (f *finder) realTime(ctx context.Context, d *correlate.Distribution) {
	var arns []string
	for _, b := range d.Behaviors {
		if a := b.RealtimeLogConfigARN; a != "" && !slices.Contains(arns, a) {
			arns = append(arns, a)
		}
	}
	for _, a := range arns {
		c := f.g.RealTimeLog(ctx, a)
		if !c.Known() {
			f.say("  real-time log %s: its fields can't be read: %s", lastPart(a), missing(c))
			continue
		}
		f.say("  real-time log %s, %d fields, %d %% of the requests, goes to %s", c.Value.Name, len(c.Value.Fields), c.Value.SamplingRate, c.Value.Stream)
		f.say("    where Firehose puts it no setting of CloudFront tells; to read it: why403 scan s3://BUCKET/PREFIX --format cloudfront-realtime --fields %s", quote(strings.Join(logs.RealTimeOrder(c.Value.Fields), ",")))
	}
}

// otherOrigins names the origins whose bucket is not known.
func (f *finder) otherOrigins(d *correlate.Distribution) {
	for i := range d.Origins {
		o := &d.Origins[i]
		if e := correlate.ParseEndpoint(o.DomainName); bucketOf(o) == "" && e.Kind != correlate.EndpointOther {
			f.lack("distribution "+d.ID, "origin "+o.ID+" is an access point ("+o.DomainName+"), whose bucket its name does not tell", "name that bucket's log together with the other locations: "+readHere+d.ID)
		}
	}
}

// bucket finds the server access log of an origin bucket.
func (f *finder) bucket(ctx context.Context, b *facts.Bucket) {
	of := "bucket " + b.Name
	ids := strings.Join(f.origins[b.Name], ", ")
	if b.Location.Known() {
		f.say("%s (%s), origin of %s", of, b.Location.Value, ids)
	} else {
		f.say("%s, origin of %s", of, ids)
	}
	if b.Head.State == facts.NotFound {
		f.lack(of, "there is no such bucket", "")
		return
	}
	name := func() string {
		return "name where it goes, together with the other locations: " + readHere + f.origins[b.Name][0]
	}
	if b.Logging.Known() {
		what := "server access log"
		switch b.Logging.Value.Partitioned {
		case "EventTime":
			what += ", partitioned by event time"
		case "DeliveryTime":
			what += ", partitioned by delivery time"
		}
		p := accessPlace(b.Name, f.account, b.Location.Value, b.Logging.Value)
		location := p.Locations[0]
		if p.simple {
			location = strings.TrimSuffix(location, year)
		}
		f.say("  %s: %s", what, location)
		f.Places = append(f.Places, p)
		return
	}
	var deliveries facts.Fact[[]gather.Delivery]
	if b.Location.Known() {
		deliveries = f.delivered(ctx, b.Location.Value)
	}
	for _, d := range byWorth(deliveries.Value) {
		if !strings.HasSuffix(d.Resource, ":s3:::"+b.Name) || d.LogType != accessLogsOfS3 {
			continue
		}
		p, ok := deliveryPlace(&d.Delivery, b.Name, f.account)
		switch {
		case ok:
			f.say("  server access log, vended, %s: %s", d.Format, p.Locations[0])
			f.Places = append(f.Places, p)
			return
		case d.Destination == "":
			f.lack(of, "server access log, vended, goes to a destination of account "+arnAccount(d.Target)+", which only that account can see", "ask there for the bucket, and "+name())
			return
		}
		f.say("  server access log, vended, goes to %s: not read from there", d.Destination)
	}
	if b.Logging.State == facts.NotSet {
		seen := ""
		if !deliveries.Known() {
			seen = " (a vended one can't be seen: " + missing(deliveries) + ")"
		}
		f.lack(of, "server access logging is off: why S3 refuses is not seen"+seen, "switch it on: "+f.switchOnAccess(b))
		return
	}
	f.lack(of, "its logging can't be read: "+missing(b.Logging), name())
}

// missing says in words why a fact is not known.
func missing[T any](f facts.Fact[T]) string {
	switch f.State {
	case facts.Refused:
		if f.Code == "MethodNotAllowed" {
			return f.Call + ": " + f.Message // another account's bucket
		}
		return "no permission for " + f.Permission
	case facts.NotGathered:
		return cmp.Or(f.Message, "not asked") + " (" + cmp.Or(f.Call, "no answer") + ")"
	}
	if strings.HasPrefix(f.Message, f.Call) {
		return cmp.Or(f.Message, "no answer")
	}
	return cmp.Or(f.Call, "no answer") + ": " + cmp.Or(f.Message, f.Code)
}

// unavailable returns the error after which AWS can't be asked at all.
func unavailable(g *gather.Gatherer) error {
	for _, err := range g.Problems() {
		if errors.Is(err, gather.ErrUnavailable) {
			return err
		}
	}
	return nil
}

// An Error is a problem with a hint for the user.
type Error struct{ what, hint string }

func (e *Error) Error() string { return e.what }

// UserHint says what the user can do about it.
func (e *Error) UserHint() string { return e.hint }

func arnAccount(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return "unknown"
}

func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
