package athena

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/why403/why403/logs"
)

// quote makes a string literal of SQL.
func quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
		var parts []string
		for i, c := range []byte(s) {
			if c < ' ' {
				parts = append(parts, fmt.Sprintf("chr(%d)", c))
			} else if i == 0 || s[i-1] < ' ' {
				end := strings.IndexFunc(s[i:], func(r rune) bool { return r < ' ' })
				if end < 0 {
					end = len(s) - i
				}
				parts = append(parts, quote(s[i:i+end]))
			}
		}
		return strings.Join(parts, " || ")
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func quoteAll(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quote(s)
	}
	return strings.Join(out, ", ")
}

// A sieve holds the expressions by which SQL tells lines that need not come
// back. They see path, text (the line as valid UTF-8) and f, what parts made of
// it.
type sieve struct {
	parts  string // the line taken apart: an array or a map
	scope  string // lines of one scope have one distribution, or one bucket and kind of requester
	place  string // likewise, without the requester
	thing  string // the path or key as logged, NULL where it can't be told
	status string
	ms     string // the time, Unix ms, NULL where it is not understood
	served string // of a plain line: it tells that thing was served
	plain  string // the line is a request like any other, and no refusal
}

const (
	isDate   = `'^[0-9]{4}-[0-9]{2}-[0-9]{2}$'`
	isClock  = `'^[0-9]{2}:[0-9]{2}:[0-9]{2}$'`
	isStatus = `'^[0-9]{3}$'`
	success  = `('200', '206', '304')` // as package correlate has it

	// Operations that take an object away, as package correlate has them.
	deletions = `('REST.DELETE.OBJECT', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER')`

	// Where an object's name tells its distribution, else its folder.
	nameScope = `coalesce(regexp_extract(path, '([0-9A-Z]{10,20})\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$', 1), regexp_extract(path, '^(.*/)', 1), path)`
	// Our own requests are told by their agent, which only the parser reads.
	notOurs = `strpos(text, 'why403/') = 0`
	// Longer lines are refused by the parser.
	maxLine = 1 << 20
)

// seconds is the Unix time of a date and a clock, both of the right shape.
func seconds(date, clock string) string {
	return fmt.Sprintf(`CASE WHEN regexp_like(%[1]s, %[3]s) AND regexp_like(%[2]s, %[4]s) THEN CAST(try(to_unixtime(from_iso8601_timestamp(%[1]s || 'T' || %[2]s || 'Z'))) AS bigint) * 1000 END`, date, clock, isDate, isClock)
}

func digits(text string, factor int) string {
	return fmt.Sprintf(`CASE WHEN regexp_like(%[1]s, '^[0-9]{1,15}$') THEN CAST(%[1]s AS bigint) * %[2]d END`, text, factor)
}

// sieve makes the expressions for a place. masked are the statuses that hide a
// 403 (logs.Filter).
func (p *place) sieve(masked []int) sieve {
	switch p.form {
	case formText:
		return textSieve()
	case formFirewall:
		return sieve{
			parts: `text`, scope: `'waf'`, place: `'waf'`, thing: `CAST(NULL AS varchar)`, status: `'-'`,
			ms:     digits(`json_extract_scalar(f, '$.timestamp')`, 1),
			served: `false`,
			plain:  `json_extract_scalar(f, '$.action') = 'ALLOW' AND strpos(f, '}{') = 0`, // two in one line are two
		}
	}
	var get func(name string) string // an expression for a field, "" if it is not delivered
	s := sieve{}
	if p.form == formDelimited {
		index := map[string]int{}
		for i, f := range p.fields {
			if _, ok := index[columnName(f.Name)]; !ok {
				index[columnName(f.Name)] = i + 1
			}
		}
		get = func(name string) string {
			if i := index[name]; i > 0 {
				return fmt.Sprintf("element_at(f, %d)", i)
			}
			return ""
		}
		s.parts = fmt.Sprintf("split(text, %s)", quote(p.Delimiter))
	} else {
		delivered := map[string]string{}
		for _, f := range p.fields {
			delivered[columnName(f.Name)] = f.Name
		}
		get = func(name string) string {
			if f := delivered[name]; f != "" {
				return fmt.Sprintf("element_at(f, %s)", quote(f))
			}
			return ""
		}
		s.parts = "try(CAST(json_parse(text) AS map(varchar, varchar)))"
	}
	if strings.HasPrefix(p.Format, "s3-") {
		p.vendedSieve(&s, get)
	} else {
		p.edgeSieve(&s, get, masked)
	}
	return s
}

