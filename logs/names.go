package logs

import (
	"strings"
	"time"
)

// Delays between an event and the log object that holds it. A listing that is
// narrowed by dated names reaches past its window by these.
const (
	// OriginDelay is for S3 server access logs named by their delivery time:
	// "most log records are delivered within a few hours", the rest later
	// (Amazon S3 user guide, Logging requests with server access logging).
	OriginDelay = 24 * time.Hour
	// EdgeSlack is for CloudFront standard logs. Their names carry the hour in
	// which the requests occurred, however late they were delivered (CloudFront
	// guide, Standard logging); a response can end in the hour after.
	EdgeSlack = time.Hour
	// StreamSlack is for objects that Firehose writes, named by the arrival of
	// their oldest record, and for AWS WAF's files of five minutes.
	StreamSlack = time.Hour
)

// NameKind says which rule of naming a log object follows.
type NameKind uint8

const (
	NameUnknown     NameKind = iota
	NameEdge                 // DISTID.YYYY-MM-DD-HH.UNIQUE: CloudFront standard logs, legacy and v2
	NameOrigin               // [prefix]YYYY-MM-DD-hh-mm-ss-UNIQUE: S3, by delivery time
	NameOriginEvent          // ACCT/REGION/BUCKET/YYYY/MM/DD/YYYY-MM-DD-00-00-00-UNIQUE: S3, by event day
	NameFirehose             // STREAM-N-YYYY-MM-DD-HH-MM-SS-UUID
	NameFirewall             // ACCT_waflogs_…_YYYYMMDDTHHMMZ_HASH
	NameFolder               // only the folders carry a date
)

// A DatePart is a date written in an object's name: the text at offset At has
// the time layout Layout (package time), "" if there is none.
type DatePart struct {
	At     int
	Layout string
}

// A Name is what the name of a log object tells about its content.
type Name struct {
	Kind         NameKind
	Distribution string // CloudFront distribution id, "" if not told

	// From and To enclose the events that the object can hold, [From, To), the
	// documented lateness included. Both are zero if the name carries no date.
	From, To time.Time

	Folder DatePart // the dated folders, as in 2006/01/02/15 or year=2006/month=01
	Stamp  DatePart // the date in the last part of the name
}

// Overlaps reports whether the object can hold events of w. An object without
// a dated name can hold any.
func (n Name) Overlaps(w Window) bool {
	if n.From.IsZero() {
		return true
	}
	return (w.To.IsZero() || n.From.Before(w.To)) && (w.From.IsZero() || n.To.After(w.From))
}

// ParseName reads an object's key or path (with slashes). All dates are UTC.
func ParseName(key string) Name {
	var n Name
	slash := strings.LastIndexByte(key, '/') + 1
	base := key[slash:]
	folders, folderSpan := n.parseFolders(key[:slash])

	if dist, date, ok := edgeName(base); ok {
		n.Kind, n.Distribution = NameEdge, dist
		n.Stamp = DatePart{slash + len(dist) + 1, "2006-01-02-15"}
		n.From, n.To = date, date.Add(time.Hour+EdgeSlack)
		return n
	}
	stem := trimExtensions(base)
	if at, date, ok := firehoseName(stem); ok {
		n.Kind = NameFirehose
		n.Stamp = DatePart{slash + at, "2006-01-02-15-04-05"}
		n.From, n.To = date.Add(-StreamSlack), date.Add(StreamSlack)
		return n
	}
	if at, date, ok := originName(stem); ok {
		n.Kind = NameOrigin
		n.Stamp = DatePart{slash + at, "2006-01-02-15-04-05"}
		n.From, n.To = date.Add(-OriginDelay), date.Add(time.Second)
		if !folders.IsZero() && date.Equal(folders) && at == 0 {
			n.Kind = NameOriginEvent
			n.From, n.To = date, date.AddDate(0, 0, 1)
		}
		return n
	}
	if at, date, ok := firewallName(stem); ok {
		n.Kind = NameFirewall
		n.Stamp = DatePart{slash + at, "20060102T1504Z"}
		n.From, n.To = date.Add(-StreamSlack), date.Add(5*time.Minute+StreamSlack)
		return n
	}
	if !folders.IsZero() {
		// Neither the event nor the delivery is said to rule the folder.
		n.Kind = NameFolder
		n.From, n.To = folders.Add(-OriginDelay), folders.Add(folderSpan+EdgeSlack)
	}
	return n
}

// parseFolders finds the dated folders of dir, which is empty or ends in a
// slash, and the distribution if a folder names it. It returns the start and
// the length of the span of the folders, or zero.
func (n *Name) parseFolders(dir string) (start time.Time, span time.Duration) {
	for at := 0; at < len(dir); {
		end := at + strings.IndexByte(dir[at:], '/')
		if id, ok := folderDistribution(dir[at:end]); ok {
			n.Distribution = id
		}
		if start.IsZero() {
			for _, l := range folderLayouts {
				if date, ok := parsePrefix(l.layout, dir[at:]); ok {
					start, span = date, l.span
					n.Folder = DatePart{at, l.layout[:len(l.layout)-1]}
					break
				}
			}
		}
		at = end + 1
	}
	return start, span
}

