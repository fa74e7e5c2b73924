package login_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"matterpass/internal/login"
)

// midway is a memory whose answer arrives after something else has happened.
type midway struct {
	recordsOf
	then func()
}

func (m midway) Find(ctx context.Context, token string) (login.Record, error) {
	record, err := m.recordsOf.Find(ctx, token)
	m.then()
	return record, err
}

func TestALookUpUnderWayUndoesNoSignOut(t *testing.T) {
	w := newWorld()
	w.records[token] = login.Record{UserID: userID, Created: time.Now()}
	var service *login.Service
	out := func() {}
	service = w.service(func(o *login.Options) { o.Records = midway{recordsOf{w}, func() { out() }} })
	out = func() {
		out = func() {}
		if err := service.SignOut(t.Context(), token, login.EndedByUser); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if by := service.Standing(t.Context(), token, true); by != login.EndedByUser {
			t.Errorf("ended by %q", by)
		}
	}
}

// TestTheTokenOfAProgramIsNobodysSession: it is asked about, and neither written down
// nor bounded; and a session's token is over for programs as well.
func TestTheTokenOfAProgramIsNobodysSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		service := w.service(func(o *login.Options) { o.MaxAge, o.Idle = time.Hour, time.Minute })
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go service.Keep(ctx)
		for range 10 {
			if by := service.Ended(t.Context(), token); by != "" {
				t.Fatalf("ended by %q", by)
			}
			time.Sleep(time.Minute)
		}
		if len(w.records) > 0 || service.Remembers(token) {
			t.Errorf("it was written down: %v", w.records)
		}
		w.records[token] = login.Record{UserID: userID, Created: time.Now()}
		time.Sleep(11 * time.Second)
		if by := service.Ended(t.Context(), token); by != "" || !service.Remembers(token) {
			t.Errorf("a session on record: ended by %q, remembered %t", by, service.Remembers(token))
		}
		w.records[token] = login.Record{UserID: userID, Created: time.Now(), EndedBy: login.EndedByUser}
		time.Sleep(11 * time.Second)
		if by := service.Ended(t.Context(), token); by != login.EndedByUser || service.Remembers(token) {
			t.Errorf("one that ended: by %q, remembered %t", by, service.Remembers(token))
		}
		if by := service.Ended(t.Context(), "no token"); by != "" {
			t.Errorf("what is no token: %q", by)
		}
	})
}

func TestWhatPeopleAreToldOfTheEndIsTheEarlierOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		service := w.service(func(o *login.Options) { o.MaxAge = time.Hour })
		made, err := service.WithProof(t.Context(), demo(), visit())
		if want := time.Now().Add(time.Hour); err != nil || !made.ExpiresAt.Equal(want) {
			t.Errorf("a new session ends %s, %v, want %s", made.ExpiresAt, err, want)
		}
		w.records[token] = login.Record{UserID: userID, Created: time.Now().Add(-20 * time.Minute)}
		w.find = func(context.Context, string, string) (login.Session, error) {
			return login.Session{Token: token, ExpiresAt: time.Now().Add(720 * time.Hour)}, nil
		}
		if found, err := service.Current(t.Context(), token, ""); err != nil || !found.ExpiresAt.Equal(time.Now().Add(40*time.Minute)) {
			t.Errorf("one of 20 minutes ends %s, %v", found.ExpiresAt, err)
		}
		if found, err := w.service().Current(t.Context(), token, ""); err != nil || !found.ExpiresAt.Equal(time.Now().Add(720*time.Hour)) {
			t.Errorf("without a bound it ends %s, %v", found.ExpiresAt, err)
		}
	})
}