func firstOf(list ...string) string {
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
	switch len(list) {
	case 0:
		return "NULL"
	case 1:
		return list[0]
	}
	return "coalesce(" + strings.Join(list, ", ") + ")"
}

// edgeSieve is for CloudFront's logs.
func (p *place) edgeSieve(s *sieve, get func(string) string, masked []int) {
	realTime := p.Format == "cloudfront-realtime"
	status, stem := get("sc_status"), get("cs_uri_stem")
	if status == "" || stem == "" {
		// The parser says what is wrong with it.
		*s = sieve{parts: "text", scope: "path", place: "path", thing: "CAST(NULL AS varchar)", status: "'-'", ms: "CAST(NULL AS bigint)", served: "false", plain: "false"}
		return
	}
	var fromClock, fromMS, fromSeconds string
	if d, t := get("date"), get("time"); d != "" && t != "" {
		fromClock = seconds(d, t)
	}
	if t := get("timestamp_ms"); t != "" {
		fromMS = digits(t, 1)
	}
	if t := get("timestamp"); t != "" {
		fromSeconds = fmt.Sprintf(`CASE WHEN regexp_like(%[1]s, '^[0-9]{1,12}(\.[0-9]{1,6})?$') THEN CAST(floor(CAST(%[1]s AS double) * 1000) AS bigint) END`, t)
	}
	// As the parser: lines of columns by the first that there is, rows of JSON by
	// the finest that is filled.
	if p.form == formDelimited {
		s.ms = slices.DeleteFunc([]string{fromClock, fromMS, fromSeconds, "CAST(NULL AS bigint)"}, func(e string) bool { return e == "" })[0]
	} else {
		s.ms = firstOf(fromMS, fromClock, fromSeconds)
	}
	scope := []string{nameScope}
	for _, name := range []string{"distributionid", "primary_distribution_id", "cs_host"} {
		if name == "cs_host" && realTime {
			name = "x_host_header"
		}
		if e := get(name); e != "" {
			scope = append(scope, fmt.Sprintf("coalesce(%s, '')", e))
		}
	}
	s.scope = strings.Join(scope, " || '|' || ")
	s.place = s.scope
	s.thing = stem
	if realTime {
		s.thing = fmt.Sprintf("split_part(%s, '?', 1)", stem)
	}
	s.status = status
	s.served = "status IN " + success
	plain := []string{
		"regexp_like(status, " + isStatus + ")", "status <> '403'", "starts_with(thing, '/')",
	}
	if p.form == formDelimited && (p.Delimiter != "\t" || realTime) {
		// Only there the number of columns decides how a line is read.
		plain = append(plain, fmt.Sprintf("cardinality(f) = %d", len(p.fields)))
	}
	if len(masked) > 0 {
		var list []string
		for _, code := range masked {
			list = append(list, strconv.Itoa(code))
		}
		result := "''" // the parser tells masked lines by this field alone
		if e := get("x_edge_result_type"); e != "" {
			result = fmt.Sprintf("coalesce(%s, '')", e)
		}
		plain = append(plain, fmt.Sprintf("NOT (status IN (%s) AND %s = 'Error')", quoteAll(list), result))
	}
	s.plain = strings.Join(plain, " AND ")
}

// vendedSieve is for S3's server access logs as vended logs.
func (p *place) vendedSieve(s *sieve, get func(string) string) {
	or := func(name string) string {
		if e := get(name); e != "" {
			return e
		}
		return "CAST(NULL AS varchar)"
	}
	bucket, requester, operation := or("bucket_name"), or("requester"), or("operation")
	s.scope = requesterScope("coalesce("+bucket+", '')", "coalesce("+requester+", '-')", operation, or("acl_required")+" = 'Yes'")
	s.place = "coalesce(" + bucket + ", '')"
	s.thing = or("key_name")
	s.status = fmt.Sprintf("coalesce(%s, '-')", or("http_status"))
	s.ms = fmt.Sprintf(`CASE WHEN regexp_like(%[1]s, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$') THEN CAST(floor(try(to_unixtime(from_iso8601_timestamp(%[1]s))) * 1000) AS bigint) END`, or("request_time"))
	s.served = servedOrDeleted(operation)
	s.plain = fmt.Sprintf(`regexp_like(status, '^([0-9]{3}|-)$') AND status <> '403' AND %s NOT IN ('', '-') AND %s NOT IN ('', '-') AND %s`, bucket, operation, notOurs)
}

