package provision_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"matterpass/internal/provision"
)

func TestUnsoundRequestsAreRefusedWithTheFieldAndReachNobody(t *testing.T) {
	many := make([]provision.Team, 21)
	tests := map[string]struct {
		field string
		in    provision.Request
	}{
		"no e-mail":              {"email", provision.Request{Email: " "}},
		"Kelvin sign":            {"email", provision.Request{Email: "\u212aevin@erp.test"}},
		"path in the e-mail":     {"email", provision.Request{Email: "../../users/me"}},
		"subject with a newline": {"subject", provision.Request{Subject: "a\nb"}},
		"username with @":        {"username", provision.Request{Username: given("a@b")}},
		"username with a space":  {"username", provision.Request{Username: given("a b")}},
		"username, Kelvin sign":  {"username", provision.Request{Username: given("\u212aevin")}},
		"username empty":         {"username", provision.Request{Username: given("")}},
		"username of 65":         {"username", provision.Request{Username: given(strings.Repeat("a", 65))}},
		"username with two dots": {"username", provision.Request{Username: given("foo..bar")}},
		"username of a dot":      {"username", provision.Request{Username: given(".")}},
		"username as a path":     {"username", provision.Request{Username: given("../me")}},
		"username reserved":      {"username", provision.Request{Username: given("All")}},
		"username here":          {"username", provision.Request{Username: given("here")}},
		"name of 65":             {"first_name", provision.Request{FirstName: given(strings.Repeat("é", 65))}},
		"name of a megabyte":     {"last_name", provision.Request{LastName: given(strings.Repeat("a", 1<<20))}},
		"name with CRLF":         {"last_name", provision.Request{LastName: given("a\r\nb")}},
		"name with ANSI":         {"nickname", provision.Request{Nickname: given("\x1b[31m")}},
		"name that turns":        {"nickname", provision.Request{Nickname: given("a\u202eb")}},
		"name with isolates":     {"nickname", provision.Request{Nickname: given("a\u2066b")}},
		"name with a separator":  {"nickname", provision.Request{Nickname: given("a\u2028b")}},
		"name not UTF-8":         {"nickname", provision.Request{Nickname: given("a\xff")}},
		"locale in words":        {"locale", provision.Request{Locale: given("english")}},
		"locale too long":        {"locale", provision.Request{Locale: given("fil-PH")}},
		"locale empty":           {"locale", provision.Request{Locale: given("")}},
		"too many teams":         {"teams", provision.Request{Teams: many}},
		"team as a path":         {"teams[0].name", provision.Request{Teams: []provision.Team{{Name: "../users/me"}}}},
		"team empty":             {"teams[1].name", provision.Request{Teams: []provision.Team{{Name: "erp"}, {}}}},
		"channel with a query":   {"teams[0].channels[1]", provision.Request{Teams: []provision.Team{{Name: "erp", Channels: []string{"a", "a?x="}}}}},
		"too many channels":      {"teams[0].channels", provision.Request{Teams: []provision.Team{{Name: "erp", Channels: make([]string, 51)}}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.field != "email" {
				tc.in.Email = "dana@erp.test"
			}
			m := newMemory()
			_, err := service(m).Provision(t.Context(), tc.in)
			var invalid *provision.Invalid
			if !errors.As(err, &invalid) || invalid.Field != tc.field || len(m.calls) > 0 {
				t.Errorf("%v, asked %v", err, m.calls)
			}
		})
	}
}

func TestGivenUsernamesFollowMattermostsRule(t *testing.T) {
	for in, want := range map[string]string{"4711": "4711", "a": "a", "Dana": "dana", "_x-y.z": "_x-y.z", "admin": "admin", strings.Repeat("a", 64): strings.Repeat("a", 64)} {
		got, err := service(newMemory()).Provision(t.Context(), provision.Request{Email: "dana@erp.test", Username: given(in)})
		if err != nil || got.Username != want {
			t.Errorf("%q became %q, %v", in, got.Username, err)
		}
	}
}

func TestDerivedUsernames(t *testing.T) {
	for address, want := range map[string]string{
		"dana.order@erp.test":                "dana.order",
		"o'neil+erp@erp.test":                "o-neil-erp",
		"4711@erp.test":                      "u4711",
		"_x_@erp.test":                       "x",
		"+@erp.test":                         "user",
		"a-.b@erp.test":                      "a-b",
		strings.Repeat("a", 64) + "@erp.tst": strings.Repeat("a", 40),
	} {
		got, err := service(newMemory()).Provision(t.Context(), provision.Request{Email: address})
		if err != nil || got.Username != want {
			t.Errorf("%s became %q, %v; want %q", address, got.Username, err, want)
		}
	}
	for _, local := range []string{"all", "here", "channel", "system", "matterbot", "admin"} {
		got, err := service(newMemory()).Provision(t.Context(), provision.Request{Email: local + "@erp.test"})
		if err != nil || got.Username == local || !strings.HasPrefix(got.Username, local+"-") {
			t.Errorf("%s became %q, %v", local, got.Username, err)
		}
	}
}

func TestPasswordPolicy(t *testing.T) {
	tests := map[string]struct {
		password string
		lenient  bool // accepted outside production
		strict   bool // accepted in production
	}{
		"a sentence":             {"correct horse battery", true, true},
		"bytes, not characters":  {"åäöåäö 8", true, true},
		"72 bytes":               {strings.Repeat("korrekt!", 9), true, true},
		"73 bytes":               {strings.Repeat("korrekt!", 9) + "x", false, false},
		"short":                  {"7 chars", false, false},
		"NUL":                    {"long\x00enough", false, false},
		"not UTF-8":              {"long enough \xff", false, false},
		"common":                 {"Qwertyuiop", true, false},
		"common with ornaments":  {"Summer2026!", true, false},
		"common in disguise":     {"Passw0rd", true, false},
		"repetition":             {"abababababab", true, false},
		"run":                    {"12345678", true, false},
		"run of letters":         {"hijklmnop", true, false},
		"backwards":              {"987654321", true, false},
		"own name":               {"xx-Oderberg-77", true, false},
		"own address":            {"dana.oder-2026x", true, false},
		"own company":            {"erpcorp-forever", true, false},
		"short parts do not bar": {"the-cat-sat-on", true, true},
	}
	for name, tc := range tests {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprint(name, strict), func(t *testing.T) {
				m := newMemory()
				s := service(m, func(o *provision.Options) { o.Password.Strict = strict })
				_, err := s.Provision(t.Context(), provision.Request{
					Email: "dana.oder@erpcorp.test", FirstName: given("Cat"), LastName: given("Oderberg"), Password: tc.password,
				})
				want := strict && tc.strict || !strict && tc.lenient
				if want != (err == nil) || err == nil && m.created[0].Password != tc.password {
					t.Errorf("%q: %v", tc.password, err)
				}
				var invalid *provision.Invalid
				if err != nil && (!errors.As(err, &invalid) || invalid.Field != "password" || strings.Contains(err.Error(), tc.password)) {
					t.Errorf("%v", err)
				}
			})
		}
	}
	t.Run("the operator's length", func(t *testing.T) {
		s := service(newMemory(), func(o *provision.Options) { o.Password.MinLength = 14 })
		if _, err := s.Provision(t.Context(), provision.Request{Email: "dana@erp.test", Password: "only thirteen"}); err == nil {
			t.Error("accepted")
		}
	})
}
