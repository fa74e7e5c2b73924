package login_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"matterpass/internal/email"
	"matterpass/internal/login"
)

func TestAProofOpensASessionOnceAndIsRemembered(t *testing.T) {
	w := newWorld()
	service := w.service()
	session, err := service.WithProof(t.Context(), demo(), visit())
	if err != nil {
		t.Fatal(err)
	}
	if session.User.ID != userID || session.Token != token || session.Device == "" {
		t.Errorf("session = %+v", session)
	}
	record := w.records[token]
	if record.UserID != userID || record.Issuer != "https://erp.test" || record.Subject != "4711" || record.Way != login.ByAssertion || record.Device == "" {
		t.Errorf("record = %+v", record)
	}
	_, err = service.WithProof(t.Context(), demo(), visit())
	if !errors.Is(err, login.ErrSpent) {
		t.Errorf("second use: %v, want ErrSpent", err)
	}
	if len(w.minted) != 1 {
		t.Errorf("%d sessions were made, want 1", len(w.minted))
	}
	for _, o := range w.outcomes {
		if !slices.Contains(login.Ways(), o.Way) || !slices.Contains(login.Results(), o.Result) {
			t.Errorf("%q and %q are no words of an outcome", o.Way, o.Result)
		}
	}
	if got := []string{w.outcomes[0].Result, w.outcomes[1].Result}; !slices.Equal(got, []string{"signed_in", "spent"}) {
		t.Errorf("outcomes = %q", got)
	}
}

func TestAHundredUsesOfOneProofAreOneSession(t *testing.T) {
	w := newWorld()
	service := w.service()
	var group sync.WaitGroup
	errs := make(chan error, 100)
	for range 100 {
		group.Go(func() {
			_, err := service.WithProof(t.Context(), demo(), visit())
			errs <- err
		})
	}
	group.Wait()
	close(errs)
	succeeded := 0
	for err := range errs {
		if err == nil {
			succeeded++
		} else if !errors.Is(err, login.ErrSpent) {
			t.Errorf("a loser got %v, want ErrSpent", err)
		}
	}
	if succeeded != 1 || len(w.minted) != 1 {
		t.Errorf("%d successes, %d sessions, want one of each", succeeded, len(w.minted))
	}
}

func TestNobodyIsLinkedToAnAccountThatCouldHaveBeenPrepared(t *testing.T) {
	tests := map[string]struct {
		account func(*login.Account)
		proof   func(*login.Proof)
		before  func(*world)
		want    error
	}{
		"both sides verified the address":         {},
		"the issuer did not verify it":            {proof: func(p *login.Proof) { p.EmailVerified = false }, want: login.ErrConflict},
		"Mattermost did not verify it":            {account: func(a *login.Account) { a.EmailVerified = false }, want: login.ErrConflict},
		"we made it, then no verification counts": {account: func(a *login.Account) { a.EmailVerified = false }, before: func(w *world) { w.created = []email.Address{"demo@erp.test"} }},
		"it is an administrator's":                {account: func(a *login.Account) { a.Roles = []string{"system_user", "system_admin"} }, want: login.ErrConflict},
		"it is some manager's":                    {account: func(a *login.Account) { a.Roles = []string{"system_user_manager"} }, want: login.ErrConflict},
		"it is a bot's":                           {account: func(a *login.Account) { a.Bot = true }, want: login.ErrConflict},
		"it is deactivated":                       {account: func(a *login.Account) { a.Deactivated = true }, want: login.ErrConflict},
		"it is of another server":                 {account: func(a *login.Account) { a.Remote = true }, want: login.ErrConflict},
		"it is LDAP's":                            {account: func(a *login.Account) { a.AuthService = "ldap" }, want: login.ErrConflict},
		"it is linked elsewhere": {before: func(w *world) {
			w.links = []login.Link{{Issuer: "https://other.test", Subject: "x", UserID: userID}}
		}, want: login.ErrConflict},
		"another subject of the issuer has it": {before: func(w *world) {
			w.links = []login.Link{{Issuer: "https://erp.test", Subject: "4712", UserID: userID}}
		}, want: login.ErrConflict},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			if tc.account != nil {
				a := w.accounts[userID]
				tc.account(&a)
				w.accounts[userID] = a
			}
			if tc.before != nil {
				tc.before(w)
			}
			links := len(w.links)
			p := demo()
			if tc.proof != nil {
				tc.proof(&p)
			}
			_, err := w.service().WithProof(t.Context(), p, visit())
			if !errors.Is(err, tc.want) {
				t.Fatalf("err = %v, want %v", err, tc.want)
			}
			if tc.want != nil && (len(w.minted) > 0 || len(w.links) != links || len(w.spent) > 0) {
				t.Errorf("a refusal minted %d, linked %d and spent %d", len(w.minted), len(w.links)-links, len(w.spent))
			}
		})
	}
}