// folderDistribution returns the distribution that a folder names.
func folderDistribution(folder string) (id string, ok bool) {
	if name, value, ok := strings.Cut(folder, "="); ok {
		return value, strings.EqualFold(name, "distributionid")
	}
	return folder, len(folder) > 12 && folder[0] == 'E' && isDistribution(folder)
}

// distributionIn is ParseName(key).Distribution, without the rest.
func distributionIn(key string) string {
	end := strings.LastIndexByte(key, '/')
	if dist, _, ok := edgeName(key[end+1:]); ok {
		return dist
	}
	for end >= 0 { // the innermost folder that names one
		begin := strings.LastIndexByte(key[:end], '/') + 1
		if id, ok := folderDistribution(key[begin:end]); ok {
			return id
		}
		end = begin - 1
	}
	return ""
}

// folderLayouts are tried in this order, the finest first. Folders end in a
// slash.
var folderLayouts = []struct {
	layout string
	span   time.Duration
}{
	{"2006/01/02/15/", time.Hour},
	{"2006/01/02/", 24 * time.Hour},
	{"2006/01/", 31 * 24 * time.Hour},
	{"year=2006/month=01/day=02/hour=15/", time.Hour},
	{"year=2006/month=01/day=02/", 24 * time.Hour},
	{"year=2006/month=01/", 31 * 24 * time.Hour},
	{"dt=2006-01-02-15/", time.Hour},
	{"dt=2006-01-02/", 24 * time.Hour},
	{"date=2006-01-02/", 24 * time.Hour},
}

// parsePrefix parses the beginning of s, whose length is layout's.
func parsePrefix(layout, s string) (time.Time, bool) {
	if len(s) < len(layout) {
		return time.Time{}, false
	}
	s = s[:len(layout)]
	for i := range len(layout) { // cheap refusal before time.Parse builds its error
		if d := layout[i] - '0'; d <= 9 {
			if s[i]-'0' > 9 {
				return time.Time{}, false
			}
		} else if s[i] != layout[i] {
			return time.Time{}, false
		}
	}
	date, err := time.Parse(layout, s)
	if err != nil || date.Year() < 2006 || date.Year() > 2199 { // S3's first year
		return time.Time{}, false
	}
	return date, true
}

// edgeName parses DISTID.YYYY-MM-DD-HH.UNIQUE[.extension].
func edgeName(base string) (dist string, date time.Time, ok bool) {
	dist, rest, ok := strings.Cut(base, ".")
	if !ok || !isDistribution(dist) {
		return "", time.Time{}, false
	}
	date, ok = parsePrefix("2006-01-02-15", rest)
	if !ok || len(rest) < 15 || rest[13] != '.' {
		return "", time.Time{}, false
	}
	return dist, date, true
}

// isDistribution reports whether s has the shape of a distribution id: 12 to 14
// upper-case letters and digits so far.
func isDistribution(s string) bool {
	return len(s) >= 10 && len(s) <= 20 && isUpperAlnum(s)
}

func isUpperAlnum[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'A' > 25 {
			return false
		}
	}
	return true
}

// originName parses [prefix]YYYY-MM-DD-hh-mm-ss-UNIQUE.
func originName(stem string) (at int, date time.Time, ok bool) {
	dash := strings.LastIndexByte(stem, '-')
	at = dash - len("2006-01-02-15-04-05")
	if at < 0 || len(stem)-dash < 9 || !isUpperAlnum(stem[dash+1:]) {
		return 0, time.Time{}, false
	}
	date, ok = parsePrefix("2006-01-02-15-04-05-", stem[at:])
	return at, date, ok
}

// firehoseName parses STREAM-N-YYYY-MM-DD-HH-MM-SS-UUID.
func firehoseName(stem string) (at int, date time.Time, ok bool) {
	at = len(stem) - len("2006-01-02-15-04-05-") - 36
	if at < 0 || !isUUID(stem[len(stem)-36:]) {
		return 0, time.Time{}, false
	}
	date, ok = parsePrefix("2006-01-02-15-04-05-", stem[at:])
	return at, date, ok
}

func isUUID(s string) bool {
	for i := range len(s) {
		switch c := s[i] | 0x20; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if s[i] != '-' {
				return false
			}
		case c-'0' > 9 && c-'a' > 5:
			return false
		}
	}
	return len(s) == 36
}

// firewallName parses ACCT_waflogs_REGION_WEBACL_YYYYMMDDTHHMMZ_HASH.
func firewallName(stem string) (at int, date time.Time, ok bool) {
	if !strings.Contains(stem, "_waflogs_") {
		return 0, time.Time{}, false
	}
	at = strings.LastIndexByte(stem, '_') - len("20060102T1504Z")
	if at < 0 {
		return 0, time.Time{}, false
	}
	date, ok = parsePrefix("20060102T1504Z", stem[at:])
	return at, date, ok
}

// trimExtensions cuts what users and services append to a log's name.
func trimExtensions(base string) string {
	for {
		dot := strings.LastIndexByte(base, '.')
		if dot < 0 {
			return base
		}
		switch strings.ToLower(base[dot+1:]) {
		case "gz", "gzip", "zst", "zstd", "log", "txt", "json", "jsonl", "ndjson", "tsv", "csv", "parquet":
			base = base[:dot]
		default:
			return base
		}
	}
}
