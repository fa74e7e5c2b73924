package store

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/login"
)

var dana = login.Identity{Issuer: "erp", Subject: "42"}

func (f *fixture) record(user, subject, sid, device string) login.Record {
	return login.Record{
		UserID: user, SessionID: "id of " + user, Issuer: "erp", Subject: subject, SID: sid, Way: login.ByTicket, Device: device,
		Created: f.clock.now(), LastSeen: f.clock.now(), Expires: f.clock.now().Add(time.Hour),
	}
}

func (f *fixture) begin(token string, r login.Record) {
	f.t.Helper()
	wantErr(f.t, f.Records().Begin(context.Background(), token, r), nil)
}

// endedBy is the word with which a session ended.
func (f *fixture) endedBy(token string) string {
	f.t.Helper()
	r, err := f.Records().Find(context.Background(), token)
	wantErr(f.t, err, nil)
	if r.Ended.IsZero() != (r.EndedBy == "") {
		f.t.Errorf("ended %v by %q", r.Ended, r.EndedBy)
	}
	return r.EndedBy
}

func TestASessionIsFoundByItsToken(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		want := f.record("dana", "42", "sid", "device")
		f.begin("token", want)
		f.begin("token", f.record("erin", "43", "", ""))
		want.Device = "" // a MAC
		got, err := f.with("k2", "k1").Records().Find(ctx, "token")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		_, err = f.Records().Find(ctx, "tokem")
		wantErr(t, err, login.ErrUnknown)
		f.clock.advance(time.Minute)
		wantErr(t, f.Records().Touch(ctx, "token", f.clock.now()), nil)
		wantErr(t, f.Records().Touch(ctx, "token", f.clock.now().Add(-time.Second)), nil)
		if got, _ := f.Records().Find(ctx, "token"); !got.LastSeen.Equal(f.clock.now()) {
			t.Errorf("last seen %v, want %v", got.LastSeen, f.clock.now())
		}
	})
}

func TestAKnownSessionKeepsItsRecordWhileKeysRotate(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		f.begin("token", f.record("dana", "42", "", ""))
		f.with("k2", "k1").begin("token", f.record("erin", "43", "", ""))
		var n int
		if err := f.one(context.Background(), query{sql: `SELECT COUNT(*) FROM sessions`}, &n); err != nil || n != 1 {
			t.Errorf("%d records, %v", n, err)
		}
	})
}

func TestWhatEndsASession(t *testing.T) {
	type ends = func(context.Context, Sessions) error
	who := func(subject, sid string) login.Identity {
		return login.Identity{Issuer: "erp", Subject: subject, SID: sid}
	}
	cases := map[string]struct {
		end  ends
		want map[string]string // by token
	}{
		"its token": {
			func(ctx context.Context, s Sessions) error { return s.End(ctx, "dana one", login.EndedByUser, false) },
			map[string]string{"dana one": "user"},
		},
		"its issuer, one of its own sessions": {
			func(ctx context.Context, s Sessions) error {
				return s.EndOf(ctx, who("42", "one"), login.EndedByIssuer)
			},
			map[string]string{"dana one": "issuer"},
		},
		"… by its name alone": {
			func(ctx context.Context, s Sessions) error { return s.EndOf(ctx, who("", "one"), login.EndedByIssuer) },
			map[string]string{"dana one": "issuer"},
		},
		"its issuer, all of a subject": {
			func(ctx context.Context, s Sessions) error { return s.EndOf(ctx, who("42", ""), login.EndedByIssuer) },
			map[string]string{"dana one": "issuer", "dana two": "issuer"},
		},
		"nobody's subject": {
			func(ctx context.Context, s Sessions) error { return s.EndOf(ctx, who("", ""), login.EndedByIssuer) },
			map[string]string{},
		},
		"another issuer": {
			func(ctx context.Context, s Sessions) error {
				return s.EndOf(ctx, login.Identity{Issuer: "other", Subject: "42"}, login.EndedByIssuer)
			},
			map[string]string{},
		},
		"its account": {
			func(ctx context.Context, s Sessions) error { return s.EndUser(ctx, "erin", login.EndedByAdmin) },
			map[string]string{"erin": "admin"},
		},
		"no account": {
			func(ctx context.Context, s Sessions) error { return s.EndUser(ctx, "", login.EndedByAdmin) },
			map[string]string{},
		},
	}
	everywhere(t, func(t *testing.T, f *fixture) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				ctx := context.Background()
				f.clear(t, "sessions")
				f.begin("dana one", f.record("dana", "42", "one", ""))
				f.begin("dana two", f.record("dana", "42", "two", ""))
				f.begin("erin", f.record("erin", "43", "", ""))
				f.begin("seen", login.Record{Created: f.clock.now(), LastSeen: f.clock.now()})
				wantErr(t, c.end(ctx, f.Records()), nil)
				for _, token := range []string{"dana one", "dana two", "erin", "seen"} {
					if got := f.endedBy(token); got != c.want[token] {
						t.Errorf("%s ended by %q, want %q", token, got, c.want[token])
					}
				}
			})
		}
	})
}

