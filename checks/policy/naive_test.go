package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A second evaluator, written from the documents alone and as plainly as possible: maps, regular expressions, no
// compilation, no shared code. It takes valid cases only.

type object = map[string]any

type naive struct {
	ctx     map[string][]string // lower-case names
	version string
	lists   map[string]bool // the multivalued keys
}

func naiveAnswer(line []byte) answerLineJSON {
	var c object
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(&c); err != nil {
		panic(err)
	}
	req := c["request"].(object)
	who := req["principal"].(object)
	kind := who["type"].(string)
	n := naive{ctx: map[string][]string{}, lists: map[string]bool{}}
	for k, v := range asObject(req["context"]) {
		list := naiveList(v)
		if list == nil {
			list = []string{}
		}
		n.ctx[strings.ToLower(k)] = list
		_, n.lists[strings.ToLower(k)] = v.([]any)
	}
	a := answerLineJSON{ID: c["id"].(string)}

	type hit struct {
		ref    StatementRef
		effect string
		direct bool
	}
	run := func(in string, doc object, principalFree bool) (hits []hit) {
		n.version = "2008-10-17"
		if v, ok := doc["Version"]; ok {
			n.version = v.(string)
		}
		for i, s := range naiveStatements(doc) {
			direct, account := true, false
			if !principalFree {
				direct, account = n.principal(s, who)
			}
			if (direct || account) && n.action(s, req["action"].(string)) && n.resource(s, req["resource"].(string)) && n.conditions(s) {
				ref := StatementRef{In: in, Index: i}
				ref.Sid, _ = s["Sid"].(string)
				hits = append(hits, hit{ref, s["Effect"].(string), direct})
			}
		}
		return hits
	}

	anyDirect, anyAllow := false, false
	denyBy := map[string]bool{}
	if p, ok := c["policy"].(object); ok {
		for _, h := range run("bucketPolicy", p, false) {
			if h.effect == "Deny" {
				a.Deny = append(a.Deny, h.ref)
				denyBy["bucketPolicy"] = true
				continue
			}
			a.Allow = append(a.Allow, h.ref)
			anyAllow = true
			anyDirect = anyDirect || h.direct
		}
	}
	for _, level := range asList(c["rcps"]) {
		for _, np := range asList(level) {
			for _, h := range run("rcp:"+np.(object)["name"].(string), np.(object)["policy"].(object), false) {
				if h.effect == "Deny" {
					a.Deny = append(a.Deny, h.ref)
					denyBy["rcp"] = true
				}
			}
		}
	}
	scpOK := true
	if kind == "iam" {
		for _, level := range asList(c["scps"]) {
			levelOK := false
			for _, np := range asList(level) {
				for _, h := range run("scp:"+np.(object)["name"].(string), np.(object)["policy"].(object), true) {
					if h.effect == "Deny" {
						a.Deny = append(a.Deny, h.ref)
						denyBy["scp"] = true
					} else {
						levelOK = true
					}
				}
			}
			scpOK = scpOK && levelOK
		}
	}
	for _, by := range []string{"bucketPolicy", "rcp", "scp"} {
		if denyBy[by] {
			a.By = append(a.By, by)
		}
	}
	if len(a.By) > 0 {
		a.Decision = "explicitDeny"
		return a
	}
	if !scpOK {
		a.Decision, a.By = "implicitDeny", []string{"scp"}
		return a
	}
	allowed, own := anyDirect, false
	if kind == "iam" {
		identity := who["identity"] == "allowAll"
		own = strings.Split(who["arn"].(string), ":")[4] == c["account"].(string)
		if own {
			allowed = identity || anyDirect
		} else {
			allowed = identity && anyAllow
		}
	}
	if !allowed {
		a.Decision, a.By = "implicitDeny", []string{"noAllow"}
		return a
	}
	if asObject(c["bpa"])["restrictPublicBuckets"] == true && kind != "service" && !own {
		if p, ok := c["policy"].(object); ok && naivePublic(p) {
			a.Decision, a.By = "explicitDeny", []string{"bpa"}
			return a
		}
	}
	a.Decision = "allow"
	if anyAllow {
		a.By = []string{"bucketPolicy"}
	}
	return a
}

func asObject(v any) object { o, _ := v.(object); return o }
func asList(v any) []any    { l, _ := v.([]any); return l }

func naiveStatements(doc object) []object {
	if s, ok := doc["Statement"].(object); ok {
		return []object{s}
	}
	var list []object
	for _, s := range doc["Statement"].([]any) {
		list = append(list, s.(object))
	}
	return list
}

