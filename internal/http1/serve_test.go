package http1_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"matterpass/internal/http1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(lingering{m}) }

// lingering waits for connections that are closed in two steps, half a second apart.
type lingering struct{ *testing.M }

func (m lingering) Run() int {
	defer time.Sleep(600 * time.Millisecond)
	return m.M.Run()
}

// servers are what one suite holds to one behaviour.
var servers = map[string]func(net.Listener, *http.Server) net.Listener{
	"net/http": func(l net.Listener, _ *http.Server) net.Listener { return l },
	"ours":     func(l net.Listener, s *http.Server) net.Listener { return http1.Before(l, s) },
}

// running is a server, and what it logged.
type running struct {
	*http.Server
	listener net.Listener
	addr     string
	log      *safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func start(t *testing.T, of string, h http.HandlerFunc, change ...func(*http.Server)) *running {
	t.Helper()
	return startWith(t, servers[of], h, change...)
}

func startWith(t *testing.T, front func(net.Listener, *http.Server) net.Listener, h http.HandlerFunc, change ...func(*http.Server)) *running {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{addr: inner.Addr().String(), log: &safeBuffer{}}
	r.Server = &http.Server{Handler: h, ErrorLog: log.New(r.log, "", 0), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	for _, f := range change {
		f(r.Server)
	}
	r.listener = front(inner, r.Server)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = r.Serve(r.listener) }()
	t.Cleanup(func() {
		_ = r.Close()
		if ours, ok := r.listener.(*http1.Listener); ok {
			_ = ours.Shutdown(t.Context()) // which has ended: all are cut
		}
		<-ended
	})
	return r
}

func (r *running) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// said is an answer as a client sees it.
type said struct {
	Status   string
	Header   http.Header
	Length   int64
	Encoding []string
	Body     string
	Broken   bool // it broke off
	Trailer  http.Header
	Hints    []http.Header // of informational answers
	Goes     bool          // the connection answers once more
}

// ask sends a request as it is, and then a simple one.
func (r *running) ask(t *testing.T, request string) said {
	t.Helper()
	conn := r.dial(t)
	go func() { _, _ = io.WriteString(conn, request) }()
	from := bufio.NewReader(conn)
	method, _, _ := strings.Cut(request, " ")
	var s said
	for {
		res, err := http.ReadResponse(from, &http.Request{Method: method})
		if err != nil {
			return said{Broken: true}
		}
		if res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
			s.Hints = append(s.Hints, res.Header)
			continue
		}
		body, err := io.ReadAll(res.Body)
		s.Status, s.Header, s.Length, s.Encoding = res.Status, res.Header, res.ContentLength, res.TransferEncoding
		s.Body, s.Broken, s.Trailer = string(body), err != nil, res.Trailer
		if s.Broken {
			s.Body = "" // how much of it came is chance
		}
		if date := res.Header.Get("Date"); strings.HasSuffix(date, " GMT") {
			res.Header.Set("Date", "now")
		}
		break
	}
	if _, err := io.WriteString(conn, "GET /again HTTP/1.1\r\nHost: chat.test\r\n\r\n"); err != nil {
		return s
	}
	res, err := http.ReadResponse(from, nil)
	if s.Goes = err == nil; s.Goes {
		_ = res.Body.Close()
	}
	return s
}

const (
	get  = "GET / HTTP/1.1\r\nHost: chat.test\r\n\r\n"
	head = "HEAD / HTTP/1.1\r\nHost: chat.test\r\n\r\n"
)

