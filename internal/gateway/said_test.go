package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/gateway"
	"matterpass/internal/login"
)

// behindBoth runs a test where what a request says is kept, and where it is not.
func behindBoth(t *testing.T, backend http.HandlerFunc, change func(*gateway.Options), test func(t *testing.T, rig *rig)) {
	for name, front := range fronts {
		t.Run(name, func(t *testing.T) {
			b := httptest.NewServer(backend)
			t.Cleanup(b.Close)
			test(t, startBehind(t, front, b, change))
		})
	}
}

// TestWhoSaysTheSameIsAskedAgain: a request is understood once for all that say the same
// on a connection, but whether the session goes on is asked for each.
func TestWhoSaysTheSameIsAskedAgain(t *testing.T) {
	ended := ""
	behindBoth(t, echo, func(o *gateway.Options) {
		o.Standing = func(context.Context, string, bool) string { return ended }
	}, func(t *testing.T, rig *rig) {
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
	})
}

// TestAHeaderIsTheSameOnEitherWay: what one request needs beside what was said is not the
// next one's.
func TestAHeaderIsTheSameOnEitherWay(t *testing.T) {
	got := map[string]http.Header{}
	backend := func(_ http.ResponseWriter, r *http.Request) {
		r.Header.Del("Content-Length") // net/http's transport says it of a POST
		got[r.URL.Path] = r.Header
	}
	behindBoth(t, backend, func(*gateway.Options) {}, func(t *testing.T, rig *rig) {
		fields := " HTTP/1.1\r\nHost: HOST\r\nCookie: MMAUTHTOKEN=" + ownToken + "\r\nX-Odd: x\r\nIdempotency-Key: k\r\n\r\n"
		rig.say("POST /1" + fields + "GET /2" + fields + "POST /3" + fields + "DELETE /4" + fields + "GET /5" + fields)
		want := http.Header{
			"Cookie": {"MMAUTHTOKEN=" + ownToken}, "X-Odd": {"x"}, "Idempotency-Key": {"k"},
			"X-Forwarded-For": {"127.0.0.1"}, "X-Real-Ip": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {rig.host},
		}
		for _, path := range []string{"/1", "/2", "/3", "/4", "/5"} {
			if diff := cmp.Diff(want, got[path]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	})
}