func naiveList(v any) []string {
	if l, ok := v.([]any); ok {
		var out []string
		for _, e := range l {
			out = append(out, naiveList(e)...)
		}
		return out
	}
	switch v := v.(type) {
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	case json.Number:
		return []string{v.String()}
	}
	return nil
}

func (n *naive) principal(s object, who object) (direct, account bool) {
	if p, ok := s["NotPrincipal"]; ok {
		d, a := n.listed(p, who)
		return !d && !a, false
	}
	return n.listed(s["Principal"], who)
}

func (n *naive) listed(p any, who object) (direct, account bool) {
	if p == "*" {
		return true, false
	}
	get := func(k string) string { v, _ := who[k].(string); return v }
	iam := who["type"] == "iam"
	for kind, v := range p.(object) {
		for _, e := range naiveList(v) {
			if kind == "AWS" && e == "*" {
				return true, false
			}
			if strings.ContainsAny(e, "*?") {
				continue
			}
			switch {
			case kind == "Service" && who["type"] == "service" && e == get("service"):
				direct = true
			case kind == "CanonicalUser" && who["type"] == "oai" && e == get("canonicalUser"):
				direct = true
			case kind == "AWS" && (iam || who["type"] == "oai"):
				arn := get("arn")
				if strings.HasPrefix(e, "arn:") && e == arn {
					direct = true
				}
				if !iam {
					continue
				}
				f := strings.Split(arn, ":")
				if e == f[4] || e == "arn:aws:iam::"+f[4]+":root" {
					account = true
				}
				// a role ARN names its sessions
				if m := regexp.MustCompile(`^arn:aws:sts::(\d{12}):assumed-role/([^/]+)/`).FindStringSubmatch(arn); m != nil {
					if regexp.MustCompile(`^arn:aws:iam::` + m[1] + `:role/(.*/)?` + regexp.QuoteMeta(m[2]) + `$`).MatchString(e) {
						direct = true
					}
				}
			}
		}
	}
	return direct, account
}

func (n *naive) action(s object, action string) bool {
	match := func(list any) bool {
		for _, p := range naiveList(list) {
			re := "(?is)^"
			for _, c := range p {
				switch c {
				case '*':
					re += ".*"
				case '?':
					re += "."
				default:
					re += regexp.QuoteMeta(string(c))
				}
			}
			if regexp.MustCompile(re + "$").MatchString(action) {
				return true
			}
		}
		return false
	}
	if l, ok := s["NotAction"]; ok {
		return !match(l)
	}
	return match(s["Action"])
}

func (n *naive) resource(s object, arn string) bool {
	match := func(list any) bool {
		for _, p := range naiveList(list) {
			if p == "*" {
				return true
			}
			pp, rp := strings.SplitN(p, ":", 6), strings.SplitN(arn, ":", 6)
			if len(rp) < 6 {
				continue
			}
			for len(pp) < 6 {
				pp = append(pp, "*")
			}
			ok := true
			for i := range 6 {
				ok = ok && n.glob(pp[i], rp[i], true, i == 5)
			}
			if ok {
				return true
			}
		}
		return false
	}
	if l, ok := s["NotResource"]; ok {
		return !match(l)
	}
	return match(s["Resource"])
}

var naiveVar = regexp.MustCompile(`(?s)\$\{[^}]*\}`)

// expand splits a policy string into a regular expression; ok is false when a variable has no value.
func (n *naive) expand(p string, wildcards, variables bool) (re string, ok bool) {
	if n.version != "2012-10-17" {
		variables = false
	}
	text := func(s string) string {
		out := ""
		for _, c := range s {
			switch {
			case wildcards && c == '*':
				out += ".*"
			case wildcards && c == '?':
				out += "."
			default:
				out += regexp.QuoteMeta(string(c))
			}
		}
		return out
	}
	if !variables {
		return text(p), true
	}
	last := 0
	for _, at := range naiveVar.FindAllStringIndex(p, -1) {
		re += text(p[last:at[0]])
		last = at[1]
		name := p[at[0]+2 : at[1]-1]
		switch name {
		case "*", "?", "$":
			re += regexp.QuoteMeta(name)
			continue
		}
		def, hasDef := "", false
		if m := regexp.MustCompile(`(?s)^(.*?), '(.*)'$`).FindStringSubmatch(name); m != nil {
			name, def, hasDef = m[1], m[2], true
		}
		vals, present := n.ctx[strings.ToLower(name)]
		switch {
		case present && !n.lists[strings.ToLower(name)]:
			re += regexp.QuoteMeta(vals[0])
		case !present && hasDef:
			re += regexp.QuoteMeta(def)
		default:
			return "", false
		}
	}
	return re + text(p[last:]), true
}

func (n *naive) glob(p, s string, wildcards, variables bool) bool {
	re, ok := n.expand(p, wildcards, variables)
	return ok && regexp.MustCompile("(?s)^"+re+"$").MatchString(s)
}

