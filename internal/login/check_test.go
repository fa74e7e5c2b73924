package login_test

import (
	"errors"
	"strings"
	"testing"

	"matterpass/internal/login"
)

func TestAnIdentityNamesOnePersonInOneSpelling(t *testing.T) {
	good := login.Identity{Issuer: "https://erp.example.com", Subject: "4711", Email: "dana@erp.test", Name: "Dana Müller", SID: "s-1"}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		change func(*login.Identity)
		field  string
	}{
		"no issuer":             {func(who *login.Identity) { who.Issuer = "" }, "issuer"},
		"long issuer":           {func(who *login.Identity) { who.Issuer = strings.Repeat("a", 256) }, "issuer"},
		"no subject":            {func(who *login.Identity) { who.Subject = "" }, "subject"},
		"subject with a space":  {func(who *login.Identity) { who.Subject = "47 11" }, "subject"},
		"subject in two forms":  {func(who *login.Identity) { who.Subject = "mu\u0308ller" }, "subject"},
		"no address":            {func(who *login.Identity) { who.Email = "" }, "email"},
		"address in upper case": {func(who *login.Identity) { who.Email = "Dana@erp.test" }, "email"},
		"long name":             {func(who *login.Identity) { who.Name = strings.Repeat("ü", 129) }, "name"},
		"name with a tab":       {func(who *login.Identity) { who.Name = "Dana\tM" }, "name"},
		"name not UTF-8":        {func(who *login.Identity) { who.Name = "Dana\xff" }, "name"},
		"sid with a line break": {func(who *login.Identity) { who.SID = "s\n" }, "sid"},
	}
	for name, c := range cases {
		who := good
		c.change(&who)
		var invalid *login.Invalid
		if err := who.Check(); !errors.As(err, &invalid) || invalid.Field != c.field {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
