package correlate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A Lister tells which keys a bucket holds. A List call costs what its answer
// costs: one ListObjectsV2, or nothing when an inventory or a snapshot answers.
type Lister interface {
	// List returns the keys (or, with delimiter "/", the keys and common
	// prefixes) that begin with prefix, in byte order, at most max of both, and
	// whether that is all there is.
	List(ctx context.Context, prefix, delimiter string, max int) (keys, prefixes []string, complete bool, err error)
}

// A NearKey is an existing key that a missing one was probably meant to be.
type NearKey struct {
	Key  string
	Kind NearKind
}

// NearKind names the difference between the key asked for and the one found.
type NearKind string

// The differences, in the order in which they are tried. Each but the last is
// the id of the cause that it proves.
const (
	NearCase           NearKind = "key-case"
	NearTrailingSlash  NearKind = "key-trailing-slash"
	NearDirectoryIndex NearKind = "key-directory-index"
	NearExtension      NearKind = "key-extension"
	NearDoubleSlash    NearKind = "key-double-slash"
	NearOriginPath     NearKind = "key-origin-path"
	NearEncoding       NearKind = "key-encoding"
	NearUnicode        NearKind = "key-unicode-form"
	NearSpelling       NearKind = "spelling" // bounded edit distance: a hint only
)

var nearOrder = [...]NearKind{NearCase, NearTrailingSlash, NearDirectoryIndex, NearExtension, NearDoubleSlash, NearOriginPath, NearEncoding, NearUnicode, NearSpelling}

// A Hint is what is known of the way on which the key was asked for.
type Hint struct {
	OriginPath  string // of the origin, as in the settings: "/prod"
	IndexSuffix string // index document, "" is index.html
}

// Bounds on the work for one key.
const (
	nearCalls  = 24   // List calls at most
	nearPage   = 1000 // keys that one call asks for
	nearBranch = 4    // folders that are followed side by side
)

// Near names at most max existing keys that a missing key was probably meant to
// be, the likeliest first. It asks l no more than nearCalls times, never for more
// than a page; use a [Finder] to share answers between keys. The error is l's.
func Near(ctx context.Context, key string, hint Hint, l Lister, max int) ([]NearKey, error) {
	return NewFinder(l).Near(ctx, key, hint, max)
}

// A Finder answers Near for many keys of one bucket and asks its Lister only
// once for each folder. It is not safe for concurrent use.
type Finder struct {
	l     Lister
	calls int
	cache map[listed]*listing
	held  int
}

type listed struct {
	prefix string
	tree   bool // with the delimiter
	max    int
}

type listing struct {
	keys, prefixes []string
	complete       bool
}

// mostHeld bounds the keys that a Finder remembers.
const mostHeld = 200_000

// NewFinder returns a Finder over l.
func NewFinder(l Lister) *Finder { return &Finder{l: l, cache: make(map[listed]*listing)} }

// Calls returns how often the Lister was asked.
func (f *Finder) Calls() int { return f.calls }

// Near is [Near] with the answers that the Finder remembers.
func (f *Finder) Near(ctx context.Context, key string, hint Hint, max int) ([]NearKey, error) {
	if hint.IndexSuffix == "" {
		hint.IndexSuffix = "index.html"
	}
	s := &search{Finder: f, ctx: ctx, key: key, hint: hint, left: nearCalls, found: make(map[string]NearKind)}
	s.run()
	if s.err != nil {
		return nil, s.err
	}
	out := make([]NearKey, 0, len(s.found))
	for k, kind := range s.found {
		out = append(out, NearKey{k, kind})
	}
	slices.SortFunc(out, func(a, b NearKey) int {
		return cmp.Or(cmp.Compare(slices.Index(nearOrder[:], a.Kind), slices.Index(nearOrder[:], b.Kind)),
			cmp.Compare(distance(key, a.Key, 64), distance(key, b.Key, 64)), cmp.Compare(a.Key, b.Key))
	})
	return out[:min(len(out), max)], nil
}

