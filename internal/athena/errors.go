package athena

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
)

// An Error is a query that did not do, in one sentence.
type Error struct {
	What  string
	Todo  string
	Query string // its execution id, "" if none was started
	Err   error
}

func (e *Error) Error() string {
	if e.Query != "" {
		return e.What + " (query " + e.Query + ")"
	}
	return e.What
}

func (e *Error) Unwrap() error { return e.Err }

// UserHint says what to do, "" if nothing is known.
func (e *Error) UserHint() string { return e.Todo }

// ErrTooMuch is what errors match that end a run because of MaxScanBytes.
var ErrTooMuch = errors.New("more than --max-scan-bytes would be scanned")

// callError says in words why a call of Athena or Glue failed. action is the
// IAM action.
func callError(action string, err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return &Error{What: action + ": " + lastSentence(err), Err: err}
	}
	message := strings.TrimSpace(api.ErrorMessage())
	e := &Error{What: fmt.Sprintf("%s: %s: %s", action, api.ErrorCode(), message), Err: err}
	switch code := api.ErrorCode(); {
	case code == "AccessDeniedException", strings.Contains(message, "not authorized to perform"):
		e.denied(cmp.Or(deniedIn(message), action))
	case strings.Contains(message, "WorkGroup") && (strings.Contains(message, "not found") || strings.Contains(message, "disabled")):
		e.What = "athena: " + strings.TrimSuffix(strings.ToLower(message[:1])+message[1:], ".")
		e.Todo = "aws athena list-work-groups shows those that there are; name one with --athena-workgroup"
	case strings.Contains(message, "output location"):
		return noOutput(err)
	case strings.Contains(message, "output bucket"): // Unable to verify/create output bucket NAME
		_, bucket, _ := strings.Cut(message, "output bucket ")
		e.What = "athena: query results can't be written to the bucket " + strings.TrimSuffix(bucket, ".")
		e.Todo = "check that it exists, and allow s3:GetBucketLocation and s3:PutObject in it"
	case code == "TooManyRequestsException", code == "ThrottlingException":
		e.Todo = "too many queries run in this account: try again later, or use a workgroup with capacity"
	}
	return e
}

// denied makes the error that of an action that is not allowed.
func (e *Error) denied(action string) {
	e.What = "athena: access denied: " + action + " is not allowed"
	e.Todo = "allow it (why403 permissions --engine athena prints the whole policy)"
}

// deniedIn returns the action that a message calls denied, "" if none.
func deniedIn(message string) string {
	if m := deniedAction.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

var deniedAction = regexp.MustCompile(`perform: ([a-z0-9-]+:[A-Za-z]+)`)

func lastSentence(err error) string {
	s := err.Error()
	for _, cut := range []string{"operation error ", "https response error "} {
		if i := strings.LastIndex(s, cut); i >= 0 {
			s = s[i+len(cut):]
		}
	}
	return strings.ReplaceAll(s, "\n", " ")
}

// failedQuery says in words why a query failed, by the reason of its state.
func failedQuery(id, reason string) error {
	reason = strings.ReplaceAll(strings.TrimSpace(reason), "\n", " ")
	e := &Error{What: "athena: the query failed: " + strings.TrimSuffix(reason, "."), Query: id}
	lower := strings.ToLower(reason)
	switch {
	case reason == "":
		e.What = "athena: the query failed and no reason was given"
	case strings.Contains(lower, "bytes scanned limit"):
		e.What = "athena: the query grew over the bytes that the workgroup lets a query scan, and was stopped"
		e.Todo = "narrow --since and --until, or raise the workgroup's limit"
		e.Err = ErrTooMuch
	case deniedIn(reason) != "":
		e.denied(deniedIn(reason))
	case strings.Contains(reason, "TABLE_NOT_FOUND"), strings.Contains(reason, "SCHEMA_NOT_FOUND"), strings.Contains(reason, "does not exist"):
		e.Todo = "why403 athena setup makes the tables"
	case strings.Contains(reason, "COLUMN_NOT_FOUND"), strings.Contains(reason, "cannot be resolved"), strings.Contains(reason, "HIVE_PARTITION_SCHEMA_MISMATCH"):
		e.Todo = "the table is not the one that why403 athena setup makes: drop it and make it anew, or use another --athena-database"
	case strings.Contains(lower, "writing") && strings.Contains(lower, "denied"):
		e.Todo = "allow s3:PutObject where results go (why403 permissions --engine athena prints the whole policy)"
	case strings.Contains(lower, "access denied"), strings.Contains(lower, "accessdenied"), strings.Contains(lower, "insufficient permissions"):
		e.Todo = "the caller needs s3:GetObject and s3:ListBucket on the log bucket, and s3:PutObject where results go"
	case strings.Contains(reason, "exhausted resources"), strings.Contains(reason, "EXCEEDED"):
		e.Todo = "read less at a time: narrow --since and --until"
	case strings.Contains(reason, "GENERIC_INTERNAL_ERROR"), strings.Contains(reason, "Query timeout"):
		e.Todo = "try again; a narrower --since and --until reads less"
	}
	return e
}
