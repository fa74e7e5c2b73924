package doctor_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"matterpass/internal/doctor"
)

// site answers as Matterpass with Mattermost behind it, until a test changes that.
type site struct {
	report, page, socket http.HandlerFunc
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/embed-doctor/report":
		s.report(w, r)
	case "/api/v4/websocket":
		s.socket(w, r)
	default:
		s.page(w, r)
	}
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}
}

func sees(scheme string) http.HandlerFunc { return says(200, `{"scheme":"`+scheme+`"}`) }

// switches answers a handshake with 101.
func switches(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Origin") == "" || len(r.Header.Get("Sec-Websocket-Key")) != 24 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
}

// open starts a site over HTTP, and the front that leads to it.
func open(t *testing.T) (*site, doctor.Front) {
	t.Helper()
	s := &site{sees("http"), says(200, "<html>", "Content-Security-Policy", "frame-ancestors 'self' "+erp+"; script-src 'self'"), switches}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, doctor.Front{Public: server.URL, Chat: server.URL, Gateway: true, Origins: []string{erp}, Pause: time.Millisecond}
}

// of is the finding of a check, a zero one where it was not made.
func of(findings []doctor.Finding, check string) doctor.Finding {
	at := slices.IndexFunc(findings, func(f doctor.Finding) bool { return f.Check == check })
	if at < 0 {
		return doctor.Finding{}
	}
	return findings[at]
}

func TestTheWayThatBrowsersTakeIsWalked(t *testing.T) {
	_, front := open(t)
	findings := front.Examine(t.Context())
	for _, check := range []string{"public_url", "framing", "websocket"} {
		if got := of(findings, check); got.Verdict != doctor.Fine {
			t.Errorf("%+v", got)
		}
	}
}

