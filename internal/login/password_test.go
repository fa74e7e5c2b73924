package login_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

func TestRightPasswordOpensASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mattermost{}
		session, err := newService(m).WithPassword(t.Context(), attempt(t, "Demo@erp.test", "right"))
		if err != nil {
			t.Fatal(err)
		}
		want := login.Session{User: login.User{ID: userID, Email: "demo@erp.test"}, Token: token, Device: session.Device}
		if diff := cmp.Diff(want, session); diff != "" {
			t.Error(diff)
		}
		if session.Device == "" {
			t.Error("the browser got no device value")
		}
	})
}

func TestPasswordReachesMattermostUnchanged(t *testing.T) {
	for _, password := range []string{" leading", "trailing ", "ünïcode🔑", "tab\there", "line\r\nbreak", string(make([]byte, 0)) + "x"} {
		synctest.Test(t, func(t *testing.T) {
			var got string
			m := &mattermost{signIn: func(_ context.Context, _ email.Address, password, _ string, _ login.Client) (login.Session, error) {
				got = password
				return login.Session{}, errWrong
			}}
			_, _ = newService(m).WithPassword(t.Context(), attempt(t, "demo@erp.test", password))
			if got != password {
				t.Errorf("sent %q, Mattermost got %q", password, got)
			}
		})
	}
}

func TestWhatCannotBeAPasswordIsNotSent(t *testing.T) {
	cases := map[string]func(*login.Attempt){
		"no name":           func(a *login.Attempt) { a.Name = login.Name{} },
		"no password":       func(a *login.Attempt) { a.Password = "" },
		"73 bytes":          func(a *login.Attempt) { a.Password = string(slices.Repeat([]byte("x"), 73)) },
		"NUL":               func(a *login.Attempt) { a.Password = "a\x00b" },
		"not UTF-8":         func(a *login.Attempt) { a.Password = "\xff" },
		"code with letters": func(a *login.Attempt) { a.Code = "12345x" },
		"long code":         func(a *login.Attempt) { a.Code = "12345678901234567" },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			m := &mattermost{}
			a := attempt(t, "demo@erp.test", "right")
			change(&a)
			_, err := newService(m).WithPassword(t.Context(), a)
			var invalid *login.Invalid
			if !errors.As(err, &invalid) || invalid.Field == "" || invalid.Error() == "" {
				t.Errorf("got %v, want an *Invalid with a field", err)
			}
			if m.asked.Load() != 0 {
				t.Error("Mattermost was asked")
			}
		})
	}
}

func TestRefusalsLookAndTakeAlike(t *testing.T) {
	reasons := map[string]struct {
		answer error
		took   time.Duration
	}{
		"unknown": {errWrong, 2 * time.Millisecond},
		"wrong":   {errWrong, 180 * time.Millisecond},
		"locked":  {errLocked, time.Millisecond},
	}
	for name, reason := range reasons {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &mattermost{signIn: func(context.Context, email.Address, string, string, login.Client) (login.Session, error) {
					time.Sleep(reason.took)
					return login.Session{}, reason.answer
				}}
				service := newService(m, func(o *login.Options) { o.Floor = 250 * time.Millisecond })
				start := time.Now()
				_, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "wrong"))
				var denied *login.Denied
				if !errors.As(err, &denied) || !errors.Is(err, login.ErrRefused) || denied.AttemptsLeft != 4 || denied.CodeWasWrong {
					t.Errorf("got %v", err)
				}
				if took := time.Since(start); took < 250*time.Millisecond || took > 340*time.Millisecond {
					t.Errorf("took %s, want the floor of 250 ms and up to 85 ms", took)
				}
			})
		})
	}
}

