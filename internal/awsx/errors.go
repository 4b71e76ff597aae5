package awsx

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/why403/why403/internal/gather"
)

// dead holds the codes after which no further call can succeed: what is wrong
// is the credentials or the clock, not the permission.
var dead = map[string]string{
	"ExpiredToken":                "the AWS credentials have expired",
	"ExpiredTokenException":       "the AWS credentials have expired",
	"RequestExpired":              "the AWS credentials have expired",
	"TokenRefreshRequired":        "the AWS credentials have expired",
	"InvalidClientTokenId":        "AWS does not know these credentials",
	"InvalidAccessKeyId":          "AWS does not know these credentials",
	"UnrecognizedClientException": "AWS does not know these credentials",
	"InvalidToken":                "AWS does not know these credentials",
	"InvalidSecurity":             "AWS does not know these credentials",
	"AuthFailure":                 "AWS does not know these credentials",
	"SignatureDoesNotMatch":       "the secret access key does not fit the access key id",
	"InvalidSignatureException":   "the secret access key does not fit the access key id, or the clock is wrong",
	"RequestTimeTooSkewed":        "this machine's clock is wrong",
	"NotSignedUp":                 "", // about the bucket's account: an answer
}

// needs names the permission of a call that failed among several.
type needs struct {
	permission string
	error
}

func (n needs) Unwrap() error { return n.error }

// answerError turns an error of the SDK into what gather expects: an APIError,
// an unavailable AWS, or a short sentence. atAWS: the server is AWS, whose
// missing headers mean something.
func answerError(err error, atAWS bool) error {
	var limit limitError
	if errors.As(err, &limit) {
		return limit
	}
	var own *gather.APIError
	if err == nil || errors.Is(err, gather.ErrNotAsked) || errors.Is(err, gather.ErrUnavailable) || errors.As(err, &own) {
		return err
	}
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	answered := errors.As(err, &response) && response.Response != nil
	if errors.As(err, &api) && (answered || api.ErrorCode() != "UnknownError") {
		if what := dead[api.ErrorCode()]; what != "" {
			return unavailable(what+" ("+api.ErrorCode()+")", hints[api.ErrorCode()], err)
		}
		if temporary(status(err), api.ErrorCode()) {
			return errors.New(plain(err)) // it says nothing of what was asked
		}
		out := &gather.APIError{Code: api.ErrorCode(), Message: api.ErrorMessage()}
		var inner needs
		if errors.As(err, &inner) {
			out.Permission = inner.permission
		}
		if answered {
			out.BucketRegion = response.Response.Header.Get("X-Amz-Bucket-Region")
			if response.HTTPStatusCode() == http.StatusNotFound {
				switch marker := response.Response.Header.Get("X-Amz-Delete-Marker"); {
				case marker == "true":
					out.DeleteMarker = new(true)
				case atAWS:
					out.DeleteMarker = new(false)
				}
			}
			if out.Code == "UnknownError" || out.Code == "" {
				out.Code = fmt.Sprint(response.HTTPStatusCode())
			}
		}
		return out
	}
	if answered && response.HTTPStatusCode() >= http.StatusBadRequest && !temporary(response.HTTPStatusCode(), "") {
		// An error in another form than the service's.
		return &gather.APIError{Code: fmt.Sprint(response.HTTPStatusCode()), Message: plain(err)}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return &Error{What: plain(err), Hint: "check the network, HTTPS_PROXY and the Region (--region), or judge by what was recorded (--snapshot)", Err: err}
	}
	return errors.New(plain(err))
}

var hints = map[string]string{
	"ExpiredToken":          "run aws sso login, or get new credentials, and run why403 again",
	"ExpiredTokenException": "run aws sso login, or get new credentials, and run why403 again",
	"RequestExpired":        "run aws sso login, or get new credentials, and run why403 again",
	"TokenRefreshRequired":  "run aws sso login, or get new credentials, and run why403 again",
	"RequestTimeTooSkewed":  "set the clock: AWS takes requests within 15 minutes of its own",
}

// status returns the HTTP status of an error's response, 0 if there was none.
func status(err error) int {
	var r *smithyhttp.ResponseError
	if errors.As(err, &r) && r.Response != nil {
		return r.HTTPStatusCode()
	}
	return 0
}

// regionOf returns the Region that an error's response tells, "" if none.
func regionOf(err error) string {
	var r *smithyhttp.ResponseError
	if errors.As(err, &r) && r.Response != nil {
		return r.Response.Header.Get("X-Amz-Bucket-Region")
	}
	return ""
}

// misdirected says whether a request went to another Region than the bucket's:
// a redirect, or for a signature of the wrong Region 400.
func misdirected(err error) bool {
	switch status(err) {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest:
		return true
	}
	return false
}

// temporary reports whether an error is about the service and not about what was
// asked: the attempts are over, and nothing was answered.
func temporary(status int, code string) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	return throttled
}

// brokenOff reports whether an answer that is no error could not be read to its
// end, or is not in the service's form.
func brokenOff(err error) bool {
	var d *smithy.DeserializationError
	var x *xml.SyntaxError
	return (errors.As(err, &d) || errors.As(err, &x) || errors.Is(err, io.ErrUnexpectedEOF)) && status(err) < http.StatusMultipleChoices
}

// plain returns the last sentence of an SDK error, which is the cause, without
// the chain of operations and request ids before it.
func plain(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fmt.Sprintf("can't resolve %s", dns.Name)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if brokenOff(err) {
		return errBrokenOff.Error()
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Error()
	}
	var u *url.Error
	if errors.As(err, &u) {
		if at, bad := url.Parse(u.URL); bad == nil {
			return fmt.Sprintf("%s: %v", at.Host, u.Err)
		}
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Sprintf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	s := err.Error()
	for _, cut := range []string{"failed to refresh cached credentials, ", "operation error ", "https response error "} {
		if i := strings.LastIndex(s, cut); i >= 0 {
			s = s[i+len(cut):]
		}
	}
	return strings.ReplaceAll(s, "\n", " ")
}
