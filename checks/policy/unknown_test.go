package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fill gives an unknown key every kind of content a request may have.
func (g generator) fill(ctx *Context, key string) {
	switch g.IntN(8) {
	case 0:
		ctx.SetAbsent(key)
		return
	case 1:
		ctx.SetList(key)
		return
	}
	value := func() string { return g.text() }
	for _, k := range genKeys {
		if strings.EqualFold(k.key, key) && k.values != nil && g.IntN(4) > 0 {
			value = func() string {
				return strings.NewReplacer("${acc}", genAccount, "/24", "", "/8", "").Replace(fmt.Sprint(pick(g, k.values...)))
			}
		}
	}
	values := []string{value()}
	for g.IntN(3) == 0 {
		values = append(values, value())
	}
	if len(values) > 1 || g.IntN(8) == 0 {
		ctx.SetList(key, values...)
		return
	}
	ctx.Set(key, values[0])
}

// TestUnknownKeys: an answer other than unknown is the answer for all ways to fill the unknown keys in.
func TestUnknownKeys(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(3, 4))}
	decided, undecided := 0, 0
	for i := range 6000 {
		line := g.caseLine(i)
		c, err := ParseCase(line)
		if err != nil {
			t.Fatal(err)
		}
		full := c.Request.Context
		var unknown []string
		partial := full.Clone()
		for _, k := range genKeys {
			if g.IntN(3) == 0 {
				partial.SetUnknown(k.key)
				unknown = append(unknown, strings.ToLower(k.key))
			}
		}
		if g.IntN(4) == 0 {
			partial.SetUnknown("v")
			unknown = append(unknown, "v")
		}
		c.Request.Context = partial
		identity, restrict := c.Request.Principal.Identity, c.RestrictPublicBuckets
		if g.IntN(4) == 0 {
			c.Request.Principal.Identity = Unknown
		}
		if g.IntN(4) == 0 {
			c.RestrictPublicBuckets = Unknown
		}
		known := *c
		got := Decide(c)
		if got.Decision == Undecided {
			undecided++
			if len(got.DependsOn) == 0 || got.By != nil {
				t.Fatalf("undecided on nothing: %s %+v", line, got)
			}
			for _, key := range got.DependsOn {
				if key != KeyIdentity && key != KeyRestrict && !slices.Contains(unknown, strings.ToLower(key)) {
					t.Fatalf("depends on the known key %q: %s", key, line)
				}
			}
		} else {
			decided++
		}
		if !got.Allowed.fits(got.Decision) {
			t.Fatalf("decision %s but allowed %s: %s", got.Decision, got.Allowed, line)
		}
		for range 12 {
			ctx := partial.Clone()
			for _, key := range unknown {
				g.fill(ctx, key)
			}
			known.Request.Context = ctx
			if known.Request.Principal.Identity = identity; g.IntN(2) == 0 && c.Request.Principal.Identity == Unknown {
				known.Request.Principal.Identity = identity.Not()
			}
			if known.RestrictPublicBuckets = restrict; g.IntN(2) == 0 && c.RestrictPublicBuckets == Unknown {
				known.RestrictPublicBuckets = restrict.Not()
			}
			want := Decide(&known)
			if want.Decision == Undecided {
				t.Fatalf("undecided with all keys known: %s", line)
			}
			if got.Decision != Undecided && got.Decision != want.Decision {
				t.Fatalf("decided %s, but filled in %v it is %s\n%s", got.Decision, ctx.keys, want.Decision, line)
			}
			if got.Allowed != Unknown && got.Allowed != TriOf(want.Decision == Allow) {
				t.Fatalf("allowed %s, but filled in %v it is %s\n%s", got.Allowed, ctx.keys, want.Decision, line)
			}
		}
	}
	if decided < 1000 || undecided < 200 {
		t.Errorf("decided %d, undecided %d: the test is empty", decided, undecided)
	}
}

func (t Tri) fits(d Decision) bool {
	switch d {
	case Allow:
		return t == True
	case Undecided:
		return t != True
	}
	return t == False
}