func TestLinkingAnAccountThatWeDidNotMakeEndsWhatItHad(t *testing.T) {
	w := newWorld()
	if _, err := w.service().WithProof(t.Context(), demo(), visit()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.cut, []string{userID}) {
		t.Errorf("cut off: %q, want the linked account", w.cut)
	}
	own := newWorld()
	own.created = []email.Address{"demo@erp.test"}
	if _, err := own.service().WithProof(t.Context(), demo(), visit()); err != nil {
		t.Fatal(err)
	}
	if len(own.cut) > 0 {
		t.Errorf("cut off: %q, want nobody: the account is ours", own.cut)
	}
}

func TestALinkedAccountIsLookedAtAtEverySignIn(t *testing.T) {
	tests := map[string]struct {
		change func(*world)
		want   error
	}{
		"became an administrator's": {func(w *world) {
			w.accounts[userID] = login.Account{User: login.User{ID: userID}, Roles: []string{"system_admin"}}
		}, login.ErrRefused},
		"was deactivated": {func(w *world) { w.accounts[userID] = login.Account{User: login.User{ID: userID}, Deactivated: true} }, login.ErrRefused},
		"is gone":         {func(w *world) { delete(w.accounts, userID) }, login.ErrConflict},
		"has another address now": {func(w *world) {
			w.accounts[userID] = login.Account{User: login.User{ID: userID, Email: "new@erp.test"}}
		}, nil},
		"is LDAP's, and an administrator linked it": {func(w *world) {
			w.accounts[userID] = login.Account{User: login.User{ID: userID}, AuthService: "ldap"}
		}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.links = []login.Link{{Issuer: "https://erp.test", Subject: "4711", UserID: userID}}
			tc.change(w)
			_, err := w.service().WithProof(t.Context(), demo(), visit())
			if !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}

func TestSomebodyNewGetsAnAccountUnlessThatIsSwitchedOff(t *testing.T) {
	w := newWorld()
	p := demo()
	p.Subject, p.Email, p.EmailVerified = "4712", "dana@erp.test", false
	session, err := w.service().WithProof(t.Context(), p, visit())
	if err != nil || session.User.ID != danaID {
		t.Fatalf("session = %+v, err = %v", session, err)
	}
	if !slices.Equal(w.created, []email.Address{"dana@erp.test"}) || !slices.Equal(w.creating, w.created) || len(w.links) != 1 {
		t.Errorf("created %q (announced %q), links %v", w.created, w.creating, w.links)
	}
	off := newWorld()
	_, err = off.service(func(o *login.Options) { o.Newcomers = nil }).WithProof(t.Context(), p, visit())
	if !errors.Is(err, login.ErrNotProvisioned) || len(off.spent) > 0 {
		t.Errorf("err = %v, spent %d, want ErrNotProvisioned and nothing spent", err, len(off.spent))
	}
}

// overtaken is a world in which another sign-in makes the account first.
type overtaken struct {
	*world
	account login.Account
}

func (o overtaken) Create(_ context.Context, who login.Identity) (string, bool, error) {
	if o.account.ID != "" {
		o.accounts[o.account.ID] = o.account
	}
	return cmp.Or(o.account.ID, danaID), false, nil
}

func TestAnAccountThatAppearedMeanwhileIsLookedAtLikeAnyOther(t *testing.T) {
	tests := map[string]struct {
		account login.Account
		want    error
	}{
		"verified on both sides": {login.Account{User: login.User{ID: danaID, Email: "dana@erp.test"}, EmailVerified: true}, nil},
		"prepared by a stranger": {login.Account{User: login.User{ID: danaID, Email: "dana@erp.test"}}, login.ErrConflict},
		"gone again":             {login.Account{}, login.ErrConflict},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			p := demo()
			p.Subject, p.Email = "4712", "dana@erp.test"
			service := w.service(func(o *login.Options) { o.Newcomers = overtaken{w, tc.account} })
			_, err := service.WithProof(t.Context(), p, visit())
			if !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}

// late finds the link of somebody who was faster only when it looks twice.
type late struct {
	*world
	link login.Link
}

func (l late) FindLink(ctx context.Context, issuer, subject string) (login.Link, error) {
	defer func() { l.links = append(l.links, l.link) }()
	return l.world.FindLink(ctx, issuer, subject)
}

func TestALinkThatAppearedMeanwhileIsTheIdentitysOwnOrAConflict(t *testing.T) {
	for subject, want := range map[string]error{"4712": nil, "4713": login.ErrConflict} {
		w := newWorld()
		w.accounts[danaID] = login.Account{User: login.User{ID: danaID, Email: "dana@erp.test"}}
		p := demo()
		p.Subject, p.Email = "4712", "dana@erp.test"
		link := login.Link{Issuer: p.Issuer, Subject: subject, UserID: danaID}
		service := w.service(func(o *login.Options) { o.Links = late{w, link} })
		if _, err := service.WithProof(t.Context(), p, visit()); !errors.Is(err, want) {
			t.Errorf("linked to %s: %v, want %v", subject, err, want)
		}
	}
}
