package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// clientPatience is how long a client waits for permission to send a body: for
// ever, compared with this test.
const clientPatience = time.Minute

// noise is n bytes that cannot be compressed, the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

const (
	megabyte = 1 << 20
	upload   = 20 * megabyte
)

// wire is an upstream that answers in every way that HTTP has.
type wire struct {
	*http.ServeMux
	file []byte
}

func newWire() *wire {
	u := &wire{http.NewServeMux(), noise(upload)}
	u.HandleFunc("/api/v4/echo", u.echo)
	u.HandleFunc("/api/v4/users/{id}/echo", u.echo)
	u.HandleFunc("/api/v4/files/{id}", u.download)
	u.HandleFunc("/static/main.js", u.compressed)
	u.HandleFunc("/api/v4/trailers", u.trailers)
	u.HandleFunc("/api/v4/headers", u.headers)
	u.HandleFunc("/api/v4/refuse", u.refuse)
	u.HandleFunc("/api/v4/status/{code}", u.status)
	u.HandleFunc("/api/v4/short", u.short)
	return u
}

// added are the headers that a request has more, or less, when it came through the
// gateway.
func added(name string) bool {
	switch name {
	case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip": // who asks (docs/mattermost.md H6)
		return true
	}
	return false
}

// echo tells everything about the request that a server can see.
func (u *wire) echo(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	_, _ = fmt.Fprintf(w, "%s %s %s\nlength %d %v\nbody %d %x %v\n", r.Method, r.RequestURI, r.Host, r.ContentLength, r.TransferEncoding, n, sum.Sum(nil), err)
	for _, name := range inOrder(r.Header) {
		if !added(name) {
			_, _ = fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
		}
	}
	for _, name := range inOrder(r.Trailer) {
		_, _ = fmt.Fprintf(w, "trailer %s: %q\n", name, r.Trailer[name])
	}
}

// download answers as Mattermost's file handler does.
func (u *wire) download(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `inline;filename="a%20b.bin"; filename*=UTF-8''a%20b.bin`)
	h.Set("Etag", `"v1"`)
	http.ServeContent(w, r, "", time.Unix(1_600_000_000, 0), bytes.NewReader(u.file))
}

func (u *wire) compressed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept-Encoding")
	w.Header().Set("Content-Type", "application/javascript")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = w.Write(u.file[:megabyte])
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(u.file[:megabyte])
	_ = z.Close()
}

func (u *wire) trailers(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Trailer", "Checksum")
	_, _ = io.WriteString(w, "body")
	w.Header().Set("Checksum", "7")
	w.Header().Set(http.TrailerPrefix+"Unannounced", "8")
}

func (u *wire) headers(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Permissions-Policy", "")
	h.Add("Link", "</a>; rel=preload")
	h.Add("Link", "</b>; rel=preload")
	h.Set("X-Version-Id", "11.6.0")
	h.Set("X-Latin", "caf\xe9")
	h.Set("X-Big", strings.Repeat("x", 100<<10))
	h.Set("Referrer-Policy", "origin")
	h.Set("Content-Language", "de")
	_, _ = io.WriteString(w, "{}")
}

// refuse answers before it has read the body, and does not read it.
func (u *wire) refuse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusRequestEntityTooLarge)
	_, _ = io.WriteString(w, "too large")
}

func (u *wire) status(w http.ResponseWriter, r *http.Request) {
	var code int
	_, _ = fmt.Sscan(r.PathValue("code"), &code)
	w.WriteHeader(code)
	if code != http.StatusNoContent && code != http.StatusNotModified {
		_, _ = fmt.Fprintf(w, "answered %d", code)
	}
}

