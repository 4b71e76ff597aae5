package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/scan"
)

var simulateVerb = &verb{
	name:  "simulate",
	short: "would this requester be allowed to read this key now?",
	long: `
One request by flags is judged against AWS, or against a snapshot directory; many
by --cases, one JSON object a line (docs/simulate.md), answers on standard output
in the same order.

Exit status for one request: 0 allowed, 1 denied, 3 unknown. For --cases: 0, or 3
when a line could not be judged.`,
	examples: []string{
		"why403 simulate --distribution E1MINAMOSHOP01 --path /products/tent.html --snapshot samples/site/snapshot\tthe way CloudFront would ask",
		"why403 simulate --bucket my-site --key index.html --as website --referer \"$SECRET\"\tthe website endpoint with a Referer",
		"why403 simulate --bucket my-site --key a.html --as iam --principal arn:aws:iam::111122223333:role/ci\tan IAM role",
		"why403 simulate --cases cases.jsonl\tmany requests, policies included",
	},
	define: defineSimulate,
}

func defineSimulate(e *env, fs *pflag.FlagSet) runner {
	var (
		q                            scan.Question
		as, cases, output            string
		referer, sourceIP, userAgent string
		http                         bool
		extra                        []string
	)
	fs.StringVar(&cases, "cases", "", "judge the cases of this `FILE` (JSON lines; - for standard input)")
	fs.StringVar(&q.Bucket, "bucket", "", "bucket `NAME`")
	fs.StringVar(&q.Key, "key", "", "object `KEY`, exact")
	fs.StringVar(&q.Distribution, "distribution", "", "`ID` of the distribution that asks")
	fs.StringVar(&q.Path, "path", "", "viewer's `PATH` in place of --bucket and --key (percent-encoded)")
	fs.StringVar(&as, "as", "", "`REQUESTER`: website, oac, oai, anonymous, iam (default: as the distribution's origin asks)")
	fs.StringVar(&q.Principal, "principal", "", "`ARN` of an IAM requester")
	fs.StringVar(&q.Action, "action", "", "IAM `ACTION` (default s3:GetObject)")
	fs.StringVar(&referer, "referer", "", "Referer `TEXT` that reaches S3")
	fs.StringVar(&sourceIP, "source-ip", "", "address `IP` that S3 sees")
	fs.StringVar(&userAgent, "user-agent", "", "User-Agent `TEXT` that reaches S3")
	fs.BoolVar(&http, "http", false, "the request to S3 is not encrypted")
	fs.StringArrayVar(&extra, "context", nil, "condition key as `KEY=VALUE[,VALUE]` (repeatable; an empty value: absent)")
	fs.StringVar(&q.Snapshot, "snapshot", "", "judge by this `DIR`, call no AWS")
	fs.StringVar(&output, "output", "text", "`FORMAT`: text or json")
	aws := awsFlags(fs)
	return func(ctx context.Context, args []string) error {
		if len(args) > 0 {
			return usage("why403 simulate --help", "simulate: unexpected argument %q", args[0])
		}
		if cases != "" {
			for _, f := range []string{"bucket", "key", "distribution", "path"} {
				if fs.Changed(f) {
					return usage("give one of the two", "simulate: --cases and --%s exclude each other", f)
				}
			}
			return runCases(e, cases)
		}
		switch {
		case q.Path != "" && q.Distribution == "":
			return usage("--distribution ID --path /…", "simulate: --path needs --distribution")
		case q.Path == "" && (q.Bucket == "" || q.Key == ""):
			return usage("--bucket B --key K, or --distribution ID --path /…, or --cases FILE", "simulate: nothing to judge")
		case output != "text" && output != "json":
			return usage("--output text or json", "simulate: --output %q", output)
		case strings.ContainsAny(q.Bucket, ":/ "):
			return usage("--bucket my-site --key index.html", "simulate: --bucket %q is no name of a bucket", q.Bucket)
		case q.Path != "" && q.Path[0] != '/':
			return usage("--path /products/tent.html", "simulate: --path %q does not begin with /", q.Path)
		case q.Action != "" && !isS3Action(q.Action):
			return usage("--action s3:GetObject", "simulate: --action %q is no action of S3", q.Action)
		case q.Principal != "" && as != "" && as != string(correlate.AccessIAM):
			return usage("give one of the two", "simulate: --principal and --as %s exclude each other", as)
		case q.Principal != "" && !iamARN.MatchString(q.Principal):
			return usage("--principal arn:aws:iam::111122223333:role/ci", "simulate: --principal %q is no ARN of an IAM user, role or session", q.Principal)
		case q.Principal == "" && as == string(correlate.AccessIAM):
			return usage("--principal arn:aws:iam::111122223333:role/ci", "simulate: --as iam needs --principal")
		case q.Principal != "":
			as = string(correlate.AccessIAM)
		}
		if sourceIP != "" {
			if _, err := netip.ParseAddr(sourceIP); err != nil {
				return usage("--source-ip 203.0.113.7", "simulate: --source-ip %q is no address", sourceIP)
			}
		}
		switch a := correlate.Access(as); a {
		case "", correlate.AccessWebsite, correlate.AccessOAC, correlate.AccessOAI, correlate.AccessAnonymous, correlate.AccessIAM:
			q.Access = a
		default:
			return usage("--as website, oac, oai, anonymous or iam", "simulate: --as %q", as)
		}
		q.Context = map[string]string{}
		for i, kv := range extra {
			k, v, ok := strings.Cut(kv, "=")
			if !ok || k == "" {
				return usage("--context aws:SourceVpce=vpce-1a2b3c4d", "simulate: --context %q is not key=value", kv)
			}
			extra[i] = strings.ToLower(k)
			q.Context[k] = v
		}
		secure := ""
		if fs.Changed("http") {
			secure = strconv.FormatBool(!http)
		}
		for _, kv := range [][2]string{{"aws:Referer", referer}, {"aws:SourceIp", sourceIP}, {"aws:UserAgent", userAgent}, {"aws:SecureTransport", secure}} {
			if kv[1] != "" {
				extra = append(extra, strings.ToLower(kv[0]))
				q.Context[kv[0]] = kv[1]
			}
		}
		slices.Sort(extra)
		for i := range extra[:max(0, len(extra)-1)] {
			if extra[i] == extra[i+1] {
				return usage("give each condition key once", "simulate: two values for %s", extra[i])
			}
		}
		q.AWS = *aws
		j, err := scan.Simulate(ctx, q)
		if err != nil {
			return err
		}
		if output == "json" {
			err = judgementJSON(e, j)
		} else {
			err = judgementText(e, j)
		}
		switch {
		case err != nil:
			return err
		case j.Allowed == correlate.No:
			return &failure{code: ExitFindings}
		case j.Allowed == correlate.Unknown:
			return &failure{code: ExitIncomplete}
		}
		return nil
	}
}

