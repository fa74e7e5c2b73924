package login_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"matterpass/internal/email"
	"matterpass/internal/login"
)

func byAddress(t *testing.T, address string) login.Name {
	t.Helper()
	name, err := login.EmailName(address)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// linker is a service whose links are told.
func linker(w *world, told *[]bool) *login.Service {
	w.addressOf = func(_ context.Context, name login.Name) (email.Address, error) { return email.Address(name.Value), nil }
	return w.service(func(o *login.Options) {
		o.Accounts = w.mattermost
		o.Linked = func(_ context.Context, _ login.Link, made bool) { *told = append(*told, made) }
	})
}

func TestAnAdministratorLinksWhatDoesNotLinkItself(t *testing.T) {
	who := login.Identity{Issuer: "https://erp.test", Subject: "4711"}
	for name, account := range map[string]login.Account{
		"not verified":        {},
		"an administrator's":  {Roles: []string{"system_admin"}}, // refused at every sign-in all the same
		"of another service":  {AuthService: "ldap"},
		"linked to other one": {},
	} {
		t.Run(name, func(t *testing.T) {
			w, told := newWorld(), []bool(nil)
			account.User = w.accounts[userID].User
			w.accounts[userID] = account
			if name == "linked to other one" {
				w.links = []login.Link{{Issuer: "other", Subject: "1", UserID: userID}}
			}
			link, err := linker(w, &told).Link(t.Context(), who, byAddress(t, "demo@erp.test"))
			if err != nil || link.UserID != userID || link.By != login.LinkedByAdmin {
				t.Fatalf("%+v, %v", link, err)
			}
			if !slices.Equal(told, []bool{true}) {
				t.Errorf("told %v", told)
			}
		})
	}
}

func TestLinksThatNobodyCanMake(t *testing.T) {
	sound := login.Identity{Issuer: "https://erp.test", Subject: "4711"}
	var invalid *login.Invalid
	for name, tc := range map[string]struct {
		who    login.Identity
		change func(*world)
		want   func(error) bool
	}{
		"of nobody":        {login.Identity{Issuer: "https://erp.test"}, nil, func(err error) bool { return errors.As(err, &invalid) && invalid.Field == "subject" }},
		"by nobody":        {login.Identity{Subject: "4711"}, nil, func(err error) bool { return errors.As(err, &invalid) && invalid.Field == "issuer" }},
		"to no account":    {sound, func(w *world) { clear(w.accounts) }, func(err error) bool { return errors.Is(err, login.ErrUnknown) }},
		"to a bot's":       {sound, func(w *world) { w.accounts[userID] = login.Account{User: w.accounts[userID].User, Bot: true} }, func(err error) bool { return errors.Is(err, login.ErrConflict) }},
		"to another's own": {sound, func(w *world) { w.accounts[userID] = login.Account{User: w.accounts[userID].User, Remote: true} }, func(err error) bool { return errors.Is(err, login.ErrConflict) }},
	} {
		t.Run(name, func(t *testing.T) {
			w, told := newWorld(), []bool(nil)
			if tc.change != nil {
				tc.change(w)
			}
			_, err := linker(w, &told).Link(t.Context(), tc.who, byAddress(t, "demo@erp.test"))
			if !tc.want(err) || len(told) > 0 || len(w.links) > 0 {
				t.Errorf("%v, told %v, links %v", err, told, w.links)
			}
		})
	}
}

func TestALinkThatIsTakenAwayEndsItsSessions(t *testing.T) {
	w, told := newWorld(), []bool(nil)
	w.links = []login.Link{{Issuer: "https://erp.test", Subject: "4711", UserID: userID}}
	service := linker(w, &told)
	if err := service.Unlink(t.Context(), "https://erp.test", "4711"); err != nil {
		t.Fatal(err)
	}
	if len(w.links) > 0 || !slices.Equal(told, []bool{false}) {
		t.Errorf("links %v, told %v", w.links, told)
	}
	if err := service.Unlink(t.Context(), "https://erp.test", "4711"); !errors.Is(err, login.ErrUnknown) {
		t.Errorf("again: %v, want ErrUnknown", err)
	}
	w.links = []login.Link{{Issuer: "https://erp.test", Subject: "4711", UserID: userID}}
	service.Records = away{recordsOf{w}}
	if err := service.Unlink(t.Context(), "https://erp.test", "4711"); !errors.Is(err, login.ErrStoreUnavailable) {
		t.Errorf("without a memory: %v, want ErrStoreUnavailable", err)
	}
}

func TestAccountsAreLinkedByTheirIDAsWell(t *testing.T) {
	w, told := newWorld(), []bool(nil)
	id, err := login.IDName(userID)
	if err != nil {
		t.Fatal(err)
	}
	link, err := linker(w, &told).Link(t.Context(), login.Identity{Issuer: "i", Subject: "s"}, id)
	if err != nil || link.UserID != userID {
		t.Errorf("%+v, %v", link, err)
	}
}

func TestAProofThatWasSpentForSomethingElseIsSpent(t *testing.T) {
	w := newWorld()
	service := w.service()
	if err := service.Spend(t.Context(), demo()); err != nil {
		t.Fatal(err)
	}
	if _, err := service.WithProof(t.Context(), demo(), visit()); !errors.Is(err, login.ErrSpent) {
		t.Errorf("err = %v, want ErrSpent", err)
	}
}
