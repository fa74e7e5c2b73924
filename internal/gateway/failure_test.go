package gateway_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"matterpass/internal/gateway"
	"matterpass/internal/upstream"
)

func TestAMattermostThatDoesNotAnswer(t *testing.T) {
	tests := map[string]struct {
		backend http.HandlerFunc
		status  int
		code    string
	}{
		"resets":        {reset, 503, "upstream_unavailable"},
		"hangs up":      {rawAnswer(""), 503, "upstream_unavailable"},
		"hangs":         {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504, "upstream_timeout"},
		"speaks SMTP":   {rawAnswer("220 mail.erp.test ESMTP\r\n"), 502, "upstream_invalid"},
		"a huge header": {rawAnswer("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10) + "\r\n\r\n"), 503, "upstream_unavailable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rig := start(t, tt.backend, func(o *gateway.Options) {
				transport := gateway.NewTransport()
				transport.ResponseHeaderTimeout = 500 * time.Millisecond
				o.Transport = transport
			})
			a := rig.get("/api/v4/users/me")
			if a.StatusCode != tt.status || !strings.Contains(a.body, tt.code) {
				t.Errorf("got %d %s, want %d %s", a.StatusCode, a.body, tt.status, tt.code)
			}
			if got := a.Header.Get("Retry-After"); got != "5" {
				t.Errorf("Retry-After %q", got)
			}
			if got := rig.lastNote(); got != (note{"/**", tt.code}) {
				t.Errorf("note %v", got)
			}
		})
	}
}

// reset closes the connection with a RST.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestAMattermostThatIsDownIsAnsweredAtOnceAndComesBack(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(echo))
	addr := backend.Listener.Addr().String()
	backend.Close()
	rig := startBefore(t, backend)
	begin := time.Now()
	if a := rig.get("/api/v4/users/me"); a.StatusCode != 503 {
		t.Errorf("got %d, want 503", a.StatusCode)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %s", took)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("the address is taken by now: %v", err)
	}
	again := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(echo)}}
	again.Start()
	defer again.Close()
	if a := rig.get("/api/v4/users/me"); a.StatusCode != 200 {
		t.Errorf("got %d after it came back", a.StatusCode)
	}
}

func TestAPersonSeesAPageAndAProgramTheProblem(t *testing.T) {
	tests := map[string]struct {
		header []string
		page   bool
	}{
		"a frame":           {[]string{"Sec-Fetch-Dest", "iframe"}, true},
		"a tab":             {[]string{"Sec-Fetch-Dest", "document"}, true},
		"an older browser":  {[]string{"Accept", "text/html,application/xhtml+xml"}, true},
		"a script's call":   {[]string{"Sec-Fetch-Dest", "empty", "Accept", "text/html"}, false},
		"an image":          {[]string{"Sec-Fetch-Dest", "image"}, false},
		"a program, silent": {nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := start(t, http.HandlerFunc(reset)).get("/erp", tt.header...)
			if isPage := strings.HasPrefix(a.Header.Get("Content-Type"), "text/html"); a.StatusCode != 503 || isPage != tt.page {
				t.Errorf("got %d %s", a.StatusCode, a.Header.Get("Content-Type"))
			}
			if !tt.page {
				return
			}
			policy := "default-src 'none'; frame-ancestors 'self' " + erp
			if got := a.Header.Get("Content-Security-Policy"); got != policy {
				t.Errorf("policy %q", got)
			}
			if !strings.Contains(a.body, "<h1>Chat is not available right now.</h1>") || strings.Contains(a.body, "<script") {
				t.Errorf("page: %s", a.body)
			}
		})
	}
}

func TestFailuresAreToldInTheWordsOfUpstream(t *testing.T) {
	rig := start(t, http.HandlerFunc(reset), func(o *gateway.Options) {
		o.Fail = func(w http.ResponseWriter, _ *http.Request, err error) {
			_, _ = fmt.Fprint(w, "problem ", errors.Is(err, upstream.ErrUnavailable))
		}
	})
	for dest, want := range map[string]string{"empty": "problem true", "iframe": "<!doctype html>"} {
		if a := rig.get("/", "Sec-Fetch-Dest", dest); !strings.HasPrefix(a.body, want) {
			t.Errorf("%s: %s", dest, a.body)
		}
	}
}

func TestABodyThatIsTooLargeIsTheClientsFault(t *testing.T) {
	rig := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	limited := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 10)
		rig.ServeHTTP(w, r)
	}))
	defer limited.Close()
	res, err := limited.Client().Post(limited.URL+"/api/v4/files", "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 413 || rig.lastNote().Code != "too_large" {
		t.Errorf("got %d, note %v", res.StatusCode, rig.lastNote())
	}
}

func TestAnAnswerThatStallsIsBrokenOff(t *testing.T) {
	noted := make(chan note, 1)
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), func(o *gateway.Options) {
		o.Stall = 50 * time.Millisecond
		o.Note = func(_ *http.Request, route, code string) { noted <- note{route, code} }
	})
	res, err := rig.client.Do(rig.request("GET", "/", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); string(got) != "begun" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %q and then %v", got, err)
	}
	if got := <-noted; got != (note{"/**", "upstream_aborted"}) {
		t.Errorf("note %v", got)
	}
}

func TestAClientThatStopsReadingIsNotMattermostsFault(t *testing.T) {
	noted, stop := make(chan note, 1), make(chan struct{})
	rig := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				break
			}
		}
		close(stop)
	}), func(o *gateway.Options) {
		o.Note = func(_ *http.Request, route, code string) { noted <- note{route, code} }
	})
	res, err := rig.client.Do(rig.request("GET", "/", ""))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	<-stop // the backend need not go on for nobody
	if got := <-noted; got != (note{"/**", "client_gone"}) {
		t.Errorf("note %v", got)
	}
}
