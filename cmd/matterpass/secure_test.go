package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/network"

	"matterpass/internal/browsertest"
	"matterpass/internal/server"
	"matterpass/internal/simulator"
)

// secureSite is an ERP and a chat under names of their own, both over TLS, with
// Matterpass configured for production.
type secureSite struct {
	erp, chat   string // host names
	certificate browsertest.Certificate
	environ     []string // beyond that of production
}

// TestEmbeddedOverTLS keeps the shell's promises where chat is in earnest: real
// names, a real handshake, every attitude of a browser towards cookies of a
// third party.
func TestEmbeddedOverTLS(t *testing.T) {
	whole, certificate := t, browsertest.NewCertificate(t, "erp.test", "chat.erp.test", "other.test")
	browsers := map[string]*browsertest.Browser{
		"cookies blocked": browsertest.Start(t, browsertest.Options{Certificate: certificate}),
		"cookies allowed": browsertest.Start(t, browsertest.Options{Certificate: certificate, AllowThirdPartyCookies: true}),
		"incognito":       browsertest.Start(t, browsertest.Options{Certificate: certificate, Incognito: true}),
	}
	sites := map[string]secureSite{
		"one site":  {erp: "erp.test", chat: "chat.erp.test", certificate: certificate},
		"two sites": {erp: "other.test", chat: "chat.erp.test", certificate: certificate},
	}
	unpartitioned := sites["two sites"]
	unpartitioned.environ = []string{"COOKIE_PARTITIONED=never"}
	for name, promise := range map[string]func(seat){
		"where cookies are blocked, one click lets them in":          letsCookiesIn,
		"where that is refused, a tab and a reason, and no question": takesNo,
	} {
		t.Run(name, func(t *testing.T) { promise(unpartitioned.sit(t, whole, browsers["cookies blocked"])) })
	}
	promises := map[string]func(seat){
		"posts travel live, both ways":                     postsTravel,
		"unread counts reach the host":                     countsUnread,
		"a switch of users leaves no text of the former":   forgetsEverything,
		"an ended session is renewed where the person was": renewsSession,
		"signing out leaves no cookie and no session":      leavesNothing,
	}
	for where, at := range sites {
		for kind, chromium := range browsers {
			for name, promise := range promises {
				t.Run(where+", "+kind+": "+name, func(t *testing.T) { promise(at.sit(t, whole, chromium)) })
			}
		}
	}
	for name, promise := range map[string]func(seat){ // of the server and the element, whatever the browser
		"the three cookies have one shape, and no twins":     keepsOneShape,
		"a sandboxed frame works and leads nobody elsewhere": staysInItsBox,
	} {
		t.Run(name, func(t *testing.T) { promise(sites["two sites"].sit(t, whole, browsers["cookies blocked"])) })
	}
}

// sit starts a demo in production's dress, and a tab that has not opened it yet.
func (at secureSite) sit(t, whole *testing.T, b *browsertest.Browser) seat {
	t.Helper()
	tab := b.NewTab(t)
	return seat{tab, watched(t, whole, func(ctx context.Context, c console) (*demo, error) {
		certificate, err := server.Certificate(at.certificate.CertFile, at.certificate.KeyFile, func(err error) { t.Error(err) })
		if err != nil {
			return nil, err
		}
		set := stage{erp: at.place(t, at.erp), chat: at.place(t, at.chat), certificate: certificate}
		if set.simulator, err = bind(ctx, "localhost:0"); err != nil {
			return nil, err
		}
		set.environ = append([]string{
			"APP_ENV=production", "SECRET_KEYS=" + secret32, "DRAIN_DELAY=0s",
			"DATABASE_URL=sqlite://" + filepath.Join(whole.TempDir(), "matterpass.db"),
			"TLS_CERT_FILE=" + at.certificate.CertFile, "TLS_KEY_FILE=" + at.certificate.KeyFile,
		}, at.environ...)
		return set.open(ctx, c)
	})}
}

// place is a listener of this machine under a name that only the browser knows.
func (secureSite) place(t *testing.T, name string) place {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return place{listener, "https://" + net.JoinHostPort(name, port)}
}

func postsTravel(s seat) {
	s.enter()
	s.mattermost.Say(simulator.DanaEmail, "town-square", "Did 4711 go?")
	s.page().Wait(`document.querySelector(".post:last-child .message").textContent === "Did 4711 go?"`)
	s.page().Click(composer)
	s.Type("This morning, <b>all</b> of it.\r")
	s.page().Wait(`document.querySelector(".post:last-child .message").textContent === "This morning, <b>all</b> of it."`)
	token, _ := s.mattermost.SignIn(simulator.DanaEmail)
	call := func(path string) answer {
		return ask(s.T, http.MethodGet, s.details.Mattermost+"/api/v4"+path, "", "Authorization", "Bearer "+token)
	}
	square := call("/teams/name/erp/channels/name/town-square").field(s.T, "id").(string)
	if posts := call("/channels/" + square + "/posts"); !strings.Contains(posts.body, `This morning, \u003cb\u003eall`) {
		s.Errorf("Mattermost has not heard: %s", posts.body)
	}
}

const composer = `document.querySelector("#composer textarea")`

