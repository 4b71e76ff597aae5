package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"github.com/why403/why403/internal/redact"
)

// Exit statuses, as docs/json-output.md and the help texts state them.
const (
	ExitOK          = 0   // complete, whether or not something was found
	ExitFindings    = 1   // findings matched --fail-on; simulate: the request is denied
	ExitUsage       = 2   // the command line is wrong
	ExitIncomplete  = 3   // some input was unreadable, or some checks lacked a permission
	ExitNothingRead = 4   // nothing could be read
	ExitInterrupted = 130 // SIGINT or SIGTERM
)

// A failure is an error with an exit status and hints.
type failure struct {
	code  int
	err   error
	hints []string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage returns a failure of the command line. The hints are printed under it.
func usage(hint string, format string, args ...any) error {
	return &failure{ExitUsage, fmt.Errorf(format, args...), []string{hint}}
}

// A hinter is an error that knows what the user can do about it. The rooms
// below cli implement it; cli alone prints.
type hinter interface{ UserHint() string }

// finish prints err in the house's form and returns the exit status.
func finish(stderr io.Writer, err error) int {
	if err == nil {
		return ExitOK
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{code: ExitNothingRead, err: err}
	}
	if f.err != nil {
		fmt.Fprintf(stderr, "why403: error: %s\n", said(err.Error()))
	}
	hints := f.hints
	var h hinter
	if len(hints) == 0 && errors.As(err, &h) {
		hints = []string{h.UserHint()}
	}
	if len(hints) == 0 && errors.Is(err, fs.ErrPermission) {
		hints = []string{"run as a user who may read it, or change its mode"}
	}
	for _, hint := range hints {
		if hint != "" {
			fmt.Fprintf(stderr, "why403: hint: %s\n", said(hint))
		}
	}
	return f.code
}

// said is a message as it is printed: on one line, and without secrets, which a
// location given on the command line may hold too.
func said(s string) string { return oneLine(redact.Text(s)) }

// oneLine keeps a message that quotes hostile input on its own line, with no
// character that acts on a terminal or reorders text.
func oneLine(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			r = ' '
		case !strconv.IsPrint(r):
			r = '\uFFFD'
		}
		out = append(out, r)
	}
	return string(out)
}
