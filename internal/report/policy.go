package report

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// A policyPart is a run of lines of a policy document.
type policyPart struct {
	Text     string
	Deciding bool
}

// markPolicy lays out a policy document and parts it so that the statements of
// the given indexes stand alone, whole lines each. A text that is no policy
// comes back as it is.
func markPolicy(doc string, deciding []int) []policyPart {
	var b bytes.Buffer
	if json.Indent(&b, []byte(doc), "", "  ") == nil {
		doc = b.String()
	}
	var parts []policyPart
	add := func(s string, mark bool) {
		if s != "" {
			text, _ := block(s)
			parts = append(parts, policyPart{text, mark})
		}
	}
	at := 0
	for i, s := range statements(doc) {
		if !slices.Contains(deciding, i) {
			continue
		}
		start := strings.LastIndexByte(doc[:s[0]], '\n') + 1
		end := len(doc)
		if n := strings.IndexByte(doc[s[1]:], '\n'); n >= 0 {
			end = s[1] + n
		}
		if start < at { // on one line with the one before
			continue
		}
		add(strings.TrimSuffix(doc[at:start], "\n"), false)
		add(doc[start:end], true)
		at = min(end+1, len(doc))
	}
	add(doc[at:], false)
	return parts
}

// statements returns where the elements of the document's Statement lie.
func statements(doc string) [][2]int {
	d := json.NewDecoder(strings.NewReader(doc))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if name != "Statement" {
			if d.Decode(&value) != nil {
				return nil
			}
			continue
		}
		rest := strings.TrimLeft(doc[d.InputOffset():], ": \t\r\n")
		var found [][2]int
		if !strings.HasPrefix(rest, "[") {
			if d.Decode(&value) != nil {
				return nil
			}
			end := int(d.InputOffset())
			return [][2]int{{end - len(value), end}}
		}
		if _, err := d.Token(); err != nil {
			return nil
		}
		for d.More() {
			if d.Decode(&value) != nil {
				return found
			}
			end := int(d.InputOffset())
			found = append(found, [2]int{end - len(value), end})
		}
		return found
	}
	return nil
}
