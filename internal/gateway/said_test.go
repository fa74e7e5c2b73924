package gateway_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/gateway"
	"matterpass/internal/login"
)

// TestWhoSaysTheSameIsAskedAgain: a request is understood once for all that say the same
// on a connection, but whether the session goes on is asked for each.
func TestWhoSaysTheSameIsAskedAgain(t *testing.T) {
	ended := ""
	rig := start(t, http.HandlerFunc(echo), func(o *gateway.Options) {
		o.Standing = func(context.Context, string, bool) string { return ended }
	})
	for i, by := range []string{"", "", login.EndedByIssuer, ""} {
		ended = by
		a := rig.get("/api/v4/users/me", "Cookie", "MMAUTHTOKEN="+ownToken+"; a=1")
		want := "MMAUTHTOKEN=" + ownToken + "; a=1"
		if by != "" {
			want = "a=1"
		}
		if got := a.Header.Get("Got-Cookie"); got != want || len(a.Cookies()) > 0 != (by != "") {
			t.Errorf("request %d: Mattermost got %q, the browser %v", i, got, a.Cookies())
		}
	}
}

// TestAHeaderIsTheSameOnEitherWay: what one request needs beside what was said is not the
// next one's.
func TestAHeaderIsTheSameOnEitherWay(t *testing.T) {
	got := map[string]http.Header{}
	rig := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Header.Del("Content-Length") // net/http's transport says it of a POST
		got[r.URL.Path] = r.Header
	}))
	fields := " HTTP/1.1\r\nHost: " + rig.host + "\r\nCookie: MMAUTHTOKEN=" + ownToken + "\r\nX-Odd: x\r\nIdempotency-Key: k\r\n\r\n"
	rig.say("GET /1" + fields + "POST /2" + fields + "GET /3" + fields + "DELETE /4" + fields + "GET /5" + fields)
	want := http.Header{
		"Cookie": {"MMAUTHTOKEN=" + ownToken}, "X-Odd": {"x"}, "Idempotency-Key": {"k"},
		"X-Forwarded-For": {"127.0.0.1"}, "X-Real-Ip": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {rig.host},
	}
	for _, path := range []string{"/1", "/2", "/3", "/4", "/5"} {
		if diff := cmp.Diff(want, got[path]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}
