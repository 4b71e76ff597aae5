package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/state"
)

// IsNotify reports whether Notify can send to a target: the ARN of an SNS topic,
// or an https URL (http on this machine alone).
func IsNotify(target string) bool {
	if strings.HasPrefix(target, "arn:") {
		p := strings.Split(target, ":")
		return len(p) == 6 && p[2] == "sns" && p[3] != "" && p[5] != ""
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Notify sends the report as Markdown to an SNS topic or, as {"text": …}, to a
// webhook, if there is news: a key or path that is new or fixed. A webhook's URL
// is a secret and stands in no error.
func Notify(ctx context.Context, o Options, rep *report.Report, target string) error {
	fresh, fixed := rep.Summary.Statuses[state.New], rep.Summary.Statuses[state.Fixed]
	if fresh+fixed == 0 {
		return nil
	}
	var text strings.Builder
	if err := report.Render(&text, "markdown", rep, report.Options{}); err != nil {
		return err
	}
	if strings.HasPrefix(target, "arn:") {
		clients, err := awsx.Open(ctx, o.AWS)
		if err == nil {
			err = clients.Publish(ctx, target, fmt.Sprintf("why403: %d new, %d fixed", fresh, fixed), text.String())
		}
		if err != nil {
			return fmt.Errorf("--notify %s: %w", target, err)
		}
		return nil
	}
	h := hook{client: &http.Client{Timeout: o.AWS.Wait(20 * time.Second), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		agent: "why403/" + o.Version, pause: o.AWS.Wait(500 * time.Millisecond)}
	return h.post(ctx, target, text.String())
}

// A hook posts to webhooks.
type hook struct {
	client *http.Client
	agent  string
	pause  time.Duration // after the first failure, twice as long after the next
}

const hookTries = 3

func (h *hook) post(ctx context.Context, target, text string) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]string{"text": text}); err != nil {
		return err
	}
	u, err := url.Parse(target)
	if err != nil {
		return errors.New("--notify: the webhook is no URL")
	}
	for try := 1; ; try++ {
		again, err := h.once(ctx, target, body.Bytes())
		if err == nil {
			return nil
		}
		if !again || try == hookTries || ctx.Err() != nil {
			return fmt.Errorf("--notify: webhook at %s: %w", u.Host, err)
		}
		select {
		case <-time.After(h.pause << (try - 1)):
		case <-ctx.Done():
		}
	}
}

// once posts once. again: another try may succeed.
func (h *hook) once(ctx context.Context, target string, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return false, withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", h.agent)
	resp, err := h.client.Do(req)
	if err != nil {
		return true, withoutURL(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	switch code := resp.StatusCode; {
	case code < 300:
		return false, nil
	case code < 400:
		return false, fmt.Errorf("it answered %d: a redirect is not followed", code)
	default:
		return code == http.StatusTooManyRequests || code >= 500, fmt.Errorf("it answered %d", code)
	}
}

// withoutURL strips what net/http puts before an error.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
