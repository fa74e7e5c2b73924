package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Helpers of the conformance_*_test.go files: Mattermost itself, and Mattermost
// through the whole program, are asked the same, and the answers compared.

// side is one of the two ways to Mattermost.
type side struct {
	t    *testing.T
	url  string
	host string
	http *http.Transport
}

// bothWays serves an upstream directly and through a production server.
func bothWays(t *testing.T, upstream http.Handler) (direct, through side) {
	t.Helper()
	backend := httptest.NewServer(upstream)
	t.Cleanup(backend.Close)
	env, _ := production(t)
	env["MM_BASE_URL"] = backend.URL
	return sideAt(t, backend.URL), sideAt(t, "http://"+serve(t, env).addr)
}

// sideAt compresses nothing of its own accord, so that bytes are as they were
// sent. Both sides are called by the name that browsers know.
func sideAt(t *testing.T, url string) side {
	s := side{t, url, "chat.example.com", &http.Transport{DisableCompression: true, MaxResponseHeaderBytes: 1 << 20, ExpectContinueTimeout: clientPatience}}
	t.Cleanup(s.http.CloseIdleConnections)
	return s
}

// owned is every header of an answer that the gateway may give, change or take
// away, and the reason. Each has tests of its own.
var owned = map[string]string{
	"Date":                      "is the time of the server that speaks",
	"Connection":                "is about one connection",
	"X-Request-Id":              "is the one in our record",
	"Strict-Transport-Security": "is ours to say in production",
	"Set-Cookie":                "has the shape that the embedding needs",
	"Token":                     "is a session, for whoever reads along",
	"X-Frame-Options":           "cannot name the origins that may frame",
	"Content-Security-Policy":   "gets our frame-ancestors",
}

// reply is all of an answer that can be told apart. Long bodies are there by
// their digest.
type reply struct {
	Status          int
	Header, Trailer http.Header
	Length          int64
	Coding          []string
	Body            string
	Interim         []int
	Failure         string
}

// ask makes one request and reads the answer to its end, or to its failure.
func (s side) ask(c call) reply {
	s.t.Helper()
	var got reply
	res, err := s.http.RoundTrip(s.request(c, &got.Interim))
	if err != nil {
		s.t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		got.Failure = err.Error()
	}
	got.Status, got.Length, got.Coding = res.StatusCode, res.ContentLength, res.TransferEncoding
	got.Header, got.Trailer, got.Body = comparable(res.Header), res.Trailer, digest(body)
	return got
}

func (s side) request(c call, interim *[]int) *http.Request {
	s.t.Helper()
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		*interim = append(*interim, code)
		return nil
	}}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(s.t.Context(), trace), c.method, s.url+c.path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if c.body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(c.body)), int64(len(c.body))
	}
	if c.chunked {
		req.ContentLength = -1
	}
	req.Host = s.host
	for i := 0; i < len(c.header); i += 2 {
		req.Header.Add(c.header[i], c.header[i+1])
	}
	return req
}

func comparable(h http.Header) http.Header {
	kept := maps.Clone(h)
	maps.DeleteFunc(kept, func(name string, _ []string) bool { return owned[name] != "" })
	return kept
}

// digest keeps what a person can read.
func digest(body []byte) string {
	if len(body) < 2000 {
		return string(body)
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// call is one request.
type call struct {
	method, path string
	header       []string // pairs of name and value
	body         []byte
	chunked      bool
}

// compare reports where the two answers differ, and returns the direct one.
func compare(t *testing.T, direct, through side, c call) reply {
	t.Helper()
	want, got := direct.ask(c), through.ask(c)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s %s (-directly +through the gateway):\n%s", c.method, c.path, diff)
	}
	return want
}

// inOrder is the keys of a map, for what must be the same every time.
func inOrder[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