// A search is the work for one key.
type search struct {
	*Finder
	ctx   context.Context
	key   string
	hint  Hint
	left  int
	found map[string]NearKind
	err   error
}

func (s *search) list(prefix string, tree bool, most int) *listing {
	id := listed{prefix, tree, most}
	if l := s.cache[id]; l != nil {
		return l
	}
	if s.left == 0 || s.err != nil {
		return &listing{}
	}
	s.left--
	s.calls++
	delimiter := ""
	if tree {
		delimiter = "/"
	}
	l := new(listing)
	if l.keys, l.prefixes, l.complete, s.err = s.l.List(s.ctx, prefix, delimiter, most); s.err != nil {
		return &listing{}
	}
	if s.held += len(l.keys) + len(l.prefixes); s.held > mostHeld {
		clear(s.cache)
		s.held = len(l.keys) + len(l.prefixes)
	}
	s.cache[id] = l
	return l
}

// exists reports whether the bucket holds the key.
func (s *search) exists(key string) bool {
	if key == "" || key == s.key {
		return false
	}
	// The folder's listing answers for the next keys, too.
	dir, _ := splitKey(key)
	if l := s.list(dir, true, nearPage); l.complete {
		_, ok := slices.BinarySearch(l.keys, key)
		return ok
	}
	l := s.list(key, false, 1)
	return len(l.keys) > 0 && l.keys[0] == key
}

func (s *search) add(key string, kind NearKind) {
	if key == s.key {
		return
	}
	if old, ok := s.found[key]; !ok || slices.Index(nearOrder[:], kind) < slices.Index(nearOrder[:], old) {
		s.found[key] = kind
	}
}

// try adds the candidate if it exists.
func (s *search) try(key string, kind NearKind) {
	if s.exists(key) {
		s.add(key, kind)
	}
}

// splitKey cuts a key into its folder, with the slash, and the rest.
func splitKey(key string) (dir, name string) {
	i := strings.LastIndexByte(key, '/') + 1
	return key[:i], key[i:]
}

func (s *search) run() {
	base := strings.TrimRight(s.key, "/")
	// One listing of the folder answers most questions.
	dir, name := splitKey(base)
	s.siblings(dir, name)
	if base != "" {
		s.index(base)
	}
	s.slashes()
	s.originPaths()
	s.encodings()
	if len(s.found) == 0 || onlySpelling(s.found) {
		s.walk(base)
	}
	if len(s.found) == 0 || onlySpelling(s.found) {
		s.otherSite()
	}
	for k := range s.found { // a finer reason never hides a better one
		if s.found[k] != NearSpelling {
			for k := range s.found {
				if s.found[k] == NearSpelling {
					delete(s.found, k)
				}
			}
			break
		}
	}
}

func onlySpelling(found map[string]NearKind) bool {
	for _, kind := range found {
		if kind != NearSpelling {
			return false
		}
	}
	return true
}

// folder lists a folder's members whose names may be like name: all of them, or
// in a big folder those with the same first letter, in either case.
func (s *search) folder(dir, name string) *listing {
	l := s.list(dir, true, nearPage)
	if l.complete || name == "" {
		return l
	}
	all := &listing{keys: slices.Clone(l.keys), prefixes: slices.Clone(l.prefixes)}
	_, n := utf8.DecodeRuneInString(name)
	begins := []string{name, strings.TrimSuffix(name, extensionOf(name)) + ".", strings.ToLower(name[:n]), strings.ToUpper(name[:n])}
	for i, b := range begins {
		if slices.Contains(begins[:i], b) {
			continue
		}
		l := s.list(dir+b, true, nearPage)
		all.keys, all.prefixes = append(all.keys, l.keys...), append(all.prefixes, l.prefixes...)
	}
	slices.Sort(all.keys)
	all.keys = slices.Compact(all.keys)
	slices.Sort(all.prefixes)
	all.prefixes = slices.Compact(all.prefixes)
	return all
}

