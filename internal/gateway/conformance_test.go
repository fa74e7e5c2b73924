package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestQueriesArriveAsTheyWereSent(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo))
	for _, query := range []string{"a=1;2&b=3", "a=%zz&b", "%", "a=b+c&a=%2f&&=", "x=/../&y=?"} {
		if a := rig.get("/api/v4/posts?" + query); a.body != "GET /api/v4/posts?"+query {
			t.Errorf("%q arrived as %q", query, a.body)
		}
	}
}

// TestTrailersOfARequestEndHere: a server behind ours could take them for headers,
// after every check of those.
func TestTrailersOfARequestEndHere(t *testing.T) {
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprint(w, string(body), err, r.Header["Trailer"], r.Trailer)
	}))
	req := rig.request("POST", "/api/v4/posts", "")
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader("body")), -1
	req.Trailer = http.Header{"X-Forwarded-For": {"203.0.113.1"}, "Cookie": {"MMAUTHTOKEN=x"}, "Checksum": {"7"}}
	if got := rig.send(req).body; got != "body<nil> [] map[]" {
		t.Errorf("Mattermost saw %s", got)
	}
}
