package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

var completionVerb = &verb{
	name:  "completion",
	args:  "SHELL",
	short: "print a completion script for bash, zsh, fish or powershell",
	examples: []string{
		"source <(why403 completion bash)\tthis bash session",
		"why403 completion zsh > \"${fpath[1]}/_why403\"\tzsh, for good",
		"why403 completion fish > ~/.config/fish/completions/why403.fish\tfish, for good",
		"why403 completion powershell | Out-String | Invoke-Expression\tthis PowerShell session",
	},
}

// The verb lists itself, which Go does not allow in its declaration.
func init() { completionVerb.define = defineCompletion }

func defineCompletion(e *env, fs *pflag.FlagSet) runner {
	return func(ctx context.Context, args []string) error {
		if len(args) != 1 {
			return usage("why403 completion bash, zsh, fish or powershell", "completion: give one shell")
		}
		write, ok := map[string]func(io.Writer, []verbFlags){
			"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion, "powershell": powershellCompletion,
		}[args[0]]
		if !ok {
			return usage("why403 completion bash, zsh, fish or powershell", "completion: unknown shell %q", args[0])
		}
		write(e.stdout, allFlags())
		return nil
	}
}

// verbFlags is a verb with its flags: the data behind help, completion and the
// man page.
type verbFlags struct {
	*verb
	flags []*pflag.Flag
}

func allFlags() []verbFlags {
	var all []verbFlags
	for _, v := range verbs() {
		e := &env{}
		fs := newFlags(v, e)
		v.define(e, fs)
		vf := verbFlags{verb: v}
		fs.VisitAll(func(f *pflag.Flag) { vf.flags = append(vf.flags, f) })
		all = append(all, vf)
	}
	return all
}

// words returns what may follow the verb: its flags, and for completion the
// shells.
func (v verbFlags) words() string {
	var w []string
	if v.name == "completion" {
		w = append(w, "bash", "zsh", "fish", "powershell")
	}
	for _, f := range v.flags {
		w = append(w, "--"+f.Name)
	}
	return strings.Join(append(w, "--help"), " ")
}

func names(all []verbFlags) string {
	var w []string
	for _, v := range all {
		w = append(w, v.name)
	}
	return strings.Join(w, " ")
}

func bashCompletion(w io.Writer, all []verbFlags) {
	fmt.Fprint(w, "# bash completion for why403\n_why403() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}\n")
	fmt.Fprintf(w, "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase $verb in\n", names(all))
	for _, v := range all {
		fmt.Fprintf(w, "\t%s)\n", v.name)
		if v.name == "explain" {
			fmt.Fprint(w, "\t\tCOMPREPLY=($(compgen -W \"$(why403 causes 2>/dev/null | cut -d' ' -f1)\" -- \"$cur\"))\n\t\t;;\n")
			continue
		}
		fmt.Fprintf(w, "\t\t[[ $cur == -* || $verb == completion ]] && COMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n\t\t;;\n", v.words())
	}
	fmt.Fprint(w, "\tesac\n}\ncomplete -o default -F _why403 why403\n")
}

func zshCompletion(w io.Writer, all []verbFlags) {
	fmt.Fprint(w, "#compdef why403\n_why403() {\n\tlocal -a verbs\n\tverbs=(\n")
	for _, v := range all {
		fmt.Fprintf(w, "\t\t'%s:%s'\n", v.name, quoteSingle(v.short))
	}
	fmt.Fprint(w, "\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n\tcase $words[2] in\n")
	for _, v := range all {
		fmt.Fprintf(w, "\t%s)\n\t\t_arguments \\\n", v.name)
		for _, f := range v.flags {
			arg := ""
			if f.NoOptDefVal == "" {
				arg = ":" + f.Value.Type() + ":_files"
			}
			usage := strings.NewReplacer("[", "(", "]", ")", ":", " -").Replace(describe(f))
			fmt.Fprintf(w, "\t\t\t'--%s[%s]%s' \\\n", f.Name, quoteSingle(usage), arg)
		}
		switch v.name {
		case "completion":
			fmt.Fprint(w, "\t\t\t'2:shell:(bash zsh fish powershell)'\n\t\t;;\n")
		case "explain":
			fmt.Fprint(w, "\t\t\t'2:cause:($(why403 causes 2>/dev/null | cut -d\" \" -f1))'\n\t\t;;\n")
		default:
			fmt.Fprint(w, "\t\t\t'*:location:_files'\n\t\t;;\n")
		}
	}
	fmt.Fprint(w, "\tesac\n}\n_why403 \"$@\"\n")
}

func fishCompletion(w io.Writer, all []verbFlags) {
	fmt.Fprint(w, "# fish completion for why403\n")
	for _, v := range all {
		fmt.Fprintf(w, "complete -c why403 -n __fish_use_subcommand -f -a %s -d '%s'\n", v.name, quoteSingle(v.short))
		for _, f := range v.flags {
			arg := " -r"
			if f.NoOptDefVal != "" {
				arg = ""
			}
			fmt.Fprintf(w, "complete -c why403 -n '__fish_seen_subcommand_from %s' -l %s%s -d '%s'\n", v.name, f.Name, arg, quoteSingle(describe(f)))
		}
	}
	fmt.Fprint(w, "complete -c why403 -n '__fish_seen_subcommand_from explain' -f -a \"(why403 causes | string split -f1 ' ')\"\n")
	fmt.Fprint(w, "complete -c why403 -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish powershell'\n")
}

func powershellCompletion(w io.Writer, all []verbFlags) {
	fmt.Fprint(w, "# PowerShell completion for why403\nRegister-ArgumentCompleter -Native -CommandName why403 -ScriptBlock {\n\tparam($wordToComplete, $commandAst, $cursorPosition)\n\t$words = @{\n")
	for _, v := range all {
		fmt.Fprintf(w, "\t\t'%s' = '%s'\n", v.name, v.words())
	}
	fmt.Fprintf(w, "\t}\n\t$elements = $commandAst.CommandElements\n\t$verb = if ($elements.Count -gt 1) { $elements[1].ToString() } else { '' }\n\t$all = if ($words.ContainsKey($verb)) { $words[$verb] } else { '%s' }\n", names(all))
	fmt.Fprint(w, "\t$all -split ' ' | Where-Object { $_ -like \"$wordToComplete*\" } | ForEach-Object {\n\t\t[System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)\n\t}\n}\n")
}

// describe is the flag's usage without the marks around its value's name.
func describe(f *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(f)
	return usage
}

// quoteSingle makes s safe between single quotes of a shell script.
func quoteSingle(s string) string { return strings.ReplaceAll(s, "'", "’") }
