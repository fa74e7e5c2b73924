package provision_test

import (
	"testing"

	"matterpass/internal/email"
	"matterpass/internal/provision"
)

// real fails the test where it is asked for anything but to look.
type real struct{ provision.Directory }

func TestARehearsalChangesNothing(t *testing.T) {
	d := provision.Rehearsal(real{})
	made, err := d.Create(t.Context(), provision.NewAccount{Email: email.Address("nora@corp.com"), Profile: provision.Profile{Username: "nora"}})
	if err != nil || made.Email != "nora@corp.com" || made.Username != "nora" || made.ID != "" {
		t.Errorf("%+v, %v", made, err)
	}
	changed, err := d.Update(t.Context(), "id", []provision.Change{{Field: "username", Value: "n"}, {Field: "locale", Value: "de"}})
	if err != nil || changed.ID != "id" || changed.Username != "n" {
		t.Errorf("%+v, %v", changed, err)
	}
	if d.JoinTeam(t.Context(), "t", "u") != nil || d.JoinChannel(t.Context(), "c", "u") != nil {
		t.Error("it did more than answer")
	}
}
