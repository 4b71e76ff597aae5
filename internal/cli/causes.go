package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/why403/why403/checks/causes"
)

var causesVerb = &verb{
	name:  "causes",
	short: "list the causes that the checks can name",
	examples: []string{
		"why403 causes\tevery cause id with its title",
		"why403 causes --output json\tthe same for a program",
	},
	define: func(e *env, fs *pflag.FlagSet) runner {
		output := fs.String("output", "text", "`FORMAT`: text or json")
		return func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return usage("why403 explain "+args[0]+" prints the page of a cause", "causes: unexpected argument %q", args[0])
			}
			if *output == "json" {
				type cause struct {
					ID          string   `json:"id"`
					Title       string   `json:"title"`
					Permissions []string `json:"permissions"`
				}
				var all []cause
				for _, c := range causes.All {
					all = append(all, cause{c.ID, c.Title, append([]string{}, c.Permissions...)})
				}
				enc := json.NewEncoder(e.stdout)
				enc.SetIndent("", "  ")
				return enc.Encode(all)
			}
			if *output != "text" {
				return usage("--output text or json", "causes: --output %q", *output)
			}
			for _, c := range causes.All {
				fmt.Fprintf(e.stdout, "%-26s %s\n", c.ID, c.Title)
			}
			return nil
		}
	},
}

var explainVerb = &verb{
	name:  "explain",
	args:  "ID",
	short: "print the page of one cause",
	examples: []string{
		"why403 explain key-case\twhat it means, how it shows, how it is proven, the fix",
		"why403 causes\tthe ids",
	},
	define: func(e *env, fs *pflag.FlagSet) runner {
		return func(ctx context.Context, args []string) error {
			if len(args) != 1 {
				return usage("why403 causes lists the ids", "explain: give one cause id")
			}
			c := causes.Find(args[0])
			if c == nil {
				var ids []string
				for _, c := range causes.All {
					ids = append(ids, c.ID)
				}
				hint := "why403 causes lists the ids"
				if near := nearest(strings.ToLower(args[0]), ids); near != "" {
					hint = "did you mean: why403 explain " + near
				}
				return usage(hint, "explain: no cause %q", args[0])
			}
			page := "# " + c.ID + ": " + c.Title + "\n\n" + strings.TrimSpace(c.Page) + "\n"
			if len(c.Permissions) > 0 {
				page += "\n## Permissions\n\nWithout these the check may have to say unknown: " + strings.Join(c.Permissions, ", ") + ".\n"
			}
			_, err := io.WriteString(e.stdout, page)
			return err
		}
	},
}
