package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func mustParse(t testing.TB, kind Kind, text string) *Policy {
	t.Helper()
	p, err := ParseKind(kind, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		p, err := Parse([]byte(text))
		if p != nil || err == nil {
			t.Errorf("%.60q was accepted", text)
			return
		}
		var e *Error
		if err.Error() != want || !errors.As(err, &e) {
			t.Errorf("%.60q:\n got  %v\n want %s", text, err, want)
		}
	}
	f("", "line 1, column 1: unexpected end of the JSON document")
	f("  \n ", "line 2, column 2: unexpected end of the JSON document")
	f("{", "line 1, column 2: unexpected end, want a member name in double quotes")
	f(`{"Version"}`, `line 1, column 11: unexpected '}', want ':' after "Version"`)
	f(`{"Version":}`, "line 1, column 12: unexpected '}', want a JSON value")
	f(`{"Version":"2012-10-17",}`, "line 1, column 25: unexpected '}', want a member name in double quotes")
	f(`{"Statement":[{}`, "line 1, column 17: unexpected end, want ',' or ']'")
	f(`{"Statement":[1,]}`, "line 1, column 17: unexpected ']', want a JSON value")
	f("{\n  'Version': 1}", `line 2, column 3: unexpected '\'', want a member name in double quotes`)
	f(`{"Statement":[]} x`, "line 1, column 18: unexpected 'x' after the end of the document")
	f("\ufeff{}", `line 1, column 1: unexpected '\ufeff', want a JSON value`)
	f(`{"Id":"é","Id":"y"}`, `line 1, column 11: duplicate member "Id"`)
	f(`{"Statement":{"Effect":"Allow","Effect":"Deny"}}`, `line 1, column 32: duplicate member "Effect"`)
	f(`{"Statement":{"Effect":"Allow","\u0045ffect":"Deny"}}`, `line 1, column 32: duplicate member "Effect"`)
	f(`{"Id":"a`, "line 1, column 7: the string has no closing quote")
	f(`{"Id":"a\`, "line 1, column 9: the string has no closing quote")
	f("{\"Id\":\"a\tb\"}", "line 1, column 9: control character '\\t' in a string")
	f(`{"Id":"\x"}`, "line 1, column 8: bad escape in a string")
	f(`{"Id":"\u12g4"}`, `line 1, column 8: bad \u escape in a string`)
	f(`{"Id":"\ud800"}`, `line 1, column 8: bad \u escape in a string`)
	f(`{"Id":"\ud800\u0041"}`, `line 1, column 8: bad \u escape in a string`)
	f("{\"Id\":\"\xff\"}", "line 1, column 7: the string is not valid UTF-8")
	f("{\"Id\":\"\\n\xff\"}", "line 1, column 7: the string is not valid UTF-8")
	f(`{"Id":01}`, "line 1, column 8: unexpected '1', want ',' or '}'")
	f(`{"Id":1.}`, "line 1, column 9: unexpected '}' in a number")
	f(`{"Id":-}`, "line 1, column 8: unexpected '}' in a number")
	f(`{"Id":1e}`, "line 1, column 9: unexpected '}' in a number")
	f(`{"Id":NaN}`, "line 1, column 7: unexpected 'N', want a JSON value")
	f(`{"Id":nul}`, "line 1, column 7: unexpected 'n', want a JSON value")
	f(strings.Repeat("[", 100000), "line 1, column 33: nested deeper than 32 levels")
	f(strings.Repeat(`{"a":`, 100000), "line 1, column 161: nested deeper than 32 levels")
	f(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"},{"Sid":"second","Effect":"Deny"}]}`,
		`Statement[1] (Sid "second"): Action is missing`)
	f(`{"Statement":{"Sid":"`+strings.Repeat("x", 200)+`"}}`, `Statement[0] (Sid "`+strings.Repeat("x", 120)+`"…): Effect is missing`)
	f(`{"Statement":{"Sid":"a\u001b[31m","Effect":"Deny"}}`, `Statement[0] (Sid "a\x1b[31m"): Action is missing`)
	var many strings.Builder
	for i := range 40 {
		many.WriteString(`"k` + strings.Repeat("x", i) + `":1,`)
	}
	f(`{`+many.String()+`"k`+strings.Repeat("x", 38)+`":2}`, `line 1, column 1022: duplicate member "k`+strings.Repeat("x", 38)+`"`)
	f(`{`+many.String()+`"z":1,"z":2}`, `line 1, column 1028: duplicate member "z"`)
	f(`{`+many.String()+`"kx":2}`, `line 1, column 1022: duplicate member "kx"`)
}

func TestParseKinds(t *testing.T) {
	statement := `{"Statement":{"Effect":"Deny",%"Action":"s3:*","Resource":"*"}}`
	f := func(kind Kind, principal, want string) {
		t.Helper()
		_, err := ParseKind(kind, []byte(strings.Replace(statement, "%", principal, 1)))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s with %s: %q, want %q", kind, principal, got, want)
		}
	}
	f(BucketPolicy, "", "Statement[0]: Principal is missing")
	f(KeyPolicy, "", "Statement[0]: Principal is missing")
	f(KeyPolicy, `"Principal":{"Service":"cloudfront.amazonaws.com"},`, "")
	f(SCP, "", "")
	f(SCP, `"NotPrincipal":"*",`, "Statement[0]: NotPrincipal: a service control policy has no NotPrincipal")
	f(RCP, `"Principal":"*",`, "")
	f(RCP, `"Principal":{"AWS":"*"},`, "")
	f(RCP, `"Principal":{"AWS":["*","111122223333"]},`, "")
	f(RCP, "", "Statement[0]: Principal is missing")
}