func TestWhatStandsInTheWayIsNamed(t *testing.T) {
	cases := map[string]struct {
		wrong          func(*site, *doctor.Front)
		check, setting string
		verdict        doctor.Verdict
	}{
		"another program": {func(s *site, _ *doctor.Front) { s.report = says(200, "<html>") }, "public_url", "front proxy", doctor.Failed},
		"nothing there":   {func(s *site, _ *doctor.Front) { s.report = says(404, "{}") }, "public_url", "front proxy", doctor.Failed},
		"another host":    {func(s *site, _ *doctor.Front) { s.report = says(421, "{}") }, "public_url", "Host", doctor.Failed},
		"believes https":  {func(s *site, _ *doctor.Front) { s.report = sees("https") }, "public_url", "TRUSTED_PROXIES", doctor.Failed},
		"too many":        {func(s *site, _ *doctor.Front) { s.report = says(429, "{}") }, "public_url", "", doctor.Unknown},
		"no page":         {func(s *site, _ *doctor.Front) { s.page = says(502, "") }, "framing", "MM_BASE_URL", doctor.Failed},
		"page elsewhere":  {func(_ *site, f *doctor.Front) { f.Chat = "http://127.0.0.1:1" }, "framing", "front proxy", doctor.Failed},
		"not to be framed": {func(s *site, _ *doctor.Front) {
			s.page = says(200, "", "Content-Security-Policy", "frame-ancestors 'self'")
		}, "framing", "front proxy", doctor.Failed},
		"not to be framed, beside": {func(s *site, f *doctor.Front) {
			f.Gateway, s.page = false, says(200, "", "Content-Security-Policy", "frame-ancestors 'none'")
		}, "framing", "ServiceSettings.FrameAncestors", doctor.Failed},
		"no upgrade":           {func(s *site, _ *doctor.Front) { s.socket = says(400, "") }, "websocket", "Upgrade", doctor.Failed},
		"no answer":            {func(s *site, _ *doctor.Front) { s.socket = aborts }, "websocket", "Upgrade", doctor.Failed},
		"refused":              {func(s *site, _ *doctor.Front) { s.socket = says(403, "") }, "websocket", "ServiceSettings.SiteURL", doctor.Failed},
		"refused, beside":      {func(s *site, f *doctor.Front) { f.Gateway, s.socket = false, says(403, "") }, "websocket", "ServiceSettings.SiteURL", doctor.Failed},
		"too many for sockets": {func(s *site, _ *doctor.Front) { s.socket = says(429, "") }, "websocket", "", doctor.Unknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, front := open(t)
			c.wrong(s, &front)
			got := of(front.Examine(t.Context()), c.check)
			if got.Verdict != c.verdict || !strings.Contains(got.Setting, c.setting) || (c.setting == "") != (got.Setting == "") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func aborts(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestAFreshlyChangedAddressIsTriedTwice(t *testing.T) {
	s, front := open(t)
	tries := 0
	s.socket = func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		switches(w, r)
	}
	if got := of(front.Examine(t.Context()), "websocket"); got.Verdict != doctor.Fine || tries != 2 {
		t.Errorf("%d tries: %+v", tries, got)
	}
}

func TestWhereNothingAnswersNothingElseIsAsked(t *testing.T) {
	findings := doctor.Front{Public: "http://127.0.0.1:1", Chat: "http://127.0.0.1:1", Origins: []string{"http://127.0.0.1:2"}}.Examine(t.Context())
	if got := of(findings, "public_url"); got.Verdict != doctor.Failed || !strings.Contains(got.Says, "refused") || strings.Contains(got.Says, "Get ") {
		t.Errorf("%+v", got)
	}
	if len(findings) != 2 {
		t.Errorf("%+v", findings)
	}
}

func TestFramingIsJudgedAsABrowserWould(t *testing.T) {
	for header, want := range map[string]doctor.Verdict{
		"":                                                    doctor.Fine, // nobody forbids it
		"default-src 'self'":                                  doctor.Fine,
		"frame-ancestors *":                                   doctor.Fine,
		"Frame-Ancestors https:":                              doctor.Fine,
		"frame-ancestors *.example.com":                       doctor.Fine,
		"frame-ancestors https://*.example.com":               doctor.Fine,
		"frame-ancestors http://*.example.com":                doctor.Failed,
		"frame-ancestors https://*.erp.example.com":           doctor.Failed,
		"frame-ancestors erp.example.com":                     doctor.Fine,
		"frame-ancestors https://erp.example.com:444":         doctor.Failed,
		"frame-ancestors":                                     doctor.Failed,
		"frame-ancestors " + erp + ", frame-ancestors 'self'": doctor.Failed, // both must agree
	} {
		s, front := open(t)
		s.page = says(200, "", "Content-Security-Policy", header)
		if got := of(front.Examine(t.Context()), "framing"); got.Verdict != want {
			t.Errorf("%q: %+v", header, got)
		}
	}
	s, front := open(t)
	s.page = says(200, "", "X-Frame-Options", "SAMEORIGIN")
	if got := of(front.Examine(t.Context()), "framing"); got.Verdict != doctor.Failed {
		t.Errorf("X-Frame-Options alone: %+v", got)
	}
}

func TestTheCertificateIsSeenRunningOut(t *testing.T) {
	s := &site{sees("https"), says(200, ""), switches}
	server := httptest.NewTLSServer(s)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	front := doctor.Front{Public: server.URL, Chat: server.URL, Gateway: true, Roots: roots}
	if findings := front.Examine(t.Context()); doctor.Worst(findings) != doctor.Fine || of(findings, "certificate").Says == "" {
		t.Errorf("%+v", findings)
	}
	front.Now = func() time.Time { return server.Certificate().NotAfter.Add(-24 * time.Hour) }
	if got := of(front.Examine(t.Context()), "certificate"); got.Verdict != doctor.Warning {
		t.Errorf("%+v", got)
	}
	front.Roots = x509.NewCertPool()
	if got := of(front.Examine(t.Context()), "public_url"); got.Verdict != doctor.Failed || !strings.Contains(got.Says, "certificate") {
		t.Errorf("%+v", got)
	}
}

func TestAddressesSayWhatBecomesOfCookies(t *testing.T) {
	cases := map[string]struct {
		page, chat, sameSite, partitioned string
		verdict                           doctor.Verdict
		setting                           string
	}{
		"one site":                  {erp, chat, "auto", "auto", doctor.Fine, ""},
		"one site, kept to it":      {erp, chat, "lax", "never", doctor.Fine, ""},
		"two sites":                 {"https://erp.test", chat, "auto", "auto", doctor.Fine, ""},
		"two sites, for one alone":  {"https://erp.test", chat, "strict", "auto", doctor.Failed, "COOKIE_SAMESITE"},
		"two sites, one jar":        {"https://erp.test", chat, "auto", "never", doctor.Warning, "COOKIE_PARTITIONED"},
		"mixed content":             {erp, "http://chat.example.com", "auto", "auto", doctor.Failed, "PUBLIC_URL"},
		"two sites over plain HTTP": {"http://erp.test", "http://chat.example.com", "auto", "auto", doctor.Failed, "PUBLIC_URL"},
		"a machine of one's own":    {"http://localhost:8090", "http://localhost:8080", "auto", "auto", doctor.Fine, ""},
		"two addresses":             {"http://127.0.0.1:8090", "http://127.0.0.2:8080", "auto", "auto", doctor.Failed, "PUBLIC_URL"},
		"no origin":                 {"http://%", chat, "auto", "auto", doctor.Failed, "ALLOWED_ORIGINS"},
		"no chat":                   {erp, "http://%", "auto", "auto", doctor.Failed, "MM_PUBLIC_URL"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			front := doctor.Front{Public: "http://127.0.0.1:1", Chat: c.chat, Origins: []string{c.page}, SameSite: c.sameSite, Partitioned: c.partitioned}
			got := of(front.Examine(t.Context()), "cookies")
			if got.Verdict != c.verdict || !strings.HasPrefix(got.Setting, c.setting) || (c.setting == "") != (got.Setting == "") {
				t.Errorf("%+v", got)
			}
		})
	}
}
