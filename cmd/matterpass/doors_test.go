package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"matterpass/internal/browsertest"
	"matterpass/internal/oidctest"
	"matterpass/internal/simulator"
)

// doorstep is a browser in front of a demo that people may enter in every way
// there is.
type doorstep struct {
	seat
	at       site
	log      *lockedBuffer
	provider *oidctest.Provider
}

// These two stand below one domain, as an ERP and its chat mostly do; of those two
// nobody would think so.
var (
	related   = site{"erp.harbour.localhost:0", "chat.harbour.localhost:0", "auto"}
	unrelated = site{"erp.localhost:0", "chat.localhost:0", "always"}
)

// arrive starts a demo, and a tab that has not opened it yet.
func (at site) arrive(t, whole *testing.T, b *browsertest.Browser) doorstep {
	t.Helper()
	d := doorstep{at: at}
	d.seat = seat{b.NewTab(t), watched(t, whole, func(ctx context.Context, c console) (*demo, error) {
		d.log = c.err.(*lockedBuffer)
		var set stage
		var err error
		for where, addr := range map[*place]string{&set.erp: at.erp, &set.chat: at.chat, &set.simulator: "localhost:0"} {
			if *where, err = bind(ctx, addr); err != nil {
				return nil, err
			}
		}
		client := oidctest.Client{ID: "matterpass", Secret: "correct-horse-battery-staple-4711", RedirectURL: set.chat.url + "/auth/oidc/callback"}
		d.provider = oidctest.Start(whole, client)
		set.environ = []string{
			"COOKIE_SECURE=" + at.cookies, "DRAIN_DELAY=0s", "API_KEYS=erp:" + key32, "API_KEYS_ISSUER=jwt", "ASSERTION_COOKIE=" + navigationCookie,
			"JWT_SECRET=" + jwtSecret, "JWT_ISSUER=" + issuer, "PLUGIN_SECRET=" + pluginSecret,
			"OIDC_ISSUER=" + d.provider.URL, "OIDC_CLIENT_ID=" + client.ID, "OIDC_CLIENT_SECRET=" + client.Secret,
		}
		return set.open(ctx, c)
	})}
	d.mattermost.SetPlugin(pluginSecret)
	return d
}

const navigationCookie = "erp_chat"

// embed puts the element into an otherwise empty page of the ERP. credentials is
// JavaScript.
func embed(tab browsertest.Tab, at placeDetails, credentials string) {
	tab.Helper()
	tab.Open(at.ERP + "/erp/me")
	tab.Do(fmt.Sprintf(`import("%s/widget/v1/matterpass.js").then(() => {
		const chat = Object.assign(document.createElement("mattermost-chat"), { id: "chat", credentials: %s });
		chat.style.height = "40rem";
		window.told = [];
		for (const name of ["ready", "signin", "signout", "expired", "tokenneeded", "error"])
			chat.addEventListener(name, ({ detail }) => told.push(name + (detail?.code ?? "")));
		document.body.replaceChildren(chat);
	})`, at.Chat, credentials))
}

// frame puts a bare iframe there, of which no script says more than its address.
func (d doorstep) frame(address string) {
	d.Helper()
	d.Open(d.details.ERP + "/erp/me")
	d.Do(bareFrame(address))
}

// bareFrame is its making; the ERP's policy allows no styles in markup.
func bareFrame(address string) string {
	return fmt.Sprintf(`document.body.replaceChildren(Object.assign(document.createElement("iframe"), { src: %q }));
		Object.assign(document.querySelector("iframe").style, { width: "100%%", height: "40rem", border: 0 })`, address)
}

// vouched is an assertion about a person, for a sign-in.
func (d doorstep) vouched(email string) string {
	d.Helper()
	return assert(d.T, "matterpass+jwt", claims(email, email))
}

// vouches are JavaScript for a function that returns such assertions, one after the
// other.
func (d doorstep) vouches(emails ...string) string {
	d.Helper()
	var tokens []string
	for _, email := range emails {
		tokens = append(tokens, d.vouched(email))
	}
	list, _ := json.Marshal(tokens)
	return fmt.Sprintf(`((tokens) => () => ({ token: tokens.shift() }))(%s)`, list)
}

// launch answers where a ticket leads. Without an origin it is for a tab of its own.
func (d doorstep) launch(email, origin string) string {
	d.Helper()
	body, _ := json.Marshal(map[string]any{"subject": email, "email": email, "email_verified": true, "name": "Nora Weber", "origin": origin})
	return d.backend(http.MethodPost, "/api/mattermost/launch", string(body), "Authorization", "Bearer "+key32).field(d.T, "url").(string)
}

