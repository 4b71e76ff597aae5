package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const schedules = "../../samples/schedule/"

// TestScheduleRoles holds the roles of the sample schedules to the actions that
// why403 permissions prints, and to the few that writing and telling need.
func TestScheduleRoles(t *testing.T) {
	p := permissions{stores: []string{"s3://my-ops/"}, topics: []string{"*"}}
	var want []string
	for _, s := range p.statements() {
		want = append(want, s.Action...)
	}
	others := []string{"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage", "sts:AssumeRole", "lambda:InvokeFunction", "ecs:RunTask", "iam:PassRole", "iam:PassedToService"}
	action := regexp.MustCompile(`\b(s3|cloudfront|kms|logs|organizations|wafv2|sns|sqs|sts|lambda|ecs|iam):[A-Z][A-Za-z]+\b`)
	for _, name := range []string{"lambda.yaml", "fargate.yaml", "terraform/main.tf"} {
		data, err := os.ReadFile(schedules + name)
		if err != nil {
			t.Fatal(err)
		}
		got := action.FindAllString(string(data), -1)
		for _, a := range want {
			if !slices.Contains(got, a) {
				t.Errorf("%s: %s is missing", name, a)
			}
		}
		for _, a := range got {
			if !slices.Contains(want, a) && !slices.Contains(others, a) {
				t.Errorf("%s: %s is more than a run needs", name, a)
			}
		}
	}
}

// TestScheduleCommands has the command line of each sample schedule parsed.
func TestScheduleCommands(t *testing.T) {
	flag := regexp.MustCompile(`--[a-z][a-z-]+`)
	fs := newFlags(scanVerb, &env{})
	scanVerb.define(&env{}, fs)
	for _, name := range []string{"lambda.yaml", "fargate.yaml", "terraform/main.tf", "systemd/why403.service", "kubernetes.yaml"} {
		data, err := os.ReadFile(schedules + name)
		if err != nil {
			t.Fatal(err)
		}
		_, command, _ := strings.Cut(string(data), "scan")
		var got []string
		for _, f := range flag.FindAllString(command, -1) {
			got = append(got, f[2:])
			if fs.Lookup(f[2:]) == nil {
				t.Errorf("%s: no flag %s", name, f)
			}
		}
		for _, f := range []string{"state", "notify", "out", "quiet"} {
			if !slices.Contains(got, f) {
				t.Errorf("%s: no --%s", name, f)
			}
		}
	}
}

// TestScheduleLint has the tools of each format judge the samples, where they
// are installed.
func TestScheduleLint(t *testing.T) {
	f := func(name string, args ...string) {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skip(err)
			}
			if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
				t.Errorf("%s %v: %v\n%s", name, args, err, out)
			}
		})
	}
	f("cfn-lint", schedules+"lambda.yaml", schedules+"fargate.yaml")
	f("terraform", "fmt", "-check", "-diff", schedules+"terraform")

	// The unit names a program and a file that this machine need not have.
	dir := t.TempDir()
	for _, unit := range []string{"why403.service", "why403.timer"} {
		data, err := os.ReadFile(schedules + "systemd/" + unit)
		if err != nil {
			t.Fatal(err)
		}
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), "/usr/local/bin/why403", program)
		if err := os.WriteFile(filepath.Join(dir, unit), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f("systemd-analyze", "verify", filepath.Join(dir, "why403.service"), filepath.Join(dir, "why403.timer"))
}
