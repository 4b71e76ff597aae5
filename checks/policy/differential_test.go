package policy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var differentialCases = flag.Int("differential", 12000, "number of random cases for the comparison with the naive evaluator")

// A generator makes valid cases that are likely to be interesting: the pools of policies and requests are drawn from
// the same small worlds, so that things match about as often as not.
type generator struct{ *rand.Rand }

func pick[T any](g generator, list ...T) T { return list[g.IntN(len(list))] }

// some returns one value, or a list of one to three.
func some(g generator, one func() any) any {
	if g.IntN(2) == 0 {
		return one()
	}
	var list []any
	for range 1 + g.IntN(3) {
		list = append(list, one())
	}
	return list
}

// word makes a string of a tiny alphabet.
func (g generator) word(alphabet []string, most int) string {
	var b strings.Builder
	for range g.IntN(most + 1) {
		b.WriteString(pick(g, alphabet...))
	}
	return b.String()
}

var (
	textAlphabet    = []string{"a", "b", "é", "A", "/", ":", "*", "?", "."}
	patternAlphabet = []string{"a", "b", "é", "A", "/", ":", "*", "*", "?", ".", "${*}", "${?}", "${v}", "${V, 'b'}", "${none}", "${none, 'a'}", "${list}", "${", "}"}
)

func (g generator) text() string    { return g.word(textAlphabet, 4) }
func (g generator) pattern() string { return g.word(patternAlphabet, 4) }

func (g generator) resource(pattern bool) string {
	if pattern && g.IntN(2) == 0 {
		return pick(g, "*", "arn:aws:s3:::b/*", "arn:aws:s3:::*", "arn:*", "arn:aws:s3*", "arn:*:s3:*:*:b*", "arn:aws:s?:::b/?")
	}
	head := pick(g, "arn:aws:s3:::b/", "arn:aws:s3:::b/", "arn:aws:s3:::b/", "arn:aws:s3:::", "arn:aws-cn:s3:::b/")
	if pattern {
		return pick(g, head, head, "arn:*:s3:::b/") + g.pattern()
	}
	return head + g.text()
}

func (g generator) action() string {
	return pick(g, "s3:GetObject", "s3:GetObject", "s3:getobject", "s3:GetObjectVersion", "s3:PutObject", "kms:Decrypt")
}

func (g generator) actionPattern() any {
	return pick(g, "*", "s3:*", "s3:*", "s3:GetObject", "s3:Get*", "S3:GETOBJECT", "s3:Get*", "s3:*Object", "s3:?etObject", "s3:GetObject?*", "kms:*", "*:Get*")
}

const (
	genAccount = "111122223333"
	genOther   = "444455556666"
	genOAI     = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"
)

var genARNs = []string{
	"arn:aws:iam::" + genAccount + ":user/alice", "arn:aws:iam::" + genOther + ":user/bob",
	"arn:aws:sts::" + genAccount + ":assumed-role/Reader/s", "arn:aws:sts::" + genOther + ":assumed-role/Reader/s",
	"arn:aws:iam::" + genAccount + ":role/Reader",
}

func (g generator) requester() object {
	switch g.IntN(5) {
	case 0, 1:
		return object{"type": "anonymous"}
	case 2:
		return object{"type": "service", "service": pick(g, "cloudfront.amazonaws.com", "logs.amazonaws.com")}
	case 3:
		return object{"type": "oai", "arn": genOAI, "canonicalUser": strings.Repeat("c", 64)}
	}
	return object{"type": "iam", "arn": pick(g, genARNs...), "identity": pick(g, "allowAll", "none")}
}

