package policy

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const smallCase = `{"id":%,"policy":null,"request":{"principal":{"type":"anonymous"},"action":"s3:GetObject","resource":"arn:aws:s3:::b/k"}}`

func TestRunCases(t *testing.T) {
	f := func(in, want string, wantBad int) {
		t.Helper()
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
			var out bytes.Buffer
			n, bad, err := RunCases(r, &out)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != want || n != strings.Count(want, "\n") || bad != wantBad {
				t.Errorf("%.200q: n %d, bad %d\n got  %.400s\n want %.400s", in, n, bad, out.String(), want)
			}
		}
	}
	withID := func(id string) string { return strings.Replace(smallCase, "%", id, 1) }
	denied := func(id string) string {
		return `{"id":` + id + `,"decision":"implicitDeny","by":["noAllow"],"deny":[],"allow":[]}` + "\n"
	}
	f("", "", 0)
	f("\n \t\n\r\n", "", 0)
	f(withID(`"a"`), denied(`"a"`), 0)
	f("\ufeff"+withID(`"a"`), denied(`"a"`), 0)
	f(withID(`"a"`)+"\n"+withID("7")+"\r\n\n"+withID(`"é\u0041\""`)+"\n", denied(`"a"`)+denied("7")+denied(`"é\u0041\""`), 0)
	f(strings.Replace(smallCase, `"id":%,`, "", 1), denied("null"), 0)
	f(strings.Replace(withID(`"a"`), `"policy"`, `"comment":{"x":[1]},"policy"`, 1), denied(`"a"`), 0)
	f("[]\n"+withID(`"a"`), `{"id":null,"error":"a case is an object, not an array"}`+"\n"+denied(`"a"`), 1)
	f(withID("{}"), `{"id":null,"error":"id: must be a string or a number, not an object"}`+"\n", 1)
	f(withID(`"a"`)+"}", `{"id":"a","error":"column 124: unexpected '}' after the end of the document"}`+"\n", 1)
	f(`{"id":"a","policy":{`, `{"id":"a","error":"column 21: unexpected end, want a member name in double quotes"}`+"\n", 1)
	f(`{"policy":{},"id":12,"x":`, `{"id":12,"error":"column 26: unexpected end of the JSON document"}`+"\n", 1)
	f(`{"policy":`, `{"id":null,"error":"column 11: unexpected end of the JSON document"}`+"\n", 1)
	f(`{"id":"a","id":"b"}`, `{"id":"a","error":"column 11: duplicate member \"id\""}`+"\n", 1)
	f(`{"id":"a"}`, `{"id":"a","error":"request is missing"}`+"\n", 1)
	f("nonsense\n", `{"id":null,"error":"column 1: unexpected 'n', want a JSON value"}`+"\n", 1)
	f(strings.Replace(withID("1"), `"s3:GetObject"`, `"`+strings.Repeat("x", MaxAction+1)+`"`, 1), `{"id":1,"error":"request: action is longer than 256 bytes"}`+"\n", 1)
	f(strings.Replace(withID("1"), "::b/k", "::b/"+strings.Repeat("k", MaxARN), 1), `{"id":1,"error":"request: resource is longer than 2048 bytes"}`+"\n", 1)
	f(strings.Replace(withID("1"), `"action"`, `"context":{"aws:Referer":["`+strings.Repeat("x", MaxContextValue+1)+`"]},"action"`, 1),
		`{"id":1,"error":"request: context: \"aws:Referer\" is longer than 8192 bytes"}`+"\n", 1)
}

// TestRunCasesLongLines: a line may have MaxCaseLine bytes; a longer one is an error, and the next line is read.
func TestRunCasesLongLines(t *testing.T) {
	pad := func(size int) string {
		c := strings.Replace(smallCase, "%", `"a"`, 1)
		return strings.TrimSuffix(c, "}") + strings.Repeat(" ", size-len(c)) + "}"
	}
	in := pad(MaxCaseLine) + "\n" + pad(MaxCaseLine+1) + "\n" + pad(3*MaxCaseLine) + "\n" + pad(200) + "\n" + pad(MaxCaseLine+1)
	var out bytes.Buffer
	n, bad, err := RunCases(strings.NewReader(in), &out)
	ok := `{"id":"a","decision":"implicitDeny","by":["noAllow"],"deny":[],"allow":[]}` + "\n"
	long := `{"id":"a","error":"the line is longer than 16777216 bytes"}` + "\n"
	if want := ok + long + long + ok + long; err != nil || n != 5 || bad != 3 || out.String() != want {
		t.Errorf("n %d, bad %d, err %v\n%s", n, bad, err, out.String())
	}
}

func TestRunCasesInputFails(t *testing.T) {
	broken := errors.New("broken pipe")
	in := io.MultiReader(strings.NewReader(strings.Replace(smallCase, "%", "1", 1)+"\n"), iotest.ErrReader(broken))
	var out bytes.Buffer
	n, bad, err := RunCases(in, &out)
	if n != 1 || bad != 0 || !errors.Is(err, broken) || !strings.HasPrefix(out.String(), `{"id":1,"decision"`) {
		t.Errorf("n %d, bad %d, err %v, out %s", n, bad, err, out.String())
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestRunCasesOutputFails(t *testing.T) {
	full := errors.New("no space")
	in := strings.Repeat(strings.Replace(smallCase, "%", "1", 1)+"\n", 3000)
	if _, _, err := RunCases(strings.NewReader(in), failingWriter{full}); !errors.Is(err, full) {
		t.Errorf("err %v", err)
	}
}

// TestRunCasesSameText: the same text is compiled for each kind of policy anew.
func TestRunCasesSameText(t *testing.T) {
	attached := `[[{"name":"X","policy":{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}}}]]`
	line := func(field string) string {
		return strings.Replace(strings.Replace(smallCase, "%", "1", 1), `"policy":null`, `"policy":null,"`+field+`":`+attached, 1) + "\n"
	}
	denied := `{"id":1,"decision":"explicitDeny","by":["rcp"],"deny":[{"in":"rcp:X","index":0}],"allow":[]}` + "\n"
	refused := `{"id":1,"error":"scps[0][0]: \"X\": Statement[0]: Principal: a service control policy has no Principal"}` + "\n"
	var out bytes.Buffer
	n, bad, err := RunCases(strings.NewReader(line("rcps")+line("scps")+line("rcps")), &out)
	if want := denied + refused + denied; n != 3 || bad != 1 || err != nil || out.String() != want {
		t.Errorf("n %d, bad %d, err %v\n got  %s\n want %s", n, bad, err, out.String(), want)
	}
}
