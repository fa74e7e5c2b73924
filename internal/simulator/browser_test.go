package simulator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"matterpass/internal/browsertest"
	"matterpass/internal/simulator"
)

// TestPageInABrowser holds the page to what docs/webapp.md says of the real one, as far as a host can tell.
func TestPageInABrowser(t *testing.T) {
	m := start(t, simulator.Options{Demo: true})
	tab := browsertest.Start(t, browsertest.Options{}).NewTab(t)
	orders := m.URL + "/erp/channels/orders"

	t.Run("three cookies are signed in, and posts come live", func(t *testing.T) {
		page := tab.For(t)
		token, csrf := m.SignIn(simulator.DemoEmail)
		page.Run(m.cookies("MMAUTHTOKEN", token, "MMUSERID", "x", "MMCSRF", csrf), chromedp.Navigate(orders), chromedp.WaitReady("html[data-live]"))
		m.Say(simulator.DanaEmail, "orders", "<i>live</i>")
		page.Wait(shows("#posts .post:last-child .message", "<i>live</i>"))
		page.Run(chromedp.SendKeys("#composer textarea", "an answer\r"))
		page.Wait(shows("#posts .post:last-child .message", "an answer"))
		page.Wait(shows("#whoami .name", "Demo User"))
	})
	t.Run("a mention elsewhere is counted, and gone when read", func(t *testing.T) {
		page := tab.For(t)
		m.Say(simulator.DanaEmail, "town-square", "@demo look")
		page.Wait(shows("[data-testid=channel-town-square] .badge", "1"))
		page.Run(chromedp.Click("[data-testid=channel-town-square]"),
			chromedp.WaitNotPresent("[data-testid=channel-town-square] .badge"))
	})
	t.Run("an ended session leads to the form and back", func(t *testing.T) {
		page := tab.For(t)
		m.RevokeSessions(simulator.DemoEmail)
		page.Run(chromedp.Click("[data-testid=channel-orders]"), chromedp.WaitVisible("#login-form"))
		if got := page.Text("location"); !strings.HasSuffix(got, "/login?redirect_to=%2Ferp%2Fchannels%2Forders") {
			t.Errorf("the page went to %s", got)
		}
		page.Run(chromedp.SendKeys("[name=login_id]", "demo"), chromedp.SendKeys("[name=password]", m.Password()+"\r"),
			chromedp.WaitVisible("#posts .post"))
		if got := page.Text("location"); got != orders {
			t.Errorf("after the login the page is %s", got)
		}
	})
	t.Run("a token without a readable MMUSERID is signed out for good", func(t *testing.T) {
		page := tab.For(t)
		m.RevokeSessions(simulator.DemoEmail)
		token, _ := m.SignIn(simulator.DemoEmail)
		page.Run(network.ClearBrowserCookies(), m.cookies("MMAUTHTOKEN", token),
			chromedp.Navigate(orders), chromedp.WaitVisible("#login-form"))
		if n := m.Sessions(simulator.DemoEmail); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
	t.Run("logging out ends the session", func(t *testing.T) {
		page := tab.For(t)
		token, csrf := m.SignIn(simulator.DemoEmail)
		page.Run(m.cookies("MMAUTHTOKEN", token, "MMUSERID", "x", "MMCSRF", csrf),
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

func shows(selector, text string) string {
	return fmt.Sprintf("document.querySelector(%q)?.textContent === %q", selector, text)
}
