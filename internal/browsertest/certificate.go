package browsertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Certificate is a chain of a certificate and the authority that was made for
// it, in PEM files as TLS_CERT_FILE and TLS_KEY_FILE name them.
type Certificate struct {
	CertFile, KeyFile string
	authority         string // its public key's SHA-256, as Chromium wants it
}

// NewCertificate for some host names. It and its authority live as long as t.
func NewCertificate(t *testing.T, names ...string) Certificate {
	t.Helper()
	root := signed{subject: "An authority of a test", serial: 1}.by(t, nil)
	leaf := signed{subject: names[0], serial: 2, names: names}.by(t, &root)
	key, err := x509.MarshalPKCS8PrivateKey(leaf.key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := Certificate{CertFile: filepath.Join(dir, "chain.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	write(t, c.CertFile, append(block("CERTIFICATE", leaf.Raw), block("CERTIFICATE", root.Raw)...))
	write(t, c.KeyFile, block("PRIVATE KEY", key))
	sum := sha256.Sum256(root.RawSubjectPublicKeyInfo)
	c.authority = base64.StdEncoding.EncodeToString(sum[:])
	return c
}

// flags have Chromium take the authority. Its list of hashes is obeyed only
// together with a profile directory of one's own, and needs no certificate store
// of the system's.
func (c Certificate) flags() []chromedp.ExecAllocatorOption {
	if c.authority == "" {
		return nil
	}
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("ignore-certificate-errors-spki-list", c.authority),
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"),
	}
}

// signed is what is to be certified; without names it is an authority.
type signed struct {
	subject string
	serial  int64
	names   []string
}

type pair struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

func (s signed) by(t *testing.T, issuer *pair) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wish := &x509.Certificate{
		SerialNumber: big.NewInt(s.serial), Subject: pkix.Name{CommonName: s.subject}, DNSNames: s.names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if issuer == nil {
		wish.IsCA, wish.BasicConstraintsValid, wish.KeyUsage, wish.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		issuer = &pair{wish, key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, wish, issuer.Certificate, &key.PublicKey, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return pair{made, key}
}

func block(kind string, content []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
}
