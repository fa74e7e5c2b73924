package store

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"matterpass/internal/login"
)

// wire stands between the store and its server. It lets one statement through
// and loses what the server says to it.
type wire struct {
	net.Listener
	to   string
	lose atomic.Value // of a statement that has this in it
	lost atomic.Int32
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, to: to}
	w.lose.Store("")
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(conn)
		}
	}()
	return w
}

func (w *wire) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	go pass(client, server, func(b []byte) bool {
		if what := w.lose.Load().(string); what != "" && bytes.Contains(b, []byte(what)) {
			deaf.Store(true)
			w.lost.Add(1)
		}
		return true
	})
	pass(server, client, func([]byte) bool { return !deaf.Load() })
}

// pass carries bytes until one side is gone or look says no.
func pass(from, to net.Conn, look func([]byte) bool) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil || !look(buffer[:n]) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func TestAnAnswerThatWasLostIsNeverAYes(t *testing.T) {
	f := newFixture(t, database(t))
	o := f.o
	address, err := url.Parse(o.Address)
	wantErr(t, err, nil)
	w := newWire(t, address.Host)
	address.Host = w.Addr().String()
	o.Address = address.String()
	remote, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	far := &fixture{Store: remote, t: t, clock: f.clock, o: o}
	ctx := context.Background()
	wantErr(t, f.Tickets().Put(ctx, [32]byte{1}, someTicket(f.clock)), nil)
	link := f.link("42", "dana", login.LinkedBySignIn)
	for name, c := range map[string]struct {
		statement string
		act       func(f *fixture) error
		again     error
	}{
		"proof":  {"INSERT INTO spent", func(f *fixture) error { return f.use("jti", "") }, login.ErrSpent},
		"ticket": {"UPDATE tickets", func(f *fixture) error { return f.Tickets().Spend(ctx, [32]byte{1}) }, login.ErrSpent},
		"link":   {"INSERT INTO links", func(f *fixture) error { return f.AddLink(ctx, link) }, nil}, // the same once more is no error
	} {
		t.Run(name, func(t *testing.T) {
			before := w.lost.Load()
			w.lose.Store(c.statement)
			wantErr(t, c.act(far), login.ErrStoreUnavailable)
			w.lose.Store("")
			wantErr(t, c.act(far), c.again)
			if n := w.lost.Load() - before; n != 1 {
				t.Errorf("the statement was made %d times", n)
			}
		})
	}
	if links, err := f.LinksOf(ctx, "dana"); len(links) != 1 || err != nil {
		t.Errorf("links %v, %v", links, err)
	}
}

func TestAServerThatIsSetToSerializableChangesNothing(t *testing.T) {
	srv := ownServer(t, 0)
	srv.Exec(t, "postgres", `ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'`)
	f, ctx := newFixture(t, srv.Address("postgres")), context.Background()
	if won := race(t, func(int) error { return f.use("jti", "") }, login.ErrSpent); won != 1 {
		t.Errorf("%d spent the same proof", won)
	}
	take := func(i int) error {
		return f.AddLink(ctx, f.link(time.Duration(i).String(), "dana", login.LinkedBySignIn))
	}
	if won := race(t, take, login.ErrConflict); won != 1 {
		t.Errorf("%d identities have the account", won)
	}
}