func (n *naive) conditions(s object) bool {
	for op, keys := range asObject(s["Condition"]) {
		for key, v := range keys.(object) {
			if !n.condition(strings.ToLower(op), strings.ToLower(key), naiveList(v)) {
				return false
			}
		}
	}
	return true
}

func (n *naive) condition(op, key string, policy []string) bool {
	got, present := n.ctx[key]
	if op == "null" {
		for _, p := range policy {
			if strings.EqualFold(p, strconv.FormatBool(!present || len(got) == 0)) {
				return true
			}
		}
		return false
	}
	set := ""
	if i := strings.Index(op, ":"); i >= 0 {
		set, op = op[:i], op[i+1:]
	}
	ifExists := strings.HasSuffix(op, "ifexists")
	op = strings.TrimSuffix(op, "ifexists")
	negated := strings.Contains(op, "not")
	op = strings.Replace(op, "not", "", 1)
	one := func(value string) bool {
		for _, p := range policy {
			if n.compare(op, p, value) {
				return !negated
			}
		}
		return negated
	}
	empty := true
	for _, g := range got {
		empty = empty && g == ""
	}
	switch {
	case set == "forallvalues":
		if !present || empty {
			return true
		}
		for _, g := range got {
			if !one(g) {
				return false
			}
		}
		return true
	case set == "foranyvalue":
		if !present && ifExists {
			return true
		}
		if !present || empty {
			return false
		}
		for _, g := range got {
			if one(g) {
				return true
			}
		}
		return false
	case len(got) == 0:
		return ifExists || negated
	case n.lists[key]:
		return false
	}
	return one(got[0])
}

func (n *naive) compare(op, p, v string) bool {
	relation := strings.TrimPrefix(strings.TrimPrefix(op, "numeric"), "date")
	holds := func(cmp int) bool {
		switch relation {
		case "equals":
			return cmp == 0
		case "lessthan":
			return cmp < 0
		case "lessthanequals":
			return cmp <= 0
		case "greaterthan":
			return cmp > 0
		case "greaterthanequals":
			return cmp >= 0
		}
		panic(op)
	}
	switch {
	case op == "stringequals":
		return n.glob(p, v, false, true)
	case op == "stringlike":
		return n.glob(p, v, true, true)
	case op == "stringequalsignorecase":
		re, ok := n.expand(p, false, true)
		return ok && regexp.MustCompile("(?si)^"+re+"$").MatchString(v)
	case op == "arnequals" || op == "arnlike":
		vp := strings.SplitN(v, ":", 6)
		if len(vp) < 6 || vp[0] != "arn" {
			return false
		}
		// colons inside ${…} do not split
		q := p
		if n.version == "2012-10-17" {
			q = naiveVar.ReplaceAllStringFunc(p, func(s string) string { return strings.ReplaceAll(s, ":", "\x00") })
		}
		pp := strings.SplitN(q, ":", 6)
		if len(pp) < 6 {
			return false
		}
		for i := range 6 {
			if !n.glob(strings.ReplaceAll(pp[i], "\x00", ":"), vp[i], true, true) {
				return false
			}
		}
		return true
	case strings.HasPrefix(op, "numeric"):
		a, b := naiveNumber(v), naiveNumber(p)
		return a != nil && b != nil && holds(a.Cmp(b))
	case strings.HasPrefix(op, "date"):
		a, okA := naiveDate(v)
		b, okB := naiveDate(p)
		return okA && okB && holds(a.Compare(b))
	case op == "bool":
		p, v = strings.ToLower(p), strings.ToLower(v)
		return p == v && (v == "true" || v == "false")
	case op == "binaryequals":
		b, err := base64.StdEncoding.DecodeString(p)
		return err == nil && string(b) == v
	case op == "ipaddress":
		return naiveIP(p, v)
	}
	panic("operator " + op)
}