// siblings compares the key's name with those in a folder.
func (s *search) siblings(dir, name string) {
	if name == "" {
		return
	}
	l := s.folder(dir, name)
	slash := strings.HasSuffix(s.key, "/")
	limit := spellingLimit(name)
	for _, k := range l.keys {
		if k == dir { // the folder's marker
			continue
		}
		n := k[len(dir):]
		switch {
		case n == name:
			if slash {
				s.add(k, NearTrailingSlash)
			} else {
				s.add(k, s.differ(k))
			}
		case canonical(n) == canonical(name):
			s.add(k, s.differ(k))
		case strings.HasPrefix(n, name+"?"):
			s.add(k, NearEncoding) // a query that became part of the key
		case !slash && sameButExtension(name, n):
			s.add(k, NearExtension)
		case !slash && distance(n, name, limit) <= limit:
			s.add(k, NearSpelling)
		}
	}
	for _, p := range l.prefixes {
		n := strings.TrimSuffix(p[len(dir):], "/")
		switch {
		case n == "": // dir//
			s.try(dir+"/"+name, NearDoubleSlash)
		case n == name:
			if !slash {
				s.marker(p, NearTrailingSlash)
			}
		case canonical(n) == canonical(name):
			s.marker(p, s.differ(p))
			s.try(p+s.hint.IndexSuffix, NearDirectoryIndex)
		}
	}
}

// sameButExtension reports whether name is have without its extension (about,
// about.html), or with the other spelling of it (.htm, .html). app.js is not
// app.css, and not app.js.map: a name that has an extension lacks only a page's.
func sameButExtension(name, have string) bool {
	own, ext := extensionOf(name), extensionOf(have)
	if ext == "" {
		return false
	}
	switch strings.TrimSuffix(have, ext) {
	case name:
		return own == "" || pageExtension(ext)
	case strings.TrimSuffix(name, own):
		return pageExtension(own) && pageExtension(ext) || photoExtension(own) && photoExtension(ext)
	}
	return false
}

func pageExtension(ext string) bool  { return ext == ".html" || ext == ".htm" }
func photoExtension(ext string) bool { return ext == ".jpeg" || ext == ".jpg" }

// marker adds a folder's own object, if there is one.
func (s *search) marker(prefix string, kind NearKind) {
	if l := s.list(prefix, true, nearPage); len(l.keys) > 0 && l.keys[0] == prefix {
		s.add(prefix, kind)
	}
}

// index looks for an index document below the key.
func (s *search) index(base string) {
	dir, _ := splitKey(base)
	if l := s.list(dir, true, nearPage); l.complete {
		if _, ok := slices.BinarySearch(l.prefixes, base+"/"); !ok {
			return
		}
	}
	l := s.list(base+"/", true, nearPage)
	for _, n := range [...]string{s.hint.IndexSuffix, "index.html", "index.htm", "default.html"} {
		k := base + "/" + n
		if _, ok := slices.BinarySearch(l.keys, k); ok || !l.complete && len(l.keys)+len(l.prefixes) > 0 && s.exists(k) {
			s.add(k, NearDirectoryIndex)
			return
		}
	}
}

func (s *search) slashes() {
	if k := collapse(s.key); k != s.key {
		s.try(k, NearDoubleSlash)
		return
	}
	if l := s.list("/", true, nearPage); len(l.keys)+len(l.prefixes) > 0 {
		s.try("/"+s.key, NearDoubleSlash)
	}
}

// collapse takes leading and doubled slashes away.
func collapse(key string) string {
	for strings.Contains(key, "//") {
		key = strings.ReplaceAll(key, "//", "/")
	}
	return strings.TrimPrefix(key, "/")
}

func (s *search) originPaths() {
	if p := strings.Trim(s.hint.OriginPath, "/"); p != "" {
		if rest, ok := strings.CutPrefix(s.key, p+"/"); ok {
			s.try(rest, NearOriginPath)
		} else {
			s.try(p+"/"+s.key, NearOriginPath)
		}
	}
	// a/a/x → a/x, and api/x → x: a behavior's pattern is not taken off. An index
	// document is in every folder: finding the root's says nothing.
	if first, rest, ok := strings.Cut(s.key, "/"); ok && first != "" && rest != "" && rest != s.hint.IndexSuffix {
		s.try(rest, NearOriginPath)
	}
}

