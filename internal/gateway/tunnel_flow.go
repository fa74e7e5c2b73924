package gateway

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// linger is how long the other side may go on after one has finished, and how
	// long both may take to say goodbye after our close frame.
	linger = 5 * time.Second
	// closePatience bounds the sending of a close frame, which a browser that
	// reads takes at once.
	closePatience = 250 * time.Millisecond
)

// cause is why a tunnel ended; the first one counts.
type cause uint32

const (
	open cause = iota
	clientLeft
	upstreamLeft
	stalled
	idle
	signedOut
	revoked
	draining
)

func (c cause) String() string {
	return [...]string{"open", "client_left", "upstream_left", "stalled", "idle", "signed_out", "revoked", "draining"}[c]
}

// tunnel is one WebSocket: two connections and a flow in each direction. While
// nothing is said it holds no buffer and, where its connections can be polled, no
// goroutine. A side that vanished is noticed by TCP's keep-alive, which net sets on
// both.
type tunnel struct {
	gateway *Gateway
	network netip.Prefix // of the client
	token   string       // of the session, empty where there is none
	program bool         // which sent it by Authorization
	doubts  uint         // of the registry, when Mattermost was asked
	opened  time.Time
	down    flow         // to the browser
	up      flow         // to Mattermost
	flowing atomic.Int32 // of the two
	moved   atomic.Int64 // when a byte last went by, since opened
	why     atomic.Uint32
	goodbye atomic.Uint32 // the status of a close frame that is due

	// speaking guards what is written to the browser.
	speaking sync.Mutex
	frames   frames
	muted    bool // we closed; what Mattermost still says is dropped
}

// flow carries the bytes of one direction.
type flow struct {
	*tunnel
	source
	to   net.Conn
	from net.Conn
}

// source is a connection to read from.
type source interface {
	// next reads what is there without waiting: errNothing, perhaps beside some
	// bytes, says that the rest has to be waited for.
	next([]byte) (int, error)
	// follow calls turn or over until the flow has ended.
	follow(*flow)
	// interrupt makes it end.
	interrupt()
}

var errNothing = errors.New("there is nothing to read yet")

// connect gives the tunnel its connections.
func (t *tunnel) connect(client, mattermost net.Conn) {
	client, mattermost = bare(client), bare(mattermost)
	t.opened = time.Now()
	t.down = flow{t, t.gateway.source(mattermost), client, mattermost}
	t.up = flow{t, t.gateway.source(client), mattermost, client}
}

// bare is the TCP connection where c only adds to one, as the server's write
// deadline does: we keep deadlines of our own. A TLS connection stays.
func bare(c net.Conn) net.Conn {
	for {
		_, isTLS := c.(*tls.Conn)
		wrapper, ok := c.(interface{ NetConn() net.Conn })
		if isTLS || !ok {
			return c
		}
		c = wrapper.NetConn()
	}
}

// start answers the browser, sends on what came with the handshakes, and lets
// flow. The caller holds speaking, which is given back.
func (t *tunnel) start(head, down, up []byte) {
	t.flowing.Store(2)
	err := t.write(t.down.to, head)
	t.speaking.Unlock()
	t.sayClose()
	if err != nil {
		t.blame(clientLeft, err)
		t.cut()
	}
	t.down.begin(down)
	t.up.begin(up)
}

func (f *flow) begin(early []byte) {
	if err := f.send(early); err != nil {
		f.over(err)
		return
	}
	f.follow(f)
}

// turn is one answer to "there is something to read".
func (f *flow) turn(first []byte) error {
	buffer := f.gateway.buffers.Get()
	defer f.gateway.buffers.Put(buffer)
	n := copy(buffer, first)
	for {
		more, err := f.next(buffer[n:])
		if sent := f.send(buffer[:n+more]); sent != nil {
			return sent
		}
		if err == errNothing {
			return nil
		}
		if err != nil {
			f.blame(f.sender(), err)
			return err
		}
		n = 0
	}
}

func (f *flow) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	err := f.speak(p)
	if err != nil {
		f.blame(f.receiver(), err)
	}
	return err
}

