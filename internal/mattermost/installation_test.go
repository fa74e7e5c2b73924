package mattermost_test

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"matterpass/internal/mattermost"
	"matterpass/internal/provision"
	"matterpass/internal/simulator"
	"matterpass/internal/upstream"
)

// part is what a test wants to know of the configuration.
type part struct {
	ServiceSettings struct {
		SiteURL              string
		TrustedProxyIPHeader []string
		MaximumLoginAttempts int
	}
}

func TestAPatchChangesWhatItNamesAndNothingElse(t *testing.T) {
	_, c := simulate(t)
	patch := map[string]map[string]any{"ServiceSettings": {"SiteURL": "https://new.erp.test", "TrustedProxyIPHeader": []string{"X-Forwarded-For"}}}
	if err := c.ChangeConfig(t.Context(), patch); err != nil {
		t.Fatal(err)
	}
	got, err := mattermost.Config[part](t.Context(), c)
	if s := got.ServiceSettings; err != nil || s.SiteURL != "https://new.erp.test" || !slices.Equal(s.TrustedProxyIPHeader, []string{"X-Forwarded-For"}) || s.MaximumLoginAttempts != 10 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestVersionSeatsAndTeamsAreTold(t *testing.T) {
	s, c := simulate(t)
	if version, err := c.Version(t.Context()); version != "11.6.0" || err != nil {
		t.Errorf("version %q, %v", version, err)
	}
	if taken, most, err := c.Seats(t.Context()); taken != 3 || most != 250 || err != nil {
		t.Errorf("%d of %d, %v", taken, most, err)
	}
	if names, err := c.TeamNames(t.Context()); !slices.Equal(names, []string{simulator.DemoTeam}) || err != nil {
		t.Errorf("%v, %v", names, err)
	}
	team, err := c.TeamID(t.Context(), simulator.DemoTeam)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := c.TeamSize(t.Context(), team); size != 3 || err != nil {
		t.Errorf("%d, %v", size, err)
	}
	s.SetActive(simulator.DanaEmail, false)
	if size, err := c.TeamSize(t.Context(), team); size != 2 || err != nil {
		t.Errorf("without somebody who left: %d, %v", size, err)
	}
	if _, err := c.TeamSize(t.Context(), demoID); !errors.Is(err, provision.ErrUnknown) {
		t.Errorf("no team: %v", err)
	}
	if _, err := c.TeamSize(t.Context(), ".."); err == nil {
		t.Error("no id")
	}
}

func TestAllPagesOfTeamsAreRead(t *testing.T) {
	s, c := start(t)
	s.set("GET teams", func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		names := make([]string, 200-page) // 200, then 199
		for i := range names {
			names[i] = `{"name":"t` + strconv.Itoa(page*200+i) + `"}`
		}
		reply(200, "["+strings.Join(names, ",")+"]")(w, r)
	})
	if names, err := c.TeamNames(t.Context()); len(names) != 399 || names[398] != "t398" || err != nil {
		t.Errorf("%d names, %v", len(names), err)
	}
}

func TestAnswersThatSayNothingOfTheInstallationAreInvalid(t *testing.T) {
	const teamID = danaID
	asks := map[string]func(*mattermost.Client) error{
		"GET config/client":              func(c *mattermost.Client) error { _, err := c.Version(t.Context()); return err },
		"GET limits/server":              func(c *mattermost.Client) error { _, _, err := c.Seats(t.Context()); return err },
		"GET teams/" + teamID + "/stats": func(c *mattermost.Client) error { _, err := c.TeamSize(t.Context(), teamID); return err },
		"GET teams":                      func(c *mattermost.Client) error { _, err := c.TeamNames(t.Context()); return err },
		"GET config":                     func(c *mattermost.Client) error { _, err := mattermost.Config[part](t.Context(), c); return err },
		"PUT config/patch":               func(c *mattermost.Client) error { return c.ChangeConfig(t.Context(), nil) },
	}
	empty := map[string]string{"GET teams": "[null]", "GET config": "<html>", "PUT config/patch": "<html>"}
	for key, ask := range asks {
		t.Run(key, func(t *testing.T) {
			s, c := start(t)
			body := empty[key]
			if body == "" {
				body = "null"
			}
			s.set(key, reply(200, body))
			if err := ask(c); !errors.Is(err, upstream.ErrInvalid) {
				t.Errorf("%s: %v", body, err)
			}
			s.set(key, reply(503, ""))
			if err := ask(c); !errors.Is(err, upstream.ErrUnavailable) {
				t.Errorf("away: %v", err)
			}
		})
	}
}
