package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"matterpass/internal/simulator"
)

const launchPath = "/api/mattermost/launch"

// launch asks for a ticket as the ERP's back end.
func (d *door) launch(body string) answer {
	d.t.Helper()
	return d.post(launchPath, body, "Authorization", "Bearer "+key32)
}

// ticket is a fresh one for a person.
func (d *door) ticket(subject, email string) string {
	d.t.Helper()
	got := d.launch(quoted(`{"subject":%s,"email":%s,"name":"Nora","origin":"https://erp.example.com"}`, subject, email))
	var made struct{ URL string }
	if err := json.Unmarshal([]byte(got.body), &made); err != nil || got.StatusCode != http.StatusCreated {
		d.t.Fatalf("launch: %d %s", got.StatusCode, got.body)
	}
	_, text, _ := strings.Cut(made.URL, "#")
	d.tells(text)
	return text
}

// redeem presents a ticket in a page of the ERP; more is put into the body.
func (d *door) redeem(ticket, more string, header ...string) answer {
	d.t.Helper()
	got := d.post(launchPath+"/redeem", quoted(`{"ticket":%s,"embedder":"https://erp.example.com"`, ticket)+more+"}",
		append([]string{"Sec-Fetch-Site", "same-origin"}, header...)...)
	d.seen("a ticket", got)
	return got
}

// TestWhateverLooksAtALaunchAddressSpendsNoTicket: link previews, mail scanners,
// prefetching browsers.
func TestWhateverLooksAtALaunchAddressSpendsNoTicket(t *testing.T) {
	d := doorOf(t)
	ticket := d.ticket("4711", "nora@erp.test")
	at := func(method, path string, header ...string) answer {
		return ask(t, method, "http://"+d.addr+path, "", append([]string{"X-Forwarded-Proto", "https"}, header...)...)
	}
	for name, c := range map[string]struct {
		got    answer
		status int
	}{
		"the page":              {at("GET", "/launch"), 200},
		"its head":              {at("HEAD", "/launch"), 200},
		"a preview":             {at("GET", "/launch", "User-Agent", "Slackbot-LinkExpanding 1.0"), 200},
		"a prefetch":            {at("GET", "/launch", "Sec-Purpose", "prefetch;prerender"), 200},
		"the ticket in a query": {at("GET", "/launch?ticket="+ticket), 200},
		"GET redeem":            {at("GET", launchPath+"/redeem?ticket="+ticket), 405},
		"HEAD redeem":           {at("HEAD", launchPath+"/redeem"), 405},
		"OPTIONS redeem":        {at("OPTIONS", launchPath+"/redeem"), 405},
		"PUT redeem":            {at("PUT", launchPath+"/redeem"), 405},
		"GET launch":            {at("GET", launchPath), 405},
	} {
		wants(t, name, c.got, c.status, "")
		d.seen(name, c.got)
		if name == "the page" && (c.got.Header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(c.got.body, ticket)) {
			t.Errorf("the page: %v", c.got.Header)
		}
	}
	wants(t, "afterwards", d.redeem(ticket, ""), http.StatusOK, "")
}