func (g generator) principal() any {
	if g.IntN(2) == 0 {
		return "*"
	}
	p := object{}
	for range 1 + g.IntN(2) {
		switch g.IntN(6) {
		case 0, 1, 2:
			p["AWS"] = some(g, func() any {
				return pick(g, append([]string{
					"*", genAccount, genOther, "arn:aws:iam::" + genAccount + ":root", genOAI, "arn:aws:iam::" + genAccount + ":user/*",
					"AIDACKCEVSQ6C2EXAMPLE", "arn:aws:iam::" + genOther + ":role/path/Reader", strings.ToLower(genOAI),
				}, genARNs...)...)
			})
		case 3:
			p["Service"] = some(g, func() any { return pick(g, "cloudfront.amazonaws.com", "logs.amazonaws.com", "*.amazonaws.com") })
		case 4:
			p["CanonicalUser"] = some(g, func() any { return strings.Repeat(pick(g, "c", "d"), 64) })
		case 5:
			p["Federated"] = pick(g, "graph.facebook.com", "arn:aws:iam::111122223333:saml-provider/x")
		}
	}
	return p
}

// genKeys are condition keys with the values that requests and policies take for them.
var genKeys = []struct {
	key      string
	families []string
	values   []any
}{
	{"aws:SourceIp", []string{"IpAddress", "NotIpAddress", "StringLike"}, []any{"203.0.113.7", "10.1.2.3", "2001:db8::1", "::ffff:203.0.113.7",
		"203.0.113.0/24", "203.0.113.9/24", "0.0.0.0/0", "::/0", "2001:DB8::/32", "10.0.0.0/8", "128.0.0.0/1", "2001:db8::/31", "bad", "203.0.113.7/33", "::ffff:203.0.113.0/120"}},
	{"aws:SecureTransport", []string{"Bool"}, []any{"true", "false", true, false, "True", "maybe"}},
	{"s3:max-keys", []string{"Numeric"}, []any{"1", "1.0", "01", "-1", "0", "-0", "10", "9", "1e1", "1.50", "1.45", json.Number("10"), json.Number("1.5"), "x", "", "+1", ".5"}},
	{"aws:CurrentTime", []string{"Date"}, []any{"2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "1704067200", json.Number("1704067200"), "2024-01-01", "2023-12-31T23:59:59.5Z",
		"2024-01", "1704067199", "-5", "2024-01-01T00:00Z", "nope", "2024-13-01"}},
	{"aws:SourceArn", []string{"Arn", "StringLike", "StringEquals"}, []any{"arn:aws:cloudfront::111122223333:distribution/E1", "arn:aws:cloudfront::*:distribution/*",
		"arn:aws:cloudfront::${acc}:distribution/E1", "arn:aws:cloudfront::${aws:none}:distribution/E1", "arn:aws:*:distribution/E1", "arn:aws:cloudfront::111122223333:distribution/E?",
		"arn:aws:sns:::a:b", "arn:aws:sns:::a*", "arn:aws", "*", "arn:aws:cloudfront::${aws:none, '111122223333'}:*"}},
	{"aws:Referer", []string{"String"}, nil},
	{"aws:SourceVpc", []string{"StringEquals", "StringLike", "StringNotEquals"}, []any{"vpc-1", "vpc-2", "vpc-*"}},
	{"s3:DataAccessPointArn", []string{"ArnLike", "StringLike"}, []any{"arn:aws:s3:eu-west-1:111122223333:accesspoint/x", "arn:aws:s3:eu-west-1:111122223333:accesspoint/*", "arn:aws:s3:*:*:accesspoint/*"}},
	{"list", []string{"String"}, nil},
	{"bin", []string{"BinaryEquals"}, []any{"YQ==", "a", "YWI=", "ab", "!", ""}},
}

