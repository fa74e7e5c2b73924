package simulator_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

// recordedPlugin is the plugin of the recordings: it makes whatever session it is asked for, and tells what reached
// it.
func (w *world) recordedPlugin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/session", w.pluginSession)
	mux.HandleFunc("/whoami", w.pluginWhoAmI)
	return mux
}

func (w *world) pluginSession(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	wanted := &model.Session{UserId: q.Get("user_id"), Roles: q.Get("roles")}
	if q.Get("csrf") == "1" {
		wanted.GenerateCSRF()
	}
	if hours, err := time.ParseDuration(q.Get("hours") + "h"); err == nil {
		wanted.ExpiresAt = w.now().Add(hours).UnixMilli()
	}
	if q.Get("props") == "1" {
		for _, name := range []string{"isMobile", "isOAuthUser", "isSaml", "is_guest"} {
			wanted.AddProp(name, "false")
		}
	}
	made, failed := w.CreateSession(wanted)
	if failed != nil {
		http.Error(rw, failed.Id, failed.StatusCode)
		return
	}
	if q.Get("cookies") == "1" {
		http.SetCookie(rw, &http.Cookie{Name: "MMAUTHTOKEN", Value: made.Token, Path: "/", HttpOnly: true})
		http.SetCookie(rw, &http.Cookie{Name: "MMUSERID", Value: made.UserId, Path: "/"})
		http.SetCookie(rw, &http.Cookie{Name: "MMCSRF", Value: made.GetCSRF(), Path: "/"})
	}
	text, _ := json.Marshal(made)
	_, _ = rw.Write([]byte(strings.Replace(string(text), `"voip_device_id":"",`, "", 1)))
}

func (w *world) pluginWhoAmI(rw http.ResponseWriter, r *http.Request) {
	headers := maps.Clone(r.Header)
	delete(headers, "Accept-Encoding") // of the test's own client
	text, _ := json.Marshal(map[string]any{
		"auth": r.Header.Get("Authorization"), "cookies": r.Header["Cookie"], "headers": headers,
		"hdr_user": r.Header.Get("Mattermost-User-Id"),
		"ctx":      map[string]string{"SessionId": "", "RequestId": "", "IPAddress": "", "AcceptLanguage": "", "UserAgent": ""},
	})
	_, _ = rw.Write(text)
}

// minted makes the session of a recording by the plugin and binds its two values.
func (w *world) minted(name string) {
	w.t.Helper()
	queries := map[string]string{
		"bare":             "user_id={{user:plg8306324}}",
		"roles-csrf":       "user_id={{user:plg8306324}}&roles=system_user&csrf=1&hours=8&props=1",
		"roles-nocsrf":     "user_id={{user:plg8306324}}&roles=system_user",
		"deactivated-user": "user_id={{user:plg8306324}}&roles=system_user&csrf=1",
		"unknown-user":     "user_id=aaaaaaaaaaaaaaaaaaaaaaaaaa&roles=system_user&csrf=1",
		"mfa-user":         "user_id={{user:carol}}&roles=system_user&csrf=1",
		"bot":              "user_id={{user:bb629589}}&roles=system_user&csrf=1",
	}
	query := w.resolve(queries[name])
	if name == "deactivated-user" {
		w.SetActive("plg8306324@erp.test", false)
	}
	var made model.Session
	answer := w.do("GET", "/plugins/test.erpsso/session?"+query, "")
	if err := json.Unmarshal([]byte(answer.text), &made); err != nil {
		w.t.Fatalf("%v: %s", err, answer.text)
	}
	w.bound["{{minted:"+name+"}}"], w.bound["{{minted-csrf:"+name+"}}"] = made.Token, made.GetCSRF()
}
