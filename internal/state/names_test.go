package state

import "testing"

// TestOneKeyByOtherNames has a key known from the first night come up on the
// second without its distribution, past CloudFront, or at the edge.
func TestOneKeyByOtherNames(t *testing.T) {
	first, second := when("2026-11-20 03:00"), when("2026-11-21 03:00")
	key := func(kind, distribution string) Observation {
		return Observation{FindingID: FindingID{kind, distribution, "site", "a.html"}, Verdict: "key-missing",
			First: first.Add(-1), Last: first.Add(-1)}
	}
	edge := func(of FindingID) Observation {
		return Observation{FindingID: FindingID{Kind: "edge", Distribution: "E1", Key: "/a.html"}, Verdict: "edge-cached-error",
			First: first.Add(-1), Last: first.Add(-1), Of: of}
	}
	f := func(was, is Observation, want string, findings int) {
		t.Helper()
		m := new(memory)
		st := open(t, m, first)
		if got, _ := st.Observe(was); got != New {
			t.Errorf("first night: %s", got)
		}
		commit(t, st)
		st = open(t, m, second)
		is.First, is.Last = second.Add(-1), second.Add(-1)
		if got, _ := st.Observe(is); got != want {
			t.Errorf("%v after %v: %s, want %s", is.FindingID, was.FindingID, got, want)
		}
		if n := st.Statuses(); n[want] != 1 || len(st.finds) != findings {
			t.Errorf("%v after %v: statuses %v, %d findings, want %d", is.FindingID, was.FindingID, n, len(st.finds), findings)
		}
	}
	f(key("key", "E1"), key("key", "E1"), Still, 1)
	f(key("key", "E1"), key("key", ""), Still, 1)
	f(key("key", ""), key("key", "E1"), Still, 1)
	f(key("key", "E1"), key("direct", ""), Still, 1)
	f(key("key", "E1"), edge(FindingID{"key", "E1", "site", "a.html"}), Still, 1)
	// These are news: another distribution, CloudFront after direct clients, a
	// refusal by the edge itself.
	f(key("key", "E1"), key("key", "E2"), New, 2)
	f(key("direct", ""), key("key", "E1"), New, 2)
	f(key("key", "E1"), edge(FindingID{}), New, 2)
	f(key("key", "E1"), edge(FindingID{"key", "E1", "site", "b.html"}), New, 2)
}