func (g generator) condition() object {
	c := object{}
	for range 1 + g.IntN(2) {
		k := genKeys[g.IntN(len(genKeys))]
		value := func() any { return g.pattern() }
		if k.values != nil && g.IntN(8) > 0 {
			value = func() any { return pick(g, k.values...) }
		}
		op := pick(g, k.families...)
		switch op {
		case "String":
			op = pick(g, "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase")
		case "Arn":
			op = pick(g, "ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike")
		case "Numeric", "Date":
			op += pick(g, "Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
		}
		if g.IntN(8) == 0 {
			op, value = "Null", func() any { return pick[any](g, "true", "false", true, false) }
		} else {
			op = pick(g, "", "", "", "ForAnyValue:", "ForAllValues:") + op + pick(g, "", "", "IfExists")
		}
		key := pick(g, k.key, strings.ToUpper(k.key), strings.ToLower(k.key))
		c[op] = object{key: some(g, value)}
	}
	return c
}

func (g generator) statement(kind Kind) object {
	s := object{"Effect": pick(g, "Allow", "Allow", "Deny")}
	if kind == RCP {
		s["Effect"] = pick(g, "Allow", "Deny")
	}
	if g.IntN(2) == 0 {
		s["Sid"] = g.word([]string{"a", "b", "c"}, 3)
	}
	switch {
	case kind == RCP:
		s["Principal"] = "*"
	case kind == SCP:
	case s["Effect"] == "Deny" && g.IntN(4) == 0:
		s["NotPrincipal"] = g.principal()
	default:
		s["Principal"] = g.principal()
	}
	action := "Action"
	if kind != RCP && g.IntN(8) == 0 {
		action = "NotAction"
	}
	s[action] = some(g, g.actionPattern)
	s[pick(g, "Resource", "Resource", "Resource", "Resource", "NotResource")] = some(g, func() any { return g.resource(true) })
	if g.IntN(2) == 0 {
		s["Condition"] = g.condition()
	}
	return s
}

func (g generator) policy(kind Kind) object {
	p := object{}
	if v := pick(g, version2012, version2012, version2012, version2008, ""); v != "" {
		p["Version"] = v
	}
	var list []any
	for range 1 + g.IntN(3) {
		list = append(list, g.statement(kind))
	}
	p["Statement"] = list
	if len(list) == 1 && g.IntN(2) == 0 {
		p["Statement"] = list[0]
	}
	return p
}

func (g generator) levels(kind Kind) any {
	full := object{"Version": version2012, "Statement": object{"Effect": "Allow", "Action": "*", "Resource": "*"}}
	var levels []any
	for range g.IntN(3) {
		level := []any{}
		if kind == SCP && g.IntN(6) > 0 {
			level = append(level, object{"name": "FullAWSAccess", "policy": full})
		}
		for i := range g.IntN(2) {
			level = append(level, object{"name": fmt.Sprintf("p%d", i), "policy": g.policy(kind)})
		}
		levels = append(levels, level)
	}
	return levels
}

func (g generator) context() object {
	ctx := object{}
	for _, k := range genKeys {
		if g.IntN(3) == 0 {
			continue
		}
		value := func() any { return g.text() }
		if k.values != nil && g.IntN(10) > 0 {
			value = func() any {
				v := fmt.Sprint(pick(g, k.values...))
				return strings.NewReplacer("${acc}", genAccount, "/24", "", "/8", "").Replace(v)
			}
		}
		key := pick(g, k.key, strings.ToUpper(k.key))
		switch g.IntN(8) {
		case 0:
			ctx[key] = []any{}
		case 1, 2:
			ctx[key] = some(g, value)
		default:
			ctx[key] = value()
		}
	}
	if g.IntN(2) == 0 {
		ctx["v"] = pick[any](g, "a", "A", "*", "", []any{"a", "b"})
	}
	if g.IntN(2) == 0 {
		ctx["ACC"] = genAccount
	}
	return ctx
}

func (g generator) caseLine(i int) []byte {
	c := object{
		"id": fmt.Sprint(i), "account": genAccount, "policy": nil,
		"request": object{"principal": g.requester(), "action": g.action(), "resource": g.resource(false), "context": g.context()},
	}
	if g.IntN(10) > 0 {
		c["policy"] = g.policy(BucketPolicy)
	}
	if g.IntN(3) == 0 {
		c["bpa"] = object{"restrictPublicBuckets": g.IntN(3) > 0}
	}
	if g.IntN(3) == 0 {
		c["rcps"] = g.levels(RCP)
	}
	if g.IntN(3) == 0 {
		c["scps"] = g.levels(SCP)
	}
	line, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return line
}

// TestDifferential compares with the naive evaluator. Raise -differential for a longer run.
func TestDifferential(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	decisions := map[string]int{}
	var out bytes.Buffer
	for i := range *differentialCases {
		line := g.caseLine(i)
		out.Reset()
		if _, _, err := RunCases(bytes.NewReader(line), &out); err != nil {
			t.Fatal(err)
		}
		var got answerLineJSON
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		want := naiveAnswer(line)
		if got.key() != want.key() {
			t.Fatalf("case %s\n got  %s\n want %s", line, got.key(), want.key())
		}
		decisions[fmt.Sprint(got.Decision, got.By)]++
	}
	if *differentialCases >= 10000 {
		for _, want := range []string{"allow[bucketPolicy]", "allow[]", "explicitDeny[bucketPolicy]", "explicitDeny[bpa]", "explicitDeny[rcp]", "explicitDeny[scp]",
			"explicitDeny[bucketPolicy rcp]", "implicitDeny[noAllow]", "implicitDeny[scp]"} {
			if decisions[want] < 20 {
				t.Errorf("only %d cases of %s: the generator does not reach it (%v)", decisions[want], want, decisions)
			}
		}
	}
	if os.Getenv("WHY403_SHOW") != "" {
		t.Log(decisions)
	}
}

// TestVisit: Visit says of each statement what Explain does, and Evaluate's notes.
func TestVisit(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(5, 6))}
	applied := 0
	for i := range 3000 {
		c, err := ParseCase(g.caseLine(i))
		if err != nil {
			t.Fatal(err)
		}
		if c.Policy == nil {
			continue
		}
		for _, k := range genKeys {
			if g.IntN(4) == 0 {
				c.Request.Context.SetUnknown(k.key)
			}
		}
		want := c.Policy.Explain("here", &c.Request)
		got := make([]Explanation, len(want))
		for i := range got {
			got[i].Match = False
		}
		notes := c.Policy.Visit(&c.Request, func(i int, match Tri, account bool) {
			applied++
			got[i].Match, got[i].Account = match, account
		})
		if n := c.Policy.Evaluate(&c.Request).Notes; notes != n {
			t.Errorf("notes %v, want %v", notes.Texts(), n.Texts())
		}
		for i, w := range want {
			if got[i].Match != w.Match || got[i].Account != w.Account {
				t.Errorf("statement %d: %v %t, want %v %t", i, got[i].Match, got[i].Account, w.Match, w.Account)
			}
			if one := c.Policy.ExplainOne("here", i, &c.Request); !reflect.DeepEqual(one, w) {
				t.Errorf("one: %+v\nwant %+v", one, w)
			}
			var conditions, elements []string
			for operator, key := range c.Policy.Conditions(i) {
				conditions = append(conditions, operator+" "+key)
			}
			for _, el := range w.Elements {
				if el.Element == "Condition" {
					elements = append(elements, el.Operator+" "+strings.ToLower(el.Key))
				}
			}
			if !slices.Equal(conditions, elements) {
				t.Errorf("conditions %q, want %q", conditions, elements)
			}
		}
	}
	if applied < 500 {
		t.Errorf("only %d statements apply", applied)
	}
}

// What a context stands over shows through until it is set, and is never changed.
func TestOver(t *testing.T) {
	base := &Context{Default: Undefined}
	base.Set("aws:Referer", "base")
	var c Context
	c.Set("aws:UserAgent", "forgotten")
	c.Over(base)
	f := func(c *Context, key string, state State, values ...string) {
		t.Helper()
		if v := c.Get(key); v.State != state || !slices.Equal(v.Values, values) {
			t.Errorf("%s: %v %q, want %v %q", key, v.State, v.Values, state, values)
		}
	}
	f(&c, "aws:UserAgent", Undefined)
	f(&c, "aws:Referer", Known, "base")
	c.Set("AWS:REFERER", "own")
	f(&c, "aws:Referer", Known, "own")
	f(base, "aws:Referer", Known, "base")
	c.Over(base)
	f(&c, "aws:Referer", Known, "base")
}
