package login_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

// revoker is the administrator's way to end a session.
type revoker func(userID, sessionID string) error

func (f revoker) RevokeSession(_ context.Context, userID, sessionID string) error {
	return f(userID, sessionID)
}

func TestASessionMayGoOnUntilItIsTooOldOrUnused(t *testing.T) {
	tests := map[string]struct {
		after  time.Duration
		active bool // in between, every minute
		want   string
	}{
		"used and young":               {after: 30 * time.Minute, active: true},
		"used and too old":             {after: 61 * time.Minute, active: true, want: login.EndedByAge},
		"unused":                       {after: 16 * time.Minute, want: login.EndedByIdle},
		"what pages ask is not a use":  {after: 15*time.Minute + time.Second, want: login.EndedByIdle},
		"unused for less than allowed": {after: 14 * time.Minute},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				service := w.service(func(o *login.Options) { o.MaxAge, o.Idle = time.Hour, 15*time.Minute })
				w.records[token] = login.Record{UserID: userID, Created: time.Now(), LastSeen: time.Now()}
				got := ""
				for start := time.Now(); time.Since(start) < tc.after && got == ""; {
					time.Sleep(min(time.Minute, tc.after-time.Since(start)))
					got = service.Standing(t.Context(), token, tc.active)
				}
				if got != tc.want {
					t.Errorf("ended by %q, want %q", got, tc.want)
				}
				if tc.want != "" && (w.ended[token] != tc.want || !slices.Contains(w.mattermost.ended, token)) {
					t.Errorf("remembered %q, told Mattermost of %q", w.ended[token], w.mattermost.ended)
				}
			})
		})
	}
}

func TestASessionThatEndedElsewhereIsNoticedWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		service := w.service()
		w.records[token] = login.Record{UserID: userID, Created: time.Now()}
		if by := service.Standing(t.Context(), token, true); by != "" {
			t.Fatalf("ended by %q", by)
		}
		w.records[token] = login.Record{UserID: userID, EndedBy: login.EndedByIssuer}
		time.Sleep(11 * time.Second)
		if by := service.Standing(t.Context(), token, true); by != login.EndedByIssuer {
			t.Errorf("ended by %q, want the issuer", by)
		}
	})
}

func TestWhileTheMemoryIsAwayMattermostDecides(t *testing.T) {
	w := newWorld()
	service := w.service(func(o *login.Options) { o.Records = away{recordsOf{w}}; o.MaxAge = time.Hour })
	if by := service.Standing(t.Context(), token, true); by != "" {
		t.Errorf("ended by %q", by)
	}
	if by := service.Standing(t.Context(), "no token", true); by != "" {
		t.Errorf("what is no token: ended by %q", by)
	}
}

// sluggish is a memory that takes its time.
type sluggish struct {
	recordsOf
	entered chan struct{}
	release chan struct{}
}

func (s sluggish) Find(context.Context, string) (login.Record, error) {
	s.entered <- struct{}{}
	<-s.release
	return login.Record{}, login.ErrUnknown
}

func TestAFloodOfMadeUpTokensWaitsForNoMemory(t *testing.T) {
	w := newWorld()
	memory := sluggish{recordsOf{w}, make(chan struct{}, 100), make(chan struct{})}
	service := w.service(func(o *login.Options) { o.Records = memory })
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() { service.Standing(t.Context(), strings.Repeat(string(rune('a'+i)), 26), true) })
	}
	for range 4 {
		<-memory.entered
	}
	if by := service.Standing(t.Context(), strings.Repeat("z", 26), true); by != "" { // would hang
		t.Errorf("ended by %q", by)
	}
	close(memory.release)
	group.Wait()
}

// away is a memory that does not answer.
type away struct{ recordsOf }

func (away) Find(context.Context, string) (login.Record, error) {
	return login.Record{}, login.ErrStoreUnavailable
}

