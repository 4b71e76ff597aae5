package athena

import (
	"cmp"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/glue"
)

// A Story is what an Athena and a Glue in memory answer to the command line.
type Story struct {
	fake
	Glue string // URL

	catalog *glueShim
}

// NewStory starts both.
func NewStory(t testing.TB) (s *Story, athenaURL string) {
	s = &Story{catalog: newGlue()}
	g := httptest.NewServer(s.catalog)
	t.Cleanup(g.Close)
	a := httptest.NewServer(&s.fake)
	t.Cleanup(a.Close)
	s.Glue = g.URL
	return s, a.URL
}

// Setup makes the tables of a folder of CloudFront's logs.
func (s *Story) Setup(t testing.TB, location string) {
	c := glue.New(glue.Options{Region: "us-east-1", BaseEndpoint: &s.Glue, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	l := Logs{Format: "cloudfront-w3c", Location: location, Name: "cloudfront_" + slug(location[len("s3://"):])}
	if _, _, err := Setup(t.Context(), c, DefaultDatabase, []Logs{l}); err != nil {
		t.Fatal(err)
	}
}

// Table changes a column of a table that Setup made.
func (s *Story) Table(name, column string) {
	table := s.catalog.tables[DefaultDatabase][name]
	columns := table["StorageDescriptor"].(map[string]any)["Columns"].([]any)
	columns[0].(map[string]any)["Name"] = column
}

// Refused lets the workgroup be refused.
func (s *Story) Refused(code, message string) { s.noGroup = [2]string{code, message} }

// Query adds an answer to the next query: the state it comes to, and why.
func (s *Story) Query(state, reason string, rows ...[]string) {
	s.script = append(s.script, fakeQuery{states: []string{cmp.Or(state, "SUCCEEDED")}, reason: reason, scanned: []int64{4096}, rows: rows})
}

// Denied adds a query that may not be started.
func (s *Story) Denied(code, message string) {
	s.script = append(s.script, fakeQuery{refuse: [2]string{code, message}})
}

// OnPoll is called when the nth query is looked at.
func (s *Story) OnPoll(n int, f func()) { s.onPoll = func(query int) { call(query == n, f) } }

func call(yes bool, f func()) {
	if yes {
		f()
	}
}

// Stopped are the queries that were stopped.
func (s *Story) Stopped() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// Refusal is a result of the lines query: a line that was refused, and one that
// was served.
func Refusal(object string) [][]string {
	ok := "=" + edgeLine("09:00:00", "/ok", "200")
	return [][]string{
		row("line", object, "="+edgeLine("10:00:00", "/refused", "403"), "", "false", 1, "NULL", "NULL"),
		row("plain", object, "NULL", "200", "true", 9, ok, ok), total(10, 1, 1),
	}
}

// Nothing is its result where no line was.
func Nothing() [][]string { return [][]string{total(0, 0, 0)} }