// requesterScope keeps apart whose reads a bucket's lines tell of, which of them
// needed an ACL, and deletions, as package correlate does.
func requesterScope(bucket, requester, operation, acl string) string {
	return fmt.Sprintf(`%s || CASE WHEN starts_with(%[2]s, 'svc:cloudfront') OR starts_with(%[2]s, 'arn:aws:iam::cloudfront:') THEN '|c' WHEN %[2]s = '-' THEN '|p' ELSE '|m' END || IF(strpos(text, '"Amazon CloudFront"') > 0, 'a', '') || IF(%s, 'y', '') || IF(%s IN %s, 'x', '')`, bucket, requester, acl, operation, deletions)
}

// servedOrDeleted tells lines of reads that S3 let pass, and of deletions.
func servedOrDeleted(operation string) string {
	return fmt.Sprintf(`(status IN %s AND regexp_like(%s, '\.(GET|HEAD)\.OBJECT$') OR status IN ('204', '-') AND %[2]s IN %s)`, success, operation, deletions)
}

const (
	// originHead is a line of S3's server access log up to the key.
	originHead = `^[^ ]+ ([^ ]+) \[([0-9]{2}/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}) \+0000\] [^ ]+ (arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity [0-9A-Z]+|[^ ]+) [^ ]+ ([A-Z0-9]{2,}\.[A-Z0-9._]+) ([^ ]+) `
	// originTail goes on to turn-around time, if nothing is odd.
	originTail = `(?:-|"-"|"[A-Z]+ [^ "]* HTTP/[0-9]\.[0-9]") ([0-9]{3}|-) (?:-|[A-Za-z0-9.]+) (?:-|[0-9]{1,18}) (?:-|[0-9]{1,18}) (?:-|[0-9]{1,18}) (?:-|[0-9]{1,18}) `
)

// textSieve is for S3's server access log as S3 writes it. f holds bucket, time,
// requester, operation, key and status; without the status if the line is odd
// after its key, and the line alone if it is odd before.
func textSieve() sieve {
	const mark = "chr(1)"
	parts := fmt.Sprintf(`split(regexp_replace(regexp_replace(text, '%s%s[^\n]*$', %s), '%s[^\n]*$', %s), %s)`,
		originHead, originTail, groups(6), originHead, groups(5), mark)
	return sieve{
		parts:  parts,
		scope:  requesterScope("coalesce(element_at(f, 2), '')", "coalesce(element_at(f, 4), '-')", "element_at(f, 5)", `regexp_like(text, ' Yes( [^ ]+)?\r*$')`),
		place:  "coalesce(element_at(f, 2), '')",
		thing:  "element_at(f, 6)",
		status: "coalesce(element_at(f, 7), '')",
		ms:     `CAST(to_unixtime(try(date_parse(element_at(f, 3), '%d/%b/%Y:%H:%i:%s'))) AS bigint) * 1000`,
		served: servedOrDeleted("element_at(f, 5)"),
		plain:  `cardinality(f) = 8 AND status <> '403' AND ` + notOurs,
	}
}

// groups is a replacement of n groups, each after a mark.
func groups(n int) string {
	out := ""
	for i := 1; i <= n; i++ {
		out += " || chr(1) || '$" + strconv.Itoa(i) + "'"
	}
	return strings.TrimPrefix(out, " || ") + " || chr(1)"
}

// from is the part of both queries that reads lines and sorts them.
func (e *engine) from(g *group) string {
	s := g.sieve(e.o.Masked)
	var b strings.Builder
	b.WriteString("WITH lines AS (\n")
	for i, p := range g.places {
		if i > 0 {
			b.WriteString("\n  UNION ALL\n")
		}
		b.WriteString(e.branch(p))
	}
	b.WriteString("\n), texts AS (\n  SELECT path, line, from_utf8(to_utf8(line)) AS text FROM lines\n), parts AS (\n")
	fmt.Fprintf(&b, "  SELECT path, line, text, %s AS f FROM texts\n), told AS (\n", s.parts)
	fmt.Fprintf(&b, "  SELECT path, line, text, f, %s AS scope, %s AS place,\n    %s AS thing,\n    %s AS status,\n    %s AS ms\n  FROM parts\n), sorted AS (\n", s.scope, s.place, s.thing, s.status, s.ms)
	fmt.Fprintf(&b, "  SELECT path, line, text, scope, place, thing, status, ms, %s AS inside,\n    coalesce(%s, false) AS served,\n    coalesce(ms IS NOT NULL AND length(line) <= %d AND %s, false) AS plain\n  FROM told\n)", inside(e.o.Window), s.served, maxLine/4, s.plain)
	return b.String()
}

