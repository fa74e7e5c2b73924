package simulator_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"matterpass/internal/simulator"
)

// TestPageInABrowser holds the page to what docs/webapp.md says of the real one, as far as a host can tell.
func TestPageInABrowser(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	page := newTab(t)
	orders := m.URL + "/erp/channels/orders"

	t.Run("three cookies are signed in, and posts come live", func(t *testing.T) {
		token, csrf := m.SignIn(simulator.DemoEmail)
		page.run(t, m.cookies("MMAUTHTOKEN", token, "MMUSERID", "x", "MMCSRF", csrf),
			chromedp.Navigate(orders), chromedp.WaitReady("html[data-live]"))
		m.Say(simulator.DanaEmail, "orders", "<i>live</i>")
		page.run(t, waitForText("#posts .post:last-child .message", "<i>live</i>"),
			chromedp.SendKeys("#composer textarea", "an answer\r"),
			waitForText("#posts .post:last-child .message", "an answer"),
			waitForText("#whoami .name", "Demo User"))
	})
	t.Run("a mention elsewhere is counted, and gone when read", func(t *testing.T) {
		m.Say(simulator.DanaEmail, "town-square", "@demo look")
		page.run(t, waitForText("[data-testid=channel-town-square] .badge", "1"),
			chromedp.Click("[data-testid=channel-town-square]"),
			chromedp.WaitNotPresent("[data-testid=channel-town-square] .badge"))
	})
	t.Run("an ended session leads to the form and back", func(t *testing.T) {
		m.RevokeSessions(simulator.DemoEmail)
		page.run(t, chromedp.Click("[data-testid=channel-orders]"), chromedp.WaitVisible("#login-form"))
		if got := page.location(t); !strings.HasSuffix(got, "/login?redirect_to=%2Ferp%2Fchannels%2Forders") {
			t.Errorf("the page went to %s", got)
		}
		page.run(t, chromedp.SendKeys("[name=login_id]", "demo"), chromedp.SendKeys("[name=password]", m.Password()+"\r"),
			chromedp.WaitVisible("#posts .post"))
		if got := page.location(t); got != orders {
			t.Errorf("after the login the page is %s", got)
		}
	})
	t.Run("a token without a readable MMUSERID is signed out for good", func(t *testing.T) {
		m.RevokeSessions(simulator.DemoEmail)
		token, _ := m.SignIn(simulator.DemoEmail)
		page.run(t, network.ClearBrowserCookies(), m.cookies("MMAUTHTOKEN", token),
			chromedp.Navigate(orders), chromedp.WaitVisible("#login-form"))
		if n := m.Sessions(simulator.DemoEmail); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
	t.Run("logging out ends the session", func(t *testing.T) {
		token, csrf := m.SignIn(simulator.DemoEmail)
		page.run(t, m.cookies("MMAUTHTOKEN", token, "MMUSERID", "x", "MMCSRF", csrf),
			chromedp.Navigate(orders), chromedp.Click("#sign-out"), chromedp.WaitVisible("#login-form"))
		if n := m.Sessions(simulator.DemoEmail); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

// cookies sets the pairs of name and value for the simulator's host; the token is HttpOnly.
func (m *mattermost) cookies(pairs ...string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for i := 0; i+1 < len(pairs); i += 2 {
			err := network.SetCookie(pairs[i], pairs[i+1]).WithURL(m.URL).WithHTTPOnly(pairs[i] == "MMAUTHTOKEN").Do(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func waitForText(selector, text string) chromedp.Action {
	return chromedp.PollFunction(`(selector, text) => document.querySelector(selector)?.textContent === text`, nil,
		chromedp.WithPollingArgs(selector, text), chromedp.WithPollingInterval(20*time.Millisecond))
}

type tab struct{ ctx context.Context }

// newTab starts a Chromium with our own flags: chromedp's default ones change what cookies do (docs/webapp.md C8).
func newTab(t *testing.T) tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("no Chromium found: in CI the browser tests must run")
	}
	if err != nil {
		t.Skip("no Chromium found: the page is NOT tested in a browser")
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // waits: the profile is about to be removed
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return tab{ctx}
}

func (p tab) run(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func (p tab) location(t *testing.T) (address string) {
	t.Helper()
	p.run(t, chromedp.Location(&address))
	return address
}
