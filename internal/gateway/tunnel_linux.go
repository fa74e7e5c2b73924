package gateway

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// poller waits for every tunnel's TCP connections at once. The runtime's own
// poller needs a parked goroutine for each, of at least 4 KiB of stack: two make
// more than all the rest of an idle tunnel. The epoll instance is itself waited
// for by the runtime, so it costs one goroutine and no thread.
type poller struct {
	file *os.File
	raw  syscall.RawConn

	mu      sync.Mutex
	sources map[int32]*polled
	last    int32
}

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // else the runtime does not wait for it
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), sources: map[int32]*polled{}}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	return p, nil
}

// run starts a turn for everything that becomes readable, until close.
func (p *poller) run() {
	events := make([]syscall.EpollEvent, 128)
	for {
		n := 0
		err := p.raw.Read(func(fd uintptr) bool {
			n = ready(int(fd), events)
			return n > 0
		})
		if err != nil {
			return
		}
		for _, event := range events[:n] {
			if s := p.find(event.Fd); s != nil {
				go s.turn()
			}
		}
	}
}

func ready(epfd int, events []syscall.EpollEvent) int {
	for {
		n, err := syscall.EpollWait(epfd, events, 0)
		if err != syscall.EINTR {
			return n
		}
	}
}

func (p *poller) close() { _ = p.file.Close() }

func (p *poller) find(id int32) *polled {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sources[id]
}

// add gives a source a number that no other has; late events of one that has
// ended find nobody.
func (p *poller) add(s *polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for taken := true; taken; _, taken = p.sources[p.last] {
		p.last++
	}
	s.id = p.last
	p.sources[s.id] = s
}

func (p *poller) remove(s *polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sources, s.id)
}

// ask has the poller tell once, and at once where there is something already.
func (p *poller) ask(op int, s *polled) error {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: s.id}
	var err error
	epoll := p.raw.Control(func(epfd uintptr) {
		socket := s.raw.Control(func(fd uintptr) { // which is not closed meanwhile
			err = syscall.EpollCtl(int(epfd), op, int(fd), &event)
		})
		err = errors.Join(err, socket)
	})
	return errors.Join(err, epoll)
}

// polled is a source that the poller watches.
type polled struct {
	*net.TCPConn
	raw    syscall.RawConn
	poller *poller
	flow   *flow
	id     int32
}

// source of a connection, the poller's where it can be polled.
func (g *Gateway) source(c net.Conn) source {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return &blocking{Conn: c}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return &blocking{Conn: c}
	}
	return &polled{TCPConn: tcp, raw: raw, poller: g.tunnels.poller}
}

func (s *polled) follow(f *flow) {
	s.flow = f
	s.poller.add(s)
	if err := s.poller.ask(syscall.EPOLL_CTL_ADD, s); err != nil {
		s.over(err)
	}
}

// turn ends with the next question, or the flow. Only one is under way for a flow:
// the poller tells once for each question.
func (s *polled) turn() {
	err := s.flow.turn(nil)
	if err == nil {
		err = s.poller.ask(syscall.EPOLL_CTL_MOD, s)
	}
	if err != nil {
		s.over(err)
	}
}

func (s *polled) over(err error) {
	s.poller.remove(s)
	s.flow.over(err)
}

// next takes a read that did not fill p for all there is: what comes after it is
// told anew.
func (s *polled) next(p []byte) (n int, err error) {
	closed := s.raw.Read(func(fd uintptr) bool {
		n, err = read(int(fd), p)
		return true
	})
	switch {
	case closed != nil:
		return 0, closed
	case err == syscall.EAGAIN || err == nil && 0 < n && n < len(p):
		return n, errNothing
	case err == nil && n == 0:
		return 0, io.EOF
	}
	return n, err
}

func read(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, p)
		if err != syscall.EINTR {
			return max(0, n), err
		}
	}
}

// interrupt makes the connection readable, for the last time: closing it would
// end the poller's interest without a word.
func (s *polled) interrupt() {
	_ = s.CloseWrite()
	_ = s.CloseRead()
}