// TestATicketIsForOnePageAlone: other pages, other sites, other ways to send it.
// None of them spends it.
func TestATicketIsForOnePageAlone(t *testing.T) {
	d := doorOf(t)
	ticket := d.ticket("4711", "nora@erp.test")
	const path = launchPath + "/redeem"
	good := quoted(`{"ticket":%s,"embedder":"https://erp.example.com"}`, ticket)
	in := func(embedder string) string { return quoted(`{"ticket":%s,"embedder":%s}`, ticket, embedder) }
	own := []string{"Sec-Fetch-Site", "same-origin"}
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
	}{
		"from the ERP's page":        {good, []string{"Origin", "https://erp.example.com", "Sec-Fetch-Site", "cross-site"}, 403},
		"from a sibling":             {good, []string{"Origin", "https://wiki.example.com", "Sec-Fetch-Site", "same-site"}, 403},
		"from nowhere":               {good, nil, 403},
		"typed in":                   {good, []string{"Sec-Fetch-Site", "none"}, 403},
		"from null":                  {good, []string{"Origin", "null"}, 403},
		"from another scheme":        {good, []string{"Origin", "http://chat.example.com"}, 403},
		"chat's Origin, cross-site":  {good, []string{"Origin", "https://chat.example.com", "Sec-Fetch-Site", "cross-site"}, 403},
		"in another page":            {in("https://evil.test"), own, 403},
		"in a page like it":          {in("https://erp.example.com.evil.test"), own, 403},
		"in capitals":                {in("HTTPS://ERP.EXAMPLE.COM"), own, 403},
		"with a slash":               {in("https://erp.example.com/"), own, 403},
		"with a port":                {in("https://erp.example.com:443"), own, 403},
		"in a page without origin":   {in("null"), own, 403},
		"in a list of pages":         {quoted(`{"ticket":%s,"embedder":["https://erp.example.com"]}`, ticket), own, 400},
		"with another's name":        {quoted(`{"ticket":%s,"embedder":"https://erp.example.com","subject":"1"}`, ticket), own, 400},
		"twice in a body":            {`{"ticket":"x",` + good[1:], own, 400},
		"as a form":                  {"ticket=" + ticket, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, own...), 415},
		"compressed":                 {good, append([]string{"Content-Encoding", "gzip"}, own...), 415},
		"in a tab, not confirmed":    {in(""), own, 409},
		"in a tab, confirmed by GET": {in(""), append([]string{"X-HTTP-Method-Override", "GET"}, own...), 409},
	} {
		got := d.post(path, c.body, c.header...)
		wants(t, name, got, c.status, "")
		d.seen(name, got)
		if strings.Contains(got.body, ticket) || strings.Contains(got.body, "nora@erp.test") {
			t.Errorf("%s tells: %s", name, got.body)
		}
	}
	wants(t, "in its page", d.redeem(ticket, ""), http.StatusOK, "")
	wants(t, "again", d.redeem(ticket, ""), http.StatusGone, "ticket_spent")
}

// TestGuessedTicketsLookAlikeAndCost: unknown, malformed, changed and spent ones
// are one answer, are limited by address, and are each one decision.
func TestGuessedTicketsLookAlikeAndCost(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_CLIENT", "12/1h")
	ticket := d.ticket("4711", "nora@erp.test") // takes one of the twelve
	wants(t, "the ticket", d.redeem(ticket, ""), http.StatusOK, "")
	flipped := ticket[:len(ticket)-2] + "AA"
	guesses := []string{ticket, flipped, "", "mt1_", strings.ToUpper(ticket), ticket + "=", " " + ticket, "mt2_" + ticket[4:], ticket[:20], strings.Repeat("a", 4096)}
	prints := map[string]bool{}
	for _, guess := range guesses {
		got := d.redeem(guess, "")
		wants(t, fmt.Sprintf("%.20q", guess), got, http.StatusGone, "ticket_spent")
		prints[fingerprint(got)] = true
	}
	if len(prints) != 1 {
		t.Errorf("they look different: %v", prints)
	}
	d.redeem("mt1_x", "")
	wants(t, "one too many", d.redeem("mt1_y", ""), http.StatusTooManyRequests, "rate_limited")
	if n, want := d.decisions("ticket", len(guesses)+3), len(guesses)+3; n != want {
		t.Errorf("%d decisions in the log, want %d", n, want)
	}
}

// TestRubbishAtTheTicketDoorIsLimitedToo: it costs less than a guess and is not
// for nothing.
func TestRubbishAtTheTicketDoorIsLimitedToo(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_CLIENT", "3/1h")
	var last answer
	for range 4 {
		last = d.post(launchPath+"/redeem", `{"ticket":1}`, "Sec-Fetch-Site", "same-origin")
	}
	wants(t, "the fourth", last, http.StatusTooManyRequests, "rate_limited")
}

