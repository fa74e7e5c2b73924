package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"matterpass/internal/simulator"
)

// door is a Matterpass that lets people in without a password, and what an
// adversary knows of it. When the test is over, what hostile.md demands after every
// case is checked: no secret in log and metrics, every line one JSON object.
type door struct {
	*served
	t  *testing.T
	mm *simulator.Server

	mu      sync.Mutex
	secrets []string
}

// doorOf starts one; pairs add to its environment.
func doorOf(t *testing.T, pairs ...string) *door {
	t.Helper()
	change := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		change[pairs[i]] = pairs[i+1]
	}
	s, mm := waysIn(t, change)
	d := &door{served: s, t: t, mm: mm, secrets: []string{jwtSecret, mintSecret, pluginSecret, key32, mm.AdminToken(), "demo-password"}}
	t.Cleanup(d.keepsItsSecrets)
	return d
}

// tells remembers what must not be found in the log or the metrics.
func (d *door) tells(secrets ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.secrets = append(d.secrets, secrets...)
}

func (d *door) keepsItsSecrets() {
	if len(d.exit) > 0 {
		return // it was looked at before the restart
	}
	metrics := d.metrics()
	d.mu.Lock()
	defer d.mu.Unlock()
	log := d.log.String()
	for _, secret := range d.secrets {
		if secret != "" && (strings.Contains(log, secret) || strings.Contains(metrics, secret)) {
			d.t.Errorf("%.12s… is in the log or the metrics", secret)
		}
	}
	if strings.Contains(metrics, "@") {
		d.t.Error("an address is a label of a metric")
	}
	for line := range strings.Lines(log) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\r\u2028") {
			d.t.Errorf("no line of JSON: %.200q", line)
		}
	}
}

// metrics can be asked for when the test's own context is over.
func (d *door) metrics() string {
	res, err := http.Get("http://" + d.admin + "/metrics")
	if err != nil {
		d.t.Error(err)
		return ""
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return string(text)
}

// operator asks the admin listener with the operator's key.
func (d *door) operator(method, path, body string) answer {
	d.t.Helper()
	return ask(d.t, method, "http://"+d.admin+path, body, "Authorization", "Bearer "+key32+"-ops")
}

// post is a browser's request from the ERP's page, over HTTPS.
func (d *door) post(path, body string, header ...string) answer {
	d.t.Helper()
	return ask(d.t, "POST", "http://"+d.addr+path, body, append([]string{"X-Forwarded-Proto", "https"}, header...)...)
}

// as is the claims of a sound assertion with some replaced; nil removes one.
func as(subject, email string, pairs ...any) map[string]any {
	c := claims(subject, email)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(c, pairs[i].(string))
			continue
		}
		c[pairs[i].(string)] = pairs[i+1]
	}
	return c
}

// assertion makes one of the ERP's, and has it looked for afterwards.
func (d *door) assertion(typ string, claims map[string]any) string {
	d.t.Helper()
	text := assert(d.t, typ, claims)
	d.tells(text)
	return text
}

// enter signs in with a fresh assertion.
func (d *door) enter(claims map[string]any, header ...string) answer {
	d.t.Helper()
	got := d.withAssertion(d.t, d.assertion("JWT", claims), header...)
	d.seen("an assertion", got)
	return got
}

// seen checks O1 of an answer: three live cookies of Mattermost's shape with a
// success, and none without.
func (d *door) seen(what string, got answer) {
	d.t.Helper()
	if got.StatusCode != http.StatusOK {
		holdsNoSession(d.t, what, got.Header)
		return
	}
	for _, c := range got.Cookies() {
		if strings.HasPrefix(c.Name, "MM") && !sessionValue.MatchString(c.Value) {
			d.t.Errorf("%s: %s is no value of Mattermost's", what, c.Name)
		}
		if c.Name == "MMAUTHTOKEN" || strings.HasSuffix(c.Name, "mp_device") {
			d.tells(c.Value)
		}
	}
}

var sessionValue = regexp.MustCompile(`^[a-z0-9]{26}$`)