// backend asks the chat as no browser does.
func (d doorstep) backend(method, path, body string, header ...string) answer {
	d.Helper()
	public := strings.TrimPrefix(d.details.Chat, "http://")
	_, port, _ := strings.Cut(public, ":")
	return ask(d.T, method, "http://127.0.0.1:"+port+path, body, append(header, "Host", public)...)
}

// navigated sets what the ERP's back end would, for every host below their domain.
func (d doorstep) navigated(email string) string {
	d.Helper()
	assertion := assert(d.T, "matterpass-nav+jwt", claims(email, email))
	d.Run(network.SetCookie(navigationCookie, assertion).WithDomain(".harbour.localhost").WithPath("/").WithHTTPOnly(true))
	return assertion
}

// signedInAt fills in the form of the identity provider.
func (d doorstep) signedInAt(window browsertest.Tab) {
	d.Helper()
	window.Wait(`document.querySelector("#password")`)
	window.Click(`document.querySelector("#username")`)
	window.Type(oidctest.Username)
	window.Click(`document.querySelector("#password")`)
	window.Type(oidctest.Password + "\r")
}

// inChat is where every way ends: somebody's channel, in which posts come live and
// go, with three cookies in the one shape.
func (d doorstep) inChat(email string) {
	d.Helper()
	d.page().Wait(`document.documentElement.dataset.live === "true"`)
	if got := d.page().Text(`document.querySelector("#whoami").dataset.username`); d.mattermost.UserID(email) == "" || got != d.username(email) {
		d.Errorf("the chat is %q's, want %s's", got, email)
	}
	if got := d.page().Text("location.pathname"); got != "/erp/channels/town-square" {
		d.Errorf("the chat is at %s", got)
	}
	d.mattermost.Say(simulator.DanaEmail, "town-square", "Did 4711 go?")
	d.page().Wait(`document.querySelector(".post:last-child .message")?.textContent === "Did 4711 go?"`)
	d.page().Click(composer)
	d.Type("This morning.\r")
	d.page().Wait(`document.querySelector(".post:last-child .message")?.textContent === "This morning."`)
	d.hasOneShape()
}

func (d doorstep) username(email string) string {
	d.Helper()
	got := ask(d.T, http.MethodGet, d.details.Mattermost+"/api/v4/users/email/"+email, "", "Authorization", "Bearer "+d.details.AdminToken)
	return got.field(d.T, "username").(string)
}

// hasOneShape: partitioned by the page at the top where the cookies have to be
// Secure, and plain where they need not.
func (d doorstep) hasOneShape() {
	d.Helper()
	top, _, _ := strings.Cut(strings.TrimPrefix(d.Text("location.origin"), "http://"), ":")
	var found []string
	for _, c := range d.Cookies() {
		if !strings.HasPrefix(c.Name, "MM") {
			continue
		}
		found = append(found, c.Name)
		strict := d.at.cookies == "always"
		if c.Secure != strict || (c.SameSite == network.CookieSameSiteNone) != strict || (c.PartitionKey != nil) != strict ||
			c.HTTPOnly != (c.Name == mmToken) || c.Path != "/" || !c.Session || c.Domain != strings.Split(d.at.chat, ":")[0] {
			d.Errorf("%s has another shape: %+v", c.Name, c)
		}
		if strict && c.PartitionKey != nil && c.PartitionKey.TopLevelSite != "http://"+top {
			d.Errorf("%s is in the partition of %s, want %s", c.Name, c.PartitionKey.TopLevelSite, top)
		}
	}
	if slices.Sort(found); fmt.Sprint(found) != "[MMAUTHTOKEN MMCSRF MMUSERID]" {
		d.Errorf("the browser holds %v", found)
	}
}

// where is all that a document says of itself to others, and keeps.
const where = `JSON.stringify([location.href, document.referrer, performance.getEntries().map((it) => it.name),
	{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state])`

// keepsToItself looks for what must be nowhere but in the proof itself, and in the
// page that was given it for an iframe.
func (d doorstep) keepsToItself(secrets ...string) {
	d.Helper()
	places := map[string]string{
		"the shell": d.shell().Peek(where), "the chat": d.page().Text(where), "the log": d.log.String(),
	}
	if d.Text(`document.body.querySelector(":scope > iframe[src*='#']")`) == "null" {
		places["the page"] = d.Text(where)
	}
	for place, text := range places {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				d.Errorf("%s holds %s", place, secret)
			}
		}
	}
}