func TestTheFirstEndStays(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		f.begin("token", f.record("dana", "42", "", ""))
		wantErr(t, f.Records().End(ctx, "token", login.EndedByUser, false), nil)
		wantErr(t, f.Records().End(ctx, "token", login.EndedByAge, false), nil)
		wantErr(t, f.Records().EndUser(ctx, "dana", login.EndedByAdmin), nil)
		wantErr(t, f.Records().Touch(ctx, "token", f.clock.now().Add(time.Hour)), nil)
		r, _ := f.Records().Find(ctx, "token")
		if r.EndedBy != login.EndedByUser || r.LastSeen.After(f.clock.now()) {
			t.Errorf("ended by %q, last seen %v", r.EndedBy, r.LastSeen)
		}
	})
}

func TestSessionsEndByAgeAndIdleness(t *testing.T) {
	cases := map[string]struct {
		maxAge, idle time.Duration
		young, used  string // how the two that are old and unused, or old and used, end
	}{
		"no bound": {0, 0, "", ""},
		"by age":   {time.Hour, 0, "age", "age"},
		"idle":     {0, 30 * time.Minute, "idle", ""},
		"both":     {time.Hour, 30 * time.Minute, "age", "age"},
		"neither":  {3 * time.Hour, 3 * time.Hour, "", ""},
	}
	everywhere(t, func(t *testing.T, f *fixture) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				ctx := context.Background()
				f.clear(t, "sessions")
				f.begin("unused", f.record("dana", "42", "", ""))
				f.begin("used", f.record("erin", "43", "", ""))
				f.clock.advance(2 * time.Hour)
				f.begin("new", f.record("erin", "43", "", ""))
				wantErr(t, f.Records().Touch(ctx, "used", f.clock.now()), nil)
				wantErr(t, f.Records().Overdue(ctx, f.clock.now(), c.maxAge, c.idle), nil)
				if u, v, n := f.endedBy("unused"), f.endedBy("used"), f.endedBy("new"); u != c.young || v != c.used || n != "" {
					t.Errorf("unused %q, used %q, new %q", u, v, n)
				}
			})
		}
	})
}

func TestTheYoungestSessionOfAPersonInABrowser(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		f.begin("one", f.record("dana", "42", "one", "laptop"))
		f.clock.advance(time.Second)
		f.begin("two", f.record("dana", "42", "two", "laptop"))
		f.clock.advance(time.Second)
		f.begin("three", f.record("dana", "42", "three", "phone"))
		f.begin("four", f.record("erin", "43", "four", "laptop"))
		f.begin("five", f.record("nobody", "", "", "laptop"))
		got, err := f.with("k2", "k1").Records().LastOn(ctx, "laptop", dana)
		if got.SID != "two" || got.Device != "laptop" || err != nil {
			t.Errorf("LastOn = %+v, %v", got, err)
		}
		for name, who := range map[string]login.Identity{"laptop": {Issuer: "erp"}, "tablet": dana, "": dana} {
			_, err := f.Records().LastOn(ctx, name, who)
			wantErr(t, err, login.ErrUnknown)
		}
	})
}

func TestRevocationsAreHandedOutUntilTheyAreDelivered(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx, s := context.Background(), f.Records()
		f.begin("known", f.record("dana", "42", "", ""))
		wantErr(t, s.End(ctx, "known", login.EndedByUser, false), nil)
		wantErr(t, s.End(ctx, "never seen", login.EndedByLoss, false), nil)
		f.begin("not at hand", f.record("erin", "43", "", ""))
		wantErr(t, s.EndUser(ctx, "erin", login.EndedByAdmin), nil)
		f.begin("alive", f.record("frank", "44", "", ""))
		wantErr(t, s.End(ctx, "confirmed at once", login.EndedByUser, true), nil)
		_, err := s.Find(ctx, "confirmed at once")
		wantErr(t, err, login.ErrUnknown)

		got := map[string]login.Revocation{}
		for _, r := range f.revocations(10) {
			got[r.Token] = r
		}
		want := map[string]login.Revocation{
			"known":      {Token: "known", UserID: "dana", SessionID: "id of dana", By: login.EndedByUser},
			"never seen": {Token: "never seen", By: login.EndedByLoss},
			"":           {UserID: "erin", SessionID: "id of erin", By: login.EndedByAdmin},
		}
		ignoreID := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ID" }, cmp.Ignore())
		if diff := cmp.Diff(want, got, ignoreID); diff != "" {
			t.Error(diff)
		}
		if again := f.revocations(10); len(again) != 0 {
			t.Errorf("%d were handed out twice", len(again))
		}
		for _, r := range got {
			wantErr(t, s.Delivered(ctx, r.ID), nil)
		}
		wantErr(t, s.Delivered(ctx, "nobody's"), nil)
		wantErr(t, s.Delivered(ctx, "!"), nil)
		wantErr(t, s.End(ctx, "known", login.EndedByUser, false), nil)
		f.clock.advance(24 * time.Hour)
		if again := f.revocations(10); len(again) != 0 {
			t.Errorf("%d came back after they were delivered", len(again))
		}
		if f.sealedRows() != 0 {
			t.Error("a token is kept after it was delivered")
		}
	})
}

