package gateway

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// NewTransport is tuned for one upstream near by: many kept connections, a short
// patience for connecting, and bytes as they are, since compression is between
// Mattermost and the browser. It speaks HTTP/1.1 only, which upgrades need.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		// Mattermost answers slow calls itself; uploads count from their last byte.
		ResponseHeaderTimeout:  60 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        45 * time.Second, // less than Mattermost's own 60
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true,
		Protocols:              onlyHTTP1(),
	}
}

func onlyHTTP1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// bufferSize is what an answer passes through, in bytes.
const bufferSize = 32 << 10

// buffers are shared by all answers.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

func (b *buffers) Get() []byte { return b.pool.Get().(*[bufferSize]byte)[:] }

func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