// forgetsEverything: what the former person typed, and what only an answer with
// Clear-Site-Data can take away.
func forgetsEverything(s seat) {
	s.enter()
	s.page().Click(composer)
	s.Type("unsent, not for Dana")
	if got := s.page().Text(composer + ".value"); got != "unsent, not for Dana" {
		s.Fatalf("nothing is typed before the switch: %q", got)
	}
	s.page().Text(`caches.open("drafts").then((it) => it.put("/draft", new Response("not for Dana")))`)
	s.page().Text(leaveDraft)
	s.switchTo("Dana", "dana")
	if got := s.page().Text(composer + `.value + "|" + document.body.innerText.includes("not for Dana")`); got != "|false" {
		s.Errorf("Dana reads %s", got)
	}
	if got := s.page().Text(drafts); got != "|null" {
		s.Errorf("Dana's browser still holds %s", got)
	}
	if got := s.page().Text(`caches.keys()`); got != "" {
		s.Errorf("the answer did not clear: %s is left", got)
	}
	if n := s.mattermost.Sessions(simulator.DemoEmail); n != 0 {
		s.Errorf("%d sessions of the former user are left", n)
	}
}

// letsCookiesIn: unpartitioned cookies, which this browser keeps from a frame of
// another site until the person says otherwise. It asks nobody who never was at
// the chat's own address. Chat is signed in, then, but this browser keeps the
// cookies from its WebSocket (docs/webapp.md C13); that is noticed and said.
func letsCookiesIn(s seat) {
	s.Open(s.details.Chat + "/embed")
	s.Wait(`document.documentElement.dataset.state === "signed-out"`)
	s.Click("document.body")
	s.Permit("storage-access", browser.PermissionSettingGranted)
	s.Open(s.details.ERP)
	s.state("error")
	if got := s.card(); !strings.Contains(got, "blocks chat's cookies") || !strings.Contains(got, "Allow chat here") {
		s.Fatalf("the card says %q", got)
	}
	s.shell().Click(`document.querySelector("button")`)
	s.state("ready")
	s.page().Wait(`document.querySelector("#whoami").dataset.username === "demo"`)
	s.Do(theChat + `.open("orders")`)
	s.page().Wait(`location.pathname === "/erp/channels/orders" && document.querySelector(".post .message")`)
	s.page().Click(composer)
	s.Type("written with access\r")
	s.page().Wait(`document.querySelector(".post:last-child .message").textContent === "written with access"`)
	s.Open(s.details.ERP) // remembered: no click, and no sign-in
	s.state("ready")
	if got := s.mattermost.Mints(); got != 2 {
		s.Errorf("%d sign-ins, want the blocked one and that with access", got)
	}
	s.state("error")
	if got := s.card(); !strings.Contains(got, "keeps new posts from reaching chat here") || !strings.Contains(got, "Open chat in a new tab") {
		s.Errorf("the card says %q", got)
	}
	s.Screenshot("not-live")
	s.Open(s.details.ERP) // remembered, too
	s.state("error")
	if got := s.shell().Text(`document.querySelector("iframe")`); got != "null" {
		s.Error("what cannot be is tried again")
	}
	if got := s.mattermost.Mints(); got != 2 {
		s.Errorf("%d sign-ins", got)
	}
}

// takesNo: a person who does not let cookies in gets a tab of its own, and is
// asked no second time.
func takesNo(s seat) {
	s.Permit("storage-access", browser.PermissionSettingDenied)
	s.Open(s.details.ERP)
	s.state("error")
	s.shell().Click(`document.querySelector("button")`)
	s.shell().Wait(`document.querySelector("button")?.innerText.startsWith("Try again")`)
	if got := s.card(); !strings.Contains(got, "Your browser blocks chat's cookies here.") {
		s.Errorf("the card does not say why: %q", got)
	}
	want := s.details.Chat + "/erp/channels/town-square _blank"
	if got := s.shell().Text(`(({ href, target }) => href + " " + target)(document.querySelector("a"))`); got != want {
		s.Errorf("the way out is %s, want %s", got, want)
	}
	s.Screenshot("access-refused")
	for range 2 {
		s.Open(s.details.ERP)
		s.state("error")
		if got := s.card(); strings.Contains(got, "Allow chat here") || !strings.Contains(got, "Open chat in a new tab") {
			s.Errorf("the person is asked again: %q", got)
		}
	}
	if got := s.mattermost.Mints(); got != 1 {
		s.Errorf("%d sign-ins, want the first one only", got)
	}
}

// keepsOneShape also after Mattermost has set them anew.
func keepsOneShape(s seat) {
	s.enter()
	s.page().Click(composer)
	s.Type("a post, which extends the session\r")
	s.page().Wait(`document.querySelector(".post:last-child .message").textContent === "a post, which extends the session"`)
	found := map[string]int{}
	for _, c := range s.Cookies() {
		if !strings.HasPrefix(c.Name, "MM") {
			continue
		}
		found[c.Name]++
		if c.SameSite != network.CookieSameSiteNone || !c.Secure || c.PartitionKey == nil || c.HTTPOnly != (c.Name == mmToken) || c.Path != "/" || !c.Session {
			s.Errorf("%s has another shape: %+v", c.Name, c)
		}
	}
	if fmt.Sprint(found) != "map[MMAUTHTOKEN:1 MMCSRF:1 MMUSERID:1]" {
		s.Errorf("the browser holds %v", found)
	}
}

// staysInItsBox: with the element's sandbox chat works, and a link in it that
// would replace the whole page does not.
func staysInItsBox(s seat) {
	s.enter()
	s.Do(theChat + `.sandbox = true; ` + theChat + `.reload()`)
	s.Wait(theChat + `.shadowRoot.querySelector("iframe")?.sandbox.length > 5`)
	s.signedIn("demo")
	s.page().Text(`document.querySelector("header").append(Object.assign(document.createElement("a"), { id: "away", href: "/robots.txt", target: "_top", textContent: "away" }))`)
	s.page().Click(`document.querySelector("#away")`)
	s.page().Click(composer)
	s.Type("still here\r")
	s.page().Wait(`document.querySelector(".post:last-child .message").textContent === "still here"`)
	if got := s.Text("location.origin"); got != s.details.ERP {
		s.Errorf("the page is at %s", got)
	}
}