// branch reads the lines of one place.
func (e *engine) branch(p *place) string {
	text := "coalesce(line, '\\N')"
	if p.form == formParquet {
		text = p.render()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  SELECT \"$path\" AS path, %s AS line\n  FROM \"%s\".\"%s\"", text, e.o.Database, p.linesName())
	for i, c := range p.conditions(e.o.Window) {
		b.WriteString([]string{"\n  WHERE ", "\n    AND "}[min(i, 1)] + c)
	}
	return b.String()
}

// send is an expression for bytes as they come back: text after '=', what is no
// valid text as base64 after '~'.
func send(line string) string {
	return fmt.Sprintf("IF(from_utf8(to_utf8(%[1]s)) = %[1]s, '=' || %[1]s, '~' || to_base64(to_utf8(%[1]s)))", line)
}

// linesQuery gives every line that is not plain, and how many plain ones there
// are by scope and status, with the first and the last of them. Columns: kind
// ("line", "header", "plain", NULL for all), path, text, status, inside, n, first,
// last, and of all: objects, things that were served, and in how many parts of
// time of each of the widths.
func (e *engine) linesQuery(p *group) string {
	header := "false"
	if h := p.header(); h != "" {
		header = "text IN (" + quoteAll([]string{"#Version: 1.0", h}) + ")"
	}
	parts := ""
	for i, w := range widths {
		parts += fmt.Sprintf(",\n  IF(kind IS NULL, approx_distinct(thing || to_base(ms / %d, 36))) AS parts%d", 1000*w, i+1)
	}
	return e.from(p) + fmt.Sprintf(`, kinds AS (
  SELECT path, line, ms, IF(plain AND served AND inside, thing) AS thing,
    CASE WHEN plain THEN 'plain' WHEN %s THEN 'header' ELSE 'line' END AS kind,
    CASE WHEN plain THEN scope WHEN %[1]s THEN text ELSE path END AS scope,
    CASE WHEN plain THEN status WHEN %[1]s THEN '' ELSE substr(line, 1, %d) END AS part,
    plain AND inside AS counted
  FROM sorted
)
SELECT kind, IF(kind = 'plain', min_by(path, ms), scope) AS path, %s AS text, coalesce(part, '') AS status, counted AS inside,
  count(*) AS n, IF(kind = 'plain', %s) AS first_line, IF(kind = 'plain', %s) AS last_line,
  IF(kind IS NULL, count(DISTINCT path)) AS objects,
  IF(kind IS NULL, approx_distinct(thing)) AS things%s
FROM kinds
GROUP BY GROUPING SETS ((kind, scope, part, counted), ())`, header, maxLine+1,
		"IF(kind = 'line', "+send("part")+")", send("min_by(line, ms)"), send("max_by(line, ms)"), parts)
}

// widths are the parts of time, in seconds, of which one success each may come
// back: the finest of which there are not too many.
var widths = []int{128, 1024, 8192}

// servedQuery gives a line for each second in which a thing was served that was
// refused, too. Of every other thing it gives the first and the last such line
// and, with a width, the first of every part of time; and of these things it
// looks at one in rate only. Columns: path, text.
func (e *engine) servedQuery(p *group, rate, width int) string {
	const of = "PARTITION BY scope, thing ORDER BY second" // Athena knows no WINDOW clause
	part := ""
	if width > 0 {
		part = fmt.Sprintf(" OR lag(second / %[1]d) OVER (%[2]s) < second / %[1]d", width, of)
	}
	sample := ""
	if rate > 1 {
		sample = fmt.Sprintf(" AND mod(from_big_endian_64(xxhash64(to_utf8(thing))), %d) = 0", rate)
	}
	return e.from(p) + fmt.Sprintf(`, seconds AS (
  SELECT scope, place, thing, ms / 1000 AS second, bool_or(NOT plain) AS refused,
    min(IF(plain, path)) AS path, min_by(line, path) FILTER (WHERE plain) AS line
  FROM sorted
  WHERE thing IS NOT NULL AND (NOT plain OR served AND inside)
  GROUP BY 1, 2, 3, 4
), marked AS (
  SELECT path, line, thing, second, scope, bool_or(refused) OVER (PARTITION BY place, thing) AS refused FROM seconds
), chosen AS (
  SELECT path, line, refused OR (lag(second) OVER (%[1]s) IS NULL OR lead(second) OVER (%[1]s) IS NULL%[2]s)%[3]s AS wanted
  FROM marked
  WHERE line IS NOT NULL
)
SELECT path, %[4]s AS text FROM chosen WHERE wanted`, of, part, sample, send("line"))
}

