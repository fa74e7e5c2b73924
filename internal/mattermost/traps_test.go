package mattermost_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"matterpass/internal/login"
	"matterpass/internal/provision"
	"matterpass/internal/upstream"
)

// The official client deletes ".." from a path and drops empty pieces, so another
// account answers, or every account.
func TestDotsInANameNeverReachAnotherAccountTrap(t *testing.T) {
	s, c := start(t)
	s.set("GET users/username/foobar", reply(200, demoUser))
	s.set("GET users/email/victim@erp.test", reply(200, demoUser))
	ask := map[string]func() error{
		"username": func() error {
			_, err := c.AddressOf(t.Context(), login.Name{Kind: login.ByUsername, Value: "foo..bar"})
			return err
		},
		"dot": func() error {
			_, err := c.AddressOf(t.Context(), login.Name{Kind: login.ByUsername, Value: "."})
			return err
		},
		"slash": func() error {
			_, err := c.AddressOf(t.Context(), login.Name{Kind: login.ByUsername, Value: "a/b"})
			return err
		},
		"user id": func() error {
			_, err := c.AddressOf(t.Context(), login.Name{Kind: login.ByID, Value: "me"})
			return err
		},
		"address":    func() error { _, err := c.ByEmail(t.Context(), "vic..tim@erp.test"); return err },
		"no address": func() error { _, err := c.ByEmail(t.Context(), "."); return err },
		"team":       func() error { _, err := c.TeamID(t.Context(), "../users/me"); return err },
		"no team":    func() error { return c.FindTeam(t.Context(), "") },
		"channel":    func() error { _, err := c.ChannelID(t.Context(), demoID, ".."); return err },
	}
	for name, ask := range ask {
		if err := ask(); !errors.Is(err, login.ErrUnknown) && !errors.Is(err, provision.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("asked %v", s.asked)
	}
}

func TestAnEmptyIDNeverWidensTheEndpointTrap(t *testing.T) {
	s, c := start(t)
	for _, id := range []string{"", ".", "..", "me", "../" + demoID, strings.Repeat("é", 13), strings.ToUpper(demoID)} {
		err := errors.Join(
			c.JoinTeam(t.Context(), id, demoID), c.JoinTeam(t.Context(), demoID, id),
			c.JoinChannel(t.Context(), id, demoID), c.JoinChannel(t.Context(), demoID, id))
		if !errors.Is(err, provision.ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := c.Update(t.Context(), id, nil); !errors.Is(err, provision.ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := c.ChannelID(t.Context(), id, "town-square"); !errors.Is(err, provision.ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("asked %v", s.asked)
	}
}

func TestAnAnswerAboutAnotherAccountIsInvalidTrap(t *testing.T) {
	s, c := start(t)
	s.set("GET users/username/dana", reply(200, demoUser))
	s.set("GET users/"+danaID, reply(200, demoUser))
	s.set("GET users/email/dana@erp.test", reply(200, demoUser))
	s.set("POST users", reply(201, demoUser))
	s.set("PUT users/"+danaID+"/patch", reply(200, demoUser))
	_, err1 := c.AddressOf(t.Context(), login.Name{Kind: login.ByUsername, Value: "dana"})
	_, err2 := c.AddressOf(t.Context(), login.Name{Kind: login.ByID, Value: danaID})
	_, err3 := c.ByEmail(t.Context(), "dana@erp.test")
	_, err4 := c.Create(t.Context(), provision.NewAccount{Email: "dana@erp.test"})
	_, err5 := c.Update(t.Context(), danaID, nil)
	_, err6 := c.Create(t.Context(), provision.NewAccount{Email: "demo@erp.test", Profile: provision.Profile{Username: "other"}})
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if !errors.Is(err, upstream.ErrInvalid) {
			t.Errorf("%d: %v", i+1, err)
		}
	}
}

// "null" and a 304 are a nil user without an error.
func TestNoUserAndNoErrorIsInvalidTrap(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"null": reply(200, "null"), "304": reply(304, ""), "no id": reply(200, "{}"), "204": reply(204, ""),
	} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			for _, key := range []string{signIn, me, "GET users/email/demo@erp.test", "POST users", "GET teams/name/erp",
				"GET teams/" + demoID + "/channels/name/town-square", "POST teams/" + demoID + "/members", "POST channels/" + demoID + "/members"} {
				s.set(key, answer)
			}
			_, err1 := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser)
			_, err2 := c.Find(t.Context(), demoToken, "")
			_, err3 := c.ByEmail(t.Context(), "demo@erp.test")
			_, err4 := c.Create(t.Context(), provision.NewAccount{Email: "demo@erp.test"})
			_, err5 := c.TeamID(t.Context(), "erp")
			_, err6 := c.ChannelID(t.Context(), demoID, "town-square")
			for i, err := range []error{err1, err2, err3, err4, err5, err6,
				c.JoinTeam(t.Context(), demoID, demoID), c.JoinChannel(t.Context(), demoID, demoID), c.CheckAdmin(t.Context())} {
				if !errors.Is(err, upstream.ErrInvalid) {
					t.Errorf("%d: %v", i+1, err)
				}
			}
		})
	}
}

