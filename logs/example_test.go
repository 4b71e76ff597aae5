package logs_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/why403/why403/logs"
)

// refusals prints what S3 refused. A scan on several cores makes one for each.
type refusals struct{ served int }

func (*refusals) Edge(*logs.EdgeRecord) {}
func (*refusals) Origin(r *logs.OriginRecord) {
	key, err := r.AppendKey(nil) // the record's bytes are valid during the call alone
	if err != nil {
		fmt.Println("line", r.Ref.Line, err)
		return
	}
	fmt.Printf("line %d: %d %s for %s in bucket %s\n", r.Ref.Line, r.Status, r.ErrorCode, key, r.Bucket)
}
func (*refusals) Firewall(*logs.FirewallRecord)          {}
func (*refusals) EdgePassed(_, _ []byte, _ int, _ int64) {}
func (h *refusals) OriginPassed(r *logs.OriginRecord)    { h.served++ }

// Read a log and print what was refused. Open takes a directory or a file in place of
// Stdin; each object's format is recognised by its content.
func Example() {
	const log = `79a59df9 site [20/Nov/2026:10:00:00 +0000] - svc:cloudfront.amazonaws.com 0A49CE4060975EAC REST.GET.OBJECT images/hero.jpg "GET /images/hero.jpg HTTP/1.1" 200 - 1024 1024 12 11 "-" "Amazon CloudFront" - AAAA= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader site.s3.eu-central-1.amazonaws.com TLSv1.3 - -
79a59df9 site [20/Nov/2026:10:00:01 +0000] - svc:cloudfront.amazonaws.com 3E57427F33A59F07 REST.GET.OBJECT images/Winter%2BSale.jpg "GET /images/Winter+Sale.jpg HTTP/1.1" 403 AccessDenied 243 - 9 - "-" "Amazon CloudFront" - BBBB= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader site.s3.eu-central-1.amazonaws.com TLSv1.3 - -
not a line of a log
`
	h := &refusals{}
	in, err := logs.Scan(context.Background(), []logs.Source{logs.Stdin(strings.NewReader(log))}, logs.Options{Concurrency: 1},
		func() logs.Handler { return h })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.served, "served")
	fmt.Printf("%d lines = %d records + %d skipped + %d rejected\n", in.Lines, in.Records, in.Skipped, in.Rejected)
	for _, r := range in.RejectedSamples {
		fmt.Printf("line %d: %s\n", r.Line, r.Reason)
	}
	// Output:
	// line 2: 403 AccessDenied for images/Winter Sale.jpg in bucket site
	// 1 served
	// 3 lines = 2 records + 0 skipped + 1 rejected
	// line 3: the time is not understood
}

// The name of a log object tells its distribution and hour.
func ExampleParseName() {
	n := logs.ParseName("cf/E2EXAMPLE1ABCD.2026-11-20-10.a1b2c3d4.gz")
	fmt.Println(n.Distribution, n.From.UTC())
	// Output:
	// E2EXAMPLE1ABCD 2026-11-20 10:00:00 +0000 UTC
}
