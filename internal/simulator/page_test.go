package simulator_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"matterpass/internal/simulator"
)

func TestThePageKeepsToItsOwnPolicy(t *testing.T) {
	m := start(t, simulator.Options{})
	document := m.do("GET", "/erp/channels/orders", "").text
	if regexp.MustCompile(`<script(>| [^>]*>[^<])|\son\w+=|javascript:|<style|\sstyle=`).MatchString(document) {
		t.Error("the document has inline script or style")
	}
	for _, address := range regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(document, -1) {
		if got := m.do("GET", address[1], ""); got.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d", address[1], got.StatusCode)
		}
	}
	for _, name := range []string{"chat", "live", "session"} {
		script := m.do("GET", "/static/"+name+".js", "")
		if script.StatusCode != http.StatusOK ||
			regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(`).MatchString(script.text) {
			t.Errorf("%s.js is missing or makes HTML of text", name)
		}
	}
}

func TestStaticFilesSayWhatTheyAre(t *testing.T) {
	m := start(t, simulator.Options{})
	for path, want := range map[string]string{
		"/static/chat.js":    "text/javascript; charset=utf-8",
		"/static/chat.css":   "text/css; charset=utf-8",
		"/static/icon.svg":   "image/svg+xml",
		"/static/index.html": "text/html",
		"/static/nothing":    "text/plain; charset=utf-8",
	} {
		if got := m.do("GET", path, "").Header.Get("Content-Type"); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

func TestStealFocusIsOffUnlessAskedFor(t *testing.T) {
	for want, o := range map[string]simulator.Options{"false": {}, "true": {StealFocus: true}} {
		m := start(t, o)
		if !strings.Contains(m.do("GET", "/", "").text, `<meta name="steal-focus" content="`+want+`">`) {
			t.Errorf("the page doesn't say %s", want)
		}
	}
}