func naiveNumber(s string) *big.Rat {
	if !regexp.MustCompile(`^[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d{1,2})?$`).MatchString(s) {
		return nil
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

func naiveDate(s string) (time.Time, bool) {
	if regexp.MustCompile(`^-?\d+$`).MatchString(s) {
		i, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(i, 0), err == nil
	}
	m := regexp.MustCompile(`^(\d{4})-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?$`).FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	num := func(s string, def int) int {
		if s == "" {
			return def
		}
		i, _ := strconv.Atoi(s)
		return i
	}
	mo, d, h, mi, sec := num(m[2], 1), num(m[3], 1), num(m[4], 0), num(m[5], 0), num(m[6], 0)
	if mo < 1 || mo > 12 || d < 1 || h > 23 || mi > 59 || sec > 59 {
		return time.Time{}, false
	}
	nanos := 0
	if m[7] != "" {
		f, _ := strconv.ParseFloat("0"+m[7], 64)
		nanos = int(f * 1e9)
	}
	t := time.Date(num(m[1], 0), time.Month(mo), d, h, mi, sec, nanos, time.UTC)
	if t.Day() != d {
		return time.Time{}, false
	}
	if z := m[8]; z != "" && z != "Z" {
		off := time.Duration(num(z[1:3], 0))*time.Hour + time.Duration(num(z[4:6], 0))*time.Minute
		if z[0] == '+' {
			off = -off
		}
		t = t.Add(off)
	}
	return t, true
}

// naiveIP compares bit by bit.
func naiveIP(p, v string) bool {
	ip := net.ParseIP(v)
	if ip == nil {
		return false
	}
	addr, bits, hasBits := strings.Cut(p, "/")
	base := net.ParseIP(addr)
	if base == nil {
		return false
	}
	size := 128
	if strings.Contains(addr, ".") && !strings.Contains(addr, ":") {
		size = 32
	}
	n := size
	if hasBits {
		var err error
		if n, err = strconv.Atoi(bits); err != nil || n < 0 || n > size || len(bits) > 1 && bits[0] == '0' {
			return false
		}
	}
	if base.To4() != nil && size == 128 { // IPv4 in IPv6
		if n -= 96; n < 0 {
			return false
		}
	}
	b4, i4 := base.To4(), ip.To4()
	if (b4 == nil) != (i4 == nil) {
		return false
	}
	b, i := base.To16(), ip.To16()
	if b4 != nil {
		b, i = b4, i4
	}
	for k := range n {
		if b[k/8]>>(7-k%8)&1 != i[k/8]>>(7-k%8)&1 {
			return false
		}
	}
	return true
}

func naivePublic(doc object) bool {
	v12 := doc["Version"] == "2012-10-17"
	for _, s := range naiveStatements(doc) {
		if s["Effect"] != "Allow" {
			continue
		}
		wide := s["Principal"] == "*"
		for kind, v := range asObject(s["Principal"]) {
			for _, e := range naiveList(v) {
				wide = wide || kind == "AWS" && e == "*" || kind == "Federated" && !strings.HasPrefix(e, "arn:") && !strings.ContainsAny(e, "*?")
			}
		}
		if !wide {
			continue
		}
		pinned := false
		for op, keys := range asObject(s["Condition"]) {
			op = strings.TrimPrefix(strings.ToLower(op), "foranyvalue:")
			for key, v := range keys.(object) {
				all := true
				for _, p := range naiveList(v) {
					all = all && naiveFixed(op, strings.ToLower(key), p, v12)
				}
				pinned = pinned || all
			}
		}
		if !pinned {
			return true
		}
	}
	return false
}

func naiveFixed(op, key, p string, v12 bool) bool {
	text := regexp.MustCompile(`^(stringequals|stringequalsignorecase|stringlike|arnequals|arnlike)$`).MatchString(op)
	if v12 && strings.Contains(p, "${") {
		return false
	}
	switch key {
	case "aws:sourceip":
		if op != "ipaddress" {
			return false
		}
		addr, bits, ok := strings.Cut(p, "/")
		ip := net.ParseIP(addr)
		if ip == nil {
			return false
		}
		n, err := strconv.Atoi(bits)
		if !ok {
			return true
		}
		if ip.To4() != nil && strings.Contains(addr, ":") {
			n -= 96
		}
		return err == nil && (ip.To4() != nil && n >= 8 && n <= 32 || ip.To4() == nil && n >= 32 && n <= 128)
	case "s3:dataaccesspointarn":
		f := strings.SplitN(p, ":", 6)
		return text && len(f) == 6 && f[0] == "arn" && regexp.MustCompile(`^\d{12}$`).MatchString(f[4])
	case "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn", "aws:principalservicename",
		"aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceaccount", "aws:sourceowner", "aws:userid",
		"s3:dataaccesspointaccount", "s3:x-amz-server-side-encryption-aws-kms-key-id":
		return text && !strings.ContainsAny(p, "*?")
	}
	return false
}

func (a *answerLineJSON) key() string {
	refs := func(list []StatementRef) string {
		var out []string
		for _, r := range list {
			out = append(out, fmt.Sprintf("%s[%d]%q", r.In, r.Index, r.Sid))
		}
		return strings.Join(out, " ")
	}
	by := append([]string{}, a.By...)
	sort.Strings(by)
	return fmt.Sprintf("%s by %v deny %s allow %s error %s", a.Decision, by, refs(a.Deny), refs(a.Allow), a.Error)
}