func TestOneTicketIsOneSessionUnderARace(t *testing.T) {
	for name, env := range map[string][]string{
		"by the plugin":        {"SESSION_MINT", "plugin"},
		"by managed passwords": {"SESSION_MINT", "managed", "PLUGIN_SECRET", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := doorOf(t, append([]string{"RATE_LIMIT_IDENTITY", "1000/1s", "MM_LOGIN_QUEUE", "200"}, env...)...)
			ticket := d.ticket("4711", "nora@erp.test")
			var in, spent atomic.Int64
			inParallel(100, 50, func(int) {
				switch got := d.redeem(ticket, ""); {
				case got.StatusCode == http.StatusOK:
					in.Add(1)
				case got.StatusCode == http.StatusGone && strings.Contains(got.body, `"spent":true`):
					spent.Add(1)
				default:
					t.Errorf("%d %s", got.StatusCode, got.body)
				}
			})
			if in.Load() != 1 || spent.Load() != 99 || d.mm.Sessions("nora@erp.test") != 1 {
				t.Errorf("%d in, %d spent, %d sessions", in.Load(), spent.Load(), d.mm.Sessions("nora@erp.test"))
			}
			d.again()
			wants(t, "after a restart", d.redeem(ticket, ""), http.StatusGone, "ticket_spent")
		})
	}
}

// TestATicketAsksBeforeItReplacesSomebody: a page of the ERP's cannot sign a person
// out of their own chat and into another's without their knowledge.
func TestATicketAsksBeforeItReplacesSomebody(t *testing.T) {
	d := doorOf(t)
	demo := d.post("/api/mattermost/login", rightPassword)
	cookies := demo.cookies()
	ticket := d.ticket("4711", "nora@erp.test")
	got := d.redeem(ticket, "", "Cookie", cookies)
	wants(t, "unasked", got, http.StatusConflict, "confirmation_required")
	if !strings.Contains(got.body, `"name":"Nora"`) || strings.Contains(got.body, "nora@") || d.me(cookies) != http.StatusOK {
		t.Errorf("%s", got.body)
	}
	for _, confirmed := range []string{`,"confirmed":"true"`, `,"confirmed":1`} {
		wants(t, confirmed, d.redeem(ticket, confirmed, "Cookie", cookies), http.StatusBadRequest, "invalid_request")
	}
	in := d.redeem(ticket, `,"confirmed":true`, "Cookie", cookies)
	wants(t, "confirmed", in, http.StatusOK, "")
	if d.me(cookies) != http.StatusUnauthorized || d.mm.Sessions(simulator.DemoEmail) != 0 {
		t.Error("the former person's session goes on")
	}
	same := d.ticket("4711", "nora@erp.test")
	wants(t, "the same person again", d.redeem(same, "", "Cookie", in.cookies()), http.StatusOK, "")
}

// TestATicketReplacesNobodyWhoCannotBeAskedAbout: who is signed in is not known, so
// nobody can say that it is nobody else.
func TestATicketReplacesNobodyWhoCannotBeAskedAbout(t *testing.T) {
	d, mattermost := doorBetween(t, "SESSION_MINT", "plugin")
	wants(t, "nora", d.enter(claims("x", "nora@corp.com")), http.StatusOK, "")
	ticket := d.ticket("4712", "otto@corp.com")
	demo := d.post("/api/mattermost/login", rightPassword)
	mattermost.set(func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/users/me") && down(w, r)
	})
	got := d.redeem(ticket, "", "Cookie", demo.cookies())
	wants(t, "unasked", got, http.StatusServiceUnavailable, "upstream_unavailable")
	if strings.Contains(got.body, `"spent":true`) {
		t.Errorf("it is spent: %s", got.body)
	}
	mattermost.set(nil)
	wants(t, "afterwards", d.redeem(ticket, "", "Cookie", demo.cookies()), http.StatusConflict, "confirmation_required")
}