func TestFloorFollowsASlowMattermost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := true
		m := &mattermost{signIn: func(context.Context, email.Address, string, string, login.Client) (login.Session, error) {
			if slow {
				time.Sleep(1200 * time.Millisecond)
			}
			return login.Session{}, errWrong
		}}
		service := newService(m)
		_, _ = service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "wrong"))
		slow = false
		start := time.Now()
		_, _ = service.WithPassword(t.Context(), attempt(t, "dana@erp.test", "wrong"))
		if took := time.Since(start); took < 1200*time.Millisecond {
			t.Errorf("a quick refusal took %s although recent ones took 1.2 s", took)
		}
	})
}

// TestMadeUpAccountsDoNotLowerTheFloor: Mattermost refuses them at once, and the
// next known account would show by the time of its hash.
func TestMadeUpAccountsDoNotLowerTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hash = 600 * time.Millisecond
		m := &mattermost{signIn: func(_ context.Context, account email.Address, password, _ string, _ login.Client) (login.Session, error) {
			if account == "demo@erp.test" {
				time.Sleep(hash)
			}
			if password == "right" {
				return login.Session{Token: token, User: login.User{ID: userID, Email: account}}, nil
			}
			return login.Session{}, errWrong
		}}
		service := newService(m)
		if _, err := service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "right")); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			start := time.Now()
			_, _ = service.WithPassword(t.Context(), attempt(t, fmt.Sprintf("nobody%d@erp.test", i), "wrong"))
			if took := time.Since(start); took < hash {
				t.Fatalf("made-up account %d took %s, less than a hash", i, took)
			}
		}
	})
}

func TestClientThatLeftIsNotHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := &mattermost{signIn: func(context.Context, email.Address, string, string, login.Client) (login.Session, error) {
			cancel()
			return login.Session{}, errWrong
		}}
		start := time.Now()
		_, _ = newService(m, func(o *login.Options) { o.Floor = time.Hour }).WithPassword(ctx, attempt(t, "demo@erp.test", "wrong"))
		if took := time.Since(start); took > time.Second {
			t.Errorf("waited %s for nobody", took)
		}
	})
}

func TestCodeIsAskedForOnlyAfterARightPassword(t *testing.T) {
	for name, c := range map[string]struct {
		answer error
		wrong  bool
	}{"missing": {errNoCode, false}, "wrong": {errBadCode, true}} {
		t.Run(name, func(t *testing.T) {
			m := &mattermost{signIn: func(context.Context, email.Address, string, string, login.Client) (login.Session, error) {
				return login.Session{}, c.answer
			}}
			_, err := newService(m).WithPassword(t.Context(), attempt(t, "demo@erp.test", "right"))
			var denied *login.Denied
			if !errors.Is(err, login.ErrMFARequired) || errors.Is(err, login.ErrRefused) || !errors.As(err, &denied) || denied.CodeWasWrong != c.wrong {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnotherNameIsNoSecondBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mattermost{addressOf: func(_ context.Context, name login.Name) (email.Address, error) {
			if name.Value == "demo" || name.Value == userID {
				return "demo@erp.test", nil
			}
			return "", login.ErrUnknown
		}}
		service := newService(m, withBuckets, func(o *login.Options) { o.Accounts = m })
		byUsername, _ := login.LoginName("Demo")
		byID, _ := login.IDName(userID)
		byEmail, _ := login.LoginName("DEMO@erp.test")
		for range 4 {
			for _, name := range []login.Name{byUsername, byID, byEmail} {
				_, _ = service.WithPassword(t.Context(), login.Attempt{Name: name, Password: "wrong"})
			}
		}
		if got := m.asked.Load(); got != 5 {
			t.Errorf("three names got %d tries, want 5", got)
		}
	})
}

func TestUnknownUsernameIsRefusedAndLimitedLikeAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mattermost{addressOf: func(context.Context, login.Name) (email.Address, error) { return "", login.ErrUnknown }}
		service := newService(m, withBuckets, func(o *login.Options) { o.Accounts = m })
		name, _ := login.LoginName("nobody")
		var refused, limited int
		for range 7 {
			_, err := service.WithPassword(t.Context(), login.Attempt{Name: name, Password: "x"})
			var l *login.Limited
			switch {
			case errors.Is(err, login.ErrRefused):
				refused++
			case errors.As(err, &l):
				limited++
			}
		}
		if refused != 5 || limited != 2 || m.asked.Load() != 0 {
			t.Errorf("refused %d, limited %d, asked %d; want 5, 2, 0", refused, limited, m.asked.Load())
		}
	})
}