func (away) EndOf(context.Context, login.Identity, string) error { return login.ErrStoreUnavailable }

func (away) LastOn(context.Context, string, login.Identity) (login.Record, error) {
	return login.Record{}, login.ErrStoreUnavailable
}

// keeping is a memory whose lists are given.
type keeping struct {
	recordsOf
	due       []login.Revocation
	delivered []string
	touched   []string
	overdue   int
	endedOf   []login.Identity
	endedUser []string
}

func (k *keeping) Undelivered(context.Context, int) ([]login.Revocation, error) { return k.due, nil }

func (k *keeping) Delivered(_ context.Context, id string) error {
	k.delivered = append(k.delivered, id)
	return nil
}

func (k *keeping) Touch(_ context.Context, token string, _ time.Time) error {
	k.touched = append(k.touched, token)
	return nil
}

func (k *keeping) Overdue(context.Context, time.Time, time.Duration, time.Duration) error {
	k.overdue++
	return nil
}

func (k *keeping) EndOf(_ context.Context, who login.Identity, _ string) error {
	k.endedOf = append(k.endedOf, who)
	return nil
}

func (k *keeping) EndUser(_ context.Context, userID, _ string) error {
	k.endedUser = append(k.endedUser, userID)
	return nil
}

func TestEndsAreDeliveredUntilMattermostConfirms(t *testing.T) {
	w := newWorld()
	k := &keeping{recordsOf: recordsOf{w}, due: []login.Revocation{
		{ID: "by its token", Token: token, By: login.EndedByUser},
		{ID: "everywhere", Token: oldToken, By: login.EndedEverywhere},
		{ID: "by its id", UserID: userID, SessionID: "s1", By: login.EndedByIssuer},
		{ID: "not now", UserID: userID, SessionID: "s2", By: login.EndedByIssuer},
		{ID: "nobody can", UserID: userID, By: login.EndedByAge},
	}}
	service := w.service(func(o *login.Options) {
		o.Records = k
		o.Revoker = revoker(func(_, session string) error {
			if session == "s2" {
				return upstream.ErrUnavailable
			}
			return nil
		})
	})
	if err := service.EndIdentity(t.Context(), login.Identity{Issuer: "https://id.test", SID: "1"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"by its token", "everywhere", "by its id", "nobody can"}; !slices.Equal(k.delivered, want) {
		t.Errorf("delivered %q, want %q", k.delivered, want)
	}
	if want := []string{token, "all of " + oldToken}; !slices.Equal(w.mattermost.ended, want) {
		t.Errorf("Mattermost was told of %q, want %q", w.mattermost.ended, want)
	}
	if len(k.endedOf) != 1 || k.endedOf[0].SID != "1" {
		t.Errorf("ended %v", k.endedOf)
	}
}

func TestAnIssuersWordIsNotLostWhereItCannotBeKept(t *testing.T) {
	w := newWorld()
	err := w.service(func(o *login.Options) { o.Records = away{recordsOf{w}} }).EndIdentity(t.Context(), login.Identity{})
	if !errors.Is(err, login.ErrStoreUnavailable) {
		t.Errorf("err = %v, want ErrStoreUnavailable", err)
	}
}

func TestSigningOutEverywhereEndsWhatIsKnownHereToo(t *testing.T) {
	w := newWorld()
	k := &keeping{recordsOf: recordsOf{w}}
	service := w.service(func(o *login.Options) { o.Records = k })
	w.records[token] = login.Record{UserID: userID}
	if err := service.SignOut(t.Context(), token, login.EndedEverywhere); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(k.endedUser, []string{userID}) || w.ended[token] != login.EndedEverywhere {
		t.Errorf("ended accounts %q, session by %q", k.endedUser, w.ended[token])
	}
	if by := service.Standing(t.Context(), token, true); by == "" {
		t.Error("the session goes on")
	}
	if err := service.EndAccount(t.Context(), danaID); err != nil || !slices.Contains(k.endedUser, danaID) {
		t.Errorf("ended accounts %q, %v", k.endedUser, err)
	}
}

func TestBesideTheRequestsSessionsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.find = func(_ context.Context, token, csrf string) (login.Session, error) {
			return login.Session{ID: "mattermosts", User: login.User{ID: userID}, Token: token, CSRF: csrf}, nil
		}
		k := &keeping{recordsOf: recordsOf{w}}
		service := w.service(func(o *login.Options) { o.Records, o.Idle = k, time.Hour })
		ctx, stop := context.WithCancel(t.Context())
		go service.Keep(ctx)
		if _, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "right")); err != nil {
			t.Fatal(err)
		}
		service.Standing(t.Context(), oldToken, true) // seen, and not known yet
		synctest.Wait()
		if got := w.records[token].SessionID; got != "mattermosts" {
			t.Errorf("the session of a password has the id %q", got)
		}
		if w.records[oldToken].UserID != userID {
			t.Error("a session that was only seen is not remembered")
		}
		time.Sleep(2 * time.Minute)
		service.Standing(t.Context(), token, true)
		time.Sleep(keepRound)
		stop()
		synctest.Wait()
		if k.overdue == 0 || !slices.Contains(k.touched, token) {
			t.Errorf("looked %d times for old sessions, wrote down %q", k.overdue, k.touched)
		}
	})
}