func (f *fixture) revocations(n int) []login.Revocation {
	f.t.Helper()
	list, err := f.Records().Undelivered(context.Background(), n)
	wantErr(f.t, err, nil)
	return list
}

func (f *fixture) sealedRows() (n int) {
	f.t.Helper()
	wantErr(f.t, f.one(context.Background(), query{sql: `SELECT COUNT(*) FROM sessions WHERE sealed IS NOT NULL`}, &n), nil)
	return n
}

func TestATokenThatTurnsUpLaterIsDeliveredToo(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		f.begin("token", f.record("dana", "42", "", ""))
		wantErr(t, f.Records().EndUser(ctx, "dana", login.EndedByAdmin), nil)
		wantErr(t, f.with("k2", "k1").Records().End(ctx, "token", login.EndedByUser, false), nil)
		got := f.with("k2", "k1").revocations(1)
		if len(got) != 1 || got[0].Token != "token" || f.endedBy("token") != login.EndedByUser {
			t.Errorf("revocations = %+v", got)
		}
	})
}

func TestARevocationIsTriedLessAndLessOften(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		wantErr(t, f.Records().End(context.Background(), "token", login.EndedByUser, false), nil)
		for try := range 10 {
			got := f.revocations(5)
			if len(got) != 1 || got[0].Tries != try {
				t.Fatalf("try %d: %+v", try, got)
			}
			wait := leaseFor << min(try, 7)
			f.clock.advance(wait - time.Millisecond)
			if early := f.revocations(5); len(early) != 0 {
				t.Fatalf("try %d: leased again before %v", try, wait)
			}
			f.clock.advance(time.Millisecond)
		}
	})
}

func TestNoRevocationIsLeasedTwiceAtATime(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		for i := range 60 {
			wantErr(t, f.Records().End(context.Background(), fmt.Sprint("token", i), login.EndedByUser, false), nil)
		}
		leased := make([][]login.Revocation, 100)
		race(t, func(i int) (err error) {
			leased[i], err = f.Records().Undelivered(context.Background(), 2)
			return err
		}, nil)
		seen := map[string]int{}
		for _, list := range leased {
			for _, r := range list {
				seen[r.Token]++
			}
		}
		for token, n := range seen {
			if n != 1 {
				t.Errorf("%s was leased %d times", token, n)
			}
		}
		if len(seen) != 60 {
			t.Errorf("%d of 60 were leased", len(seen))
		}
	})
}

func TestTheRowsShowNothingThatSignsIn(t *testing.T) {
	f := newFixture(t, sqliteAddress(t))
	ctx := context.Background()
	f.begin("a token of a session", f.record("dana", "42", "", "a browser's device"))
	wantErr(t, f.Records().End(ctx, "another session's token", login.EndedByUser, false), nil)
	wantErr(t, f.use("a proof's own name", "its owner"), nil)
	wantErr(t, f.Tickets().Put(ctx, [32]byte([]byte("a digest that is 32 bytes long !")), someTicket(f.clock)), nil)
	if _, err := f.BeginTry(ctx, "an account's name", 5); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, text := range []string{
		"a token of", "another session", "a proof's", "its owner", "a digest", "an account's", "a browser's", "dana@example.com", "Dana",
	} {
		if bytes.Contains(readAll(t, f.path()), []byte(text)) {
			t.Errorf("the file holds %q", text)
		}
	}
	if !bytes.Contains(readAll(t, f.path()), []byte("id of dana")) {
		t.Error("the file does not even hold what it should: the test looks in the wrong place")
	}
}

func TestASessionGetsItsIDLater(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		f.begin("token", login.Record{Created: f.now()})
		wantErr(t, f.Records().Identify(ctx, "token", "dana", "id of dana"), nil)
		got, err := f.Records().Find(ctx, "token")
		if got.UserID != "dana" || got.SessionID != "id of dana" || err != nil {
			t.Errorf("Find = %+v, %v", got, err)
		}
		wantErr(t, f.Records().Identify(ctx, "never seen", "dana", "x"), nil)
	})
}

func TestTheLastPersonOfABrowserIsKnown(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		for i, user := range []string{"dana", "erin"} {
			r := f.record(user, user, "", "")
			r.Device, r.Created = "shared", f.now().Add(time.Duration(i)*time.Minute)
			f.begin("token of "+user, r)
		}
		got, err := f.Records().LastOn(ctx, "shared", login.Identity{})
		if got.UserID != "erin" || err != nil {
			t.Errorf("LastOn = %+v, %v", got, err)
		}
	})
}