func post(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: chat.test\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// conversations are a request and what a handler does with it.
var conversations = map[string]struct {
	request string
	handler http.HandlerFunc
}{
	"nothing":              {get, func(http.ResponseWriter, *http.Request) {}},
	"nothing, to HEAD":     {head, func(http.ResponseWriter, *http.Request) {}},
	"a status alone":       {get, status(404)},
	"an unknown status":    {get, status(599)},
	"a short text":         {get, write("<html>hello")},
	"a short text to HEAD": {head, write("<html>hello")},
	"what it is":           {get, with("Content-Type", "a/b", write("<html>hello"))},
	"a coding hides it":    {get, with("Content-Encoding", "gzip", write("<html>hello"))},
	"in pieces":            {get, write("a", "", "b", "c")},
	"long":                 {get, write(strings.Repeat("x", 3000), strings.Repeat("y", 100_000))},
	"long at once":         {get, write(strings.Repeat("z", 100_000))},
	"long, to HEAD":        {head, write(strings.Repeat("z", 100_000))},
	"of a length":          {get, with("Content-Length", "5", write("hello"))},
	"of a length, to HEAD": {head, with("Content-Length", "5", write("hello"))},
	"of a length unsent":   {head, with("Content-Length", "5", write())},
	"shorter than it says": {get, with("Content-Length", "9", write("hello"))},
	"longer than it says":  {get, with("Content-Length", "3", write("hel", "lo"))},
	"no content":           {get, with("Content-Length", "5", with("Content-Type", "a/b", answer(204, "hello")))},
	"not modified":         {get, with("Etag", `"x"`, with("Content-Length", "5", with("Content-Type", "a/b", answer(304, "hello"))))},
	"flushed early":        {get, func(w http.ResponseWriter, _ *http.Request) { flush(w); _, _ = io.WriteString(w, "late") }},
	"flushed between": {get, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "early")
		flush(w)
		flush(w)
		_, _ = io.WriteString(w, "late")
	}},
	"hints": {get, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</x>")
		w.WriteHeader(103)
		w.Header().Del("Link")
		w.WriteHeader(103)
		write("hello")(w, r)
	}},
	"a second status": {get, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) }},
	"a header too late": {get, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.Header().Set("X-Late", "1")
		write("hello")(w, r)
	}},
	"goodbye":               {get, with("Connection", "close", write("hello"))},
	"another connection":    {get, with("Connection", "keep-alive", write("hello"))},
	"lines in a value":      {get, with("X-Odd", " a\r\nX-Evil: b\n", write("hello"))},
	"a name that is none":   {get, with("X Odd", "a", with("X\r\nEvil", "b", write("hello")))},
	"its own date":          {get, with("Date", "Mon, 01 Jan 2024 00:00:00 GMT", write("hello"))},
	"no date":               {get, func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil }},
	"no type":               {get, func(w http.ResponseWriter, r *http.Request) { w.Header()["Content-Type"] = nil; write("hello")(w, r) }},
	"trailers":              {get, trailers("Trailer", "X-Sum, X-More")},
	"trailers unannounced":  {get, trailers("", "")},
	"two cookies":           {get, func(w http.ResponseWriter, _ *http.Request) { w.Header()["Set-Cookie"] = []string{"a=b", "c=d"} }},
	"a body comes back":     {post("hello"), echo},
	"a long one":            {post(strings.Repeat("x", 1<<20)), echo},
	"an empty one":          {post(""), echo},
	"nobody reads it":       {post(strings.Repeat("x", 100_000)), write("hello")},
	"nobody reads so much":  {post(strings.Repeat("x", 1<<20)), write("hello")},
	"it is closed unread":   {post(strings.Repeat("x", 100_000)), func(w http.ResponseWriter, r *http.Request) { _ = r.Body.Close(); echo(w, r) }},
	"read in part":          {post(strings.Repeat("x", 100_000)), func(w http.ResponseWriter, r *http.Request) { _, _ = io.CopyN(w, r.Body, 10) }},
	"a panic":               {get, func(http.ResponseWriter, *http.Request) { panic("oops") }},
	"a panic midway":        {get, func(w http.ResponseWriter, _ *http.Request) { write(strings.Repeat("x", 9000))(w, nil); panic("oops") }},
	"an abort":              {get, func(w http.ResponseWriter, _ *http.Request) { flush(w); panic(http.ErrAbortHandler) }},
	"about the request":     {"PUT /a%2Fb?c=d HTTP/1.1\r\nHost: chat.test:81\r\nx-odd:  v\r\nContent-Length: 0\r\n\r\n", describe},
	"two at once":           {get + get, describe},
	"chunks":                {"POST / HTTP/1.1\r\nHost: chat.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", echo},
	"an expectation":        {"POST / HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", echo},
	"a last one":            {"GET / HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\n\r\n", describe},
	"an old one":            {"GET / HTTP/1.0\r\nHost: chat.test\r\n\r\n", describe},
	"no host":               {"GET / HTTP/1.1\r\n\r\n", describe},
	"two hosts":             {"GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", describe},
	"a folded line":         {"GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n b\r\n\r\n", describe},
	"bare line feeds":       {"GET / HTTP/1.1\nHost: a.test\n\n", describe},
	"two lengths":           {"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", echo},
	"nonsense":              {"SSH-2.0-OpenSSH_9.2\r\n\r\n", describe},
	"a head of 5 KiB":       {"GET / HTTP/1.1\r\nHost: a.test\r\nX-Long: " + strings.Repeat("x", 5<<10) + "\r\n\r\n", describe},
	"a head of 2 MiB":       {"GET / HTTP/1.1\r\nHost: a.test\r\nX-Long: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", describe},
	"a body behind 4 KiB":   {"POST / HTTP/1.1\r\nHost: a.test\r\nX-Long: " + strings.Repeat("x", 4000) + "\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("y", 9000), echo},
	"a connection taken up": {"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nearly", hijack},
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// write tells in a header how each Write ended, as far as it can still be told.
func write(pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, piece := range pieces {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}
}

func answer(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		if _, err := io.WriteString(w, body); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	}
}

func with(name, value string, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header()[name] = []string{value}
		then(w, r)
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

func trailers(name, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name != "" {
			w.Header().Set(name, value)
		}
		write("hello")(w, r)
		flush(w)
		prefix := http.TrailerPrefix
		if name != "" {
			prefix = ""
		}
		w.Header()[prefix+"X-Sum"] = []string{"1\r\n2"}
		w.Header()[prefix+"X-More"] = []string{"a", "b"}
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	w.Header().Set("X-Read", fmt.Sprint(len(body), " ", r.ContentLength, " ", err))
	_, _ = w.Write(body)
}

func describe(w http.ResponseWriter, r *http.Request) {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	fmt.Fprintln(w, r.Method, r.URL, r.URL.Path, r.RequestURI, r.Proto, r.Host, r.ContentLength, r.Close, r.Body == http.NoBody, r.TLS == nil,
		len(r.Header["X-Long"]), r.Header["X-Odd"], server != nil, local != nil, host, err, r.Context().Err())
}

func hijack(w http.ResponseWriter, _ *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	early := make([]byte, 5)
	_, err = io.ReadFull(buffered, early)
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-Odd: %v\r\n\r\ngot %-8s", err, textproto.TrimString(string(early)))
}

// TestEveryAnswerIsThatOfNetHTTP: nobody can tell who answered.
func TestEveryAnswerIsThatOfNetHTTP(t *testing.T) {
	for name, c := range conversations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/again" {
					c.handler(w, r)
				}
			}
			want := start(t, "net/http", handler).ask(t, c.request)
			got := start(t, "ours", handler).ask(t, c.request)
			if !cmp.Equal(got, want) {
				t.Error(cmp.Diff(want, got))
			}
		})
	}
}
