package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

// Version is set by the release build (-ldflags -X); else the module's version
// from the build information is used.
var Version = ""

func version() string {
	if Version != "" {
		return Version
	}
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" && bi.Main.Version != "(devel)" {
		return bi.Main.Version
	}
	return "devel"
}

var versionVerb = &verb{
	name:  "version",
	short: "print the version",
	examples: []string{
		"why403 version\tprint the version",
		"why403 version --output json\tthe same for a program",
	},
	define: func(e *env, fs *pflag.FlagSet) runner {
		output := fs.String("output", "text", "text or json")
		return func(ctx context.Context, args []string) error {
			switch *output {
			case "text":
				fmt.Fprintf(e.stdout, "why403 %s %s/%s %s\n", version(), runtime.GOOS, runtime.GOARCH, runtime.Version())
			case "json":
				json.NewEncoder(e.stdout).Encode(map[string]string{
					"version": version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "go": runtime.Version()})
			default:
				return usage("why403 version --output json", "version: --output %q is neither text nor json", *output)
			}
			return nil
		}
	},
}
