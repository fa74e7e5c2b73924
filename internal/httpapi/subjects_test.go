package httpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/simulator"
)

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestASessionTellsByWhichNamesAPageMayMeanItsPerson, however they signed in.
func TestASessionTellsByWhichNamesAPageMayMeanItsPerson(t *testing.T) {
	h := launching(t)
	want := []any{hashed("demo@erp.test"), hashed("4711"), hashed(idpIssuer + "\n4711")}
	for way, in := range map[string]answer{"assertion": h.assert("good", ""), "password": h.signIn("Demo@erp.test", simulator.DefaultPassword)} {
		got := h.do(call{method: "GET", path: "/api/mattermost/session", cookies: in.Cookies()})
		if diff := cmp.Diff(want, got.json(t)["subjects"]); diff != "" {
			t.Errorf("%s: %s", way, diff)
		}
		if in.json(t)["subjects"] != nil {
			t.Errorf("%s: the answer of login costs a look-up", way)
		}
	}
}

// linksAway is a memory of links that does not answer.
type linksAway struct{ login.Links }

func (linksAway) LinksOf(context.Context, string) ([]login.Link, error) {
	return nil, login.ErrStoreUnavailable
}

func TestNamesThatCannotBeLookedUpAreNotThere(t *testing.T) {
	h := launching(t, func(_ *house, _ *httpapi.Options, lo *login.Options) { lo.Links = linksAway{lo.Links} })
	in := h.signIn("demo@erp.test", simulator.DefaultPassword)
	got := h.do(call{method: "GET", path: "/api/mattermost/session", cookies: in.Cookies()})
	if _, told := got.json(t)["subjects"]; got.StatusCode != http.StatusOK || told {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// TestOnesOwnLaunchNeedsNoWord: the ERP may know a person by another address.
func TestOnesOwnLaunchNeedsNoWord(t *testing.T) {
	h := launching(t)
	in := h.assert("good", "")
	text := h.ticketFor(`{"subject":"4711","email":"private@other.test","origin":"` + erpOrigin + `"}`)
	if got := h.redeem(framed(text), in.Cookies()...); got.StatusCode != http.StatusOK {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// TestWhoIsFollowedBySomebodyDidNotLeaveOnPurpose: they may be signed in silently again.
func TestWhoIsFollowedBySomebodyDidNotLeaveOnPurpose(t *testing.T) {
	for body, want := range map[string]string{
		`{"forget":true}`: login.EndedBySwitch, `{}`: login.EndedByUser, ``: login.EndedByUser,
		`{"everywhere":true}`: login.EndedEverywhere, `{"everywhere":true,"forget":true}`: login.EndedEverywhere,
	} {
		var records login.Records
		h := launching(t, func(_ *house, _ *httpapi.Options, lo *login.Options) { records = lo.Records })
		in := h.assert("good", "")
		h.do(call{method: "POST", path: "/api/mattermost/logout", body: body, cookies: in.Cookies()})
		if got, err := records.Find(t.Context(), named(in.Cookies(), "MMAUTHTOKEN").Value); err != nil || got.EndedBy != want {
			t.Errorf("%s: ended by %q, %v, want %q", body, got.EndedBy, err, want)
		}
	}
}
