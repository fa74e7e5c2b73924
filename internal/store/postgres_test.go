package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/servertest"
)

func says(t *testing.T, err error, words string) {
	t.Helper()
	wantErr(t, err, login.ErrStoreUnavailable)
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("%v does not say %q", err, words)
	}
}

func TestAServerThatIsAwayIsNamedWithoutThePassword(t *testing.T) {
	o := Options{Address: "postgres://me:hush-hush@" + servertest.FreeAddr() + "/chat", Patience: time.Second}
	start := time.Now()
	refuses(t, o, servertest.Host()+":", "/chat", "cannot be reached")
	if took := time.Since(start); took < time.Second || took > 5*time.Second {
		t.Errorf("it waited %v", took)
	}
}

func TestADatabaseThatIsNotThereNeedsNoPatience(t *testing.T) {
	address := database(t)
	start := time.Now()
	refuses(t, Options{Address: strings.Replace(address, "/db", "/nodb", 1)}, "there is no such database", "/nodb")
	if time.Since(start) > 5*time.Second {
		t.Error("it waited")
	}
}

func TestAServerMayStartLater(t *testing.T) {
	srv := ownServer(t, 0)
	srv.Kill()
	started := make(chan error, 1)
	go func() {
		time.Sleep(300 * time.Millisecond)
		started <- srv.Start()
	}()
	s, err := Open(context.Background(), Options{Address: srv.Address("postgres"), Keys: keys("k1"), Patience: 20 * time.Second})
	wantErr(t, <-started, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestAServerThatDiesClosesAndComesBackWithoutARestart(t *testing.T) {
	srv := ownServer(t, 0)
	f := newFixture(t, srv.Address("postgres"))
	wantErr(t, f.use("before", ""), nil)
	srv.Kill()
	wantErr(t, f.use("meanwhile", ""), login.ErrStoreUnavailable) // cut while it was in use: nobody knows
	says(t, f.use("meanwhile", ""), "the server cannot be reached")
	_, err := f.Records().Find(context.Background(), "token")
	wantErr(t, err, login.ErrStoreUnavailable)
	wantErr(t, srv.Start(), nil)
	wantErr(t, f.use("after", ""), nil)
	wantErr(t, f.use("before", ""), login.ErrSpent)
}

func TestARestartOfTheServerBreaksNoCall(t *testing.T) {
	srv := ownServer(t, 0)
	f := newFixture(t, srv.Address("postgres"))
	race(t, func(int) error { return f.Ping(context.Background()) }, nil) // fills the pool
	srv.Kill()
	wantErr(t, srv.Start(), nil)
	race(t, func(int) error { return f.Ping(context.Background()) }, nil)
}

func TestAReadOnlyServerIsSaid(t *testing.T) {
	srv := ownServer(t, 0)
	f := newFixture(t, srv.Address("postgres"))
	wantErr(t, f.use("before", ""), nil)
	f.Close()
	srv.Exec(t, "postgres", `ALTER DATABASE postgres SET default_transaction_read_only = on`)
	f.open()
	says(t, f.Ping(context.Background()), "read-only")
	says(t, f.use("jti", ""), "read-only")
	_, err := f.FindLink(context.Background(), "erp", "42")
	wantErr(t, err, login.ErrUnknown)
}

func TestALockedTableDelaysNobodyForLong(t *testing.T) {
	f := newFixture(t, database(t))
	f.Close()
	f.o.Timeout = 300 * time.Millisecond
	f.open()
	ctx := context.Background()
	conn := shared.srv.Connect(t, f.engine.(*postgres).config.Database)
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `BEGIN; LOCK TABLE spent`); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	wantErr(t, f.use("jti", ""), login.ErrStoreUnavailable)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	_, err := f.FindLink(ctx, "erp", "42")
	wantErr(t, err, login.ErrUnknown)
	if _, err := conn.Exec(ctx, `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	wantErr(t, f.use("jti", ""), nil)
}

func TestAServerWithoutAConnectionLeft(t *testing.T) {
	srv := ownServer(t, 5)
	f := newFixture(t, srv.Address("postgres"))
	f.write.SetMaxIdleConns(0)
	ctx := context.Background()
	for range 5 {
		conn := srv.Connect(t, "postgres")
		defer conn.Close(ctx)
	}
	says(t, f.Ping(ctx), "max_connections")
}

// The pool never asks for more than it was given, however many people come.
func TestThePoolStaysBelowItsLimit(t *testing.T) {
	srv := ownServer(t, 10)
	f := newFixture(t, srv.Address("postgres"))
	race(t, func(i int) error { return f.use(strings.Repeat("k", i+1), "") }, nil)
	if n := f.write.Stats().MaxOpenConnections + f.relaxed.Stats().MaxOpenConnections; n != 8 {
		t.Errorf("at most %d connections, want 8", n)
	}
}

func TestAHostileValueIsNoOutage(t *testing.T) {
	f := newFixture(t, database(t))
	_, err := f.FindLink(context.Background(), "erp", "a\x00b")
	if err == nil || strings.Contains(err.Error(), "a\x00b") {
		t.Errorf("error = %v", err)
	}
	for _, text := range []string{"'; DROP TABLE links; --", `\`, "$1", "😀", "\u202e"} {
		wantErr(t, f.AddLink(context.Background(), f.link(text, text, login.LinkedBySignIn)), nil)
		if got, err := f.FindLink(context.Background(), "erp", text); got.UserID != text || err != nil {
			t.Errorf("%q came back as %q, %v", text, got.UserID, err)
		}
	}
}

func TestAnAnswerMeansThatItIsOnTheDisk(t *testing.T) {
	srv := ownServer(t, 0)
	for setting, want := range map[string]string{"off": "on", "remote_apply": "remote_apply"} {
		srv.Exec(t, "postgres", `ALTER DATABASE postgres SET synchronous_commit = `+setting)
		f := newFixture(t, srv.Address("postgres"))
		var got string
		if err := f.write.QueryRow(`SHOW synchronous_commit`).Scan(&got); err != nil || got != want {
			t.Errorf("synchronous_commit is %q where the default is %q, %v", got, setting, err)
		}
		var changed int
		lazily := f.engine.lazily(`INSERT INTO facts (name, value, at) VALUES ('lazily ` + setting + `', '', 0)`)
		if err := f.relaxed.QueryRow(lazily).Scan(&changed, &got); err != nil || changed != 1 || got != "off" {
			t.Errorf("synchronous_commit is %q for what need not be, %d rows, %v", got, changed, err)
		}
		// A pooler hands the connection to others.
		if err := f.relaxed.QueryRow(`SHOW synchronous_commit`).Scan(&got); err != nil || got != want {
			t.Errorf("and %q after it, %v", got, err)
		}
		f.Close()
	}
}
