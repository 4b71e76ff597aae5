package policy

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: no text makes Parse panic, and what it accepts is JSON, can be judged, explained and edited, and says the
// same after printing.
func FuzzParse(f *testing.F) {
	f.Add([]byte(twoStatements), "arn:aws:s3:::b/k", "secret")
	f.Add([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotPrincipal":{"AWS":["*"]},"NotAction":"s3:*","NotResource":"arn:aws:s3:::${aws:username, 'x'}*?${*}","Condition":{"ForAllValues:StringLikeIfExists":{"aws:Referer":["*a*",1.5,true]}}}}`), "arn:a:b:c:d:e", "")
	g := generator{rand.New(rand.NewPCG(7, 8))}
	for range 30 {
		text, _ := json.Marshal(g.policy(BucketPolicy))
		f.Add(text, g.resource(false), g.text())
	}
	f.Fuzz(func(t *testing.T, data []byte, resource, value string) {
		if len(resource) > MaxARN || len(value) > MaxARN {
			return
		}
		p, err := Parse(data)
		for _, kind := range []Kind{KeyPolicy, SCP, RCP} {
			ParseKind(kind, data)
		}
		if err != nil {
			if msg := err.Error(); msg == "" || strings.ContainsAny(msg, "\n\x1b") {
				t.Fatalf("error %q", msg)
			}
			return
		}
		if !json.Valid(data) || !utf8.Valid(data) {
			t.Fatalf("accepted %q", data)
		}
		ctx := &Context{}
		ctx.Set("aws:Referer", value)
		ctx.SetList("list", value, "a")
		ctx.SetUnknown("aws:username")
		for _, who := range []Principal{{}, {Type: Service, Service: value}, {Type: OAI, ARN: genOAI}, {Type: IAM, ARN: genARNs[0], Partial: true}} {
			r := &Request{Principal: who, Action: "s3:GetObject", Resource: resource, Context: ctx}
			res := p.Evaluate(r)
			if res.Decision != p.Decision(r) || !res.Allowed.fits(res.Decision) {
				t.Fatalf("%+v but %s", res, p.Decision(r))
			}
			for _, e := range p.Explain("bucketPolicy", r) {
				all := True
				for _, el := range e.Elements {
					_ = el.String()
					all = all.And(el.Match)
				}
				if all != e.Match {
					t.Fatalf("elements say %s, the statement %s", all, e.Match)
				}
			}
			d, err := ParseDocument(data)
			if err != nil {
				t.Fatal(err)
			}
			q, err := Parse(d.JSON())
			if err != nil {
				t.Fatalf("printed: %v\n%s", err, d.JSON())
			}
			if q.Decision(r) != res.Decision {
				t.Fatalf("printed: %s, before %s", q.Decision(r), res.Decision)
			}
		}
	})
}

// FuzzRunCases: every line has one answer, and every answer is JSON.
func FuzzRunCases(f *testing.F) {
	g := generator{rand.New(rand.NewPCG(9, 10))}
	for i := range 20 {
		f.Add(g.caseLine(i))
	}
	f.Add([]byte("{\"id\":1\n\n[]\n{\"id\":\"\\u00e9\"}\r\n\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		n, bad, err := RunCases(bytes.NewReader(data), &out)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, line := range bytes.Split(bytes.TrimPrefix(data, []byte(byteOrderMark)), []byte("\n")) {
			if len(bytes.TrimSpace(line)) > 0 {
				want++
			}
		}
		lines := bytes.SplitAfter(out.Bytes(), []byte("\n"))
		if n != want || len(lines)-1 != n {
			t.Fatalf("%d lines, %d answers, n %d", want, len(lines)-1, n)
		}
		errs := 0
		for _, line := range lines[:n] {
			var a answerLineJSON
			dec := json.NewDecoder(bytes.NewReader(line))
			raw := struct {
				*answerLineJSON
				ID any
			}{&a, nil}
			if err := dec.Decode(&raw); err != nil || !utf8.Valid(line) {
				t.Fatalf("answer %q: %v", line, err)
			}
			if a.Error != "" {
				errs++
			} else if a.Decision != string(Allow) && a.Decision != string(ExplicitDeny) && a.Decision != string(ImplicitDeny) {
				t.Fatalf("answer %q", line)
			}
		}
		if errs != bad {
			t.Fatalf("%d errors, bad %d", errs, bad)
		}
	})
}

// TestHugePolicies: a hundred times AWS's limit, in the shapes that hurt matchers and parsers.
func TestHugePolicies(t *testing.T) {
	const size = 100 * 20 << 10
	resource := "arn:aws:s3:::b/" + strings.Repeat("a", 1024)
	ctx := &Context{}
	ctx.Set("aws:Referer", strings.Repeat("a", MaxContextValue))
	ctx.Set("v", strings.Repeat("a", 100))
	r := &Request{Action: "s3:GetObject", Resource: resource, Context: ctx}
	repeat := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	statement := func(res, cond string) string {
		return `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":` + res + `,"Condition":{` + cond + `}}`
	}
	for name, text := range map[string]string{
		"one long resource":    statement(`"arn:aws:s3:::`+repeat("*a")+`b"`, ""),
		"question marks":       statement(`"arn:aws:s3:::*`+repeat("?a")+`b*"`, ""),
		"many resources":       statement(`[`+repeat(`"arn:aws:s3:::*a*a*a*a*b",`)+`"arn:aws:s3:::x"]`, ""),
		"many values":          statement(`"*"`, `"StringLike":{"aws:Referer":[`+repeat(`"*a*a?a*b*",`)+`"x"]}`),
		"many variables":       statement(`"arn:aws:s3:::`+repeat("${v}*")+`b"`, ""),
		"many keys":            statement(`"*"`, `"StringEquals":{`+manyKeys(size)+`}`),
		"many statements":      strings.TrimSuffix(repeat(statement(`"arn:aws:s3:::x"`, "")+","), ","),
		"long string":          statement(`"*"`, `"StringEquals":{"k":"`+repeat(`\u00e9`)+`"}`),
		"many empty variables": statement(`"*"`, `"StringNotLike":{"aws:Referer":"`+repeat("${}*")+`"}`),
	} {
		p, err := Parse([]byte(`{"Version":"2012-10-17","Statement":[` + text + `]}`))
		if err != nil {
			t.Errorf("%s: %.200s", name, err)
			continue
		}
		want := ImplicitDeny
		if name == "many empty variables" {
			want = Allow
		}
		if got := p.Decision(r); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func manyKeys(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		b.WriteString(`"key`)
		b.WriteString(strings.Repeat("x", i%50))
		b.WriteString(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + string(rune('a'+i/17576%26)))
		b.WriteString(`":"v",`)
	}
	return strings.TrimSuffix(b.String(), ",")
}
