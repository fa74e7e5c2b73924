package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/gateway"
)

func TestWhatMattermostIsTold(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo), func(o *gateway.Options) {
		o.HTTPS = func(*http.Request) bool { return true }
		o.ClientAddr = func(*http.Request) netip.Addr { return netip.MustParseAddr("2001:db8::7") }
	})
	spoofed := []string{
		"Connection", "X-Forwarded-For, Authorization, Cookie, X-Real-Ip",
		"Cookie", "MMAUTHTOKEN=older; MMEMBED=1; mp_device=d; theme=dark; MMAUTHTOKEN=newer", "Authorization", "Bearer x",
		"X-Forwarded-For", "203.0.113.1", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil.test", "X-Forwarded-Port", "1",
	}
	for _, name := range []string{
		"Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP", "X_Forwarded_For",
		"X-Forwarded_Proto", "X.Forwarded.For", "Mattermost_User_Id", "X-Forwarded-Ssl", "X-Original-URL", "X-Original-Host", "X-Rewrite-URL",
		"X-HTTP-Method-Override", "Mattermost-User-Id", "Mattermost-Plugin-ID", "Via", "Proxy", "Proxy-Authorization", "Keep-Alive", "Te",
	} {
		spoofed = append(spoofed, name, "spoofed")
	}
	a := rig.do("GET", "/api/v4/users/me?page=1;x", "", append(spoofed, "X-CSRF-Token", "kept", "Accept-Encoding", "gzip")...)
	got := map[string][]string{}
	for name, values := range a.Header {
		if name, told := strings.CutPrefix(name, "Got-"); told {
			got[name] = values
		}
	}
	want := map[string][]string{
		"Host": {rig.host}, "User-Agent": {"Go-http-client/1.1"}, "Accept-Encoding": {"gzip"}, "X-Csrf-Token": {"kept"},
		"Authorization": {"Bearer x"}, "Cookie": {"theme=dark; MMAUTHTOKEN=newer"},
		"X-Forwarded-For": {"2001:db8::7"}, "X-Real-Ip": {"2001:db8::7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {rig.host},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestPathsArriveAsTheyWereSent(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo))
	for _, target := range []string{
		"/", "/api/v4/users/%6de?x=%2f&y=a+b", "/erp/search%20me", "/erp/%C3%A5", "/api/v4/emoji/name/%2B1", "/api/v4/users/email/a%40b.test", "/erp/100%25",
	} {
		if a := rig.get(target); a.body != "GET "+target {
			t.Errorf("%s arrived as %s", target, a.body)
		}
	}
}

func TestAMattermostBelowAPathIsReached(t *testing.T) {
	rig := start(t, http.HandlerFunc(echo), func(o *gateway.Options) { o.Upstream = parse(t, o.Upstream.String()+"/chat") })
	if a := rig.get("/api/v4/users/me"); a.body != "GET /chat/api/v4/users/me" {
		t.Errorf("arrived as %s", a.body)
	}
}

// headersOf answers with the given header, pairs of name and value.
func headersOf(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

func TestTheTokenAndTheFrameBanNeverReachABrowser(t *testing.T) {
	for _, status := range []int{200, 302, 401, 500} {
		rig := start(t, headersOf(status, "token", "secret", "Token", "secret", "X-Frame-Options", "SAMEORIGIN", "X-Frame-Options", "DENY"))
		a := rig.get("/api/v4/users/me")
		if a.StatusCode != status || a.Header.Values("Token") != nil || a.Header.Values("X-Frame-Options") != nil {
			t.Errorf("%d: %v", a.StatusCode, a.Header)
		}
	}
}

func TestEarlyHintsCarryNothing(t *testing.T) {
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Token", "secret")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Token")
		_, _ = io.WriteString(w, "page")
	}))
	if a := rig.get("/"); a.StatusCode != 200 || a.body != "page" || a.Header.Get("Token") != "" {
		t.Errorf("%d %q %v", a.StatusCode, a.body, a.Header)
	}
}

