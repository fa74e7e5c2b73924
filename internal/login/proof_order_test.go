package login_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

func TestWhatComesBeforeTheSpendingSpendsNothing(t *testing.T) {
	tests := map[string]struct {
		world  func(*world)
		option func(*login.Options)
		visit  login.Visit
		want   error
	}{
		"the identity's bucket is empty": {option: func(o *login.Options) {
			o.Identities = allow(func(string, string, netip.Addr) login.Decision { return login.Decision{RetryAfter: time.Second} })
		}},
		"a code is needed": {world: func(w *world) {
			a := w.accounts[userID]
			a.MFA = true
			w.accounts[userID] = a
		}, want: login.ErrMFARequired},
		"the code is none":         {visit: login.Visit{Code: "12ab"}},
		"nobody can make sessions": {option: func(o *login.Options) { o.Minter = nil }, want: login.ErrMintUnavailable},
		"the memory is away":       {world: func(w *world) { w.spendErr = login.ErrStoreUnavailable }, want: login.ErrStoreUnavailable},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			if tc.world != nil {
				tc.world(w)
			}
			var options []func(*login.Options)
			if tc.option != nil {
				options = append(options, tc.option)
			}
			_, err := w.service(options...).WithProof(t.Context(), demo(), tc.visit)
			var spent *login.Spent
			if err == nil || errors.As(err, &spent) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v and unspent", err, tc.want)
			}
			if len(w.spent) > 0 || len(w.minted) > 0 {
				t.Errorf("spent %d, minted %d, want none", len(w.spent), len(w.minted))
			}
		})
	}
}

func TestWhatFailsAfterTheSpendingSaysSo(t *testing.T) {
	someone := login.Session{User: login.User{ID: danaID}, Token: token}
	tests := map[string]struct {
		world func(*world)
		want  error
		ended []string
	}{
		"no session can be made": {func(w *world) {
			w.mint = func(login.Minting) (login.Session, error) { return login.Session{}, login.ErrMintUnavailable }
		}, login.ErrMintUnavailable, nil},
		"the code is wrong": {func(w *world) {
			w.mint = func(login.Minting) (login.Session, error) { return login.Session{}, errBadCode }
		}, login.ErrMFARequired, nil},
		"the session is another's":   {func(w *world) { w.mint = func(login.Minting) (login.Session, error) { return someone, nil } }, upstream.ErrInvalid, []string{token}},
		"it could not be remembered": {func(w *world) { w.begin = login.ErrStoreUnavailable }, login.ErrStoreUnavailable, []string{token}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			tc.world(w)
			_, err := w.service().WithProof(t.Context(), demo(), visit())
			var spent *login.Spent
			if !errors.As(err, &spent) || !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want a spent %v", err, tc.want)
			}
			if !slices.Equal(w.mattermost.ended, tc.ended) {
				t.Errorf("ended %q, want %q", w.mattermost.ended, tc.ended)
			}
		})
	}
}

func TestTheIssuersSecondFactorCountsWhereItIsTrusted(t *testing.T) {
	for trusted, want := range map[bool]error{true: nil, false: login.ErrMFARequired} {
		w := newWorld()
		a := w.accounts[userID]
		a.MFA = true
		w.accounts[userID] = a
		p := demo()
		p.MultiFactor = true
		_, err := w.service(func(o *login.Options) { o.TrustMFA = trusted }).WithProof(t.Context(), p, visit())
		if !errors.Is(err, want) {
			t.Errorf("trusted %v: %v, want %v", trusted, err, want)
		}
	}
}

func TestASignInForWhichNobodyWaitsLeavesNoSession(t *testing.T) {
	w := newWorld()
	ctx, leave := context.WithCancel(t.Context())
	w.mint = func(m login.Minting) (login.Session, error) {
		leave()
		return login.Session{User: m.Account.User, Token: token}, nil
	}
	_, err := w.service().WithProof(ctx, demo(), visit())
	if !errors.Is(err, context.Canceled) || !slices.Equal(w.mattermost.ended, []string{token}) {
		t.Errorf("err = %v, ended %q", err, w.mattermost.ended)
	}
}

func TestTheNextPersonOfABrowserIsKnownToBeAnother(t *testing.T) {
	w := newWorld()
	service := w.service()
	first, err := service.WithProof(t.Context(), demo(), visit())
	if err != nil || first.Switched {
		t.Fatalf("the first person: switched %v, err %v", first.Switched, err)
	}
	w.last = login.Record{UserID: danaID}
	p, v := demo(), visit()
	p.ID, v.Device, v.Previous = "jti-2", first.Device, oldToken
	second, err := service.WithProof(t.Context(), p, v)
	if err != nil || !second.Switched {
		t.Errorf("the next person: switched %v, err %v", second.Switched, err)
	}
	if !slices.Contains(w.mattermost.ended, oldToken) {
		t.Errorf("ended %q, want the former session", w.mattermost.ended)
	}
}

func TestAssertionsAreVerifiedForTheirUse(t *testing.T) {
	w := newWorld()
	w.verify = func(assertion string, use login.Use) (login.Proof, error) {
		if assertion != "good" || use != login.ForSignIn {
			return login.Proof{}, login.ErrRefused
		}
		return demo(), nil
	}
	if _, err := w.service().WithAssertion(t.Context(), "good", visit()); err != nil {
		t.Error(err)
	}
	if _, err := w.service().WithAssertion(t.Context(), "bad", visit()); !errors.Is(err, login.ErrRefused) {
		t.Errorf("err = %v, want ErrRefused", err)
	}
	_, err := w.service(func(o *login.Options) { o.Verifier = nil }).WithAssertion(t.Context(), "good", visit())
	if !errors.Is(err, login.ErrRefused) {
		t.Errorf("without a verifier: %v, want ErrRefused", err)
	}
	if last := w.outcomes[len(w.outcomes)-1]; last.Way != login.ByAssertion || last.Result != "refused" || last.Reason == "" {
		t.Errorf("outcome = %+v", last)
	}
}

func TestPasswordChecksAndOtherMintingsWaitInLinesOfTheirOwn(t *testing.T) {
	for hashes, want := range map[bool]bool{true: true, false: false} {
		w := newWorld()
		release, entered := make(chan struct{}), make(chan struct{})
		w.signIn = func(context.Context, email.Address, string, string, login.Client) (login.Session, error) {
			close(entered)
			<-release
			return login.Session{}, errWrong
		}
		service := w.service(func(o *login.Options) {
			o.Concurrency, o.Queue, o.MintPatience = 1, 1, time.Millisecond
			o.MintHashes = func() bool { return hashes }
		})
		var group sync.WaitGroup
		group.Go(func() { _, _ = service.WithPassword(t.Context(), attempt(t, "demo@erp.test", "x")) })
		<-entered
		_, err := service.WithProof(t.Context(), demo(), visit())
		var busy *login.Busy
		if errors.As(err, &busy) != want {
			t.Errorf("minting hashes %v: %v, busy wanted: %v", hashes, err, want)
		}
		close(release)
		group.Wait()
	}
}
