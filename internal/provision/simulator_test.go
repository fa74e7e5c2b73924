package provision_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/email"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/provision"
	"matterpass/internal/simulator"
)

// simulate starts a Mattermost with its people, and a directory of it.
func simulate(t *testing.T, o simulator.Options) (*simulator.Server, *mattermost.Client) {
	t.Helper()
	o.Demo = true
	s := simulator.New(o)
	server := httptest.NewServer(s)
	c := mattermost.New(mattermost.Options{BaseURL: server.URL, AdminToken: s.AdminToken})
	t.Cleanup(func() { c.Close(); server.Close(); s.Close() })
	return s, c
}

func over(c *mattermost.Client) *provision.Service {
	return provision.New(provision.Options{Directory: c, Teams: []provision.Team{{Name: simulator.DemoTeam, Channels: []string{"orders"}}}})
}

func TestProvisionedPersonCanSignIn(t *testing.T) {
	s, c := simulate(t, simulator.Options{})
	in := provision.Request{Email: "Nina.New@erp.test", FirstName: given("Nina"), Locale: given("sv"), Password: "a good long one"}
	got, err := over(c).Provision(t.Context(), in)
	want := provision.Result{UserID: s.UserID("nina.new@erp.test"), Username: "nina.new", Created: true, Changed: []string{}, Teams: []string{"erp"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	session, err := c.SignIn(t.Context(), "nina.new@erp.test", in.Password, "", login.Client{})
	if err != nil || session.User.ID != got.UserID {
		t.Error(session.User, err)
	}
	in.Password, in.FirstName, in.LastName = "", nil, given("New")
	got, err = over(c).Provision(t.Context(), in)
	want.Created, want.Changed = false, []string{"last_name"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestPeopleOfOneNameGetAccountsOfTheirOwn(t *testing.T) {
	s, c := simulate(t, simulator.Options{})
	users := make([]string, 20)
	var wg sync.WaitGroup
	for i := range users {
		address := fmt.Sprintf("dana@branch%d.test", i%4) // five times each
		wg.Go(func() {
			got, err := over(c).Provision(t.Context(), provision.Request{Email: address})
			if err != nil || got.UserID != s.UserID(address) {
				t.Errorf("%s: %+v, %v", address, got, err)
			}
			users[i] = got.UserID
		})
	}
	wg.Wait()
	different := map[string]bool{s.UserID(simulator.DanaEmail): true}
	for _, id := range users {
		different[id] = true
	}
	if len(different) != 5 {
		t.Errorf("%d accounts for five people", len(different))
	}
}

func TestTheAdministratorAndTheDeactivatedAreLeftAlone(t *testing.T) {
	s, c := simulate(t, simulator.Options{})
	s.SetActive(simulator.DemoEmail, false)
	for _, address := range []email.Address{simulator.AdminEmail, simulator.DemoEmail} {
		before, _ := c.ByEmail(t.Context(), address)
		_, err := over(c).Provision(t.Context(), provision.Request{Email: string(address), FirstName: given("Eve")})
		after, _ := c.ByEmail(t.Context(), address)
		if diff := cmp.Diff(before, after); !errors.Is(err, provision.ErrConflict) || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}

func TestFullServerAndMissingPlaces(t *testing.T) {
	_, c := simulate(t, simulator.Options{UserLimit: 3})
	if _, err := over(c).Provision(t.Context(), provision.Request{Email: "nina@erp.test"}); !errors.Is(err, provision.ErrSeatLimit) {
		t.Error(err)
	}
	for field, team := range map[string]provision.Team{
		"teams[0].name":        {Name: "sales"},
		"teams[0].channels[0]": {Name: "erp", Channels: []string{"nowhere"}},
	} {
		_, err := over(c).Provision(t.Context(), provision.Request{Email: "nina@erp.test", Teams: []provision.Team{team}})
		var invalid *provision.Invalid
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%v, want field %s", err, field)
		}
	}
}
