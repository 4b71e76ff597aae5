package correlate

import (
	"slices"
	"strings"
	"testing"

	"github.com/why403/why403/logs"
)

// TestSettingsComeLate reads lines of an origin access identity, which only its
// canonical user id names, before the settings say whose that is.
func TestSettingsComeLate(t *testing.T) {
	id := strings.Repeat("0a1b", 16)
	for _, known := range []bool{false, true} {
		c := New(Options{})
		h := c.Handler()
		h.OriginPassed(&logs.OriginRecord{Time: clock(t, "09:00:00"), Bucket: []byte("site"), Key: []byte("a"), KeyLayers: 2,
			Operation: []byte("REST.GET.OBJECT"), Requester: []byte(id), UserAgent: []byte("Mozilla/5.0"), Status: 200})
		feed(t, `
			cf 10:00:01 0.05 GET /a 403
			s3 10:00:00 REST.GET.OBJECT site a 403 requester=`+id+` agent=Mozilla/5.0
		`, h)
		if got := c.Distributions(); !slices.Equal(got, []string{"E1"}) {
			t.Errorf("distributions %q", got)
		}
		s := site(restHost, nil)
		if known {
			s.Identities = map[string]string{id: "E1IDENTITY"}
		}
		r, err := c.Result(t.Context(), s)
		if err != nil || r.Keys.Len() != 1 {
			t.Fatal(r.Keys.Len(), err)
		}
		k := r.Keys.At(0)
		if got := k.OKBefore == clock(t, "09:00:00"); got != known {
			t.Errorf("identity known: %v, served before: %d", known, k.OKBefore)
		}
	}
}

// TestGrantedByACL keeps that an earlier success of the same key needed an ACL:
// the last field of its line, or the last but the source Region.
func TestGrantedByACL(t *testing.T) {
	const line = ` site [20/Nov/2025:09:00:00 +0000] 130.176.1.1 - R1 WEBSITE.GET.OBJECT a "GET /a HTTP/1.1" 200 - 9 9 10 9 "-" "Amazon CloudFront" - host= - - - site.s3-website-eu-west-1.amazonaws.com - - `
	for tail, want := range map[string]bool{"Yes": true, "Yes -": true, "Yes us-east-2": true, "-": false, "- us-east-2": false, "- Yesterday": false, "": false} {
		for _, key := range []string{"a", "b"} {
			c := New(Options{})
			h := c.Handler()
			h.OriginPassed(&logs.OriginRecord{Line: []byte(strings.Repeat("a", 64) + line + tail), Time: clock(t, "09:00:00"), Bucket: []byte("site"), Key: []byte("a"), KeyLayers: 2,
				Operation: []byte("WEBSITE.GET.OBJECT"), Status: 200})
			feed(t, "s3 10:00:00 WEBSITE.GET.OBJECT site "+key+" 403 requester=- agent=Amazon_CloudFront", h)
			r, err := c.Result(t.Context(), Settings{})
			if err != nil || r.Keys.Len()+r.Direct.Len() != 1 {
				t.Fatal(r.Keys.Len(), err)
			}
			for _, l := range []*List[FailingKey]{r.Keys, r.Direct} {
				for k := range l.All() {
					if (k.OKByACL == clock(t, "09:00:00")) != (want && key == "a") {
						t.Errorf("%q, key %s: granted by an ACL at %d", tail, key, k.OKByACL)
					}
				}
			}
		}
	}
}

// TestDeletedByLog keeps when a key was deleted, before its last refusal.
func TestDeletedByLog(t *testing.T) {
	f := func(op string, status int, key, at, want string) {
		t.Helper()
		c := New(Options{})
		h := c.Handler()
		h.OriginPassed(&logs.OriginRecord{Time: clock(t, at), Bucket: []byte("site"), Key: []byte(key), KeyLayers: 2, Operation: []byte(op), Requester: []byte("AmazonS3"), Status: status})
		feed(t, `
			s3 10:00:00 REST.GET.OBJECT site a 403
			s3 11:00:00 REST.GET.OBJECT site a 403
		`, h)
		r, err := c.Result(t.Context(), Settings{})
		if err != nil || r.Keys.Len() != 1 {
			t.Fatal(r.Keys.Len(), err)
		}
		expect := int64(0)
		if want != "" {
			expect = clock(t, want)
		}
		if k := r.Keys.At(0); k.Deleted != expect || k.OKBefore != 0 || k.LastOK != 0 {
			t.Errorf("%s %d of %s at %s: deleted at %d, served at %d", op, status, key, at, k.Deleted, k.LastOK)
		}
	}
	f("REST.DELETE.OBJECT", 204, "a", "09:00:00", "09:00:00")
	f("BATCH.DELETE.OBJECT", 204, "a", "10:30:00", "10:30:00")
	f("S3.EXPIRE.OBJECT", 0, "a", "09:00:00", "09:00:00")
	f("S3.CREATE.DELETEMARKER", 0, "a", "09:00:00", "09:00:00")
	f("REST.DELETE.OBJECT", 204, "a", "12:00:00", "")
	f("REST.DELETE.OBJECT", 403, "a", "09:00:00", "")
	f("REST.DELETE.OBJECT", 204, "b", "09:00:00", "")
	f("S3.DELETE.UPLOAD", 0, "a", "09:00:00", "")
}
