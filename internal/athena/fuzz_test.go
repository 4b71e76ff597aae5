package athena

import (
	"strings"
	"testing"
)

// unquote reads a literal of SQL as quote writes it.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i, part := range strings.Split(s, " || chr(") {
		if i > 0 {
			code, rest, ok := strings.Cut(part, ")")
			if !ok {
				return "", false
			}
			n := 0
			for _, c := range []byte(code) {
				n = n*10 + int(c-'0')
			}
			b.WriteByte(byte(n))
			if part = rest; part == "" {
				continue
			}
			if part, ok = strings.CutPrefix(part, " || "); !ok {
				return "", false
			}
		}
		if len(part) < 2 || part[0] != '\'' || part[len(part)-1] != '\'' || strings.Contains(strings.ReplaceAll(part[1:len(part)-1], "''", ""), "'") {
			return "", false
		}
		b.WriteString(strings.ReplaceAll(part[1:len(part)-1], "''", "'"))
	}
	return b.String(), true
}

// FuzzQuote: nothing gets out of a literal, whatever a prefix, a delimiter or a
// field name holds.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a", "it's", "'", "''", "\\", "\t", "a\x01'b", "'; DROP TABLE x; --", "ключ\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, " || chr(") {
			return // the reader above is too simple for it
		}
		q := quote(s)
		if strings.HasPrefix(q, "chr(") {
			q = "'' || " + q
		}
		if got, ok := unquote(q); !ok || got != s {
			t.Errorf("quote(%q) = %s, which reads %q", s, quote(s), got)
		}
		h := hiveString(s)
		for i := 1; i < len(h)-1; i++ {
			switch h[i] {
			case '\\':
				i++
			case '\'':
				t.Errorf("hiveString(%q) = %s ends early", s, h)
			}
		}
		if strings.HasSuffix(h, `\'`) && !strings.HasSuffix(h, `\\'`) {
			t.Errorf("hiveString(%q) = %s does not end", s, h)
		}
	})
}

// FuzzLogs: whatever a delivery's settings hold, there is an error or tables
// with names that need no quoting.
func FuzzLogs(f *testing.F) {
	f.Add("cloudfront-w3c", "s3://b/p/", "{DistributionId}/{yyyy}/{MM}", "date time cs(Host)", true)
	f.Add("s3-access", "s3://b", "{yyyy}/{yyyy}", "", false)
	f.Add("cloudfront-json", "s3://b/'`;/", "x{HH", "`a` b'c", false)
	f.Fuzz(func(t *testing.T, format, location, suffix, fields string, hive bool) {
		l := Logs{Format: format, Location: location, Suffix: suffix, Fields: strings.Fields(fields), Hive: hive, Distributions: []string{"E1"}, Account: "1"}
		tables, err := l.Tables()
		if err != nil {
			if err.Error() == "" || strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		for _, table := range tables {
			names := map[string]bool{}
			for _, c := range append(append([]Column(nil), table.Columns...), table.Partitions...) {
				if !isTableName(c.Name) || names[c.Name] {
					t.Errorf("%s has a column %q", table.Name, c.Name)
				}
				names[c.Name] = true
			}
			if !isTableName(table.Name) || !strings.HasPrefix(table.Location, "s3://") {
				t.Errorf("table %q at %q", table.Name, table.Location)
			}
		}
	})
}