func TestWarnings(t *testing.T) {
	p := mustParse(t, BucketPolicy, `{"Version":"2012-10-17","Statement":[
		{"Sid":"a","Effect":"Allow","Principal":{"AWS":["AIDACKCEVSQ6C2EXAMPLE","arn:aws:iam::111122223333:user/*","nobody"]},"Action":"s3:GetObject","Resource":"arn:aws:s3:${aws:x}::b/*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{
			"IpAddress":{"aws:SourceIp":"10.0.0.0/33"},"NumericEquals":{"s3:max-keys":"ten"},"DateLessThan":{"aws:CurrentTime":"2024-01-01T00:00:00"},
			"ArnLike":{"aws:SourceArn":"*"},"Bool":{"aws:SecureTransport":"yes"},"BinaryEquals":{"x:k":"!"},"Null":{"k":"no"}}}]}`)
	want := []string{
		`Statement[0] (Sid "a"): Principal.AWS: "AIDACKCEVSQ6C2EXAMPLE" matches nobody: it is the ID of a deleted identity`,
		`Statement[0] (Sid "a"): Principal.AWS: "arn:aws:iam::111122223333:user/*" matches nobody: a principal has no partial wildcards`,
		`Statement[0] (Sid "a"): Principal.AWS: "nobody" matches nobody: it is neither an account nor an ARN`,
		`Statement[0] (Sid "a"): Resource: "arn:aws:s3:${aws:x}::b/*" has a variable before the fifth colon, where it is plain text`,
		`Statement[1]: Condition.IpAddress.aws:SourceIp: "10.0.0.0/33" is not an IP address or CIDR range, so it matches nothing`,
		`Statement[1]: Condition.NumericEquals.s3:max-keys: "ten" is not a number, so it matches nothing`,
		`Statement[1]: Condition.DateLessThan.aws:CurrentTime: "2024-01-01T00:00:00" is not a date of ISO 8601 with a zone, nor epoch seconds, so it matches nothing`,
		`Statement[1]: Condition.ArnLike.aws:SourceArn: "*" is not an ARN of six parts, so it matches nothing`,
		`Statement[1]: Condition.Bool.aws:SecureTransport: "yes" is not true or false, so it matches nothing`,
		`Statement[1]: Condition.BinaryEquals.x:k: "!" is not base64, so it matches nothing`,
		`Statement[1]: Condition.Null: "k" is no condition key: keys have a prefix and a colon`,
		`Statement[1]: Condition.Null.k: "no" is not true or false, so it matches nothing`,
	}
	var got []string
	for _, w := range p.Warnings() {
		got = append(got, w.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestNotes: rules that AWS does not document are named in the answer, others are not.
func TestNotes(t *testing.T) {
	f := func(statement string, who Principal, values []string, want ...string) {
		t.Helper()
		p := mustParse(t, BucketPolicy, `{"Version":"2012-10-17","Statement":`+statement+`}`)
		ctx := &Context{}
		if values != nil {
			ctx.SetList("k", values...)
			if len(values) == 1 {
				ctx.Set("k", values[0])
			}
		}
		a := Decide(&Case{Account: genAccount, Policy: p, RestrictPublicBuckets: TriOf(strings.Contains(statement, "public")),
			Request: Request{Principal: who, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: ctx}})
		if got := a.Notes.Texts(); !slices.Equal(got, want) {
			t.Errorf("%s: notes %q, want %q", statement, got, want)
		}
	}
	condition := func(c string) string {
		return `{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{` + c + `}}`
	}
	anyone := Principal{}
	f(condition(`"ForAnyValue:StringEqualsIfExists":{"k":"a"}`), anyone, nil, "ForAnyValue with IfExists on an absent key is taken as true")
	f(condition(`"ForAnyValue:StringEqualsIfExists":{"k":"a"}`), anyone, []string{"a"})
	f(condition(`"StringEquals":{"k":"a"}`), anyone, []string{"a", "b"}, "a multivalued key without a set operator is taken as never matching")
	f(condition(`"ForAllValues:StringNotEquals":{"k":["a","b"]}`), anyone, []string{"c"}, "a negated operator under a set operator is taken to test each value against all policy values")
	f(condition(`"ForAllValues:StringNotEquals":{"k":"a"}`), anyone, []string{"c"})
	f(condition(`"NumericNotEquals":{"k":"x"}`), anyone, []string{"1"}, "a negated operator is taken to hold for a malformed value")
	f(condition(`"NumericNotEquals":{"k":"1"}`), anyone, []string{"x"}, "a negated operator is taken to hold for a malformed value")
	f(condition(`"NumericEquals":{"k":"1"}`), anyone, []string{"x"})
	f(condition(`"Bool":{"k":"True"}`), anyone, []string{"true"}, `a boolean in other letters than "true" and "false" is taken as that boolean`)
	f(condition(`"Bool":{"k":"true"}`), anyone, []string{"true"})
	f(condition(`"StringEquals":{"k":"a"},"Bool":{"other":"true"}`), anyone, []string{"a", "b"}, "a multivalued key without a set operator is taken as never matching")
	f(condition(`"NumericNotEquals":{"k":"x"},"StringEquals":{"other":"true"}`), anyone, []string{"1"})
	f(`{"Effect":"Allow","Principal":"*","Action":"s3:*","NotResource":"arn:aws:s3:::b/${aws:username}"}`, anyone, nil, "NotResource with a variable that has no value is taken to apply")
	f(`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"*"}`, Principal{Type: Service, Service: "cloudfront.amazonaws.com"}, nil, `{"AWS": "*"} is taken to cover a service principal`)
	f(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`, Principal{Type: Service, Service: "cloudfront.amazonaws.com"}, nil)
	f(`{"Effect":"Deny","NotPrincipal":{"AWS":"`+genOAI+`"},"Action":"s3:*","Resource":"*"}`, Principal{Type: OAI, ARN: genOAI}, nil, "NotPrincipal is taken to spare an origin access identity that it names")
	f(`{"Effect":"Deny","NotPrincipal":{"AWS":"`+genARNs[0]+`"},"Action":"s3:*","Resource":"*"}`, Principal{Type: IAM, ARN: genARNs[0]}, nil,
		"NotPrincipal is taken to spare a user or role that it names without its account; AWS warns that it may be denied")
	f(`{"Effect":"Deny","NotPrincipal":{"AWS":"`+genAccount+`"},"Action":"s3:*","Resource":"*"}`, Principal{Type: IAM, ARN: genARNs[0]}, nil,
		"NotPrincipal is taken to spare the users and roles of an account that it names")
	f(`{"Effect":"Deny","NotPrincipal":{"AWS":["`+genARNs[0]+`","`+genAccount+`"]},"Action":"s3:*","Resource":"*"}`, Principal{Type: IAM, ARN: genARNs[0]}, nil)
	f(`{"Sid":"public","Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`, Principal{Type: OAI, ARN: genOAI}, nil, "RestrictPublicBuckets is taken to cut an origin access identity")
	f(`{"Effect":"Allow","Principal":{"Federated":"www.amazon.com"},"Action":"s3:*","Resource":"*"}`, Principal{Type: IAM, ARN: genARNs[2]}, nil,
		"a Federated principal is taken not to cover a session whose provider the request does not show")
}

func TestEvaluateLists(t *testing.T) {
	p := mustParse(t, BucketPolicy, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"s3:GetObject","Resource":"*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"t":"x"}}},
		{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*"}]}`)
	ctx := &Context{}
	ctx.SetUnknown("T")
	r := &Request{Principal: Principal{Type: IAM, ARN: genARNs[0]}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: ctx}
	got := p.Evaluate(r)
	if got.Decision != Undecided || !slices.Equal(got.Allow, []int{1}) || !slices.Equal(got.Delegated, []int{0}) || !slices.Equal(got.Open, []int{2}) || got.Deny != nil {
		t.Errorf("%+v", got)
	}
	ctx.Set("t", "x")
	if got := p.Evaluate(r); got.Decision != ExplicitDeny || !slices.Equal(got.Deny, []int{2}) || got.Allowed != False {
		t.Errorf("%+v", got)
	}
	if keys := p.Keys(); !slices.Equal(keys, []string{"t"}) {
		t.Errorf("keys %q", keys)
	}
}

func TestKeys(t *testing.T) {
	p := mustParse(t, BucketPolicy, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
		"Resource":["arn:aws:s3:::b/${aws:username}/*","arn:aws:s3:::b/${aws:PrincipalTag/team, 'x'}"],
		"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:cloudfront::${aws:PrincipalAccount}:*"},"Null":{"aws:sourcearn":"false"},"StringLike":{"aws:Referer":"${*}${aws:UserAgent}"}}}]}`)
	want := []string{"AWS:SourceArn", "aws:PrincipalAccount", "aws:PrincipalTag/team", "aws:Referer", "aws:UserAgent", "aws:username"}
	if got := p.Keys(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExplain(t *testing.T) {
	p := mustParse(t, BucketPolicy, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Referer","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"StringLike":{"aws:Referer":["one","two"]},"Bool":{"aws:SecureTransport":"true"}}},
		{"Effect":"Deny","NotPrincipal":{"AWS":["AIDACKCEVSQ6C2EXAMPLE","111122223333"]},"NotAction":"s3:Put*","NotResource":"arn:aws:s3:::b/x","Condition":{"StringEquals":{"s3:ExistingObjectTag/t":"v"}}}]}`)
	ctx := &Context{}
	ctx.Set("AWS:Referer", "three")
	ctx.SetUnknown("s3:ExistingObjectTag/t")
	got := p.Explain("bucketPolicy", &Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: ctx})
	var lines []string
	for _, e := range got {
		lines = append(lines, e.Effect+" "+e.Sid+" "+e.Match.String()+" "+strings.Join(e.DependsOn, ","))
		for _, el := range e.Elements {
			lines = append(lines, el.String())
		}
	}
	want := []string{
		"Allow Referer false ",
		`Principal matches: policy "*", request "anonymous"`,
		`Action matches: policy "s3:GetObject", request "s3:GetObject"`,
		`Resource matches: policy "arn:aws:s3:::b/*", request "arn:aws:s3:::b/k"`,
		`Condition StringLike aws:Referer does not match: policy [<3 bytes>, <3 bytes>], request <5 bytes>`,
		`Condition Bool aws:SecureTransport does not match: policy "true", request without the key`,
		"Deny  unknown s3:ExistingObjectTag/t",
		`NotPrincipal matches: policy ["AIDACKCEVSQ6C2EXAMPLE", "111122223333"], request "anonymous"`,
		`NotAction matches: policy "s3:Put*", request "s3:GetObject"`,
		`NotResource matches: policy "arn:aws:s3:::b/x", request "arn:aws:s3:::b/k"`,
		`Condition StringEquals s3:ExistingObjectTag/t may match: policy "v", request unknown`,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if failed := got[0].Failed(); len(failed) != 2 || failed[0].Key != "aws:Referer" || failed[1].State != Absent {
		t.Errorf("failed %+v", failed)
	}
	if got[1].Index != 1 || got[1].In != "bucketPolicy" {
		t.Errorf("ref %+v", got[1].StatementRef)
	}
}

func TestPublic(t *testing.T) {
	p := mustParse(t, BucketPolicy, `{"Statement":[
		{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"*"},
		{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":["111122223333","*"]},"Action":"s3:GetObject","Resource":"*"}]}`)
	if public, by := p.Public(); !public || !slices.Equal(by, []int{1, 3}) {
		t.Errorf("%t %v", public, by)
	}
	p = mustParse(t, BucketPolicy, `{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:*","Resource":"*"}}`)
	if public, by := p.Public(); public || by != nil {
		t.Errorf("%t %v", public, by)
	}
}

// TestKeyPolicy judges a KMS key policy, whose Resource is the key itself.
func TestKeyPolicy(t *testing.T) {
	p := mustParse(t, KeyPolicy, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*",
		 "Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E1"}}}]}`)
	ctx := &Context{}
	ctx.Set("aws:SourceArn", "arn:aws:cloudfront::111122223333:distribution/E1")
	r := &Request{Principal: Principal{Type: Service, Service: "cloudfront.amazonaws.com"}, Action: "kms:Decrypt",
		Resource: "arn:aws:kms:eu-west-1:111122223333:key/1", Context: ctx}
	if got := p.Decision(r); got != Allow {
		t.Errorf("the distribution: %s", got)
	}
	ctx.Set("aws:SourceArn", "arn:aws:cloudfront::111122223333:distribution/E2")
	if got := p.Decision(r); got != ImplicitDeny {
		t.Errorf("another distribution: %s", got)
	}
	if p.Kind() != KeyPolicy || p.Version() != version2012 || p.Len() != 2 || !p.IsAllow(0) || p.Sid(0) != "" {
		t.Error("the accessors do not answer")
	}
}

// TestPublicOperators: only a condition that fails without the key pins a grant.
func TestPublicOperators(t *testing.T) {
	f := func(condition string, want bool) {
		t.Helper()
		p := mustParse(t, BucketPolicy, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{`+condition+`}}}`)
		if public, _ := p.Public(); public != want {
			t.Errorf("%s: public %t", condition, public)
		}
	}
	f(`"StringEquals":{"aws:SourceVpc":"vpc-1"}`, false)
	f(`"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}`, true)
	f(`"ForAllValues:StringEquals":{"aws:PrincipalOrgPaths":"o-1/r-1/"}`, true)
	f(`"ForAnyValue:StringEquals":{"aws:PrincipalOrgPaths":"o-1/r-1/"}`, false)
	f(`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-1/*"}`, true)
	f(`"IpAddressIfExists":{"aws:SourceIp":"203.0.113.0/24"}`, true)
	f(`"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}`, true)
	f(`"IpAddress":{"aws:SourceIp":"nonsense"}`, true)
	f(`"Null":{"aws:SourceVpc":"false"}`, true)
	f(`"NumericEquals":{"aws:SourceAccount":"111122223333"}`, true)
	f(`"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:*:111122223333:accesspoint/${aws:username}"}`, true)
	f(`"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:*:111122223333:accesspoint/*"}`, false)
}

