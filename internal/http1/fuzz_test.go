package http1_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http/httpguts"

	"matterpass/internal/http1"
)

// heads are ordinary and odd ones; each is a seed with a body after it.
var heads = []string{
	"GET / HTTP/1.1\r\nHost: chat.test\r\n\r\n",
	"GET /a?b=c%20d HTTP/1.1\r\nhost: chat.test:80\r\naccept: */*\r\nCookie: a=b; c=d\r\nX-Odd:\t x \t\r\n\r\n",
	"POST /x HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\nbody",
	"POST /x HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
	"POST /x HTTP/1.1\r\nHost: chat.test\r\nContent-Length: +4\r\n\r\nbody",
	"POST /x HTTP/1.1\r\nHost: chat.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
	"POST /x HTTP/1.1\r\nHost: chat.test\r\nTransfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\nbody",
	"POST /x HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody",
	"GET / HTTP/1.1\r\nHost: \r\nHost: chat.test\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: chat.test\r\nHost: other.test\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.0\r\nHost: chat.test\r\n\r\n",
	"GET //chat.test/x HTTP/1.1\r\nHost: other.test\r\n\r\n",
	"GET http://chat.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n",
	"GET /%zz HTTP/1.1\r\nHost: chat.test\r\n\r\n",
	"GET /#x HTTP/1.1\r\nHost: chat.test\r\n\r\n",
	"GET /é HTTP/1.1\r\nHost: chat.test\r\n\r\n",
	"GET /  HTTP/1.1\r\nHost: chat.test\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: chat.test\r\n\r\n",
	"GET / HTTP/1.1\nHost: chat.test\n\n",
	"GET / HTTP/1.1\r\nHost: chat.test\r\nX: a\r\n b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: chat.test\r\nX: a\x00\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: chat.test\r\nX: a\rb\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: chat.test\r\nX: a\nY: b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: chat.test\r\n: a\r\n\r\n",
	"GET / HTTP/1.1\r\n Host: chat.test\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: chat.test\r\nPragma: no-cache\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: chat.test\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
	"\r\nGET / HTTP/1.1\r\nHost: chat.test\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

// FuzzRequestsAreReadAsNetHTTPReadsThem: what is taken for ordinary is to the byte
// what net/http makes of it, and net/http's server would not have refused it, whatever
// came before.
func FuzzRequestsAreReadAsNetHTTPReadsThem(f *testing.F) {
	for _, head := range heads {
		f.Add([]byte(heads[0]), []byte(head))
		f.Add([]byte(head), []byte(head))
	}
	f.Fuzz(func(t *testing.T, before, came []byte) {
		got, size, err := http1.ParseRequests(before, came)
		if _, _, alone := http1.ParseRequests(nil, came); !errors.Is(err, alone) {
			t.Fatalf("%v, alone %v", err, alone)
		}
		if err != nil {
			return
		}
		from := bufio.NewReaderSize(bytes.NewReader(came), len(came)+16)
		want, err := http.ReadRequest(from)
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		if left := len(came) - size; from.Buffered() != left {
			t.Errorf("the head ends %d bytes before the end, for net/http %d", left, from.Buffered())
		}
		wantOrdinary(t, want, came[:size])
		if a, b := shapeOf(got), shapeOf(want); !cmp.Equal(a, b) {
			t.Error(cmp.Diff(b, a))
		}
	})
}

// wantOrdinary makes the checks of net/http's server that come after reading.
func wantOrdinary(t *testing.T, r *http.Request, head []byte) {
	t.Helper()
	if r.Host == "" || !httpguts.ValidHostHeader(r.Host) || bytes.Count(bytes.ToLower(head), []byte("\nhost:")) != 1 {
		t.Errorf("Host is %q", r.Host)
	}
	for name, values := range r.Header {
		for _, value := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
				t.Errorf("%q: %q", name, value)
			}
		}
	}
	if len(r.TransferEncoding) > 0 || r.Close || r.Trailer != nil || r.Header["Expect"] != nil || r.Header["Upgrade"] != nil {
		t.Errorf("this is not ordinary: %+v", r)
	}
}

type shape struct {
	Method, Target, URL, RawPath, Host, Proto string
	Header                                    http.Header
	Length                                    int64
}

func shapeOf(r *http.Request) shape {
	return shape{r.Method, r.RequestURI, r.URL.String(), r.URL.RawPath, r.Host, r.Proto, r.Header, r.ContentLength}
}

// answers are ordinary and odd ones.
var answers = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: text/plain\r\n\r\nfineHTTP/1.1",
	"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine",
	"HTTP/1.1 204 No Content\r\nX-Version-Id: 11\r\n\r\nHTTP/1.1",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nEtag: \"x\"\r\n\r\nHTTP/1.1",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
	"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 0200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfine",
	"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfine!",
	"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
	"SSH-2.0-OpenSSH_9.2\r\n",
	"",
}

// FuzzAnswersAreReadAsNetHTTPReadsThem: whatever comes, and whatever was asked.
func FuzzAnswersAreReadAsNetHTTPReadsThem(f *testing.F) {
	for _, answer := range answers {
		for _, method := range []string{"GET", "HEAD"} {
			f.Add([]byte(answer), method == "HEAD")
		}
	}
	f.Fuzz(func(t *testing.T, came []byte, isHead bool) {
		r := httptest.NewRequest("GET", "http://chat.test/", nil)
		if isHead {
			r.Method = "HEAD"
		}
		ours, theirs := bufio.NewReader(bytes.NewReader(came)), bufio.NewReader(bytes.NewReader(came))
		got, err := http1.ReadResponse(ours, r)
		want, wantErr := http.ReadResponse(theirs, r)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, for net/http %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if a, b := answerOf(got), answerOf(want); !cmp.Equal(a, b) {
			t.Error(cmp.Diff(b, a))
		}
		rest, _ := io.ReadAll(ours)
		wantRest, _ := io.ReadAll(theirs)
		if !bytes.Equal(rest, wantRest) {
			t.Errorf("%q is left, for net/http %q", rest, wantRest)
		}
	})
}

type answerShape struct {
	Status, Proto, Body, Err string
	Code                     int
	Header, Trailer          http.Header
	Length                   int64
	Encoding                 []string
	Close, NoBody            bool
}

func answerOf(res *http.Response) answerShape {
	noBody := res.Body == http.NoBody
	body, err := io.ReadAll(res.Body)
	s := answerShape{
		Status: res.Status, Proto: res.Proto, Body: string(body), Code: res.StatusCode, Header: res.Header, Trailer: res.Trailer,
		Length: res.ContentLength, Encoding: res.TransferEncoding, Close: res.Close, NoBody: noBody,
	}
	if err != nil {
		s.Err = err.Error()
	}
	return s
}
