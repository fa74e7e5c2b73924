package server

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// recheck is how often the files are looked at while handshakes come in.
const recheck = time.Second

// Certificate serves the pair of PEM files and follows them when they change. A
// new pair that does not load leaves the old one in place; failed is told why.
func Certificate(certFile, keyFile string, failed func(error)) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, failed: failed}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	c.pair, c.version, c.looked = &pair, c.onDisk(), time.Now()
	return c.get, nil
}

type certificate struct {
	certFile, keyFile string
	failed            func(error)

	mu      sync.Mutex
	pair    *tls.Certificate
	version [2]time.Time // of pair
	broken  [2]time.Time // of those that did not load, of which failed was told
	looked  time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < recheck {
		return c.pair, nil
	}
	c.looked = time.Now()
	version := c.onDisk()
	if version == c.version {
		return c.pair, nil
	}
	// What does not load now is tried again: a mode or an owner is mended without a new time.
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		if version != c.broken {
			c.broken = version
			c.failed(err)
		}
		return c.pair, nil
	}
	c.pair, c.version = &pair, version
	return c.pair, nil
}

// onDisk is when the two files were last written; zero for one that is away.
func (c *certificate) onDisk() (version [2]time.Time) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			version[i] = info.ModTime()
		}
	}
	return version
}