func TestWithoutADirectoryOnlyAddressesNameAccounts(t *testing.T) {
	m := &mattermost{}
	name, _ := login.LoginName("demo")
	if _, err := newService(m).WithPassword(t.Context(), login.Attempt{Name: name, Password: "right"}); !errors.Is(err, login.ErrRefused) {
		t.Errorf("got %v", err)
	}
	if m.asked.Load() != 0 {
		t.Error("a name that may be a second budget reached Mattermost")
	}
}

func TestDirectoryThatFailsIsNotARefusal(t *testing.T) {
	m := &mattermost{addressOf: func(context.Context, login.Name) (email.Address, error) { return "", upstream.ErrUnavailable }}
	name, _ := login.LoginName("demo")
	service := newService(m, func(o *login.Options) { o.Accounts = m })
	if _, err := service.WithPassword(t.Context(), login.Attempt{Name: name, Password: "right"}); !errors.Is(err, upstream.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := service.Unlock(t.Context(), name); !errors.Is(err, upstream.ErrUnavailable) {
		t.Errorf("Unlock got %v", err)
	}
}

func TestSignInReplacesTheBrowsersSession(t *testing.T) {
	m := &mattermost{}
	a := attempt(t, "demo@erp.test", "right")
	a.Previous = oldToken
	if _, err := newService(m).WithPassword(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{oldToken}, m.ended); diff != "" {
		t.Error(diff)
	}
}

func TestSessionForAClientThatLeftIsRevoked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &mattermost{}
	m.signIn = func(_ context.Context, account email.Address, _, _ string, _ login.Client) (login.Session, error) {
		cancel()
		return login.Session{Token: token, User: login.User{ID: userID, Email: account}}, nil
	}
	a := attempt(t, "demo@erp.test", "right")
	a.Previous = oldToken
	if _, err := newService(m).WithPassword(ctx, a); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{token}, m.ended); diff != "" {
		t.Errorf("the new session must end, the old one must stay: %s", diff)
	}
}

func TestEveryDecisionIsToldOnceInAKnownWord(t *testing.T) {
	answers := []error{nil, errWrong, errNoCode, upstream.ErrUnavailable, upstream.ErrTimeout, upstream.ErrInvalid,
		&upstream.Throttled{RetryAfter: time.Second}, &login.Busy{}, context.Canceled, errors.New("other")}
	words := map[string]bool{}
	for _, answer := range answers {
		synctest.Test(t, func(t *testing.T) {
			var told []login.Outcome
			m := &mattermost{signIn: func(_ context.Context, account email.Address, _, _ string, _ login.Client) (login.Session, error) {
				return login.Session{Token: token, User: login.User{ID: userID, Email: account}}, answer
			}}
			service := newService(m, func(o *login.Options) {
				o.Decided = func(_ context.Context, outcome login.Outcome) { told = append(told, outcome) }
			})
			_, _ = service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "x"))
			if len(told) != 1 || told[0].Account != "demo@erp.test" || !slices.Contains(login.Results(), told[0].Result) {
				t.Fatalf("told %+v", told)
			}
			var refusal *login.Refusal
			if errors.As(answer, &refusal) && told[0].Reason != refusal.Reason {
				t.Errorf("the reason is %q", told[0].Reason)
			}
			if (told[0].UserID != "") != (answer == nil) {
				t.Errorf("user id %q for %v", told[0].UserID, answer)
			}
			words[told[0].Result] = true
		})
	}
	if len(words) != len(answers) {
		t.Errorf("%d answers got %d words: %v", len(answers), len(words), words)
	}
}