const keepRound = 20 * time.Second

func TestWithoutAMemoryThereIsNothingToKeep(t *testing.T) {
	w := newWorld()
	service := newService(w.mattermost)
	service.Keep(t.Context()) // returns
	if by := service.Standing(t.Context(), token, true); by != "" {
		t.Errorf("ended by %q", by)
	}
	if err := service.SignOut(t.Context(), token, login.EndedEverywhere); err != nil {
		t.Error(err)
	}
}

func TestSilentSignInNeitherReplacesNorUndoes(t *testing.T) {
	tests := map[string]struct {
		previous string
		find     error
		last     login.Record
		latest   login.Record
		device   bool
		records  func(*world) login.Records
		want     error
	}{
		"nobody is there":                    {},
		"a live session":                     {previous: oldToken, want: login.ErrNotNeeded},
		"a dead session":                     {previous: oldToken, find: login.ErrSignedOut},
		"one that cannot be asked about":     {previous: oldToken, find: upstream.ErrUnavailable, want: upstream.ErrUnavailable},
		"signed out on purpose":              {device: true, last: login.Record{UserID: userID, EndedBy: login.EndedByUser}, want: login.ErrNotNeeded},
		"signed out everywhere":              {device: true, last: login.Record{UserID: userID, EndedBy: login.EndedEverywhere}, want: login.ErrNotNeeded},
		"ended by itself":                    {device: true, last: login.Record{UserID: userID, EndedBy: login.EndedByAge}},
		"a password, out on purpose":         {device: true, latest: login.Record{UserID: userID, Created: time.Now(), EndedBy: login.EndedByUser}, want: login.ErrNotNeeded},
		"a colleague's, out on purpose":      {device: true, latest: login.Record{UserID: danaID, Created: time.Now(), EndedBy: login.EndedByUser}},
		"another issuer's, out on purpose":   {device: true, latest: login.Record{UserID: userID, Subject: "1", Created: time.Now(), EndedBy: login.EndedByUser}},
		"out on purpose, then a password":    {device: true, last: login.Record{UserID: userID, EndedBy: login.EndedByUser}, latest: login.Record{UserID: userID, Created: time.Now(), EndedBy: login.EndedByIdle}},
		"the memory of sign-outs is away":    {device: true, records: func(w *world) login.Records { return away{recordsOf{w}} }, want: login.ErrNotNeeded},
		"a browser that was never here":      {device: true},
		"a browser that was here before too": {device: true, last: login.Record{UserID: userID}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.last, w.latest = tc.last, tc.latest
			w.find = func(context.Context, string, string) (login.Session, error) { return login.Session{}, tc.find }
			w.verify = func(_ string, use login.Use) (login.Proof, error) {
				if use != login.ForNavigation {
					t.Errorf("verified for use %d", use)
				}
				return demo(), nil
			}
			service := w.service(func(o *login.Options) {
				if tc.records != nil {
					o.Records = tc.records(w)
				}
			})
			v := visit()
			v.Previous = tc.previous
			if tc.device {
				s, err := w.service().WithPassword(t.Context(), attempt(t, "dana@erp.test", "right"))
				if err != nil {
					t.Fatal(err)
				}
				v.Device = s.Device
			}
			_, err := service.WithNavigation(t.Context(), "assertion", v)
			if !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
			if tc.want != nil && len(w.minted) > 0 {
				t.Error("a session was made")
			}
		})
	}
}

