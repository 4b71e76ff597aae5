package scan

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestIsNotify(t *testing.T) {
	f := func(target string, want bool) {
		t.Helper()
		if got := IsNotify(target); got != want {
			t.Errorf("%s: %v", target, got)
		}
	}
	f("arn:aws:sns:eu-central-1:111122223333:why403", true)
	f("arn:aws-cn:sns:cn-north-1:111122223333:why403", true)
	f("https://hooks.example.com/services/T0/B0/x", true)
	f("http://127.0.0.1:8080/hook", true)
	f("http://localhost/hook", true)
	f("http://hooks.example.com/x", false)
	f("arn:aws:sqs:eu-central-1:111122223333:why403", false)
	f("arn:aws:sns:eu-central-1:111122223333:", false)
	f("ops@example.com", false)
	f("https://", false)
	f("", false)
}

// hookServer answers posts with the given statuses in turn, and keeps what was
// posted.
func hookServer(t *testing.T, statuses ...int) (url string, posted *[]string) {
	t.Helper()
	posted = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]string
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || len(m) != 1 {
			t.Errorf("%s %s: %v, %v", r.Method, r.Header.Get("Content-Type"), m, err)
		}
		*posted = append(*posted, m["text"])
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(statuses[min(len(*posted), len(statuses))-1])
	}))
	t.Cleanup(s.Close)
	return s.URL + "/services/SECRET", posted
}

func TestNotifyWebhook(t *testing.T) {
	rep := sampleReport(t)
	f := func(statuses map[string]int, posts int) {
		t.Helper()
		url, posted := hookServer(t, 200)
		rep.Summary.Statuses = statuses
		if err := Notify(t.Context(), Options{}, rep, url); err != nil {
			t.Error(err)
		}
		if len(*posted) != posts {
			t.Errorf("%v: %d posts", statuses, len(*posted))
		}
		for _, p := range *posted {
			if !strings.HasPrefix(p, "# 403s, ") || len(p) > 10<<10 {
				t.Errorf("posted %q", p)
			}
		}
	}
	f(map[string]int{"new": 1, "still": 3, "fixed": 0, "quiet": 2}, 1)
	f(map[string]int{"new": 0, "still": 3, "fixed": 1, "quiet": 2}, 1)
	f(map[string]int{"new": 0, "still": 3, "fixed": 0, "quiet": 2}, 0)
	f(nil, 0)
}

func TestHookTries(t *testing.T) {
	f := func(tries int, want string, statuses ...int) {
		t.Helper()
		url, posted := hookServer(t, statuses...)
		h := hook{client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, pause: time.Millisecond}
		err := h.post(t.Context(), url, "text")
		got := ""
		if err != nil {
			host := strings.TrimPrefix(strings.TrimSuffix(url, "/services/SECRET"), "http://")
			got = strings.TrimPrefix(err.Error(), "--notify: webhook at "+host+": ")
		}
		if got != want || len(*posted) != tries {
			t.Errorf("%v: %q after %d tries, want %q after %d", statuses, got, len(*posted), want, tries)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the URL stands in %q", err)
		}
	}
	f(1, "", 200)
	f(1, "", 204)
	f(2, "", 503, 200)
	f(3, "", 429, 500, 200)
	f(3, "it answered 503", 503)
	f(1, "it answered 404", 404)
	f(1, "it answered 307: a redirect is not followed", 307)

	h := hook{client: http.DefaultClient, pause: time.Millisecond}
	if err := h.post(t.Context(), "http://127.0.0.1:1/services/SECRET", "text"); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("nobody listens: %v", err)
	}
}