// iamARN is the ARN of an IAM user or role, or of a session.
var iamARN = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[^*?]+$`)

func isS3Action(a string) bool {
	name, ok := strings.CutPrefix(strings.ToLower(a), "s3:")
	return ok && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") == ""
}

func runCases(e *env, file string) error {
	in := e.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err == nil {
			defer f.Close()
			if info, _ := f.Stat(); info != nil && info.IsDir() {
				err = errors.New("is a directory")
			}
		}
		if err != nil {
			return &failure{code: ExitNothingRead, err: fmt.Errorf("--cases %s: %w", file, cause(err)), hints: []string{"one JSON object a line, see docs/simulate.md"}}
		}
		in = f
	}
	n, bad, err := policy.RunCases(in, e.stdout)
	switch {
	case err != nil:
		return &failure{code: ExitNothingRead, err: fmt.Errorf("--cases %s: %w", file, err)}
	case bad > 0:
		return &failure{code: ExitIncomplete, err: fmt.Errorf("--cases %s: %d of %d cases could not be judged", file, bad, n), hints: []string{"their answers have the field error"}}
	}
	return nil
}

// cause strips the path that os puts before an error, which the message names already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func verdictWord(t correlate.Tri) string {
	switch t {
	case correlate.Yes:
		return "allowed"
	case correlate.No:
		return "denied"
	}
	return "unknown"
}

func judgementText(e *env, j *scan.Judgement) error {
	w := e.stdout
	status := ""
	if j.Status != 0 {
		status = fmt.Sprintf(" (S3 answers %d)", j.Status)
	}
	fmt.Fprintf(w, "%s%s: %s asks for %q in bucket %s\n", verdictWord(j.Allowed), status, j.Access, j.Key, j.Bucket)
	for _, s := range j.Steps {
		fmt.Fprintf(w, "  path: %s\n", oneLine(s))
	}
	for _, s := range j.Outcome.Steps {
		word := map[correlate.Tri]string{correlate.Yes: "refuses", correlate.No: "passes", correlate.Unknown: "unknown"}[s.Blocks]
		gate := string(s.Gate)
		if s.Level != "" {
			gate += " (" + s.Level + ")"
		}
		fmt.Fprintf(w, "  %-7s  %s: %s\n", word, gate, oneLine(s.Because))
		for _, ev := range s.Evidence {
			fmt.Fprintf(w, "             %s %s: %s\n", ev.Source, ev.Ref, oneLine(ev.Fact))
		}
		if len(s.Missing) > 0 && s.Blocks == correlate.Unknown {
			fmt.Fprintf(w, "             missing: %s\n", strings.Join(s.Missing, ", "))
		}
	}
	return nil
}

func judgementJSON(e *env, j *scan.Judgement) error {
	type step struct {
		Gate     string   `json:"gate"`
		Level    string   `json:"level,omitempty"`
		Result   string   `json:"result"`
		Because  string   `json:"because"`
		Evidence []any    `json:"evidence"`
		Missing  []string `json:"missing,omitempty"`
	}
	out := struct {
		Decision string   `json:"decision"`
		Status   int      `json:"status,omitempty"`
		Bucket   string   `json:"bucket"`
		Key      string   `json:"key"`
		Access   string   `json:"access"`
		Path     []string `json:"path,omitempty"`
		Steps    []step   `json:"steps"`
		Missing  []string `json:"missing"`
	}{verdictWord(j.Allowed), j.Status, j.Bucket, j.Key, string(j.Access), j.Steps, []step{}, append([]string{}, j.Missing()...)}
	for _, s := range j.Outcome.Steps {
		st := step{Gate: string(s.Gate), Level: s.Level, Because: s.Because, Missing: s.Missing, Evidence: []any{},
			Result: map[correlate.Tri]string{correlate.Yes: "refuses", correlate.No: "passes", correlate.Unknown: "unknown"}[s.Blocks]}
		for _, ev := range s.Evidence {
			st.Evidence = append(st.Evidence, map[string]string{"source": ev.Source, "ref": ev.Ref, "fact": ev.Fact})
		}
		out.Steps = append(out.Steps, st)
	}
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