// TestAccountPrincipal: the account's entry delegates to its users and roles, and names its root user.
func TestAccountPrincipal(t *testing.T) {
	p := mustParse(t, BucketPolicy, `{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"*"}}`)
	f := func(arn string, want Decision, byAccount bool) {
		t.Helper()
		r := &Request{Principal: Principal{Type: IAM, ARN: arn, Identity: False}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
		if got := p.Decision(r); got != want {
			t.Errorf("%s: %s", arn, got)
		}
		if e := p.Explain("bucketPolicy", r)[0]; e.Match != True || e.Account != byAccount {
			t.Errorf("%s: match %s, account %t", arn, e.Match, e.Account)
		}
	}
	f("arn:aws:iam::111122223333:user/alice", ImplicitDeny, true)
	f("arn:aws:sts::111122223333:assumed-role/Reader/s", ImplicitDeny, true)
	f("arn:aws:iam::111122223333:root", Allow, false)

	p = mustParse(t, BucketPolicy, `{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"*"}}`)
	r := &Request{Principal: Principal{Type: IAM, ARN: genARNs[0]}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
	if got := p.Decision(r); got != ImplicitDeny {
		t.Errorf("a user of the listed account: %s", got)
	}

	p = mustParse(t, BucketPolicy, `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"s3:GetObject","Resource":"*"}}`)
	f("arn:aws:sts::111122223333:federated-user/alice", Allow, false)
}
