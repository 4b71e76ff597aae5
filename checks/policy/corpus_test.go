package policy

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// A line of testdata/*.jsonl is a case with the rule it tests, the document that states the rule, and the answer wanted
// of it. RunCases passes over the members that a case does not have.
type corpusLine struct {
	ID   string
	Rule string
	Want answerLineJSON
}

type answerLineJSON struct {
	ID       string
	Decision string
	By       []string
	Deny     []StatementRef
	Allow    []StatementRef
	Error    string
	Notes    []string
}

func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	total := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		n, bad, err := RunCases(bytes.NewReader(data), &out)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
		answers := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		if n != len(lines) || len(answers) != n {
			t.Fatalf("%s: %d cases, %d answers, n %d", file, len(lines), len(answers), n)
		}
		wantBad := 0
		for i, line := range lines {
			var c corpusLine
			var got answerLineJSON
			if err := json.Unmarshal(line, &c); err != nil {
				t.Fatalf("%s:%d: %v", file, i+1, err)
			}
			if err := json.Unmarshal(answers[i], &got); err != nil {
				t.Fatalf("%s:%d: %v", file, i+1, err)
			}
			total++
			if c.Want.Error != "" {
				wantBad++
			}
			if !c.Want.accepts(&got) || got.ID != c.ID {
				t.Errorf("%s:%d: %s (%s)\n got  %s\n want %+v", file, i+1, c.ID, c.Rule, answers[i], c.Want)
			}
		}
		if bad != wantBad {
			t.Errorf("%s: %d bad cases, want %d", file, bad, wantBad)
		}
	}
	if total < 900 {
		t.Errorf("only %d cases were read", total)
	}
}

// accepts compares what the line wants; a list that it leaves out is not compared.
func (w *answerLineJSON) accepts(got *answerLineJSON) bool {
	same := func(want, got []StatementRef) bool {
		return want == nil || len(want) == len(got) && (len(want) == 0 || reflect.DeepEqual(want, got))
	}
	return w.Error == got.Error && w.Decision == got.Decision &&
		len(w.By) == len(got.By) && (len(w.By) == 0 || reflect.DeepEqual(w.By, got.By)) &&
		same(w.Deny, got.Deny) && same(w.Allow, got.Allow)
}