// siteFolders is the number of top folders in which another site is looked for.
const siteFolders = 6

// otherSite looks for the key in the top folders, where the origin path is
// forgotten or wrong. One file of that path in another folder is no more than a
// wrong link: the folder must hold a site, an index document, and where the
// origin path points to there must be none.
func (s *search) otherSite() {
	at := strings.Trim(s.hint.OriginPath, "/")
	if at != "" {
		at += "/"
	}
	rest, ok := strings.CutPrefix(s.key, at)
	if !ok || rest == "" || rest == s.hint.IndexSuffix {
		return
	}
	top := s.list("", true, nearPage)
	if !top.complete || len(top.prefixes) > siteFolders || s.exists(at+s.hint.IndexSuffix) {
		return
	}
	for _, p := range top.prefixes {
		if p != at && p+rest != s.key && s.exists(p+s.hint.IndexSuffix) {
			s.try(p+rest, NearOriginPath)
		}
	}
}

func (s *search) encodings() {
	key := s.key
	plain := strings.ReplaceAll(key, "+", " ")
	candidates := []string{plain, strings.ReplaceAll(key, " ", "+")}
	for decoded, n := key, 0; n < 2 && strings.IndexByte(decoded, '%') >= 0; n++ {
		next := percentDecoded(decoded)
		candidates = append(candidates, next, strings.ReplaceAll(next, "+", " "))
		decoded = next
	}
	if esc := strings.TrimPrefix(WireOfKey(key), "/"); esc != key {
		candidates = append(candidates, esc, strings.ReplaceAll(esc, "%20", "+"))
	}
	candidates = append(candidates, strings.Trim(key, " \t\r\n\u200b\ufeff"), strings.TrimRight(key, ". "))
	if !utf8.ValidString(key) {
		candidates = append(candidates, latin1(key))
	}
	if i := strings.IndexByte(key, '?'); i > 0 {
		candidates = append(candidates, key[:i])
	}
	seen := make(map[string]bool)
	for _, k := range candidates {
		if k != key && !seen[k] {
			seen[k] = true
			s.try(k, NearEncoding)
		}
	}
	seen[key] = true
	for _, k := range []string{norm.NFC.String(key), norm.NFD.String(key)} {
		if !seen[k] {
			seen[k] = true
			s.try(k, NearUnicode)
		}
	}
}

func percentDecoded(s string) string { return strings.TrimPrefix(WirePath("/"+s), "/") }

