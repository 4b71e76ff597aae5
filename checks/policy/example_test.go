package policy_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/why403/why403/checks/policy"
)

const refererPolicy = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Referer",
      "Effect": "Allow",
      "Principal": "*",
      "Action": "s3:GetObject",
      "Resource": "arn:aws:s3:::site/*",
      "Condition": {
        "StringLike": {
          "aws:Referer": "https://www.example.com/*"
        }
      }
    }
  ]
}
`

// A request whose Referer is not known: the answer says that it decides.
func Example() {
	p, err := policy.Parse([]byte(refererPolicy))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := &policy.Context{}
	ctx.SetUnknown("aws:Referer")
	r := &policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::site/index.html", Context: ctx}

	res := p.Evaluate(r)
	fmt.Println(res.Decision, res.DependsOn)

	ctx.Set("aws:Referer", "https://www.example.com/")
	fmt.Println(p.Decision(r))
	// Output:
	// unknown [aws:Referer]
	// allow
}

func ExamplePolicy_Explain() {
	p, err := policy.Parse([]byte(refererPolicy))
	if err != nil {
		fmt.Println(err)
		return
	}
	r := &policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::site/index.html"}
	for _, e := range p.Explain("bucketPolicy", r) {
		fmt.Println(e.Effect, e.Sid, e.Match)
		for _, el := range e.Failed() {
			fmt.Println(el)
		}
	}
	// Output:
	// Allow Referer false
	// Condition StringLike aws:Referer does not match: policy <25 bytes>, request without the key
}

func ExampleParse_error() {
	_, err := policy.Parse([]byte(`{"Statement": [{"Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
		"Resource": "*", "Condition": {"StringIs": {"aws:Referer": "x"}}}]}`))
	fmt.Println(err)
	// Output:
	// Statement[0] (Sid "Open"): Condition: unknown operator "StringIs"
}

// RestrictPublicBuckets cuts what a public policy allows.
func ExampleDecide() {
	p, err := policy.Parse([]byte(refererPolicy))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := &policy.Context{}
	ctx.Set("aws:Referer", "https://www.example.com/")
	a := policy.Decide(&policy.Case{
		Account:               "111122223333",
		Policy:                p,
		RestrictPublicBuckets: policy.True,
		Request:               policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::site/index.html", Context: ctx},
	})
	fmt.Println(a.Decision, a.By, a.Allow)
	// Output:
	// explicitDeny [bpa] [{bucketPolicy 0 Referer}]
}

// A remedy is an edit of the document that is judged before it is shown.
func ExampleDocument() {
	before, err := policy.ParseDocument([]byte(refererPolicy))
	if err != nil {
		fmt.Println(err)
		return
	}
	after := before.Clone()
	if err := after.ReplaceCondition(0, "StringLike", "aws:Referer", "https://www.example.com/*", "https://example.com/*"); err != nil {
		fmt.Println(err)
		return
	}
	p, err := after.Policy(policy.BucketPolicy)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := &policy.Context{}
	ctx.Set("aws:Referer", "https://example.com/")
	fmt.Println(p.Decision(&policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::site/index.html", Context: ctx}))
	fmt.Print(policy.Diff("policy.json", "remedy.json", before.JSON(), after.JSON()))
	// Output:
	// allow
	// --- policy.json
	// +++ remedy.json
	// @@ -9,7 +9,10 @@
	//        "Resource": "arn:aws:s3:::site/*",
	//        "Condition": {
	//          "StringLike": {
	// -          "aws:Referer": "https://www.example.com/*"
	// +          "aws:Referer": [
	// +            "https://www.example.com/*",
	// +            "https://example.com/*"
	// +          ]
	//          }
	//        }
	//      }
}

func ExampleRunCases() {
	cases := `{"id":"home","account":"111122223333","policy":{"Version":"2012-10-17","Statement":{"Sid":"CloudFront","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}},"request":{"principal":{"type":"anonymous"},"action":"s3:GetObject","resource":"arn:aws:s3:::site/index.html","context":{}}}
{"id":"bad","policy":{}}
`
	n, bad, err := policy.RunCases(strings.NewReader(cases), os.Stdout)
	fmt.Println(n, bad, err)
	// Output:
	// {"id":"home","decision":"implicitDeny","by":["noAllow"],"deny":[],"allow":[]}
	// {"id":"bad","error":"policy: Statement is missing"}
	// 2 1 <nil>
}