func TestWhoMayFrame(t *testing.T) {
	const ours = "frame-ancestors 'self' " + erp
	tests := map[string]struct{ header, want []string }{
		"an HTML page without a policy": {[]string{"Content-Type", "text/html; charset=utf-8"}, []string{ours}},
		"an API answer":                 {[]string{"Content-Type", "application/json"}, nil},
		"two headers": {[]string{"Content-Type", "text/html", "Content-Security-Policy", "frame-ancestors 'self'", "Content-Security-Policy", "script-src 'self'"},
			[]string{ours, "script-src 'self'; " + ours}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := start(t, headersOf(200, tt.header...)).get("/")
			if diff := cmp.Diff(tt.want, a.Header.Values("Content-Security-Policy")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRedirectsLeadToThePublicAddress(t *testing.T) {
	var location string
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	}), func(o *gateway.Options) { o.SiteURL = func() string { return siteURL + "/" } })
	tests := map[string]struct{ have, want string }{
		"relative":            {"/login?redirect_to=%2Fx", "/login?redirect_to=%2Fx"},
		"upstream":            {rig.backend.URL + "/a%2Bb?x=1#f", rig.url + "/a%2Bb?x=1#f"},
		"SiteURL":             {"https://CHAT.erp.test:443/login", rig.url + "/login"},
		"elsewhere":           {"https://files.example.com/a?sig=1%2f", "https://files.example.com/a?sig=1%2f"},
		"another port":        {"https://chat.erp.test:8443/login", "https://chat.erp.test:8443/login"},
		"an app of the phone": {"mattermost://callback?x=1", "mattermost://callback?x=1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			location = tt.have
			if got := rig.get("/").Header.Get("Location"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMattermostsHeadersWinOverOursForItsOwnAnswers(t *testing.T) {
	rig := start(t, headersOf(200, "X-Request-Id", "theirs", "Referrer-Policy", "origin", "Content-Type", "text/css"))
	middleware := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Request-Id", "ours")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Strict-Transport-Security", "max-age=1")
		rig.ServeHTTP(w, r)
	})
	rec := httptest.NewRecorder()
	middleware.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	rec.Header().Del("Date")
	rec.Header().Del("Content-Length")
	want := http.Header{
		"X-Request-Id": {"ours"}, "Referrer-Policy": {"origin"}, "Content-Type": {"text/css"}, "Strict-Transport-Security": {"max-age=1"},
	}
	if diff := cmp.Diff(want, rec.Header()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAStreamArrivesAsItIsSent(t *testing.T) {
	next := make(chan struct{})
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "part %d\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}))
	res, err := rig.client.Do(rig.request("GET", "/", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	part := make([]byte, len("part 0\n"))
	for i := range 3 {
		if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != fmt.Sprintf("part %d\n", i) {
			t.Fatalf("got %q, %v", part, err)
		}
		next <- struct{}{} // only now does the backend go on
	}
}

func TestATruncatedAnswerIsVisiblyTruncated(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	tests := map[string]string{
		"a length that is not kept": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
		"the same, on its way":      "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + long,
		"chunks without an end":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
	}
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			rig := start(t, rawAnswer(raw))
			res, err := rig.client.Do(rig.request("GET", "/", ""))
			if errors.Is(err, io.EOF) {
				return // cut off before the header was sent on
			}
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("read %q and then %v", got, err)
			}
		})
	}
}

func TestAClientThatLeavesEndsTheRequestUpstream(t *testing.T) {
	asked, ended, noted := make(chan struct{}), make(chan struct{}), make(chan note, 1)
	rig := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(ended)
	}), func(o *gateway.Options) {
		o.Note = func(_ *http.Request, route, code string) { noted <- note{route, code} }
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if res, err := rig.client.Do(rig.request("GET", "/api/v4/x", "").WithContext(ctx)); err == nil {
		_ = res.Body.Close()
		t.Error("it was answered")
	}
	<-ended
	if got := <-noted; got != (note{"/**", "client_gone"}) {
		t.Errorf("note %v", got)
	}
}

// TestLargeBodiesTakeNoMemory sends and receives 64 MiB. What the whole process
// allocates for both directions, both servers and the client is bounded by the
// buffers of a few connections.
func TestLargeBodiesTakeNoMemory(t *testing.T) {
	const size = 64 << 20
	chunk := bytes.Repeat([]byte("x"), 32<<10)
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 32<<10))
		w.Header().Set("Received", strconv.FormatInt(n, 10))
		for range size / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	req := rig.request("POST", "/api/v4/files", "")
	req.Body = io.NopCloser(io.LimitReader(endless{}, size))
	req.ContentLength = -1
	res, err := rig.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 32<<10))
	runtime.ReadMemStats(&after)
	if err != nil || n != size || res.Header.Get("Received") != strconv.Itoa(size) {
		t.Errorf("sent %s, received %d of %d, %v", res.Header.Get("Received"), n, size, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("%d KiB were allocated on the way", took>>10)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestCompressedBytesPassUntouched(t *testing.T) {
	const packed = "\x1f\x8b not really"
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Got", r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, packed)
	}))
	for _, accept := range []string{"gzip, br", "identity"} {
		a := rig.get("/", "Accept-Encoding", accept)
		if a.body != packed || a.Header.Get("Got") != accept || a.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("asked %q: %q, %v", accept, a.body, a.Header)
		}
	}
}

func TestTrailersArrive(t *testing.T) {
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Checksum")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("Checksum", "7")
	}))
	if a := rig.get("/"); a.Trailer.Get("Checksum") != "7" {
		t.Errorf("trailer %v", a.Trailer)
	}
}

// rawAnswer takes the connection and says raw on it.
func rawAnswer(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(conn, raw)
	}
}

func TestBrowsersMaySpeakHTTP2(t *testing.T) {
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, r.Proto, " ", r.Host, " ", n)
	}))
	front := httptest.NewUnstartedServer(rig)
	front.EnableHTTP2 = true
	front.StartTLS()
	defer front.Close()
	res, err := front.Client().Post(front.URL+"/api/v4/files", "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if want := "HTTP/1.1 " + rig.host + " 1048576"; string(body) != want || res.ProtoMajor != 2 || err != nil {
		t.Errorf("got %q over %s, %v, want %q", body, res.Proto, err, want)
	}
}

func TestRedialingLeadsToMattermostsAddressOfNow(t *testing.T) {
	var made atomic.Int64
	backend := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	backend.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	backend.Start()
	defer backend.Close()
	rig := startBefore(t, backend)
	post := func() { rig.do("POST", "/api/v4/posts", "{}") }
	post()
	post()
	before := made.Load()
	rig.Redial()
	post()
	if now := made.Load(); before != 1 || now != 2 {
		t.Errorf("%d connections, and %d after", before, now)
	}
}