// latin1 reads bytes as ISO 8859-1 and writes UTF-8.
func latin1(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

// walk goes down from the root, level by level, along folders that are like the
// key's, and compares names where it arrives.
func (s *search) walk(base string) {
	segs := strings.Split(base, "/")
	dirs := []string{""}
	for _, seg := range segs[:len(segs)-1] {
		var next []string
		for _, d := range dirs {
			l := s.folder(d, seg)
			var close []string
			limit := spellingLimit(seg)
			for _, p := range l.prefixes {
				n := strings.TrimSuffix(p[len(d):], "/")
				switch {
				case n == seg:
					next = slices.Insert(next, 0, p)
				case canonical(n) == canonical(seg):
					next = append(next, p)
				case distance(n, seg, limit) <= limit:
					close = append(close, p)
				}
			}
			if len(next) == 0 {
				next = append(next, close...)
			}
		}
		dirs = next[:min(len(next), nearBranch)]
		if len(dirs) == 0 {
			return
		}
	}
	name := segs[len(segs)-1]
	own, _ := splitKey(base)
	for _, d := range dirs {
		if d == own {
			continue
		}
		kind := s.differ(d + name)
		if strings.HasSuffix(s.key, "/") || name == "" {
			s.try(d+name+"/"+s.hint.IndexSuffix, NearDirectoryIndex)
		}
		for _, k := range s.folder(d, name).keys {
			n := k[len(d):]
			switch {
			case n == name:
				s.add(k, kind)
			case canonical(n) == canonical(name):
				s.add(k, s.differ(k))
			}
		}
	}
}

// differ names the difference between the key and one that is like it.
func (s *search) differ(k string) NearKind {
	a, b := s.key, k
	switch {
	case strings.EqualFold(a, b):
		return NearCase
	case norm.NFC.String(a) == norm.NFC.String(b):
		return NearUnicode
	case canonicalCase(a) == canonicalCase(b):
		return NearEncoding
	case canonical(a) == canonical(b):
		return NearCase // and more
	}
	return NearSpelling
}

// canonical is equal for keys that differ in case, Unicode form and layers of
// encoding only.
func canonical(s string) string { return strings.ToLower(canonicalCase(s)) }

func canonicalCase(s string) string {
	if plainASCII(s) {
		return s
	}
	for n := 0; n < 3 && strings.IndexByte(s, '%') >= 0; n++ {
		s = percentDecoded(s)
	}
	if !utf8.ValidString(s) {
		s = latin1(s)
	}
	return strings.Trim(norm.NFC.String(strings.ReplaceAll(s, "+", " ")), " \t\r\n\u200b\ufeff")
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || c <= ' ' || c == '%' || c == '+' {
			return false
		}
	}
	return true
}

// spellingLimit is the edit distance that a name of this length may be off.
func spellingLimit(name string) int {
	switch n := len(name); {
	case n < 5:
		return 1
	case n < 12:
		return 2
	}
	return 3
}

// distance returns the edit distance of two strings in bytes (insert, delete,
// replace, swap of neighbours), or limit+1 when it is more than limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for k := range last {
		last[k] = k
	}
	for i := range len(a) {
		row[0] = i + 1
		least := row[0]
		for k := range len(b) {
			cost := 1
			if a[i] == b[k] {
				cost = 0
			}
			row[k+1] = min(last[k]+cost, last[k+1]+1, row[k]+1)
			if i > 0 && k > 0 && a[i] == b[k-1] && a[i-1] == b[k] {
				row[k+1] = min(row[k+1], before[k-1]+1)
			}
			least = min(least, row[k+1])
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit+1)
}

// A KeyList is a Lister over the complete list of a bucket's keys, as an
// inventory or a snapshot holds it. It is safe for concurrent use.
type KeyList struct{ keys []string }

// NewKeyList returns a KeyList. It sorts keys in place and keeps the slice.
func NewKeyList(keys []string) *KeyList {
	if !slices.IsSorted(keys) {
		slices.Sort(keys)
	}
	return &KeyList{slices.Compact(keys)}
}

// Has reports whether the key is in the list.
func (l *KeyList) Has(key string) bool {
	_, ok := slices.BinarySearch(l.keys, key)
	return ok
}

// List implements Lister. It takes time for what it returns, not for what the
// common prefixes stand for.
func (l *KeyList) List(ctx context.Context, prefix, delimiter string, max int) (keys, prefixes []string, complete bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, false, err
	}
	i, _ := slices.BinarySearch(l.keys, prefix)
	for i < len(l.keys) && strings.HasPrefix(l.keys[i], prefix) {
		if len(keys)+len(prefixes) >= max {
			return keys, prefixes, false, nil
		}
		k := l.keys[i]
		if delimiter != "" {
			if n := strings.Index(k[len(prefix):], delimiter); n >= 0 {
				p := k[:len(prefix)+n+len(delimiter)]
				prefixes = append(prefixes, p)
				rest := l.keys[i:]
				skip, _ := slices.BinarySearchFunc(rest, p, func(k, p string) int {
					if strings.HasPrefix(k, p) {
						return -1
					}
					return cmp.Compare(k, p)
				})
				i += skip
				continue
			}
		}
		keys = append(keys, k)
		i++
	}
	return keys, prefixes, true, nil
}