func TestABrowserMayComeBackWithItsNavigationAssertionAndNobodyElse(t *testing.T) {
	w := newWorld()
	w.verify = func(string, login.Use) (login.Proof, error) { return demo(), nil }
	service := w.service()
	first, err := service.WithNavigation(t.Context(), "assertion", visit())
	if err != nil {
		t.Fatal(err)
	}
	again := visit()
	again.Device = first.Device
	if _, err := service.WithNavigation(t.Context(), "assertion", again); err != nil {
		t.Errorf("the same browser: %v", err)
	}
	if _, err := service.WithNavigation(t.Context(), "assertion", visit()); !errors.Is(err, login.ErrSpent) {
		t.Errorf("another browser: %v, want ErrSpent", err)
	}
	w.verify = func(string, login.Use) (login.Proof, error) { return login.Proof{}, login.ErrRefused }
	if _, err := service.WithNavigation(t.Context(), "assertion", visit()); !errors.Is(err, login.ErrRefused) {
		t.Errorf("a bad one: %v, want ErrRefused", err)
	}
}

func TestATicketsOwnCountDecides(t *testing.T) {
	w := newWorld()
	p := demo()
	calls := 0
	p.Spend = func(context.Context) error { calls++; return login.ErrSpent }
	_, err := w.service().WithProof(t.Context(), p, visit())
	if !errors.Is(err, login.ErrSpent) || calls != 1 || len(w.spent) > 0 {
		t.Errorf("err = %v, %d calls, spent %v", err, calls, w.spent)
	}
}

func TestASignOutAtMattermostIsRemembered(t *testing.T) {
	w := newWorld()
	service := w.service()
	w.records[token] = login.Record{UserID: userID, Created: time.Now()}
	service.SignedOut(t.Context(), "no token")
	service.SignedOut(t.Context(), token)
	if len(w.ended) != 1 || w.ended[token] != login.EndedByUser || service.Standing(t.Context(), token, true) != login.EndedByUser {
		t.Errorf("remembered %v", w.ended)
	}
	if len(w.mattermost.ended) > 0 {
		t.Errorf("Mattermost was told of %q", w.mattermost.ended)
	}
}

func TestAnEndIsKnownAsLongAsTheMemoryOfItIsNeeded(t *testing.T) {
	w := newWorld()
	service := w.service(func(o *login.Options) { o.Records = away{recordsOf{w}} })
	if err := service.SignOut(t.Context(), token, login.EndedByUser); err != nil {
		t.Fatal(err)
	}
	others := func(from int) {
		for i := range 60_000 { // more than half of what is held
			service.Standing(t.Context(), fmt.Sprintf("%026d", from+i), true)
		}
	}
	others(0)
	if by := service.Standing(t.Context(), token, true); by != login.EndedByUser {
		t.Errorf("after many others: ended by %q", by)
	}
	others(60_000)
	if by := service.Standing(t.Context(), token, true); by != login.EndedByUser {
		t.Errorf("it was just asked for: ended by %q", by)
	}
}