// TestUnknownKeyExamples states the answers for the unknown keys of practice.
func TestUnknownKeyExamples(t *testing.T) {
	public := `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`
	deny := func(cond string) string {
		return `{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":` + cond + `}`
	}
	allow := func(cond string) string {
		return strings.TrimSuffix(public, "}") + `,"Condition":` + cond + `}`
	}
	tag := `{"StringEquals":{"s3:ExistingObjectTag/Public":"yes"}}`
	f := func(unknown string, want Decision, allowed Tri, dependsOn []string, statements ...string) {
		t.Helper()
		p, err := Parse([]byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		ctx := &Context{}
		ctx.SetUnknown(unknown)
		r := &Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: ctx}
		got := p.Evaluate(r)
		if got.Decision != want || got.Allowed != allowed || !slices.Equal(got.DependsOn, dependsOn) {
			t.Errorf("%s of %q unknown: %s, allowed %s, depends on %q", statements, unknown, got.Decision, got.Allowed, got.DependsOn)
		}
		if p.Decision(r) != want {
			t.Errorf("Decision differs from Evaluate: %s", p.Decision(r))
		}
	}
	key := "s3:existingobjecttag/public"
	name := []string{"s3:ExistingObjectTag/Public"}
	f(key, Undecided, Unknown, name, allow(tag))
	f(key, Allow, True, nil, allow(tag), public)
	f(key, Undecided, Unknown, name, deny(tag), public)
	f(key, Undecided, False, name, deny(tag))
	f(key, ExplicitDeny, False, nil, deny(tag), deny(`{}`), public)
	f("aws:Referer", ImplicitDeny, False, nil, allow(tag))
	f("aws:username", Undecided, Unknown, []string{"aws:username"}, strings.Replace(public, "b/*", "b/${aws:username}*", 1))
	f("aws:username", ImplicitDeny, False, nil, strings.Replace(public, "b/*", "c/${aws:username}*", 1))
	f("aws:username", Undecided, Unknown, []string{"aws:username"}, strings.ReplaceAll(allow(`{"StringEqualsIfExists":{"aws:Referer":"x"},"StringNotEquals":{"aws:Referer":"${aws:username}"},"Null":{"aws:Referer":"true"}}`),
		`"Null":{"aws:Referer":"true"}`, `"Null":{"aws:username":["true"]}`))
	f(key, Allow, True, nil, allow(`{"Null":{"s3:ExistingObjectTag/Public":["true","false"]}}`))
	f(key, ImplicitDeny, False, nil, allow(`{"StringEquals":{"s3:ExistingObjectTag/Public":"yes","aws:Referer":"x"}}`))
	f(key, Undecided, Unknown, name, allow(`{"ForAnyValue:StringEquals":{"s3:ExistingObjectTag/Public":"yes"}}`))
}

// TestDefaultUnknown: a context may hold every key that is not set for unknown.
func TestDefaultUnknown(t *testing.T) {
	p, err := Parse([]byte(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	ctx := &Context{Default: Undefined}
	r := &Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: ctx}
	if got := p.Decision(r); got != Undecided {
		t.Errorf("unset key: %s", got)
	}
	if got := ctx.Clone().Get("aws:PrincipalOrgID"); got.State != Undefined {
		t.Errorf("a clone has %+v", got)
	}
	ctx.SetAbsent("AWS:PrincipalOrgID")
	if got := p.Decision(r); got != ImplicitDeny {
		t.Errorf("absent key: %s", got)
	}
}

// TestDependsOnWhatDecides: an unknown key of a statement that decides nothing is not named.
func TestDependsOnWhatDecides(t *testing.T) {
	p := mustParse(t, BucketPolicy, `{"Statement":[
		{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"},
		{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:Referer":"x"}}},
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"s3:ExistingObjectTag/a":"x","aws:UserAgent":"y"}}}]}`)
	ctx := &Context{Default: Undefined}
	ctx.Set("aws:UserAgent", "y")
	c := &Case{Policy: p, RestrictPublicBuckets: False, Request: Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: ctx}}
	want := []string{"s3:ExistingObjectTag/a"}
	if got := p.Evaluate(&c.Request); got.Decision != Undecided || !slices.Equal(got.DependsOn, want) {
		t.Errorf("Evaluate: %s depends on %q", got.Decision, got.DependsOn)
	}
	if got := Decide(c); got.Decision != Undecided || !slices.Equal(got.DependsOn, want) || len(got.Open) != 2 {
		t.Errorf("Decide: %s depends on %q", got.Decision, got.DependsOn)
	}
}

