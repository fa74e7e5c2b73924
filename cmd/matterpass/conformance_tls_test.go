package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"matterpass/internal/simulator"
)

// selfMade is a certificate for the chat host, its key, and who trusts it.
func selfMade(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"chat.example.com"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certFile, keyFile, roots
}

// overTLS is bothWays with HTTPS of our own, and a client that speaks HTTP/2.
func overTLS(t *testing.T, upstream http.Handler) (direct, through side) {
	t.Helper()
	backend := httptest.NewServer(upstream)
	t.Cleanup(backend.Close)
	cert, key, roots := selfMade(t)
	through = sideAt(t, "https://"+inFrontOf(t, backend, "TLS_CERT_FILE", cert, "TLS_KEY_FILE", key).addr)
	through.http.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: "chat.example.com"}
	through.http.ForceAttemptHTTP2 = true
	return sideAt(t, backend.URL), through
}

// TestTheSameBytesOverHTTP2 leaves out what HTTP/2 has no header for.
func TestTheSameBytesOverHTTP2(t *testing.T) {
	direct, through := overTLS(t, newWire())
	calls := wireCalls()
	for _, name := range inOrder(calls) {
		if slices.Contains(calls[name].header, "Expect") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if got := compare(t, direct, through, calls[name].call); got.Status != calls[name].status {
				t.Errorf("%d, want %d", got.Status, calls[name].status)
			}
		})
	}
}

func TestOurOwnAndMattermostsSpeakHTTP2(t *testing.T) {
	mm := simulator.New(simulator.Options{SiteURL: "https://mattermost.test", Demo: true})
	t.Cleanup(mm.Close)
	_, through := overTLS(t, mm)
	for _, path := range []string{"/api/mattermost/health", "/embed", "/widget/v1/matterpass.js", "/erp/channels/town-square", "/api/v4/system/ping"} {
		res, err := through.http.RoundTrip(through.request(call{method: "GET", path: path}, nil))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
			t.Errorf("%s: %d over %s", path, res.StatusCode, res.Proto)
		}
	}
}

// TestAWebSocketOpensBesideHTTP2: browsers ask for HTTP/1.1 on a connection of its
// own, because the other one cannot be switched.
func TestAWebSocketOpensBesideHTTP2(t *testing.T) {
	mm := simulator.New(simulator.Options{SiteURL: "https://mattermost.test", Demo: true})
	t.Cleanup(mm.Close)
	_, through := overTLS(t, mm)
	token, _ := mm.SignIn("demo@erp.test")
	beside := through.http.Clone()
	t.Cleanup(beside.CloseIdleConnections)
	beside.ForceAttemptHTTP2, beside.TLSClientConfig.NextProtos = false, []string{"http/1.1"}
	conn, res, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(through.url, "https")+"/api/v4/websocket", &websocket.DialOptions{
		Host: through.host, HTTPClient: &http.Client{Transport: beside},
		HTTPHeader: http.Header{"Origin": {"https://chat.example.com"}, "Cookie": {"MMAUTHTOKEN=" + token}},
	})
	if err != nil {
		t.Fatalf("%v, %v", res, err)
	}
	defer func() { _ = conn.CloseNow() }()
	wait(t, conn, "hello")
	mm.Say("dana@erp.test", "town-square", "live")
	wait(t, conn, "posted")
}
