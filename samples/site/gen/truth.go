package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A truth is what happened: what a diagnosis of logs and snapshot has to find. README.md explains
// the fields.
type truth struct {
	Day            string           `json:"day"`
	Secrets        []string         `json:"secrets"`
	CloudFront     counts           `json:"cloudfront"`
	S3             counts           `json:"s3"`
	Causes         map[string]tally `json:"causes"`
	FailingKeys    []*failingKey    `json:"failing_keys"`
	DirectFailures []*failingKey    `json:"direct_failures"`
	EdgeFailures   []*edgeFailure   `json:"edge_failures"`
	Pairs          []string         `json:"pairs"`
}

type counts struct {
	Objects    int            `json:"objects"`
	Header     int            `json:"header_lines"`
	Lines      int            `json:"lines"`
	Duplicates int            `json:"duplicates"`
	Records    int            `json:"records"`
	Forbidden  int            `json:"forbidden"`
	Masked     int            `json:"masked,omitempty"`
	ByStatus   map[string]int `json:"by_status"`
}

type tally struct {
	Entries  int `json:"entries"`
	Requests int `json:"requests"`
}

type asked struct {
	CloudFront int `json:"cloudfront"`
	S3         int `json:"s3"`
	Direct     int `json:"direct"`
}

type failingKey struct {
	Distribution string   `json:"distribution"`
	Bucket       string   `json:"bucket"`
	Key          string   `json:"key"`
	Access       string   `json:"access"`
	Methods      []string `json:"methods"`
	URIs         []string `json:"uris"`
	Requests     asked    `json:"requests"`
	Collapsed    int      `json:"collapsed,omitempty"`
	Unlogged     int      `json:"unlogged,omitempty"`
	Cached       int      `json:"cached,omitempty"`
	Masked       bool     `json:"masked,omitempty"`
	Viewers      int      `json:"viewers,omitempty"`
	FirstSeen    string   `json:"first_seen"`
	LastSeen     string   `json:"last_seen"`
	Verdict      string   `json:"verdict"`
	Also         []string `json:"also,omitempty"`
	FixedSince   string   `json:"fixed_since,omitempty"`
	Note         string   `json:"note,omitempty"`

	viewers map[string]bool
}

type edgeFailure struct {
	Distribution string   `json:"distribution"`
	URI          string   `json:"uri"`
	Key          string   `json:"key,omitempty"`
	Requests     int      `json:"requests"`
	FirstSeen    string   `json:"first_seen"`
	LastSeen     string   `json:"last_seen"`
	Verdict      string   `json:"verdict"`
	Also         []string `json:"also,omitempty"`
	Note         string   `json:"note,omitempty"`
}

// check reports the first way in which the site contradicts itself.
func (w *world) check() error {
	refusals := map[*plant]map[string]int{}
	for _, r := range w.requests {
		p := r.plant
		switch {
		case p == nil && r.refused():
			return fmt.Errorf("ordinary request refused: %s %s%s at %s from %s", r.method, r.dist.alias, r.path, r.start.Format("15:04:05"), r.edge.location)
		case p == nil:
			continue
		case !r.refused() && !p.mixed:
			return fmt.Errorf("planted request of %s answered with %d: %s%s", p.verdict, r.status, r.dist.alias, r.path)
		case !r.refused():
			continue
		case (strings.HasPrefix(p.verdict, "edge-")) != (r.layer == byEdge), (p.verdict == "not-s3-origin") != (r.layer == byOther):
			return fmt.Errorf("planted request of %s refused by %s: %s%s", p.verdict, r.layer, r.dist.alias, r.path)
		}
		if refusals[p] == nil {
			refusals[p] = map[string]int{}
		}
		refusals[p][r.path]++
		if !r.end().Before(day.Add(24 * time.Hour)) {
			return fmt.Errorf("request ends after the day: %s", r.path)
		}
	}
	for p, paths := range refusals {
		if len(paths) != len(p.paths) {
			return fmt.Errorf("a path of %s was never refused: %v", p.verdict, p.paths)
		}
	}
	for _, rec := range w.records {
		if rec.status == 403 && rec.plant == nil {
			return fmt.Errorf("unplanned refusal by S3: %s %s %s", rec.bucket.name, rec.operation, rec.key)
		}
	}
	return nil
}

