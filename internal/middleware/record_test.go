package middleware

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// recorded serves one request and returns its records.
func recorded(r *http.Request, h http.HandlerFunc) (records []Record) {
	defer func() { _ = recover() }()
	serve(Records(RecordOptions{Write: func(rec Record) { records = append(records, rec) }})(h), r)
	return records
}

func TestARecordIsFilledOnTheWayAndWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("cause")
		chain := func(h http.Handler) http.Handler {
			return RequestIDs([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")})(ClientAddrs(ClientAddrOptions{})(h))
		}
		h := chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := RecordOf(r.Context())
			rec.Route, rec.Code, rec.Err, rec.Key = "/things/{id}", "teapot", cause, "erp"
			time.Sleep(time.Second)
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "short and stout")
		}))
		r := get("/things/42?token=secret")
		r.Header.Set("User-Agent", strings.Repeat("ü", 200))
		r.Header.Set(requestIDHeader, "req-1")
		start := time.Now()
		want := []Record{{
			Start: start, Duration: time.Second, RequestID: "req-1", Method: "GET", Route: "/things/{id}",
			Status: 418, Bytes: 15, Client: netip.MustParseAddr("192.0.2.1"), Code: "teapot", Key: "erp",
			UserAgent: strings.Repeat("ü", 128), Err: cause,
		}}
		got := recorded(r, h.ServeHTTP)
		opts := cmp.Options{cmpopts.EquateErrors(), cmpopts.EquateComparable(netip.Addr{})}
		if diff := cmp.Diff(want, got, opts); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestTheStatusOfARecord(t *testing.T) {
	gone, leave := context.WithCancel(context.Background())
	leave()
	cases := map[string]struct {
		ctx     context.Context
		handler http.HandlerFunc
		want    int
	}{
		"nothing written is 200":              {handler: func(http.ResponseWriter, *http.Request) {}, want: 200},
		"a body alone is 200":                 {handler: ok, want: 200},
		"the first status counts":             {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.WriteHeader(500) }, want: 404},
		"a flush alone is 200":                {handler: func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() }, want: 200},
		"a client that left before is 499":    {ctx: gone, handler: func(http.ResponseWriter, *http.Request) {}, want: 499},
		"a client that left after is its own": {ctx: gone, handler: ok, want: 200},
		"one that a handler noted":            {handler: func(_ http.ResponseWriter, r *http.Request) { RecordOf(r.Context()).Status = 499 }, want: 499},
		"a panic is 500":                      {handler: func(http.ResponseWriter, *http.Request) { panic("x") }, want: 500},
		"a panic after the header is that":    {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); panic("x") }, want: 201},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := get("/")
			if c.ctx != nil {
				r = r.WithContext(c.ctx)
			}
			var got []Record
			func() {
				defer func() { _ = recover() }()
				serve(Records(RecordOptions{Write: func(rec Record) { got = append(got, rec) }})(c.handler), r)
			}()
			if len(got) != 1 || got[0].Status != c.want {
				t.Errorf("got %d records, %+v, want one with status %d", len(got), got, c.want)
			}
		})
	}
}

func TestAHijackedRequestIsRecordedAs101WhenItEnds(t *testing.T) {
	records := make(chan Record, 1)
	release := make(chan struct{})
	s := httptest.NewServer(Records(RecordOptions{Write: func(rec Record) { records <- rec }})(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\n\r\n")
			_ = rw.Flush()
			<-release
		})))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, _ := bufio.NewReader(conn).ReadString('\n'); !strings.Contains(line, "101") {
		t.Fatalf("answer %q", line)
	}
	if len(records) > 0 {
		t.Error("recorded while the tunnel was open")
	}
	close(release)
	if rec := <-records; rec.Status != 101 {
		t.Errorf("status %d, want 101", rec.Status)
	}
}

func TestInformationalAnswersPass(t *testing.T) {
	records := make(chan Record, 1)
	s := httptest.NewServer(Records(RecordOptions{Write: func(rec Record) { records <- rec }})(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNoContent)
		})))
	defer s.Close()
	var hints []int
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error { hints = append(hints, code); return nil },
	})
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if rec := <-records; rec.Status != 204 || resp.StatusCode != 204 || !cmp.Equal(hints, []int{103}) {
		t.Errorf("recorded %d, answered %d, hints %v", rec.Status, resp.StatusCode, hints)
	}
}

func TestDeadlinesReachTheConnection(t *testing.T) {
	s := httptest.NewServer(Records(RecordOptions{Write: func(Record) {}})(Recover(RecoverOptions{})(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			c := http.NewResponseController(w)
			if err := errors.Join(c.SetReadDeadline(time.Now().Add(time.Minute)), c.SetWriteDeadline(time.Now().Add(time.Minute)), c.EnableFullDuplex()); err != nil {
				t.Error(err)
			}
		}))))
	defer s.Close()
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestOutsideOfARequestNothingIsRecorded(t *testing.T) {
	RecordOf(context.Background()).Code = "lost"
	if RequestID(context.Background()) != "" || ClientAddr(context.Background()).IsValid() {
		t.Error("a request id or a client without a request")
	}
}