// short breaks off in the middle.
func (u *wire) short(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("length") {
		w.Header().Set("Content-Length", "100000")
	}
	_, _ = w.Write(bytes.Repeat([]byte("x"), 50_000))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// TestTheSameBytesOnTheWire holds the gateway to what HTTP lets a client see.
func TestTheSameBytesOnTheWire(t *testing.T) {
	direct, through := bothWays(t, newWire())
	file, echo := "/api/v4/files/k3j9w2q8x7c5v1b6n4m0zpyrte", "/api/v4/echo"
	session := []string{"Cookie", "MMAUTHTOKEN=k3j9w2q8x7c5v1b6n4m0zpyrte; theme=dark", "X-CSRF-Token", "k3j9w2q8x7c5v1b6n4m0zpyrtf", "X-Requested-With", "XMLHttpRequest"}
	tests := map[string]struct {
		call
		status int
	}{
		"a question":                     {call{method: "GET", path: echo + "?a=1;2&b=%2F+c"}, 200},
		"a person's token":               {call{method: "GET", path: echo, header: []string{"Authorization", "Bearer k3j9w2q8x7c5v1b6n4m0zpyrte"}}, 200},
		"a browser's cookies":            {call{method: "POST", path: echo, header: session, body: []byte(`{"a":1}`)}, 200},
		"an encoded path":                {call{method: "GET", path: "/api/v4/users/a%40b%20c/echo"}, 200},
		"every header of a program":      {call{method: "GET", path: echo, header: []string{"Accept", "*/*", "Accept-Language", "de", "If-None-Match", "", "User-Agent", "", "Te", "trailers", "X-Own", "1", "X-Own", "2"}}, 200},
		"big headers":                    {call{method: "GET", path: echo, header: []string{"X-Big", strings.Repeat("b", 40<<10)}}, 200},
		"no body":                        {call{method: "POST", path: echo, body: []byte{}}, 200},
		"a deletion":                     {call{method: "DELETE", path: echo}, 200},
		"a deletion with a body":         {call{method: "DELETE", path: echo, body: []byte("x")}, 200},
		"a patch":                        {call{method: "PATCH", path: echo, body: []byte("x")}, 200},
		"what is allowed":                {call{method: "OPTIONS", path: echo, header: []string{"Origin", "https://erp.example.com", "Access-Control-Request-Method", "POST"}}, 200},
		"an upload of 20 MB":             {call{method: "PUT", path: echo, body: noise(upload)}, 200},
		"an upload of 20 MB in chunks":   {call{method: "POST", path: echo, body: noise(upload), chunked: true}, 200},
		"an upload with permission":      {call{method: "POST", path: echo, body: noise(megabyte), header: []string{"Expect", "100-continue"}}, 200},
		"an upload without permission":   {call{method: "POST", path: "/api/v4/refuse", body: noise(megabyte), header: []string{"Expect", "100-continue"}}, 413},
		"a download":                     {call{method: "GET", path: file}, 200},
		"a look at a download":           {call{method: "HEAD", path: file}, 200},
		"a range":                        {call{method: "GET", path: file, header: []string{"Range", "bytes=1000-1999999"}}, 206},
		"the end":                        {call{method: "GET", path: file, header: []string{"Range", "bytes=-500"}}, 206},
		"a look at a range":              {call{method: "HEAD", path: file, header: []string{"Range", "bytes=5-9"}}, 206},
		"a range of the same file":       {call{method: "GET", path: file, header: []string{"Range", "bytes=0-9", "If-Range", `"v1"`}}, 206},
		"a range of another file":        {call{method: "GET", path: file, header: []string{"Range", "bytes=0-9", "If-Range", `"v0"`}}, 200},
		"a range beyond the end":         {call{method: "GET", path: file, header: []string{"Range", "bytes=99999999-"}}, 416},
		"a known ETag":                   {call{method: "GET", path: file, header: []string{"If-None-Match", `"v0", "v1"`}}, 304},
		"a known date":                   {call{method: "GET", path: file, header: []string{"If-Modified-Since", "Sun, 13 Sep 2020 12:26:40 GMT"}}, 304},
		"a condition that fails":         {call{method: "GET", path: file, header: []string{"If-Match", `"v0"`}}, 412},
		"gzip":                           {call{method: "GET", path: "/static/main.js", header: []string{"Accept-Encoding", "gzip, deflate, br"}}, 200},
		"no gzip":                        {call{method: "GET", path: "/static/main.js"}, 200},
		"a look at gzip":                 {call{method: "HEAD", path: "/static/main.js", header: []string{"Accept-Encoding", "gzip"}}, 200},
		"trailers":                       {call{method: "GET", path: "/api/v4/trailers"}, 200},
		"odd and big headers":            {call{method: "GET", path: "/api/v4/headers"}, 200},
		"nothing":                        {call{method: "GET", path: "/api/v4/status/204"}, 204},
		"not modified":                   {call{method: "GET", path: "/api/v4/status/304"}, 304},
		"a refusal":                      {call{method: "GET", path: "/api/v4/status/403"}, 403},
		"an unknown path":                {call{method: "GET", path: "/api/v4/nowhere"}, 404},
		"a teapot":                       {call{method: "GET", path: "/api/v4/status/418"}, 418},
		"an error":                       {call{method: "GET", path: "/api/v4/status/500"}, 500},
		"a server that is away":          {call{method: "GET", path: "/api/v4/status/503"}, 503},
		"an answer that breaks off":      {call{method: "GET", path: "/api/v4/short"}, 200},
		"a known length that breaks off": {call{method: "GET", path: "/api/v4/short?length"}, 200},
	}
	for _, name := range inOrder(tests) {
		t.Run(name, func(t *testing.T) {
			tt := tests[name]
			if got := compare(t, direct, through, tt.call); got.Status != tt.status {
				t.Errorf("%d, want %d", got.Status, tt.status)
			}
		})
	}
}

// TestNothingIsHeldBackOnTheWay: each part of an answer reaches the client while
// the upstream still waits to send the next, whether its length is known or not.
// The wait before the first one is what long polling is.
func TestNothingIsHeldBackOnTheWay(t *testing.T) {
	next := make(chan struct{})
	_, through := bothWays(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/v4/poll") {
			return
		}
		if r.URL.Query().Has("length") {
			w.Header().Set("Content-Length", "15")
		}
		for i := range 3 {
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
			_, _ = fmt.Fprintf(w, "part%d", i)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	for _, path := range []string{"/api/v4/poll", "/api/v4/poll?length"} {
		t.Run(path, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			go func() { next <- struct{}{} }()
			res, err := through.http.RoundTrip(through.request(call{method: "GET", path: path}, nil).WithContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			part := make([]byte, len("part0"))
			for i := range 3 {
				if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != fmt.Sprint("part", i) {
					t.Fatalf("got %q, %v", part, err)
				}
				if i < 2 {
					next <- struct{}{} // only now does the upstream go on
				}
			}
		})
	}
}

// TestAnUploadArrivesWhileItIsSent: the first bytes are there before the last ones
// are written, and a client that leaves is noticed.
func TestAnUploadArrivesWhileItIsSent(t *testing.T) {
	arrived, left := make(chan string, 1), make(chan error, 1)
	_, through := bothWays(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v4/files" {
			return
		}
		first := make([]byte, 5)
		_, _ = io.ReadFull(r.Body, first)
		arrived <- string(first)
		_, err := io.Copy(io.Discard, r.Body)
		left <- err
	}))
	conn, err := net.Dial("tcp", strings.TrimPrefix(through.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST /api/v4/files HTTP/1.1\r\nHost: chat.example.com\r\nContent-Length: 20971520\r\n\r\nfirst")
	for _, wait := range []func() bool{
		func() bool { return within(t, arrived) == "first" },
		func() bool { _ = conn.Close(); return within(t, left) != nil },
	} {
		if !wait() {
			t.Error("the upload is not passed on as it comes")
		}
	}
}

func within[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(5 * time.Second):
		t.Fatal("not within 5 s")
		panic("unreachable")
	}
}

// TestAClientThatLeavesADownloadEndsItUpstream: nobody sends for nobody.
func TestAClientThatLeavesADownloadEndsItUpstream(t *testing.T) {
	ended := make(chan error, 1)
	_, through := bothWays(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v4/files/x" {
			return
		}
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		ended <- r.Context().Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	res, err := through.http.RoundTrip(through.request(call{method: "GET", path: "/api/v4/files/x"}, nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, len("begun"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := within(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