// TestATicketLeadsNowhereElse: no target leaves the chat host or leads to a page
// of ours.
func TestATicketLeadsNowhereElse(t *testing.T) {
	d := doorOf(t)
	for _, target := range []string{
		"//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "/%5cevil.test", "/%2fevil.test", "/%2Fevil.test", "/erp//evil.test",
		"https://evil.test", "https:evil.test", "javascript:alert(1)", "data:text/html,x", "/\tevil", "/\r\nLocation: https://evil.test", "/%0d%0aX: y", "/%00",
		"evil.test", "@evil.test", "/@evil.test:x@y/..", "/erp/../launch", "/erp/%2e%2e/launch", "/./launch", "/erp/..%2flaunch", "/%252e%252e/launch",
		"/launch", "/LAUNCH", "/launch/x", "/embed", "/embed?target=/x", "/api/mattermost/logout", "/embed-doctor", "/%6caunch", "/widget/v1/matterpass.js", "/healthz", "/auth/oidc/start",
		"/erp#x", "/erp/channels/x?a=%", "/erp/\u202eevil", "/" + strings.Repeat("a", 600), " /erp", "/erp /x", "?x", "/erp?a\nb",
	} {
		got := d.launch(quoted(`{"subject":"4711","email":"nora@erp.test","origin":"https://erp.example.com","target":%s}`, target))
		if got.StatusCode != http.StatusBadRequest || strings.Contains(got.body, "evil") {
			t.Errorf("%q: %d %s", target, got.StatusCode, got.body)
		}
	}
	for _, target := range []string{"/erp/channels/town-square", "/erp/pl/4ma4nqcabjdgfbcqs1fsq3ew3e", "/erp/messages/@dana", "/_redirect/pl/x", "/erp/channels/x?search=a%20b", "/erp/"} {
		got := d.launch(quoted(`{"subject":"4711","email":"nora@erp.test","origin":"https://erp.example.com","target":%s}`, target))
		wants(t, target, got, http.StatusCreated, "")
	}
}

// TestNobodyButTheBackEndMakesTickets, and not for anybody it likes.
func TestNobodyButTheBackEndMakesTickets(t *testing.T) {
	d := doorOf(t, "API_KEYS", "erp:"+key32+",ops:"+key32+"-ops:admin,prov:"+key32+"-prov:provision")
	good := `{"subject":"4711","email":"nora@erp.test","origin":"https://erp.example.com"}`
	for name, c := range map[string]struct {
		got    answer
		status int
	}{
		"nobody":              {d.post(launchPath, good), 401},
		"another key":         {d.post(launchPath, good, "Authorization", "Bearer "+key32+"x"), 401},
		"the start of it":     {d.post(launchPath, good, "Authorization", "Bearer "+key32[:31]), 401},
		"its id":              {d.post(launchPath, good, "Authorization", "Bearer erp:"+key32), 401},
		"an empty key":        {d.post(launchPath, good, "Authorization", "Bearer "), 401},
		"a provisioner":       {d.post(launchPath, good, "Authorization", "Bearer "+key32+"-prov"), 403},
		"the operator":        {d.post(launchPath, good, "Authorization", "Bearer "+key32+"-ops"), 403},
		"for another issuer":  {d.launch(`{"issuer":"` + issuer + `",` + good[1:]), 400},
		"for no page allowed": {d.launch(strings.Replace(good, "erp.example.com", "evil.test", 1)), 400},
		"for two addresses":   {d.launch(strings.Replace(good, "nora@erp.test", "nora@erp.test,eve@evil.test", 1)), 400},
		"as JSON of another":  {d.launch(strings.Replace(good, `"email"`, `"Email"`, 1)), 400},
		"with a long name":    {d.launch(`{"name":"` + strings.Repeat("n", 129) + `",` + good[1:]), 400},
		"with a page in it":   {d.launch(`{"name":"<b>\u0000",` + good[1:]), 400},
	} {
		wants(t, name, c.got, c.status, "")
		if c.got.Header.Get("Access-Control-Allow-Origin") != "" || strings.Contains(c.got.body, "#mt1_") {
			t.Errorf("%s: %v %s", name, c.got.Header, c.got.body)
		}
	}
}

// TestATicketIsOverWithItsMinute, whatever stands in the page that has it.
func TestATicketIsOverWithItsMinute(t *testing.T) {
	d := doorOf(t)
	ticket := d.ticket("4711", "nora@corp.com")
	d.rewrite("UPDATE tickets SET expires = expires - ?", 61_000)
	for _, more := range []string{"", `,"confirmed":true`} {
		wants(t, "a minute later", d.redeem(ticket, more), http.StatusGone, "ticket_spent")
	}
	d.rewrite("UPDATE tickets SET expires = expires + ?, digest_mac = zeroblob(32)", 61_000)
	wants(t, "with another's text", d.redeem(ticket, ""), http.StatusGone, "ticket_spent")
	if d.mm.UserID("nora@corp.com") != "" {
		t.Error("an account was made")
	}
}
