package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

// version is the module's version from the build information, which the go command
// takes from the tag or the commit; "devel" if it knows none.
func version() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" && bi.Main.Version != "(devel)" {
		return bi.Main.Version
	}
	return "devel"
}

// commit returns the revision that the program was built from and its time, "" if
// they are not known.
func commit() (revision, when string) {
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return "", ""
	}
	for _, s := range bi.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.time":
			when = s.Value
		}
	}
	return revision, when
}

var versionVerb = &verb{
	name:  "version",
	short: "print the version",
	examples: []string{
		"why403 version\tprint the version",
		"why403 version --output json\tthe same for a program",
	},
	define: func(e *env, fs *pflag.FlagSet) runner {
		output := fs.String("output", "text", "`FORMAT`: text or json")
		return func(ctx context.Context, args []string) error {
			switch *output {
			case "text":
				fmt.Fprintf(e.stdout, "why403 %s %s/%s %s\n", version(), runtime.GOOS, runtime.GOARCH, runtime.Version())
			case "json":
				revision, when := commit()
				return json.NewEncoder(e.stdout).Encode(map[string]string{"version": version(), "commit": revision, "commit_time": when,
					"os": runtime.GOOS, "arch": runtime.GOARCH, "go": runtime.Version()})
			default:
				return usage("why403 version --output json", "version: --output %q is neither text nor json", *output)
			}
			return nil
		}
	},
}