// wants reports an answer of another status or code.
func wants(t *testing.T, what string, got answer, status int, code string) {
	t.Helper()
	if got.StatusCode != status || code != "" && !strings.Contains(got.body, `"code":"`+code+`"`) {
		t.Errorf("%s: %d %s, want %d %s", what, got.StatusCode, got.body, status, code)
	}
}

// userID is whose session an answer opens.
func (a answer) userID() string {
	var who struct{ User struct{ ID string } }
	_ = json.Unmarshal([]byte(a.body), &who)
	return who.User.ID
}

// cookies is what a browser sends after an answer.
func (a answer) cookies() string {
	var all []string
	for _, c := range a.Cookies() {
		if c.MaxAge >= 0 && c.Value != "" {
			all = append(all, c.Name+"="+c.Value)
		}
	}
	return strings.Join(all, "; ")
}

// me asks Mattermost, through the gateway, whose cookies these are.
func (d *door) me(cookies string) int {
	d.t.Helper()
	return ask(d.t, "GET", "http://"+d.addr+"/api/v4/users/me", "", "X-Forwarded-Proto", "https", "Cookie", cookies).StatusCode
}

// navigate asks for a page with the ERP's cookie, as a frame does.
func (d *door) navigate(assertion, cookies string) answer {
	d.t.Helper()
	got := ask(d.t, "GET", "http://"+d.addr+"/erp/channels/town-square", "", "X-Forwarded-Proto", "https",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Cookie", strings.Trim("erp_chat="+assertion+"; "+cookies, "; "))
	return got
}

// opens reports that an answer carries a new session.
func (a answer) opens() bool {
	for _, c := range a.Cookies() {
		if c.Name == "MMAUTHTOKEN" && c.MaxAge >= 0 && c.Value != "" {
			return true
		}
	}
	return false
}

// again restarts Matterpass on the same database in front of the same Mattermost.
func (d *door) again() {
	d.t.Helper()
	d.keepsItsSecrets()
	d.stop()
	d.wait(d.t)
	env := map[string]string{}
	for name, value := range d.whole {
		env[name] = value
	}
	d.served = serve(d.t, env)
	d.t.Cleanup(d.keepsItsSecrets)
}

// decisions counts the sign-ins that the log tells of. The log is written beside
// the requests.
func (d *door) decisions(way string, atLeast int) int {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		n := 0
		for line := range strings.Lines(d.log.String()) {
			if strings.Contains(line, `"message":"sign-in"`) && strings.Contains(line, `"way":"`+way+`"`) {
				n++
			}
		}
		if n >= atLeast || time.Now().After(deadline) {
			return n
		}
	}
}

// eventually waits for what happens beside the requests.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not yet: %s", what)
		}
	}
}

// between stands between Matterpass and Mattermost, and answers in its place where
// away says so.
type between struct {
	mu   sync.Mutex
	away func(w http.ResponseWriter, r *http.Request) bool
}

func (b *between) set(away func(http.ResponseWriter, *http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

func down(w http.ResponseWriter, _ *http.Request) bool {
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, "no")
	return true
}

// doorBetween is a door whose Mattermost can be taken away.
func doorBetween(t *testing.T, pairs ...string) (*door, *between) {
	t.Helper()
	b := &between{}
	mm := simulator.New(simulator.Options{SiteURL: "https://mattermost.test", Demo: true, Plugin: pluginSecret})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		away := b.away
		b.mu.Unlock()
		if away == nil || !away(w, r) {
			mm.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { front.Close(); mm.Close() })
	d := doorOf(t, append([]string{"MM_BASE_URL", front.URL, "MM_ADMIN_TOKEN", mm.AdminToken()}, pairs...)...)
	d.mm = mm
	return d, b
}

func quoted(format string, values ...any) string {
	for i, v := range values {
		if text, ok := v.(string); ok {
			encoded, _ := json.Marshal(text)
			values[i] = string(encoded)
		}
	}
	return fmt.Sprintf(format, values...)
}

func hmacSHA256(secret []byte, text string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
