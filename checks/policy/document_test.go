package policy

import (
	"fmt"
	"strings"
	"testing"
)

func mustDocument(t testing.TB, text string) *Document {
	t.Helper()
	d, err := ParseDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const twoStatements = `{
    "Statement": [
        {
            "Resource": "arn:aws:s3:::b/*",
            "Action": "s3:GetObject",
            "Principal": "*",
            "Effect": "Allow",
            "Sid": "Größe <1>"
        },
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": [
                "s3:*"
            ],
            "Resource": "*",
            "Condition": {
                "NumericLessThan": {
                    "s3:TlsVersion": 1.20
                }
            }
        }
    ],
    "Version": "2012-10-17"
}
`

// TestDocumentKeeps: order, numbers, letters and indentation are the user's.
func TestDocumentKeeps(t *testing.T) {
	if got := string(mustDocument(t, twoStatements).JSON()); got != twoStatements {
		t.Errorf("got\n%s", Diff("want", "got", []byte(twoStatements), []byte(got)))
	}
	compact := `{"Statement":{"Effect":"Deny","Condition":{},"X":[],"Y":null,"Z":[true,1e3]}}`
	want := "{\n  \"Statement\": {\n    \"Effect\": \"Deny\",\n    \"Condition\": {},\n    \"X\": [],\n    \"Y\": null,\n    \"Z\": [\n      true,\n      1e3\n    ]\n  }\n}\n"
	if got := string(mustDocument(t, compact).JSON()); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := string(mustDocument(t, "{\n\t\"Id\": \"a\\u0001\\n\\\\\\\"\"}").JSON()); got != "{\n\t\"Id\": \"a\\u0001\\n\\\\\\\"\"\n}\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestDocumentEdits(t *testing.T) {
	f := func(edit func(d *Document) error, wantDiff string) {
		t.Helper()
		d := mustDocument(t, twoStatements)
		e := d.Clone()
		if err := edit(e); err != nil {
			t.Fatal(err)
		}
		if got := string(d.JSON()); got != twoStatements {
			t.Fatalf("the edit of a clone changed the original:\n%s", got)
		}
		got := Diff("a", "b", d.JSON(), e.JSON())
		// Hunk bodies only, changed lines only: what the edit did.
		var lines []string
		for _, l := range strings.Split(got, "\n")[min(2, strings.Count(got, "\n")):] {
			if strings.HasPrefix(l, "+") || strings.HasPrefix(l, "-") {
				lines = append(lines, strings.Join(strings.Fields(l), " "))
			}
		}
		if g := strings.Join(lines, "\n"); g != wantDiff {
			t.Errorf("got\n%s\nwant\n%s", g, wantDiff)
		}
	}
	f(func(d *Document) error { return nil }, "")
	f(func(d *Document) error { return d.AppendStatement(`{"Effect":"Allow"}`) }, "+ },\n+ {\n+ \"Effect\": \"Allow\"")
	f(func(d *Document) error { return d.ReplaceStatement(0, `{"Effect":"Deny"}`) },
		"- \"Resource\": \"arn:aws:s3:::b/*\",\n- \"Action\": \"s3:GetObject\",\n- \"Principal\": \"*\",\n- \"Effect\": \"Allow\",\n- \"Sid\": \"Größe <1>\"\n+ \"Effect\": \"Deny\"")
	f(func(d *Document) error { return d.SetElement(0, "Action", `["s3:GetObject","s3:ListBucket"]`) },
		"- \"Action\": \"s3:GetObject\",\n+ \"Action\": [\n+ \"s3:GetObject\",\n+ \"s3:ListBucket\"\n+ ],")
	f(func(d *Document) error { return d.AddValue(0, "Resource", "arn:aws:s3:::b") },
		"- \"Resource\": \"arn:aws:s3:::b/*\",\n+ \"Resource\": [\n+ \"arn:aws:s3:::b/*\",\n+ \"arn:aws:s3:::b\"\n+ ],")
	f(func(d *Document) error { return d.AddValue(0, "Resource", "arn:aws:s3:::b/*") }, "")
	f(func(d *Document) error { return d.AddValue(1, "Action", "s3:*") }, "")
	f(func(d *Document) error { return d.AddValue(1, "Action", "kms:*") }, "- \"s3:*\"\n+ \"s3:*\",\n+ \"kms:*\"")
	f(func(d *Document) error { return d.AddValue(1, "NotAction", "kms:*") }, "- }\n+ },\n+ \"NotAction\": \"kms:*\"")
	f(func(d *Document) error { return d.ReplaceCondition(1, "NumericLessThan", "S3:TLSVERSION", "1.3") }, "- \"s3:TlsVersion\": 1.20\n+ \"s3:TlsVersion\": \"1.3\"")
	f(func(d *Document) error { return d.ReplaceCondition(1, "NumericLessThan", "x", "1", "2") },
		"- \"s3:TlsVersion\": 1.20\n+ \"s3:TlsVersion\": 1.20,\n+ \"x\": [\n+ \"1\",\n+ \"2\"\n+ ]")
	f(func(d *Document) error { return d.ReplaceCondition(0, "Bool", "aws:SecureTransport", "true") },
		"- \"Sid\": \"Größe <1>\"\n+ \"Sid\": \"Größe <1>\",\n+ \"Condition\": {\n+ \"Bool\": {\n+ \"aws:SecureTransport\": \"true\"\n+ }\n+ }")
	f(func(d *Document) error {
		found, err := d.RemoveCondition(1, "NumericLessThan", "s3:tlsversion")
		if !found {
			t.Error("the condition was not found")
		}
		return err
	}, "- \"Resource\": \"*\",\n- \"Condition\": {\n- \"NumericLessThan\": {\n- \"s3:TlsVersion\": 1.20\n- }\n- }\n+ \"Resource\": \"*\"")
	f(func(d *Document) error {
		for _, op := range []string{"NumericLessThan", "Bool"} {
			if found, err := d.RemoveCondition(1, op, "other"); found || err != nil {
				t.Errorf("found %t, err %v", found, err)
			}
		}
		_, err := d.RemoveCondition(0, "Bool", "k")
		return err
	}, "")
	f(func(d *Document) error { return d.RemoveElement(1, "Condition") },
		"- \"Resource\": \"*\",\n- \"Condition\": {\n- \"NumericLessThan\": {\n- \"s3:TlsVersion\": 1.20\n- }\n- }\n+ \"Resource\": \"*\"")
	f(func(d *Document) error { return d.RemoveElement(0, "Condition") }, "")
}

func TestDocumentRemove(t *testing.T) {
	d := mustDocument(t, twoStatements)
	if err := d.RemoveStatement(0); err != nil || d.Len() != 1 {
		t.Fatalf("len %d, err %v", d.Len(), err)
	}
	if s, err := d.Statement(0); err != nil || !strings.HasPrefix(s, "{\n    \"Effect\": \"Deny\"") {
		t.Errorf("%s, %v", s, err)
	}
	if err := d.RemoveStatement(0); err != nil || d.Len() != 0 {
		t.Fatalf("len %d, err %v", d.Len(), err)
	}
	if _, err := d.Policy(BucketPolicy); err == nil || err.Error() != "Statement: must not be empty" {
		t.Errorf("err %v", err)
	}
}

func TestDocumentSingleStatement(t *testing.T) {
	d := mustDocument(t, `{"Statement":{"Effect":"Allow"}}`)
	if d.Len() != 1 {
		t.Error("len", d.Len())
	}
	if err := d.AppendStatement(`{"Effect":"Deny"}`); err != nil || d.Len() != 2 {
		t.Errorf("len %d, err %v", d.Len(), err)
	}
	d = mustDocument(t, "")
	if err := d.AppendStatement(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}`); err != nil {
		t.Fatal(err)
	}
	p, err := d.Policy(BucketPolicy)
	if err != nil || p.Version() != version2012 || p.Len() != 1 {
		t.Errorf("%v %v", p, err)
	}
	d = mustDocument(t, "{}")
	if err := d.AppendStatement("{}"); err != nil || d.Len() != 1 {
		t.Errorf("len %d, err %v", d.Len(), err)
	}
}

func TestDocumentErrors(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	_, err := ParseDocument([]byte("[]"))
	f(err, "a policy is an object, not an array")
	_, err = ParseDocument([]byte("{"))
	f(err, "line 1, column 2: unexpected end, want a member name in double quotes")
	d := mustDocument(t, `{"Statement":[1,{"Condition":"x","Action":{}}]}`)
	f(d.AppendStatement("[]"), "a statement is an object, not an array")
	f(d.AppendStatement("{"), "line 1, column 2: unexpected end, want a member name in double quotes")
	f(d.RemoveStatement(2), "no Statement[2] in a policy of 2")
	f(d.RemoveStatement(-1), "no Statement[-1] in a policy of 2")
	f(d.RemoveElement(0, "Sid"), "Statement[0]: a statement is an object, not a number")
	f(d.SetElement(1, "Sid", "x"), "line 1, column 1: unexpected 'x', want a JSON value")
	f(d.AddValue(1, "Action", "x"), "Statement[1]: Action: must be a string or a list of strings, not an object")
	f(d.ReplaceCondition(1, "Bool", "k"), "no values for Bool k")
	f(d.ReplaceCondition(1, "Bool", "k", "v"), "Statement[1]: Condition: must be an object, not a string")
	f(mustDocument(t, `{"Statement":1}`).AppendStatement("{}"), "Statement: must be an object or a list of objects, not a number")
}

func TestDiff(t *testing.T) {
	lines := func(from, to int) string {
		var b strings.Builder
		for i := from; i <= to; i++ {
			fmt.Fprintf(&b, "%d\n", i)
		}
		return b.String()
	}
	f := func(a, b, want string) {
		t.Helper()
		if got := Diff("old", "new", []byte(a), []byte(b)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	const head = "--- old\n+++ new\n"
	f("", "", "")
	f("a\n", "a\n", "")
	f("a\n", "b\n", head+"@@ -1 +1 @@\n-a\n+b\n")
	f("", "a\nb\n", head+"@@ -0,0 +1,2 @@\n+a\n+b\n")
	f("a\n", "", head+"@@ -1 +0,0 @@\n-a\n")
	f(lines(1, 9), lines(1, 4)+"x\n"+lines(5, 9), head+"@@ -2,6 +2,7 @@\n 2\n 3\n 4\n+x\n 5\n 6\n 7\n")
	f(lines(1, 20), lines(2, 19), head+"@@ -1,4 +1,3 @@\n-1\n 2\n 3\n 4\n@@ -17,4 +16,3 @@\n 17\n 18\n 19\n-20\n")
	f(lines(1, 8), lines(2, 7), head+"@@ -1,8 +1,6 @@\n-1\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n")
	// Too many lines for the table: replaced whole.
	big := Diff("old", "new", []byte(lines(1, 3000)), []byte(lines(3001, 6000)))
	if !strings.HasPrefix(big, head+"@@ -1,3000 +1,3000 @@\n-1\n-2\n") || !strings.HasSuffix(big, "+6000\n") {
		t.Errorf("%.100s", big)
	}
}
