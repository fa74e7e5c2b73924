package provision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"matterpass/internal/provision"
	"matterpass/internal/upstream"
)

func service(m *memory, change ...func(*provision.Options)) *provision.Service {
	o := provision.Options{Directory: m, Teams: []provision.Team{{Name: "erp", Channels: []string{"orders"}}}}
	for _, f := range change {
		f(&o)
	}
	return provision.New(o)
}

func given(s string) *string { return &s }

const danaID = "pqrsm7cuktrpdm8fooh5erfskw"

func dana() provision.Account {
	return provision.Account{
		ID: danaID, Email: "dana@erp.test", Roles: []string{"system_user"},
		Profile: provision.Profile{Username: "dana", FirstName: "Dana", Locale: "en"},
	}
}

func TestNewPersonGetsAnAccountAndTheConfiguredTeams(t *testing.T) {
	m := newMemory()
	got, err := service(m).Provision(t.Context(), provision.Request{
		Email: "Dana.Order@ERP.test", FirstName: given("Dana"), Nickname: given("=cmd()<script>"), Locale: given("sv"),
	})
	want := provision.Result{UserID: fmt.Sprintf("%026d", 0), Username: "dana.order", Created: true, Changed: []string{}, Teams: []string{"erp"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff([]provision.NewAccount{{
		Email:   "dana.order@erp.test",
		Profile: provision.Profile{Username: "dana.order", FirstName: "Dana", Nickname: "=cmd()<script>", Locale: "sv"},
	}}, m.created, cmpopts.IgnoreFields(provision.NewAccount{}, "Password")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]bool{"team-erp/" + got.UserID: true, "team-erp-channel-orders/" + got.UserID: true}, m.members); diff != "" {
		t.Error(diff)
	}
}

func TestRandomPasswordIsLongMixedAndNewEachTime(t *testing.T) {
	m := newMemory()
	s := service(m)
	for i := range 3 {
		if _, err := s.Provision(t.Context(), provision.Request{Email: fmt.Sprintf("p%d@erp.test", i)}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, n := range m.created {
		seen[n.Password] = true
		if len(n.Password) != 72 || !strings.ContainsAny(n.Password, "0123456789") || !strings.ContainsAny(n.Password, "!-_") {
			t.Errorf("password of %d bytes without all kinds of characters", len(n.Password))
		}
	}
	if len(seen) != 3 {
		t.Error("passwords repeat")
	}
}

func TestRepeatChangesNothing(t *testing.T) {
	m := newMemory()
	s := service(m)
	in := provision.Request{Email: "dana@erp.test", Username: given("Dana"), FirstName: given("Dana"), LastName: given("Order")}
	first, err := s.Provision(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Provision(t.Context(), in)
	first.Created = false
	if diff := cmp.Diff(first, again); err != nil || diff != "" || len(m.updates) > 0 || len(m.created) != 1 {
		t.Errorf("%v, updates %v\n%s", err, m.updates, diff)
	}
}

func TestOnlyWhatDiffersIsChangedInAFixedOrder(t *testing.T) {
	m := newMemory(dana())
	got, err := service(m).Provision(t.Context(), provision.Request{
		Email: "dana@erp.test", Locale: given("en"), Nickname: given("dd"), FirstName: given(""), Username: given("dana.o"), Teams: []provision.Team{},
	})
	want := provision.Result{UserID: danaID, Username: "dana.o", Changed: []string{"username", "first_name", "nickname"}, Teams: []string{}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff([]provision.Change{{"username", "dana.o"}, {"first_name", ""}, {"nickname", "dd"}}, m.updates); diff != "" {
		t.Error(diff)
	}
	if len(m.members) > 0 {
		t.Errorf("joined %v, though no team was wanted", m.members)
	}
}

func TestAccountsThatAreNotPlainlyThePersonsAreLeftAlone(t *testing.T) {
	changes := map[string]func(*provision.Account){
		"deactivated":          func(a *provision.Account) { a.Deactivated = true },
		"bot":                  func(a *provision.Account) { a.Bot = true },
		"remote":               func(a *provision.Account) { a.Remote = true },
		"single sign-on":       func(a *provision.Account) { a.AuthService = "saml" },
		"system admin":         func(a *provision.Account) { a.Roles = []string{"system_user", "system_admin"} },
		"custom role":          func(a *provision.Account) { a.Roles = []string{"system_user", "system_manager"} },
		"privileged when made": func(a *provision.Account) { a.Roles = []string{"system_admin"} },
	}
	for name, change := range changes {
		for _, blind := range []int{0, 1} { // also when it appears between looking and creating
			t.Run(fmt.Sprint(name, blind), func(t *testing.T) {
				a := dana()
				change(&a)
				m := newMemory(a)
				m.blind[a.Email] = blind
				_, err := service(m).Provision(t.Context(), provision.Request{Email: "dana@erp.test", FirstName: given("Eve")})
				if !errors.Is(err, provision.ErrConflict) || len(m.updates)+len(m.members)+len(m.created) > 0 {
					t.Errorf("%v; updates %v, members %v", err, m.updates, m.members)
				}
			})
		}
	}
}

func TestGuestIsAnOrdinaryPerson(t *testing.T) {
	a := dana()
	a.Roles = []string{"system_guest"}
	if _, err := service(newMemory(a)).Provision(t.Context(), provision.Request{Email: "dana@erp.test"}); err != nil {
		t.Error(err)
	}
}

func TestSomebodyElsesUsername(t *testing.T) {
	t.Run("given for a new account is a conflict", func(t *testing.T) {
		m := newMemory(dana())
		_, err := service(m).Provision(t.Context(), provision.Request{Email: "other@erp.test", Username: given("dana")})
		if !errors.Is(err, provision.ErrConflict) || len(m.created) > 0 {
			t.Error(err)
		}
	})
	t.Run("given for an account is a conflict", func(t *testing.T) {
		other := dana()
		other.ID, other.Email, other.Username = "other", "other@erp.test", "other"
		m := newMemory(dana(), other)
		_, err := service(m).Provision(t.Context(), provision.Request{Email: "other@erp.test", Username: given("dana"), FirstName: given("Eve")})
		if !errors.Is(err, provision.ErrConflict) || len(m.updates) > 0 {
			t.Error(err)
		}
	})
	t.Run("derived gets a suffix, the same every time", func(t *testing.T) {
		var usernames []string
		for range 2 {
			m := newMemory(dana())
			got, err := service(m).Provision(t.Context(), provision.Request{Email: "dana@other.test"})
			if err != nil || got.UserID == danaID {
				t.Fatal(got, err)
			}
			usernames = append(usernames, got.Username)
		}
		if usernames[0] != usernames[1] || !strings.HasPrefix(usernames[0], "dana-") {
			t.Error(usernames)
		}
	})
	t.Run("every step taken is a conflict", func(t *testing.T) {
		m := newMemory()
		m.fail["create"] = provision.ErrUsernameTaken
		_, err := service(m).Provision(t.Context(), provision.Request{Email: "dana@other.test"})
		if !errors.Is(err, provision.ErrConflict) || strings.Count(fmt.Sprint(m.calls), "create") != 4 {
			t.Error(err, m.calls)
		}
	})
}

func TestLosingTheRaceGoesOnWithTheWinnersAccount(t *testing.T) {
	for name, rival := range map[string]provision.Account{
		"same username": dana(),
		"another username": func() provision.Account {
			a := dana()
			a.Username = "dd"
			return a
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(rival)
			m.blind[rival.Email] = 1
			got, err := service(m).Provision(t.Context(), provision.Request{Email: "dana@erp.test", LastName: given("Order"), Password: "long enough 1"})
			want := provision.Result{UserID: danaID, Username: rival.Username, Changed: []string{"last_name"}, Teams: []string{"erp"}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestFiftyAtOnceMakeOneAccountAndOneAnswer(t *testing.T) {
	m := newMemory()
	one := service(m)
	answers := make([]provision.Result, 50)
	var wg sync.WaitGroup
	for i := range answers {
		s, address := one, "dana@erp.test"
		if i%2 == 1 {
			s, address = service(m), "DANA@erp.test" // another instance
		}
		wg.Go(func() {
			var err error
			answers[i], err = s.Provision(context.Background(), provision.Request{Email: address, FirstName: given("Dana")})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(m.created) != 1 || len(m.accounts) != 1 || len(m.updates) > 0 {
		t.Errorf("%d accounts", len(m.accounts))
	}
	for _, answer := range answers {
		if diff := cmp.Diff(answers[0], answer, cmpopts.IgnoreFields(provision.Result{}, "Created")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestNothingIsMadeWhenAPlaceIsMissing(t *testing.T) {
	tests := map[string]struct {
		teams []provision.Team
		field string
	}{
		"team":               {[]provision.Team{{Name: "erp"}, {Name: "no-team"}}, "teams[1].name"},
		"channel":            {[]provision.Team{{Name: "erp", Channels: []string{"orders", "no-channel"}}}, "teams[0].channels[1]"},
		"configured channel": {nil, "teams"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			s := service(m, func(o *provision.Options) {
				o.Teams = []provision.Team{{Name: "erp", Channels: []string{"no-channel"}}}
			})
			_, err := s.Provision(t.Context(), provision.Request{Email: "dana@erp.test", Teams: tc.teams})
			var invalid *provision.Invalid
			if !errors.As(err, &invalid) || invalid.Field != tc.field || len(m.created) > 0 {
				t.Errorf("%v, created %v", err, m.created)
			}
		})
	}
}

func TestHalfMadeAccountIsReportedAndARepeatCompletesIt(t *testing.T) {
	m := newMemory()
	s := service(m)
	m.fail["join"] = fmt.Errorf("%w: the team is full", provision.ErrSeatLimit)
	_, err := s.Provision(t.Context(), provision.Request{Email: "dana@erp.test"})
	var incomplete *provision.Incomplete
	if !errors.As(err, &incomplete) || !errors.Is(err, provision.ErrSeatLimit) {
		t.Fatal(err)
	}
	if !incomplete.Result.Created || incomplete.Result.UserID == "" || !strings.Contains(err.Error(), "the account was created and has its password, but: join team \"erp\"") {
		t.Errorf("%+v: %v", incomplete.Result, err)
	}
	m.fail["join"] = nil
	got, err := s.Provision(t.Context(), provision.Request{Email: "dana@erp.test"})
	want := provision.Result{UserID: incomplete.Result.UserID, Username: "dana", Changed: []string{}, Teams: []string{"erp"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestPasswordIsForNewAccountsOnly(t *testing.T) {
	m := newMemory(dana())
	_, err := service(m).Provision(t.Context(), provision.Request{Email: "dana@erp.test", Password: "long enough 1", FirstName: given("Eve")})
	var invalid *provision.Invalid
	if !errors.As(err, &invalid) || invalid.Field != "password" || len(m.updates) > 0 {
		t.Error(err)
	}
}

func TestAddressCountsAsVerifiedOnlyWhereSomebodyVouchesForIt(t *testing.T) {
	for _, vouched := range []bool{false, true} {
		m := newMemory()
		s := service(m)
		if _, err := s.Provision(t.Context(), provision.Request{Email: "dana@erp.test", EmailVerified: vouched}); err != nil || m.created[0].Verified != vouched {
			t.Error(err, vouched)
		}
	}
}

func TestEveryDecisionIsToldOnce(t *testing.T) {
	privileged := dana()
	privileged.Roles = []string{"system_admin"}
	tests := map[string]struct {
		m    *memory
		in   provision.Request
		fail map[string]error
	}{
		"created":     {newMemory(), provision.Request{}, nil},
		"unchanged":   {newMemory(dana()), provision.Request{}, nil},
		"updated":     {newMemory(dana()), provision.Request{FirstName: given("Eve")}, nil},
		"invalid":     {newMemory(), provision.Request{Locale: given("?")}, nil},
		"conflict":    {newMemory(privileged), provision.Request{}, nil},
		"incomplete":  {newMemory(), provision.Request{}, map[string]error{"join": upstream.ErrTimeout}},
		"seat_limit":  {newMemory(), provision.Request{}, map[string]error{"create": provision.ErrSeatLimit}},
		"throttled":   {newMemory(), provision.Request{}, map[string]error{"find": &upstream.Throttled{}}},
		"admin_token": {newMemory(), provision.Request{}, map[string]error{"team": upstream.ErrAdminToken}},
		"unavailable": {newMemory(), provision.Request{}, map[string]error{"channel": upstream.ErrUnavailable}},
		"timeout":     {newMemory(dana()), provision.Request{FirstName: given("Eve")}, map[string]error{"update": upstream.ErrTimeout}},
		"failed":      {newMemory(), provision.Request{}, map[string]error{"find": errors.New("bug")}},
	}
	for _, result := range provision.Results() {
		t.Run(result, func(t *testing.T) {
			tc := tests[result]
			var told []provision.Outcome
			s := service(tc.m, func(o *provision.Options) {
				o.Decided = func(_ context.Context, out provision.Outcome) { told = append(told, out) }
			})
			if tc.fail != nil {
				tc.m.fail = tc.fail
			}
			tc.in.Email, tc.in.Subject = "dana@erp.test", "4711"
			_, err := s.Provision(t.Context(), tc.in)
			if len(told) != 1 || told[0].Result != result || told[0].Subject != "4711" {
				t.Errorf("%v, told %+v", err, told)
			}
		})
	}
}

func TestWhatHasBegunIsFinishedWhenTheCallerLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := newMemory()
	if got, err := service(m).Provision(ctx, provision.Request{Email: "dana@erp.test"}); err != nil || len(m.members) != 2 {
		t.Error(got, err)
	}
}

// TestDerivedUsernamesAreMattermostsAndOnesOwn runs over people who all share the
// same few names, so that every step of the derivation is reached.
func TestDerivedUsernamesAreMattermostsAndOnesOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		locals := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9!#$&'*+=^_{|}~-]{1,30}(\.[a-z0-9+_]{1,20})?`), 1, 6, rapid.ID).Draw(t, "locals")
		m := newMemory()
		s := service(m)
		for _, local := range locals {
			for _, domain := range []string{"erp.test", "other.test"} {
				address := local + "@" + domain
				first, err := s.Provision(context.Background(), provision.Request{Email: address})
				if err != nil || !first.Created {
					t.Fatalf("%s: %+v, %v", address, first, err)
				}
				again, err := s.Provision(context.Background(), provision.Request{Email: address})
				if err != nil || again.UserID != first.UserID || again.Username != first.Username {
					t.Fatalf("%s: %+v, then %+v, %v", address, first, again, err)
				}
				if !isUsername(first.Username) {
					t.Fatalf("%s: %q is no username", address, first.Username)
				}
			}
		}
		if want := 2 * len(locals); len(m.accounts) != want {
			t.Fatalf("%d accounts for %d people", len(m.accounts), want)
		}
	})
}

func isUsername(s string) bool {
	return len(s) <= 64 && s[0] >= 'a' && s[0] <= 'z' && !strings.Contains(s, "..") &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == "" &&
		!strings.Contains(" all channel here matterbot system admin ", " "+s+" ")
}
