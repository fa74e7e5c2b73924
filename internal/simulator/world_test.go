package simulator_test

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"matterpass/internal/simulator"
)

const (
	siteURL   = "http://mattermost.test"
	mfaSecret = "JBSWY3DPEHPK3PXP"
)

// world is the simulator as the recorded server was: the people of the recordings in the team "erp", and names for
// what their placeholders stand for.
type world struct {
	*mattermost
	name  string
	clock time.Time // stands still: a code must not grow old between its making and its use
	bound map[string]string
}

func newWorld(t *testing.T, name string) *world {
	t.Helper()
	w := &world{name: name, clock: time.Now(), bound: map[string]string{}}
	bare := matches(name, "seed-create-*", "seed-first-*")
	w.mattermost = start(t, simulator.Options{SiteURL: siteURL, Demo: !bare, Now: w.now})
	if matches(name, "seed-first-*") {
		return w
	}
	w.Install("test.erpsso", w.recordedPlugin())
	w.SetVerified(simulator.AdminEmail, false)
	for _, p := range cast() {
		if bare || w.UserID(p.Email) != "" {
			continue
		}
		p.Teams, p.Unverified = []string{"erp"}, true
		w.AddPerson(p)
	}
	return w
}

func (w *world) now() time.Time { return w.clock }

// cast are the people whom most recordings take for granted.
func cast() []simulator.Person {
	return []simulator.Person{
		{Email: "alice@erp.test", Password: "Passw0rd-alice"},
		{Email: "bob@erp.test", Password: "Passw0rd-bob"},
		{Email: "carol@erp.test", Password: "Passw0rd-carol", MFASecret: mfaSecret},
		{Email: "frank@erp.test", Password: "Passw0rd-x1"},
		{Email: "dora@erp.test", Password: "Passw0rd-x1", Inactive: true},
		{Email: "botty@erp.test", Bot: true},
	}
}

var placeholder = regexp.MustCompile(`\{\{([a-z-]+)(?::([^}:]*))?(?::(\d+))?\}\}`)

// resolve replaces placeholders by what they stand for in this world, making it if need be.
func (w *world) resolve(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		if value, known := w.bound[found]; known {
			return value
		}
		part := placeholder.FindStringSubmatch(found)
		w.bound[found] = w.make(part[1], part[2])
		return w.bound[found]
	})
}

func (w *world) make(kind, name string) string {
	w.t.Helper()
	switch kind {
	case "user":
		return w.person(name)
	case "team":
		return w.ask("GET", "/teams/name/"+name, "").id()
	case "channel":
		return w.channel(name)
	case "token", "csrf":
		w.person(name)
		w.bound["{{token:"+name+"}}"], w.bound["{{csrf:"+name+"}}"] = w.SignIn(w.email(name))
		return w.bound["{{"+kind+":"+name+"}}"]
	case "pat", "token-id":
		w.accessToken(name)
		return w.bound["{{"+kind+":"+name+"}}"]
	case "session":
		w.resolve("{{token:" + name + "}}")
		return listed(w.t, w.ask("GET", "/users/"+w.person(name)+"/sessions", ""))
	case "minted", "minted-csrf":
		w.minted(name)
		return w.bound["{{"+kind+":"+name+"}}"]
	case "post":
		w.Say(w.email(name), "off-topic", "hello")
		var list struct{ Order []string }
		_ = json.Unmarshal([]byte(w.ask("GET", "/channels/"+w.channel("off-topic")+"/posts", "").text), &list)
		return list.Order[0]
	case "totp":
		return w.code(name)
	case "fill":
		n, _ := strconv.Atoi(name)
		return strings.Repeat("x", n)
	}
	w.t.Fatalf("no idea what a %s is", kind)
	return ""
}

func (w *world) email(name string) string { return name + "@erp.test" }

// person makes sure that there is somebody of that name, in the team unless the recording is about somebody who is
// not.
func (w *world) person(name string) string {
	if id := w.UserID(w.email(name)); id != "" {
		return id
	}
	p := simulator.Person{Email: w.email(name), Password: "Passw0rd-" + name, Admin: name == "admin", Unverified: true}
	if name == "mfa045236" {
		p.MFASecret = mfaSecret
	}
	if name == "bb629589" {
		p.Bot = true
	}
	if !matches(w.name, "seed-*") && name != "v19911" && name != "extra" && !p.Bot {
		p.Teams = []string{"erp"}
	}
	return w.AddPerson(p)
}

func (w *world) channel(name string) string {
	team := w.ask("GET", "/teams/name/erp", "").id()
	if name == "dm" {
		w.resolve("{{token:bob}}")
		body := fmt.Sprintf(`[%q,%q]`, w.person("alice"), w.person("bob"))
		return w.as("bob", "POST", "/channels/direct", body).id()
	}
	if found := w.ask("GET", "/teams/"+team+"/channels/name/"+name, ""); found.StatusCode == 200 {
		return found.id()
	}
	body := fmt.Sprintf(`{"team_id":%q,"name":%q,"display_name":%q,"type":"P"}`, team, name, name)
	return w.ask("POST", "/channels", body).id()
}

func (w *world) accessToken(name string) {
	w.t.Helper()
	if name == "admin" && w.AdminToken() != "" {
		w.bound["{{pat:admin}}"] = w.AdminToken()
		return
	}
	id := w.person(name)
	made := w.ask("POST", "/users/"+id+"/tokens", `{"description":"test"}`)
	var token struct{ ID, Token string }
	if err := json.Unmarshal([]byte(made.text), &token); err != nil || token.Token == "" {
		w.t.Fatalf("no access token for %s: %s", name, made.text)
	}
	w.bound["{{pat:"+name+"}}"], w.bound["{{token-id:"+name+"}}"] = token.Token, token.ID
}

func (w *world) code(offset string) string {
	seconds, _ := strconv.Atoi(offset)
	code, err := totp.GenerateCode(mfaSecret, w.clock.Add(time.Duration(seconds)*time.Second))
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// ask calls the API as the administrator.
func (w *world) ask(method, path, body string) answer {
	token := w.AdminToken()
	if token == "" {
		token = w.resolve("{{token:admin}}")
	}
	return w.do(method, "/api/v4"+path, body, "Authorization", "Bearer "+token)
}

func (w *world) as(name, method, path, body string) answer {
	return w.do(method, "/api/v4"+path, body, "Authorization", "Bearer "+w.resolve("{{token:"+name+"}}"))
}

func listed(t *testing.T, a answer) string {
	t.Helper()
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(a.text), &list); err != nil || len(list) == 0 {
		t.Fatalf("nothing listed: %s", a.text)
	}
	return list[0].ID
}

func matches(name string, patterns ...string) bool {
	for _, pattern := range patterns {
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}