// TestPartialPrincipal: a log line may show one name of a requester only.
func TestPartialPrincipal(t *testing.T) {
	f := func(principal string, who Principal, want Decision, dependsOn ...string) {
		t.Helper()
		p, err := Parse([]byte(`{"Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"*"}}`))
		if err != nil {
			t.Fatal(err)
		}
		a := Decide(&Case{Account: genAccount, Policy: p, RestrictPublicBuckets: False,
			Request: Request{Principal: who, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}})
		if a.Decision != want || !slices.Equal(a.DependsOn, dependsOn) {
			t.Errorf("%s for %+v: %s depends on %q", principal, who, a.Decision, a.DependsOn)
		}
	}
	canonical := strings.Repeat("c", 64)
	byARN, byID := `{"AWS":"`+genOAI+`"}`, `{"CanonicalUser":"`+canonical+`"}`
	f(byARN, Principal{Type: OAI, CanonicalUser: canonical, Partial: true}, Undecided, KeyPrincipalARN)
	f(byARN, Principal{Type: OAI, CanonicalUser: canonical}, ImplicitDeny)
	f(byARN, Principal{Type: OAI, ARN: genOAI}, Allow)
	f(byID, Principal{Type: OAI, CanonicalUser: canonical, Partial: true}, Allow)
	f(byID, Principal{Type: OAI, ARN: genOAI, Partial: true}, Undecided, KeyCanonicalUser)
	f(`"*"`, Principal{Type: OAI, Partial: true}, Allow)
	f(`{"Service":"cloudfront.amazonaws.com"}`, Principal{Type: OAI, Partial: true}, ImplicitDeny)
	f(`{"AWS":"`+genAccount+`"}`, Principal{Type: IAM, Partial: true, Identity: True}, Undecided, KeyPrincipalARN)
	f(`{"AWS":"`+genAccount+`"}`, Principal{Type: IAM, ARN: genARNs[0]}, Undecided, KeyIdentity)
	f(`"*"`, Principal{Type: IAM, ARN: genARNs[0]}, Allow)
	f(`"*"`, Principal{Type: IAM, ARN: genARNs[1]}, Undecided, KeyIdentity)
}

// TestUnknownPolicies: a policy that could not be read makes the answer depend on it, unless a Deny stands already.
func TestUnknownPolicies(t *testing.T) {
	allow := mustParse(t, BucketPolicy, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}`)
	deny := mustParse(t, BucketPolicy, `{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*"}}`)
	full := mustParse(t, SCP, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	unread := [][]NamedPolicy{{{Name: "X"}}}
	f := func(c Case, want Decision, allowed Tri, dependsOn ...string) {
		t.Helper()
		c.Request.Action, c.Request.Resource, c.Account = "s3:GetObject", "arn:aws:s3:::b/k", genAccount
		if a := Decide(&c); a.Decision != want || a.Allowed != allowed || !slices.Equal(a.DependsOn, dependsOn) {
			t.Errorf("%s, allowed %s, depends on %q", a.Decision, a.Allowed, a.DependsOn)
		}
	}
	insider := Request{Principal: Principal{Type: IAM, ARN: genARNs[0], Identity: False}}
	f(Case{PolicyUnknown: true}, Undecided, Unknown, KeyRestrict, "bucketPolicy")
	f(Case{PolicyUnknown: true, RestrictPublicBuckets: False}, Undecided, Unknown, "bucketPolicy")
	f(Case{}, ImplicitDeny, False)
	f(Case{Policy: allow}, Undecided, Unknown, KeyRestrict)
	f(Case{Policy: allow, RestrictPublicBuckets: False, RCPs: unread}, Undecided, Unknown, "rcp:X")
	f(Case{Policy: deny, RCPs: unread}, ExplicitDeny, False)
	f(Case{Policy: allow, RestrictPublicBuckets: False, SCPs: unread}, Allow, True)
	f(Case{Policy: allow, SCPs: unread, Request: insider}, Undecided, Unknown, "scp:X")
	f(Case{Policy: allow, SCPs: [][]NamedPolicy{{{Name: "F", Policy: full}}, {}}, Request: insider}, ImplicitDeny, False)
	f(Case{Policy: allow, SCPs: [][]NamedPolicy{{{Name: "F", Policy: full}, {Name: "X"}}}, Request: insider}, Undecided, Unknown, "scp:X")
}

// TestUnknownKeyInSCP: an open Allow of an SCP decides only for a requester whom SCPs bind.
func TestUnknownKeyInSCP(t *testing.T) {
	allow := mustParse(t, BucketPolicy, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}`)
	region := mustParse(t, SCP, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}}`)
	ctx := &Context{}
	ctx.SetUnknown("aws:RequestedRegion")
	c := &Case{Account: genAccount, Policy: allow, RestrictPublicBuckets: False, SCPs: [][]NamedPolicy{{{"R", region}}},
		Request: Request{Principal: Principal{Type: IAM, ARN: genARNs[0]}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: ctx}}
	if a := Decide(c); a.Decision != Undecided || !slices.Equal(a.DependsOn, []string{"aws:RequestedRegion"}) {
		t.Errorf("%+v", a)
	}
	c.Request.Principal = Principal{}
	c.RCPs = [][]NamedPolicy{{{"R", mustParse(t, RCP, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"Null":{"aws:RequestedRegion":"true"}}}}`)}}}
	if a := Decide(c); a.Decision != Allow || a.Open != nil {
		t.Errorf("%+v", a)
	}
}
