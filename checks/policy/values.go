package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A decimal is a number of any length, so that "1.20" equals "1.2" and no digit is lost.
type decimal struct {
	ok         bool
	negative   bool
	whole      string // without leading zeros
	fractional string // without trailing zeros
}

// maxExponent bounds the digits that a number in scientific notation may unfold to.
const maxExponent = 400

// parseDecimal reads an optional sign, digits with an optional point, and an optional exponent (JSON numbers have one).
func parseDecimal(s string) (d decimal, ok bool) {
	rest := s
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		d.negative = rest[0] == '-'
		rest = rest[1:]
	}
	exponent := 0
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		e, err := strconv.Atoi(rest[i+1:])
		if err != nil || e > maxExponent || e < -maxExponent {
			return decimal{}, false
		}
		exponent, rest = e, rest[:i]
	}
	whole, frac, point := strings.Cut(rest, ".")
	if whole == "" && frac == "" || point && frac == "" || !allDigits(whole) || !allDigits(frac) {
		return decimal{}, false
	}
	if exponent != 0 {
		digits, at := whole+frac, len(whole)+exponent
		if at < 0 {
			digits, at = strings.Repeat("0", -at)+digits, 0
		}
		if at > len(digits) {
			digits += strings.Repeat("0", at-len(digits))
		}
		whole, frac = digits[:at], digits[at:]
	}
	d.whole = strings.TrimLeft(whole, "0")
	d.fractional = strings.TrimRight(frac, "0")
	d.ok = true
	if d.whole == "" && d.fractional == "" {
		d.negative = false
	}
	return d, true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func (d *decimal) compare(e *decimal) int {
	if d.negative != e.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	cmp := 0
	if len(d.whole) != len(e.whole) {
		cmp = len(d.whole) - len(e.whole)
	} else if cmp = strings.Compare(d.whole, e.whole); cmp == 0 {
		cmp = strings.Compare(d.fractional, e.fractional)
	}
	if d.negative {
		return -cmp
	}
	return cmp
}

// An instant is a point in time.
type instant struct {
	ok      bool
	seconds int64
	nanos   int
}

// dateLayouts are the forms of the W3C note on ISO 8601 that IAM names (OPS); a time of day needs a zone. A fraction of
// a second is understood without being named.
var dateLayouts = [...]string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01"}

// parseInstant reads epoch seconds or a W3C date. Digits alone are epoch seconds, so a bare year is no date.
func parseInstant(s string) (instant, bool) {
	if digits := strings.TrimPrefix(s, "-"); digits != "" && allDigits(digits) {
		sec, err := strconv.ParseInt(s, 10, 64)
		return instant{ok: err == nil, seconds: sec}, err == nil
	}
	for _, layout := range dateLayouts {
		// The length tells the layouts apart, and keeps time.Parse from building errors for each.
		if strings.HasPrefix(layout, "2006-01-02T") != (len(s) > len("2006-01-02")) {
			continue
		}
		if t, err := time.Parse(layout, s); err == nil && !strings.Contains(s, ",") {
			return instant{ok: true, seconds: t.Unix(), nanos: t.Nanosecond()}, true
		}
	}
	return instant{}, false
}

func (t *instant) compare(u *instant) int {
	switch {
	case t.seconds != u.seconds:
		if t.seconds < u.seconds {
			return -1
		}
		return 1
	default:
		return t.nanos - u.nanos
	}
}

// parsePrefix reads a CIDR range or a single address. Host bits are cut off; an IPv4 address in IPv6 form is IPv4.
func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}