// 307 and 308 would post the password to wherever the answer points.
func TestARedirectIsNeverFollowedTrap(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("followed to %s", r.URL)
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s, c := start(t)
		redirect := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) }
		s.set(signIn, redirect)
		s.set(me, redirect)
		s.set(signOut, redirect)
		_, err1 := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser)
		_, err2 := c.Find(t.Context(), demoToken, "")
		for _, err := range []error{err1, err2, c.End(t.Context(), demoToken)} {
			if !errors.Is(err, upstream.ErrInvalid) {
				t.Errorf("%d: %v", status, err)
			}
		}
	}
}

// The client reads answers to their end, whatever their length.
func TestLongAnswersAreCutOffAfterDecompressionTrap(t *testing.T) {
	endless := func(w io.Writer) {
		_, _ = io.WriteString(w, `{"id":"`)
		chunk := strings.Repeat("a", 64<<10)
		for range 1 << 14 { // 1 GiB, if somebody took it
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"a gigabyte": func(w http.ResponseWriter, _ *http.Request) { endless(w) },
		"as an error": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			endless(w)
		},
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			endless(z)
			_ = z.Close()
		},
		"deep": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat(`[`, 1<<20)) },
	} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			s.set(me, answer)
			if _, err := c.Find(t.Context(), demoToken, ""); !errors.Is(err, upstream.ErrInvalid) || len(err.Error()) > 400 {
				t.Error(err)
			}
		})
	}
}

// The client's error for an answer that is no JSON holds all of that answer.
func TestErrorTextsNeverCarryBodiesTrap(t *testing.T) {
	const secret = "Hunter-2-in-the-page"
	for name, answer := range map[string]http.HandlerFunc{
		"a page of 400":    reply(400, "<html>"+secret),
		"a page of 502":    reply(502, "<html>"+secret),
		"a page of 200":    reply(200, "<html>"+secret),
		"an id of its own": refuse(400, "<script>"+secret),
		"a wrong type":     reply(200, `{"id":"`+demoID+`","delete_at":"`+secret+`"}`),
		"a wrong number":   reply(200, `{"id":"`+demoID+`","delete_at":1e400,"a":"`+secret+`"}`),
		"a content type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", strings.Repeat("x", 5000)+"/"+secret)
			w.WriteHeader(404)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t)
			s.set(signIn, answer)
			_, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser)
			if err == nil || strings.Contains(err.Error(), secret) || len(err.Error()) > 400 {
				t.Error(err)
			}
		})
	}
}

func TestForeignTextInErrorsIsEscaped(t *testing.T) {
	_, c := startOn(t, func(*http.Request) (*http.Response, error) {
		return nil, errors.New("line\n\x1b[31m\u202e" + strings.Repeat("x", 5000))
	})
	_, err := c.Find(t.Context(), demoToken, "")
	if !errors.Is(err, upstream.ErrUnavailable) || strings.ContainsAny(err.Error(), "\n\x1b\u202e") || len(err.Error()) > 400 {
		t.Errorf("%q", err)
	}
}

// Signing somebody in must not swap the admin's token for theirs.
func TestTheAdminTokenStaysTheAdminsTrap(t *testing.T) {
	s, c := start(t)
	s.set("GET users/username/demo", reply(200, demoUser))
	if _, err := c.SignIn(t.Context(), "demo@erp.test", "right", "", browser); err != nil {
		t.Fatal(err)
	}
	if address, err := c.AddressOf(t.Context(), login.Name{Kind: login.ByUsername, Value: "demo"}); err != nil || address != "demo@erp.test" {
		t.Error(address, err)
	}
	if r, _ := s.request(t, "GET users/username/demo"); r.Header.Get("Authorization") != "BEARER "+admin || r.Header["If-None-Match"] != nil {
		t.Errorf("asked with %v", r.Header)
	}
	if r, _ := s.request(t, signIn); r.Header["Authorization"] != nil {
		t.Error("a sign-in that carries a token")
	}
	if _, err := c.SignIn(context.Background(), "demo@erp.test", "right", "", login.Client{}); err != nil {
		t.Error(err)
	}
}
