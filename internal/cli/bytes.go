package cli

import (
	"fmt"
	"strconv"
	"strings"
)

// byteSize is a flag's number of bytes, written as 512MiB or 2GiB. KB, MB and GB
// mean the same, as they do to the AWS CLI.
type byteSize int64

var byteUnits = []struct {
	names string
	shift int
}{{"TiB TB T", 40}, {"GiB GB G", 30}, {"MiB MB M", 20}, {"KiB KB K", 10}, {"B", 0}, {"", 0}}

func (b *byteSize) Set(s string) error {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.TrimSpace(s[len(digits):])
	n, err := strconv.ParseInt(digits, 10, 64)
	for _, u := range byteUnits {
		for _, name := range strings.Split(u.names, " ") {
			if strings.EqualFold(unit, name) && err == nil && 0 < n && n <= 1<<62>>u.shift {
				*b = byteSize(n << u.shift)
				return nil
			}
		}
	}
	return fmt.Errorf("%q is no size such as 512MiB or 2GiB", s)
}

func (b *byteSize) String() string {
	for _, u := range byteUnits {
		if n := int64(*b); n >= 1<<u.shift && n&(1<<u.shift-1) == 0 {
			name, _, _ := strings.Cut(u.names, " ")
			return strconv.FormatInt(n>>u.shift, 10) + name
		}
	}
	return "0B"
}

func (b *byteSize) Type() string { return "SIZE" }
