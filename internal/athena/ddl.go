package athena

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// DDL writes the statements that create the database and the tables for the
// logs, as Athena's query editor takes them: one at a time, each ended by a
// semicolon. Setup makes the same tables.
func DDL(w io.Writer, database string, all []Logs) error {
	if !isTableName(database) {
		return &UsageError{fmt.Sprintf("%q is no name for a database", database), "use lower-case letters, digits and _"}
	}
	tables, err := tablesOf(all)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "CREATE DATABASE IF NOT EXISTS `%s`;\n", database); err != nil {
		return err
	}
	for i := range tables {
		if _, err := fmt.Fprintf(w, "\n%s;\n", tables[i].DDL(database)); err != nil {
			return err
		}
	}
	return nil
}

func tablesOf(all []Logs) ([]Table, error) {
	var tables []Table
	seen := map[string]bool{}
	for i := range all {
		ts, err := all[i].Tables()
		if err != nil {
			return nil, err
		}
		for _, t := range ts {
			if seen[t.Name] {
				return nil, &UsageError{fmt.Sprintf("two places of logs would have the table %s", t.Name), "name one of them differently"}
			}
			seen[t.Name] = true
			tables = append(tables, t)
		}
	}
	return tables, nil
}

// DDL is the statement that creates the table, without a semicolon at its end.
func (t *Table) DDL(database string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS `%s`.`%s` (\n", database, t.Name)
	columns(&b, t.Columns)
	b.WriteString(")\n")
	if t.Comment != "" {
		fmt.Fprintf(&b, "COMMENT %s\n", hiveString(t.Comment))
	}
	if len(t.Partitions) > 0 {
		b.WriteString("PARTITIONED BY (\n")
		columns(&b, t.Partitions)
		b.WriteString(")\n")
	}
	fmt.Fprintf(&b, "ROW FORMAT SERDE %s\n", hiveString(t.SerDe))
	if len(t.SerDeProps) > 0 {
		b.WriteString("WITH SERDEPROPERTIES (\n")
		properties(&b, t.SerDeProps)
		b.WriteString(")\n")
	}
	fmt.Fprintf(&b, "STORED AS INPUTFORMAT %s\nOUTPUTFORMAT %s\nLOCATION %s", hiveString(t.Input), hiveString(t.Output), hiveString(t.Location))
	props := maps.Clone(t.Properties)
	delete(props, "EXTERNAL")
	if len(props) > 0 {
		b.WriteString("\nTBLPROPERTIES (\n")
		properties(&b, props)
		b.WriteString(")")
	}
	return b.String()
}

func columns(b *strings.Builder, cs []Column) {
	for i, c := range cs {
		fmt.Fprintf(b, "  `%s` %s", c.Name, c.Type)
		comma(b, i, len(cs))
	}
}

func properties(b *strings.Builder, m map[string]string) {
	keys := slices.Sorted(maps.Keys(m))
	for i, k := range keys {
		fmt.Fprintf(b, "  %s = %s", hiveString(k), hiveString(m[k]))
		comma(b, i, len(keys))
	}
}

func comma(b *strings.Builder, i, n int) {
	if i < n-1 {
		b.WriteByte(',')
	}
	b.WriteByte('\n')
}

// hiveString quotes s for HiveQL, where the backslash escapes.
func hiveString(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, c := range []byte(s) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// Queries writes what Scan runs on the logs: for each group of places that are
// read alike the query for lines, and the one for when things were served, as
// finely as it can be.
func Queries(w io.Writer, all []Logs, o Options) error {
	if o.Database == "" {
		o.Database = DefaultDatabase
	}
	e := &engine{o: o}
	places, err := placesOf(all)
	if err != nil {
		return err
	}
	for _, g := range e.groups(places) {
		_, err = fmt.Fprintf(w, "-- %s, lines\n%s;\n\n", g, e.linesQuery(g))
		if err == nil && g.form != formFirewall {
			_, err = fmt.Fprintf(w, "-- %s, served\n%s;\n\n", g, e.servedQuery(g, 1, widths[0]))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