// speak counts the frames towards the browser; those towards Mattermost are
// nobody's business.
func (f *flow) speak(p []byte) error {
	if f == &f.up {
		return f.write(f.to, p)
	}
	defer f.sayClose()
	f.speaking.Lock()
	defer f.speaking.Unlock()
	if f.muted {
		return nil
	}
	f.frames.skip(p)
	return f.write(f.to, p)
}

// write gives a side that takes nothing so long, and no longer.
func (t *tunnel) write(to net.Conn, p []byte) error {
	now := time.Now()
	t.moved.Store(int64(now.Sub(t.opened)))
	if err := to.SetWriteDeadline(now.Add(t.gateway.Stall)); err != nil {
		return err
	}
	_, err := to.Write(p)
	return err
}

func (f *flow) sender() cause {
	if f == &f.up {
		return clientLeft
	}
	return upstreamLeft
}

func (f *flow) receiver() cause {
	if f == &f.up {
		return upstreamLeft
	}
	return clientLeft
}

// blame takes note of why the tunnel ends, unless that is known.
func (t *tunnel) blame(why cause, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		why = stalled
	}
	t.why.CompareAndSwap(uint32(open), uint32(why))
}

// over ends one direction. A side that finished in order lets the other one
// finish too: what is on its way arrives, and nobody is reset.
func (f *flow) over(err error) {
	if f.flowing.Add(-1) == 0 {
		f.finish()
		return
	}
	half, ok := f.to.(interface{ CloseWrite() error })
	if err != io.EOF || !ok || half.CloseWrite() != nil {
		f.cut()
		return
	}
	time.AfterFunc(linger, f.cut)
}

// finish closes what nobody uses any more.
func (t *tunnel) finish() {
	_ = t.down.to.Close()
	_ = t.up.to.Close()
	t.gateway.TunnelEnded(cause(t.why.Load()).String(), time.Since(t.opened))
	t.gateway.remove(t)
}

// cut ends the tunnel now.
func (t *tunnel) cut() {
	t.down.interrupt()
	t.up.interrupt()
}

// end says goodbye to the browser, as soon as that can be said, and cuts the
// tunnel after so long. Mattermost hears it from the browser.
func (t *tunnel) end(why cause, status uint16, within time.Duration) {
	t.blame(why, nil)
	t.goodbye.CompareAndSwap(0, uint32(status))
	t.sayClose()
	time.AfterFunc(within, t.cut)
}

// sayClose says the goodbye that is due, once, and not into a frame. Who is
// speaking asks again afterwards.
func (t *tunnel) sayClose() {
	status := t.goodbye.Load()
	if status == 0 || !t.speaking.TryLock() {
		return
	}
	defer t.speaking.Unlock()
	if t.muted || t.frames.closed || !t.frames.between() {
		return
	}
	t.muted = true
	_ = t.down.to.SetWriteDeadline(time.Now().Add(closePatience))
	if _, err := t.down.to.Write(closeFrame(uint16(status))); err != nil {
		t.cut()
	}
}

// quiet is how long no byte has gone by.
func (t *tunnel) quiet() time.Duration {
	return time.Since(t.opened) - time.Duration(t.moved.Load())
}

// blocking is a source that a goroutine of its own waits for: TLS, whose records
// are not the socket's bytes, and systems without a poller of ours. It waits with
// a buffer of one byte, then takes what is there. With the goroutine's stack and
// TLS's own state such a connection costs some 10 KiB more than a polled one.
type blocking struct {
	net.Conn
	first [1]byte
}

var longAgo = time.Unix(1, 0)

func (b *blocking) next(p []byte) (int, error) {
	_ = b.SetReadDeadline(longAgo) // what TLS has decrypted is read all the same
	n, err := b.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errNothing
	}
	_ = b.SetReadDeadline(time.Time{})
	return n, err
}

func (b *blocking) follow(f *flow) {
	go func() {
		for {
			n, err := b.Read(b.first[:])
			if err != nil {
				f.blame(f.sender(), err)
			} else {
				err = f.turn(b.first[:n])
			}
			if err != nil {
				f.over(err)
				return
			}
		}
	}()
}

func (b *blocking) interrupt() { _ = b.Close() }