// render writes a row of a Parquet file as a JSON object, as the parser of
// package logs renders it.
func (p *place) render() string {
	var names, values []string
	for _, f := range p.fields {
		names = append(names, f.Name)
		v := `"` + columnName(f.Name) + `"`
		if f.Type != "string" {
			v = "CAST(" + v + " AS varchar)"
		}
		values = append(values, v)
	}
	return fmt.Sprintf("json_format(CAST(map(ARRAY[%s], ARRAY[%s]) AS json))", quoteAll(names), strings.Join(values, ", "))
}

// header is the #Fields line of the logs, "" if they have none.
func (p *place) header() string {
	if p.Format != "cloudfront-w3c" {
		return ""
	}
	names := make([]string, len(p.fields))
	for i, f := range p.fields {
		names[i] = f.Name
	}
	return "#Fields: " + strings.Join(names, " ")
}

func inside(w logs.Window) string {
	var out []string
	if !w.From.IsZero() {
		out = append(out, fmt.Sprintf("ms >= %d", w.From.UnixMilli()))
	}
	if !w.To.IsZero() {
		out = append(out, fmt.Sprintf("ms < %d", w.To.UnixMilli()))
	}
	if len(out) == 0 {
		return "true"
	}
	return "coalesce(" + strings.Join(out, " AND ") + ", false)"
}

// conditions choose the objects that can hold events of the window, by the rules
// of logs.ParseName, and no others that lie in the same folder.
func (p *place) conditions(w logs.Window) []string {
	var out []string
	if within := cmp.Or(p.Within, p.Location); within != p.folder {
		out = append(out, fmt.Sprintf("starts_with(\"$path\", %s)", quote(within)))
	}
	if p.Pattern != "" {
		out = append(out, fmt.Sprintf("regexp_like(substr(\"$path\", %d), %s)", utf8.RuneCountInString(p.Location)+1, quote(p.Pattern)))
	}
	out = append(out, p.partitionConditions(w)...)
	if w.From.IsZero() && w.To.IsZero() {
		return out
	}
	for _, c := range []string{p.folderCondition(w), p.headCondition(w)} {
		if c != "" {
			out = append(out, c)
		}
	}
	if byName := p.nameConditions(w); len(byName) > 0 {
		out = append(out, "coalesce("+strings.Join(byName, ", ")+", true)")
	}
	return out
}

// Layouts of the dates in names.
const (
	hourly    = "2006-01-02-15"
	bySecond  = "2006-01-02-15-04-05"
	firewalls = "20060102T1504Z"
)

// between compares a date that is written in layout, and of which objects hold
// events from -before to +after, with the window.
func between(what string, w logs.Window, before, after time.Duration, layout string) string {
	var c []string
	if !w.From.IsZero() {
		c = append(c, fmt.Sprintf("%s > '%s'", what, w.From.Add(-after).UTC().Format(layout)))
	}
	if !w.To.IsZero() {
		c = append(c, fmt.Sprintf("%s <= '%s'", what, w.To.Add(before-1).UTC().Format(layout)))
	}
	return strings.Join(c, " AND ")
}

