package gateway_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"matterpass/internal/cookie"
	"matterpass/internal/gateway"
)

// smallJSON is about what users/me answers.
var smallJSON = `{"id":"435uqz4cqp8mjdb33fy5urg1pa","notify_props":{"x":"` + strings.Repeat("y", 600) + `"}}`

func answerSmall(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = io.WriteString(w, smallJSON)
}

// BenchmarkRequests compares one small GET over kept connections: to the backend
// itself, through httputil.ReverseProxy alone, and through the gateway inside the
// cookie middleware. Read the ratios; req/s is of all clients together.
func BenchmarkRequests(b *testing.B) {
	backend := httptest.NewServer(http.HandlerFunc(answerSmall))
	defer backend.Close()
	upstream, err := url.Parse(backend.URL)
	if err != nil {
		b.Fatal(err)
	}
	transport := gateway.NewTransport()
	defer transport.CloseIdleConnections()
	bare := &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(upstream) },
		Transport: transport, ErrorLog: log.New(io.Discard, "", 0),
	}
	ours := gateway.New(gateway.Options{
		Upstream: upstream, Public: upstream, AllowedOrigins: []string{erp}, Login: passwords(nobody), Transport: transport,
		ClientAddr: func(*http.Request) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 7}) },
	})
	shape := func(*http.Request) cookie.Policy { return cookie.Policy{} }
	b.Run("direct", func(b *testing.B) { load(b, http.HandlerFunc(answerSmall)) })
	b.Run("reverseproxy", func(b *testing.B) { load(b, bare) })
	b.Run("gateway", func(b *testing.B) { load(b, cookie.Middleware(shape)(ours)) })
}

// load keeps 64 clients busy.
func load(b *testing.B, handler http.Handler) {
	front := httptest.NewServer(handler)
	defer front.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	defer client.CloseIdleConnections()
	b.SetParallelism(32) // times GOMAXPROCS
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, front.URL+"/api/v4/users/me", nil)
			req.Header.Set("Cookie", "MMAUTHTOKEN=frmcaanrninw9xks9d757kn96c; MMUSERID=435uqz4cqp8mjdb33fy5urg1pa; MMCSRF=tz43qix4ibfu8myixs6xmauqre")
			res, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

// BenchmarkOverhead is what the gateway itself adds, without sockets.
func BenchmarkOverhead(b *testing.B) {
	upstream := &url.URL{Scheme: "http", Host: "mattermost.test"}
	g := gateway.New(gateway.Options{
		Upstream: upstream, Public: &url.URL{Scheme: "https", Host: "chat.erp.test"}, AllowedOrigins: []string{erp},
		Login: passwords(nobody), Transport: instant{},
	})
	bare := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(upstream) }, Transport: instant{}}
	for name, handler := range map[string]http.Handler{"reverseproxy": bare, "gateway": g} {
		b.Run(name, func(b *testing.B) {
			req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/api/v4/users/me", nil)
			req.Header.Set("Cookie", "MMAUTHTOKEN=frmcaanrninw9xks9d757kn96c; MMUSERID=435uqz4cqp8mjdb33fy5urg1pa; MMCSRF=tz43qix4ibfu8myixs6xmauqre")
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(httptest.NewRecorder(), req)
			}
		})
	}
}

// instant answers without a network.
type instant struct{}

func (instant) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(smallJSON)),
		Header: http.Header{"Content-Type": {"application/json"}, "Referrer-Policy": {"no-referrer"}},
		Body:   io.NopCloser(strings.NewReader(smallJSON)),
	}, nil
}
