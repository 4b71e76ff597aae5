package s3source

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/logs"
)

// benchClients returns clients of a server that answers every GET with the same
// 26 KB, the mean size of an S3 log object.
func benchClients(b *testing.B) (*awsx.Clients, []byte) {
	content := bytes.Repeat([]byte("x"), 26<<10)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Header().Set("ETag", `"e"`)
		w.Write(content)
	})}
	go server.Serve(listener)
	b.Cleanup(func() { server.Close() })
	os.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	os.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	c, err := awsx.Open(context.Background(), awsx.Config{Region: "us-east-1", EndpointURL: "http://" + listener.Addr().String()})
	if err != nil {
		b.Fatal(err)
	}
	return c, content
}

// BenchmarkFetch reads one object; client and server share the process.
func BenchmarkFetch(b *testing.B) {
	c, content := benchClients(b)
	s, err := New(c, "s3://logs/", Options{})
	if err != nil {
		b.Fatal(err)
	}
	o := &logs.Object{URI: "s3://logs/AWSLogs/2026-11-24-03-15-00-0123456789ABCDEF", Size: int64(len(content)), ETag: "e"}
	buf := make([]byte, len(content)+1)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := s.Open(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.ReadFull(r, buf); n != len(content) || err != io.ErrUnexpectedEOF {
			b.Fatal(n, err)
		}
		r.Close()
	}
}

// BenchmarkFetchSDK is the same through the SDK's GetObject, for comparison.
func BenchmarkFetchSDK(b *testing.B) {
	c, content := benchClients(b)
	bucket, key := "logs", "AWSLogs/2026-11-24-03-15-00-0123456789ABCDEF"
	buf := make([]byte, len(content)+1)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		out, err := c.S3("us-east-1").GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.ReadFull(out.Body, buf); n != len(content) || err != io.ErrUnexpectedEOF {
			b.Fatal(n, err)
		}
		out.Body.Close()
	}
}