// nameConditions tell by an object's name whether it can hold events of the
// window. Each is NULL where its rule does not fit the name; the first that is
// not holds, as in logs.ParseName.
func (p *place) nameConditions(w logs.Window) []string {
	var out []string
	firehose := between(`regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?:\.[^/.]*)*$', 1)`,
		w, logs.StreamSlack, logs.StreamSlack, bySecond)
	switch {
	case p.Format == "cloudfront-realtime":
		out = append(out, firehose)
	case p.isEdge():
		name := `regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1)`
		out = append(out, between(name, w, 0, time.Hour+logs.EdgeSlack, hourly))
	case p.Format == "s3-access":
		name := `regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Z]{8,}$', 1)`
		// By day of the event, else by time of delivery.
		out = append(out, fmt.Sprintf(`CASE WHEN replace(regexp_extract("$path", '/([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]*$', 1), '/', '-') = regexp_extract("$path", '/([0-9]{4}-[0-9]{2}-[0-9]{2})-00-00-00-[0-9A-Z]+$', 1) THEN %s ELSE %s END`,
			between(name, w, 0, 24*time.Hour, bySecond), between(name, w, logs.OriginDelay, time.Second, bySecond)))
	case p.form == formFirewall:
		name := `regexp_extract("$path", '_waflogs_[^/]*([0-9]{8}T[0-9]{4}Z)_[^/_]*$', 1)`
		out = append(out, firehose, between(name, w, logs.StreamSlack, 5*time.Minute+logs.StreamSlack, firewalls))
	}
	return out
}

// folderCondition compares the dated folders as a whole, by the rule of
// logs.ParseName for names that tell no date themselves. partitionConditions
// chooses those of some more hours and days.
func (p *place) folderCondition(w logs.Window) string {
	var columns []string
	units := ""
	for _, c := range p.partitions {
		if c.unit != 0 {
			columns = append(columns, `"`+c.name+`"`)
			units += string(c.unit)
		}
	}
	span := map[string]time.Duration{"yM": 31 * 24 * time.Hour, "yMd": 24 * time.Hour, "yMdH": time.Hour}[units]
	if span == 0 {
		return ""
	}
	layout := hourly[:len("2006-01-02-15")-3*(4-len(units))]
	return between(strings.Join(columns, " || '-' || "), w, logs.OriginDelay, span+logs.EdgeSlack, layout)
}

// headCondition narrows flat names by what stands before their date. It leaves
// out no object that the rules of names leave in, but as ranges of "$path", by
// which the engine can leave objects unread.
func (p *place) headCondition(w logs.Window) string {
	var before, after time.Duration
	layout := bySecond
	switch p.Names {
	case logs.NameFirehose:
		before, after = logs.StreamSlack, logs.StreamSlack
	case logs.NameEdge:
		after, layout = time.Hour+logs.EdgeSlack, hourly
	case logs.NameOrigin:
		before, after = logs.OriginDelay, time.Second
	default:
		return ""
	}
	// A date is followed by '.' or '-', both of which are before '~'.
	from, to := "", "~"
	if !w.From.IsZero() {
		from = w.From.Add(-after).UTC().Format(layout) + "~"
	}
	if !w.To.IsZero() {
		to = w.To.Add(before-1).UTC().Format(layout) + "~"
	}
	var ranges []string
	for _, head := range p.Heads {
		ranges = append(ranges, fmt.Sprintf(`"$path" > %s AND "$path" < %s`, quote(head+from), quote(head+to)))
	}
	if len(ranges) == 0 {
		return ""
	}
	return "(" + strings.Join(ranges, " OR ") + ")"
}

// partitionConditions choose folders. Each column is narrowed on its own, which
// is what projection can follow; folderCondition leaves out what is too much.
// They are needed without a window, too: Athena looks into every folder that the
// table could have, those of years to come among them.
func (p *place) partitionConditions(w logs.Window) []string {
	if w.From.IsZero() {
		w.From = p.Since
	}
	if w.To.IsZero() {
		w.To = time.Now()
	}
	from, to := w.From.UTC().Add(-time.Hour-logs.EdgeSlack), w.To.UTC()
	if !p.isEdge() || p.Format == "cloudfront-realtime" { // folders may be named by delivery
		to = to.Add(logs.OriginDelay)
	}
	var out []string
	for _, c := range p.partitions {
		layout, step := "", 24*time.Hour
		switch c.unit {
		case 'y':
			layout = "2006"
		case 'M':
			layout = "01"
		case 'd':
			layout = "02"
		case 'H':
			layout, step = "15", time.Hour
		default: // the table may know more distributions
			ids := slices.Clone(p.Distributions)
			slices.Sort(ids)
			out = append(out, fmt.Sprintf("\"%s\" IN (%s)", c.name, quoteAll(slices.Compact(ids))))
			continue
		}
		var values []string
		for t := from.Truncate(step); t.Before(to) && len(values) < 31; t = t.Add(step) {
			if v := t.Format(layout); !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		slices.Sort(values)
		out = append(out, fmt.Sprintf("\"%s\" IN (%s)", c.name, quoteAll(values)))
	}
	return out
}
