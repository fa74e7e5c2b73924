// Package server runs the listeners: it binds before anything else happens, so
// that a taken port is an error at start; it protects against slow clients; and
// it stops in the order that load balancers and people expect.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"matterpass/internal/http1"
)

// Limits towards slow or greedy clients.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// writeStall is how long one write to a client may stand still: a download
	// that nobody reads must not hold an upstream connection for ever.
	writeStall = time.Minute
	headerMost = 64 << 10
)

// Options of a Server.
type Options struct {
	Addr      string
	Listener  net.Listener // in place of Addr, for who must know the port first
	AdminAddr string       // empty: no admin listener
	Handler   http.Handler
	Admin     http.Handler
	// Certificate makes the public listener HTTPS (HTTP/1.1 and HTTP/2).
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

	DrainDelay time.Duration // between "not ready" and the closed listener
	Grace      time.Duration // for requests under way; 20 s
	// Stopping is told first, so that readiness turns 503.
	Stopping func()
	// Drain ends what Shutdown does not know: hijacked connections.
	Drain    func(context.Context)
	ErrorLog *log.Logger // what net/http reports of broken clients
}

// Server holds bound listeners.
type Server struct {
	Options
	public, admin         *http.Server
	ordinary              *http1.Listener // nil where TLS is ours
	unused                *unused
	listener, adminListen net.Listener
}

// Listen binds both addresses.
func Listen(ctx context.Context, o Options) (*Server, error) {
	if o.Grace == 0 {
		o.Grace = 20 * time.Second
	}
	s := &Server{
		Options: o, public: newHTTP(o, o.Handler), admin: newHTTP(o, o.Admin),
		unused: &unused{conns: map[net.Conn]struct{}{}},
	}
	s.public.ConnState = s.unused.watch
	var err error
	if s.listener = o.Listener; s.listener == nil {
		if s.listener, err = listen(ctx, o.Addr); err != nil {
			return nil, fmt.Errorf("HTTP_ADDR: %w", err)
		}
	}
	s.listener = stallListener{s.listener}
	if o.Certificate != nil {
		s.public.Handler = unlessStalled(o.Handler, writeStall)
		s.listener = tls.NewListener(s.listener, &tls.Config{
			GetCertificate: o.Certificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		})
	} else {
		s.ordinary = http1.Before(s.listener, s.public)
		s.listener = s.ordinary
	}
	if o.AdminAddr == "" {
		return s, nil
	}
	if s.adminListen, err = listen(ctx, o.AdminAddr); err != nil {
		_ = s.listener.Close() // the error of the other address is the one to report
		return nil, fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	s.adminListen = stallListener{s.adminListen}
	return s, nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", addr)
}

func newHTTP(o Options, h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ErrorLog: o.ErrorLog,
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerMost,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is answered past every handler
	}
}

// Addr is the address of the public listener, AdminAddr of the other; useful
// where the port was 0.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// AdminAddr is nil without an admin listener.
func (s *Server) AdminAddr() net.Addr {
	if s.adminListen == nil {
		return nil
	}
	return s.adminListen.Addr()
}

// Run serves until stop ends, then drains: not ready, DrainDelay, no new
// connections, Grace for the rest. When now ends as well, everything is cut.
// It answers nil after an orderly stop.
func (s *Server) Run(stop, now context.Context) error {
	group, failed := errgroup.WithContext(context.WithoutCancel(stop))
	group.Go(func() error { return serve(s.public, s.listener) })
	if s.adminListen != nil {
		group.Go(func() error { return serve(s.admin, s.adminListen) })
	}
	group.Go(func() error {
		select {
		case <-stop.Done():
		case <-failed.Done():
		}
		return s.shutdown(now)
	})
	return group.Wait()
}

func serve(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// shutdown keeps the admin listener until the end, so that draining can be
// watched.
func (s *Server) shutdown(now context.Context) error {
	if s.Stopping != nil {
		s.Stopping()
	}
	sleep(now, s.DrainDelay)
	grace, cancel := context.WithTimeout(now, s.Grace)
	defer cancel()
	var drained errgroup.Group
	drained.Go(func() error { return closeWithin(grace, s.public) })
	if s.ordinary != nil {
		drained.Go(func() error { return unlessCut(s.ordinary.Shutdown(grace)) })
	}
	s.unused.close()
	if s.Drain != nil {
		drained.Go(func() error { s.Drain(grace); return nil })
	}
	err := drained.Wait()
	return errors.Join(err, s.admin.Close())
}

// closeWithin lets requests finish until ctx ends, then cuts them.
func closeWithin(ctx context.Context, s *http.Server) error {
	err := s.Shutdown(ctx)
	if isCut(err) {
		return s.Close()
	}
	return err
}

// isCut: it waited until its context ended.
func isCut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// unlessCut is for what cuts by itself: that is no error.
func unlessCut(err error) error {
	if isCut(err) {
		return nil
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stallListener gives every connection a deadline for each write.
type stallListener struct{ net.Listener }

func (l stallListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &stallConn{Conn: c}, nil
}

type stallConn struct {
	net.Conn
	set atomic.Int64 // when the deadline was last set, in Unix nanoseconds
}

// NetConn is the connection itself, for who takes it over and keeps deadlines of
// its own; tls.Conn has the same method.
func (c *stallConn) NetConn() net.Conn { return c.Conn }

// CloseWrite lets a client read a last answer while it still sends: net/http closes
// in two steps where it can.
func (c *stallConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Write sets the deadline anew, unless that was done just now: timers are dear, and
// a sixteenth less patience makes no difference.
func (c *stallConn) Write(b []byte) (int, error) {
	now := time.Now()
	if now.UnixNano()-c.set.Load() > int64(writeStall/16) {
		if err := c.SetWriteDeadline(now.Add(writeStall)); err != nil {
			return 0, err
		}
		c.set.Store(now.UnixNano())
	}
	return c.Conn.Write(b)
}
