package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"matterpass/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a server on a free port, its stop and its end.
type running struct {
	*server.Server
	stop, now context.CancelFunc
	ended     chan error
}

func run(t *testing.T, o server.Options) *running {
	t.Helper()
	o.Addr = "127.0.0.1:0"
	s, err := server.Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	stop, cancelStop := context.WithCancel(context.Background())
	now, cancelNow := context.WithCancel(context.Background())
	r := &running{s, cancelStop, cancelNow, make(chan error, 1)}
	go func() { r.ended <- s.Run(stop, now) }()
	t.Cleanup(func() { cancelStop(); cancelNow() })
	return r
}

func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the server did not stop")
		return nil
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

func TestATakenPortIsAnErrorAtStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := server.Listen(t.Context(), server.Options{Addr: taken.Addr().String()}); err == nil {
		t.Error("HTTP_ADDR: no error")
	}
	if _, err := server.Listen(t.Context(), server.Options{Addr: "127.0.0.1:0", AdminAddr: taken.Addr().String()}); err == nil {
		t.Error("ADMIN_ADDR: no error")
	}
}

func TestRequestsUnderWayFinishWhileTheServerStops(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var order []string
	r := run(t, server.Options{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-release
			_, _ = io.WriteString(w, "finished")
		}),
		Stopping: func() { order = append(order, "not ready"); close(release) },
		Drain:    func(context.Context) { order = append(order, "drained") },
	})
	answer := make(chan string, 1)
	go func() {
		_, body := get(t, "http://"+r.Addr().String())
		answer <- body
	}()
	<-entered
	r.stop()
	if err := r.wait(t); err != nil {
		t.Errorf("an orderly stop ended with %v", err)
	}
	if got := <-answer; got != "finished" {
		t.Errorf("got %q", got)
	}
	if len(order) != 2 || order[0] != "not ready" {
		t.Errorf("order %v", order)
	}
}

func TestUnusedConnectionsDoNotHoldTheStop(t *testing.T) {
	r := run(t, server.Options{Handler: http.NotFoundHandler()})
	conn, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	get(t, "http://"+r.Addr().String()) // by now the other one is accepted, too
	start := time.Now()
	r.stop()
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("a connection on which nothing was asked held the stop for %s", took)
	}
}

func TestNewRequestsAreServedDuringTheDrainDelay(t *testing.T) {
	stopping := make(chan struct{})
	r := run(t, server.Options{
		Handler:    http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }),
		DrainDelay: time.Hour, Stopping: func() { close(stopping) },
	})
	r.stop()
	<-stopping
	if _, body := get(t, "http://"+r.Addr().String()); body != "ok" {
		t.Errorf("got %q", body)
	}
	r.now() // the second signal
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
}

func TestASecondSignalCutsWhatHangs(t *testing.T) {
	entered, cut := make(chan struct{}), make(chan struct{})
	r := run(t, server.Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(cut)
	})})
	conn, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	r.stop()
	r.now()
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
	<-cut
}

func TestAdminListenerIsAnotherAddress(t *testing.T) {
	s, err := server.Listen(t.Context(), server.Options{
		Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0",
		Handler: http.NotFoundHandler(),
		Admin:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "admin") }),
	})
	if err != nil {
		t.Fatal(err)
	}
	stop, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(stop, context.Background()) }()
	if _, body := get(t, "http://"+s.AdminAddr().String()); body != "admin" {
		t.Errorf("got %q", body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWhoHijacksReachesTheConnectionItself(t *testing.T) {
	taken := make(chan net.Conn, 1)
	r := run(t, server.Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
		}
		taken <- conn
	})})
	conn, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	hijacked := <-taken
	defer hijacked.Close()
	for {
		wrapper, ok := hijacked.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		hijacked = wrapper.NetConn()
	}
	if _, ok := hijacked.(*net.TCPConn); !ok {
		t.Errorf("%T hides its connection", hijacked)
	}
}

func TestHeadersThatNeverEndAreCut(t *testing.T) {
	if testing.Short() {
		t.Skip("waits ten seconds")
	}
	t.Parallel()
	r := run(t, server.Options{Handler: http.NotFoundHandler()})
	conn, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := bufio.NewReader(conn).ReadByte(); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection stayed open")
	}
	r.stop()
	_ = r.wait(t)
}

// writePair makes a self-signed pair for a host, and sets its files' time.
func writePair(t *testing.T, dir, host string, at time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(at.Unix()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestHTTPSSpeaksHTTP2AndFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writePair(t, dir, "one.test", time.Now().Add(-time.Hour))
	failed := make(chan error, 10)
	certificate, err := server.Certificate(certFile, keyFile, func(err error) { failed <- err })
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, server.Options{
		Certificate: certificate,
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
	})
	if proto, name := handshake(t, r.Addr().String()); proto != "HTTP/2.0" || name != "one.test" {
		t.Errorf("got %s from %s", proto, name)
	}
	writePair(t, dir, "two.test", time.Now())
	eventually(t, func() bool { _, name := handshake(t, r.Addr().String()); return name == "two.test" })
	if err := os.WriteFile(certFile, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { handshake(t, r.Addr().String()); return len(failed) > 0 })
	if _, name := handshake(t, r.Addr().String()); name != "two.test" {
		t.Errorf("a broken pair replaced the good one: %s", name)
	}
	if _, err := server.Certificate(certFile, keyFile, nil); err == nil {
		t.Error("a broken pair is no error at start")
	}
	// Mended without a new time, as by another owner or mode.
	info, err := os.Stat(certFile)
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, dir, "three.test", info.ModTime())
	eventually(t, func() bool { _, name := handshake(t, r.Addr().String()); return name == "three.test" })
	r.stop()
	_ = r.wait(t)
}

func handshake(t *testing.T, addr string) (proto, name string) {
	t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the name is what is tested
	}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get("https://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return string(body), res.TLS.PeerCertificates[0].Subject.CommonName
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 10 s")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
