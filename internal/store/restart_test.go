package store

import (
	"bufio"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"matterpass/internal/login"
)

func TestARestartForgetsNothing(t *testing.T) {
	for name, address := range map[string]func(*testing.T) string{"sqlite": sqliteAddress, "postgresql": database} {
		t.Run(name, func(t *testing.T) {
			f, ctx := newFixture(t, address(t)), context.Background()
			wantErr(t, f.use("jti", ""), nil)
			wantErr(t, f.Tickets().Put(ctx, [32]byte{1}, someTicket(f.clock)), nil)
			wantErr(t, f.AddLink(ctx, f.link("42", "dana", login.LinkedBySignIn)), nil)
			wantErr(t, f.Records().End(ctx, "token", login.EndedByUser, false), nil)
			f.begin("alive", f.record("dana", "42", "", ""))
			f.try("dana", 1)
			f.Close()
			f.open()
			wantErr(t, f.use("jti", ""), login.ErrSpent)
			wantErr(t, f.Tickets().Spend(ctx, [32]byte{1}), nil)
			wantErr(t, f.AddLink(ctx, f.link("43", "dana", login.LinkedBySignIn)), login.ErrConflict)
			if got := f.revocations(1); len(got) != 1 || got[0].Token != "token" {
				t.Errorf("revocations %+v", got)
			}
			if f.endedBy("alive") != "" || f.try("dana", 1) {
				t.Error("a session or a failure was forgotten")
			}
		})
	}
}

// Another process spends keys as fast as it can, says which, and is killed.
func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	f := newFixture(t, sqliteAddress(t))
	f.clock.at.Store(time.Now().UnixMilli())
	kills := 30
	if testing.Short() {
		kills = 3
	}
	for range kills {
		for _, key := range spendUntilKilled(t, f.o.Address, time.Duration(rand.IntN(40))*time.Millisecond) {
			wantErr(t, f.use(key, ""), login.ErrSpent)
		}
	}
}

func spendUntilKilled(t *testing.T, address string, after time.Duration) (acknowledged []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD=spend", "STORE_TEST_ADDRESS="+address)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return acknowledged // a line without its end was not said
		}
		if !strings.HasPrefix(line, "key ") {
			t.Fatal(line)
		}
		if acknowledged = append(acknowledged, strings.TrimSpace(line)); len(acknowledged) == 1 {
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
	}
}

func TestPurgeRemovesWhatIsOverAndNothingElse(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		rows := func(table string) (n int) {
			wantErr(t, f.one(ctx, query{sql: `SELECT COUNT(*) FROM ` + table}, &n), nil)
			return n
		}
		wantErr(t, f.use("jti", ""), nil)
		wantErr(t, f.Tickets().Put(ctx, [32]byte{1}, someTicket(f.clock)), nil)
		f.TakeTurn(ctx, "dana", "unlock", time.Hour)
		f.try("erin", 5)
		f.ends("erin", login.Counted)
		f.try("frank", 5)
		f.ends("frank", login.NotCounted)
		f.begin("alive", login.Record{Created: f.clock.now(), LastSeen: f.clock.now()})
		f.begin("expired", f.record("dana", "42", "", ""))
		wantErr(t, f.Records().End(ctx, "undelivered", login.EndedByUser, false), nil)
		wantErr(t, f.Records().End(ctx, "delivered", login.EndedByUser, false), nil)
		for _, r := range f.revocations(5) {
			if r.Token == "delivered" {
				wantErr(t, f.Records().Delivered(ctx, r.ID), nil)
			}
		}
		wantErr(t, f.Purge(ctx, f.clock.now()), nil)
		for table, want := range map[string]int{"spent": 1, "tickets": 1, "turns": 1, "failures": 2, "sessions": 4} {
			if got := rows(table); got != want {
				t.Errorf("%s: %d rows before anything is over, want %d", table, got, want)
			}
		}
		f.clock.advance(retention + 2*time.Hour)
		wantErr(t, f.Purge(ctx, f.clock.now()), nil)
		for table, want := range map[string]int{"spent": 0, "tickets": 0, "turns": 0, "failures": 1, "sessions": 2} {
			if got := rows(table); got != want {
				t.Errorf("%s: %d rows after the purge, want %d", table, got, want)
			}
		}
		if f.endedBy("alive") != "" || f.endedBy("undelivered") != login.EndedByUser || f.count("erin") != 1 {
			t.Error("what is not over was removed")
		}
	})
}

func TestPurgeGoesOnUntilNothingIsLeft(t *testing.T) {
	f := newFixture(t, inMemory)
	ctx := context.Background()
	_, err := f.exec(ctx, "test", `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
		INSERT INTO spent (key_mac, until) SELECT i, 1 FROM n`)
	wantErr(t, err, nil)
	wantErr(t, f.Purge(ctx, f.clock.now()), nil)
	var n int
	if err := f.one(ctx, query{sql: `SELECT COUNT(*) FROM spent`}, &n); err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
}