func (w *world) writeTruth(made files) {
	t := &truth{Day: day.Format(time.DateOnly), Secrets: []string{secret, oldSecret, token}, Causes: map[string]tally{}}
	keys := map[string]*failingKey{}
	edges := map[string]*edgeFailure{}
	entry := func(d *distribution, b *bucket, key string) *failingKey {
		id := strings.Join([]string{d.id, b.name, key}, " ")
		if keys[id] == nil {
			keys[id] = &failingKey{Distribution: d.id, Bucket: b.name, Key: key, viewers: map[string]bool{}}
		}
		return keys[id]
	}
	refusedAtEdge := func(r *request, verdict, key string, also []string, note string) {
		id := r.dist.id + " " + r.path + " " + verdict
		if edges[id] == nil {
			edges[id] = &edgeFailure{Distribution: r.dist.id, URI: r.path, Key: key, Verdict: verdict, Also: also, Note: note}
		}
		edges[id].Requests++
		span(&edges[id].FirstSeen, &edges[id].LastSeen, r.end())
	}
	for _, r := range w.requests {
		if !r.refused() {
			continue
		}
		switch r.layer {
		case byEdge, byOther:
			refusedAtEdge(r, r.plant.verdict, "", r.plant.also, r.plant.note)
		case byErrors:
			refusedAtEdge(r, "edge-cached-error", r.s3.key, []string{r.plant.verdict}, "answered from the error cache after a refusal by S3")
			entry(r.dist, r.s3.bucket, r.s3.key).Cached++
		case byS3:
			k := entry(r.dist, r.s3.bucket, r.s3.key)
			k.set(r.plant, r.dist.behavior(r.path).origin.access())
			k.Masked = r.masked
			k.Requests.CloudFront++
			if r.s3.from != r {
				k.Collapsed++
			}
			k.viewers[r.ip] = true
			k.Methods, k.URIs = union(k.Methods, r.method), union(k.URIs, r.path)
			span(&k.FirstSeen, &k.LastSeen, r.end())
			if !r.s3.lost {
				t.Pairs = append(t.Pairs, r.id+" "+r.s3.id)
			}
		}
	}
	for _, rec := range w.records {
		if rec.status != 403 {
			continue
		}
		k := entry(w.distributionOf(rec.bucket), rec.bucket, rec.key)
		switch {
		case rec.lost:
			k.Unlogged++
		case rec.cdn:
			k.Requests.S3++
		default:
			k.Requests.Direct++
		}
		if k.Requests.CloudFront == 0 { // no viewer of CloudFront saw it
			access := "anonymous"
			switch {
			case strings.HasPrefix(rec.requester, "arn:"):
				access = "iam"
			case strings.HasPrefix(rec.operation, "WEBSITE."):
				access = "website"
			}
			k.set(rec.plant, access)
			k.Methods = union(k.Methods, "GET")
			span(&k.FirstSeen, &k.LastSeen, rec.time)
		}
	}
	for _, k := range keys {
		k.Viewers = len(k.viewers)
		total := k.Requests.CloudFront
		if total > 0 {
			t.FailingKeys = append(t.FailingKeys, k)
		} else {
			t.DirectFailures = append(t.DirectFailures, k)
			total = k.Requests.Direct
		}
		t.Causes[k.Verdict] = t.Causes[k.Verdict].plus(total)
	}
	for _, e := range edges {
		t.EdgeFailures = append(t.EdgeFailures, e)
		t.Causes[e.Verdict] = t.Causes[e.Verdict].plus(e.Requests)
	}
	byKey := func(a, b *failingKey) int {
		return strings.Compare(a.Distribution+" "+a.Bucket+" "+a.Key, b.Distribution+" "+b.Bucket+" "+b.Key)
	}
	slices.SortFunc(t.FailingKeys, byKey)
	slices.SortFunc(t.DirectFailures, byKey)
	slices.SortFunc(t.EdgeFailures, func(a, b *edgeFailure) int {
		return strings.Compare(a.Distribution+" "+a.URI+" "+a.Verdict, b.Distribution+" "+b.URI+" "+b.Verdict)
	})
	slices.Sort(t.Pairs)
	w.count(t, made)
	made["truth.json"] = pretty(t)
}

func (t tally) plus(requests int) tally {
	return tally{t.Entries + 1, t.Requests + requests}
}

// set fills in what was planted; a key has one plant.
func (k *failingKey) set(p *plant, access string) {
	if k.Verdict != "" && k.Verdict != p.verdict {
		panic(fmt.Sprintf("two verdicts for %s: %s and %s", k.Key, k.Verdict, p.verdict))
	}
	k.Verdict, k.Also, k.Note, k.Access = p.verdict, p.also, p.note, access
	if p.fixed != 0 {
		k.FixedSince = at(p.fixed).Format(time.RFC3339)
	}
}

func (w *world) distributionOf(b *bucket) *distribution {
	for _, d := range w.distributions() {
		for _, o := range d.origins {
			if o.bucket == b {
				return d
			}
		}
	}
	panic("bucket without a distribution: " + b.name)
}

func (s *site) distributions() []*distribution {
	return []*distribution{s.shop, s.docs, s.old, s.app}
}

// count counts what was written; the counts of refusals come from the world, not from the lines.
func (w *world) count(t *truth, made files) {
	t.CloudFront.ByStatus, t.S3.ByStatus = map[string]int{}, map[string]int{}
	for _, r := range w.requests {
		t.CloudFront.Records++
		t.CloudFront.ByStatus[fmt.Sprintf("%03d", r.status)]++
		if r.masked {
			t.CloudFront.Masked++
		}
	}
	for _, rec := range w.records {
		if !rec.lost {
			t.S3.Records++
			t.S3.ByStatus[number(rec.status)]++
		}
	}
	t.CloudFront.Forbidden, t.S3.Forbidden = t.CloudFront.ByStatus["403"], t.S3.ByStatus["403"]
	for name, content := range made {
		switch {
		case strings.HasPrefix(name, "logs/cloudfront/"):
			t.CloudFront.Objects++
			t.CloudFront.Header += 2
		case strings.HasPrefix(name, "logs/s3/"):
			t.S3.Objects++
			t.S3.Lines += bytes.Count(content, []byte("\n"))
		}
	}
	t.CloudFront.Lines = t.CloudFront.Records + w.repeated
	t.CloudFront.Duplicates = w.repeated
	t.S3.Duplicates = t.S3.Lines - t.S3.Records
}

// span widens the span first..last to take in a moment, to the second as the logs have it.
func span(first, last *string, when time.Time) {
	text := when.Format(time.RFC3339)
	if *first == "" || text < *first {
		*first = text
	}
	if text > *last {
		*last = text
	}
}

func union(list []string, item string) []string {
	if !slices.Contains(list, item) {
		list = append(list, item)
		slices.Sort(list)
	}
	return list
}

// pretty is JSON as the AWS CLI prints it.
func pretty(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ")
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return out.Bytes()
}
