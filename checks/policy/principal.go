package policy

import "strings"

// principals is a compiled Principal or NotPrincipal element; its entries are alternatives. Entries that match nobody
// stand in written only.
type principals struct {
	all       bool // "*" or {"AWS": "*"}
	awsStar   bool // written as {"AWS": "*"}
	accounts  []string
	arns      []principalARN
	canonical []string
	services  []string
	federated []string
	written   []string // all entries, for explanations
}

type principalARN struct {
	text  string
	parts [6]string
}

// A match is how far an element names the requester.
type principalMatch struct {
	direct  Tri // it, or everybody, is named
	account Tri // its account is named, which delegates to the account's own policies (PRIN)
}

var noPrincipal = principalMatch{False, False}

func (ps *principals) match(p *Principal, n *Notes) principalMatch {
	if ps.all {
		if ps.awsStar && p.Type == Service {
			n.add(noteAWSStarService)
		}
		return principalMatch{True, False}
	}
	switch p.Type {
	case Service:
		return principalMatch{TriOf(contains(ps.services, p.Service)), False}
	case OAI:
		return principalMatch{ps.named(p, p.CanonicalUser), False}
	case IAM:
		m := principalMatch{ps.named(p, ""), ps.accountOf(p)}
		if m.account == True && isRoot(p.ARN) {
			m.direct = True // the root user is the account
		}
		if len(ps.federated) > 0 && m.direct != True {
			n.add(noteFederated)
		}
		return m
	}
	return noPrincipal
}

// named says whether an entry is the principal itself.
func (ps *principals) named(p *Principal, canonical string) Tri {
	for i := range ps.arns {
		if ps.arns[i].covers(p.ARN) {
			return True
		}
	}
	if canonical != "" && contains(ps.canonical, canonical) {
		return True
	}
	if p.Partial && (p.ARN == "" && len(ps.arns) > 0 || p.Type == OAI && canonical == "" && len(ps.canonical) > 0) {
		return Unknown
	}
	return False
}

// accountOf says whether an entry is the account of an IAM principal, by its number, root ARN or canonical user ID.
func (ps *principals) accountOf(p *Principal) Tri {
	if account := p.Account(); account != "" && contains(ps.accounts, account) {
		return True
	}
	if p.CanonicalUser != "" && contains(ps.canonical, p.CanonicalUser) {
		return True
	}
	if p.Partial && (p.ARN == "" && len(ps.accounts) > 0 || p.CanonicalUser == "" && len(ps.canonical) > 0) {
		return Unknown
	}
	return False
}

// covers says whether the entry names the ARN. A role's ARN also names its sessions and a user's ARN the federated
// sessions of that user (PRIN): the session's ARN shows the name without its path.
func (e *principalARN) covers(arn string) bool {
	if e.text == arn {
		return true
	}
	a, ok := splitARN(arn)
	if !ok || a[2] != "sts" || e.parts[2] != "iam" || a[1] != e.parts[1] || a[4] != e.parts[4] {
		return false
	}
	kind, rest, _ := strings.Cut(a[5], "/")
	ekind, path, _ := strings.Cut(e.parts[5], "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case kind == "assumed-role" && ekind == "role":
		role, _, _ := strings.Cut(rest, "/")
		return role == name
	case kind == "federated-user" && ekind == "user":
		return rest == name
	}
	return false
}

func isRoot(arn string) bool {
	return strings.HasSuffix(arn, ":root")
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
