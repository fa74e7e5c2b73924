package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

const totpSecret = "JBSWY3DPEHPK3PXP"

// code is the one of so many half minutes from now.
func code(t *testing.T, steps int) string {
	t.Helper()
	text, err := totp.GenerateCode(totpSecret, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// factored is a door behind which nora@corp.com has a second factor.
func factored(t *testing.T, pairs ...string) *door {
	t.Helper()
	d := doorOf(t, append([]string{"RATE_LIMIT_IDENTITY", "1000/1s"}, pairs...)...)
	wants(t, "her account", d.enter(claims("4711", "nora@corp.com")), http.StatusOK, "")
	made := d.redeem(d.ticket("t", "theo@corp.com"), "")
	wants(t, "his account", made, http.StatusOK, "")
	for _, who := range []string{"nora@corp.com", "theo@corp.com"} {
		d.mm.SetMFA(who, totpSecret)
		d.mm.RevokeSessions(who)
	}
	return d
}

func eachMint() map[string][]string {
	return map[string][]string{"plugin": {"SESSION_MINT", "plugin"}, "managed": {"SESSION_MINT", "managed", "PLUGIN_SECRET", ""}}
}

// withCode sends an assertion and a code in the body.
func (d *door) withCode(assertion, code string) answer {
	d.t.Helper()
	body := ""
	if code != "" {
		body = quoted(`{"mfa_code":%s}`, code)
	}
	got := d.post("/api/mattermost/login", body, "Origin", "https://erp.example.com", "Authorization", "Bearer "+assertion)
	d.seen("a code", got)
	return got
}

// TestASecondFactorIsAskedForBeforeAProofIsSpent, and a code is good once.
func TestASecondFactorIsAskedForBeforeAProofIsSpent(t *testing.T) {
	for mint, env := range eachMint() {
		t.Run(mint, func(t *testing.T) {
			d := factored(t, env...)
			used := code(t, 0)
			for who, present := range map[string]func() func(code string) answer{
				"nora": func() func(string) answer {
					assertion := d.assertion("JWT", claims("4711", "nora@corp.com"))
					return func(code string) answer { return d.withCode(assertion, code) }
				},
				"theo": func() func(string) answer {
					ticket := d.ticket("t", "theo@corp.com")
					return func(code string) answer { return d.redeem(ticket, quoted(`,"mfa_code":%s`, code)) }
				},
			} {
				first := present()
				for _, none := range []string{"", " ", "   "} {
					got := first(none)
					wants(t, who+" without a code", got, http.StatusUnauthorized, "mfa_required")
					if strings.Contains(got.body, `"spent":true`) {
						t.Errorf("%s: the question cost the proof: %s", who, got.body)
					}
				}
				for _, no := range []string{"abc", "12345a", strings.Repeat("1", 17), "１２３４５６"} {
					wants(t, who+" with "+no, first(no), http.StatusBadRequest, "invalid_request")
				}
				wrong := first("000000")
				wants(t, who+" with a wrong code", wrong, http.StatusUnauthorized, "mfa_required")
				if !strings.Contains(wrong.body, `"spent":true`) {
					t.Errorf("%s: a guess cost nothing: %s", who, wrong.body)
				}
				if got := first(used); got.StatusCode == http.StatusOK {
					t.Errorf("%s: a spent proof takes a second guess", who)
				}
				wants(t, who+" with the code", present()(used[:3]+" "+used[3:]), http.StatusOK, "")
				if got := present()(used); got.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s: the same code again: %d %s", who, got.StatusCode, got.body)
				}
				wants(t, who+" with the next code", present()(code(t, 1)), http.StatusOK, "")
				if got := present()(code(t, 0)); got.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s: an older code after a younger one: %d", who, got.StatusCode)
				}
			}
		})
	}
}

// TestGuessedCodesNeverReachMattermostsLock, by whoever stole the first factor.
func TestGuessedCodesNeverReachMattermostsLock(t *testing.T) {
	for mint, env := range eachMint() {
		t.Run(mint, func(t *testing.T) {
			d := factored(t, env...)
			in := 0
			for i := range 30 {
				got := d.withCode(d.assertion("JWT", claims("4711", "nora@corp.com")), fmt.Sprintf("%06d", i))
				if got.StatusCode == http.StatusOK {
					in++
				}
			}
			if n := d.mm.FailedAttempts("nora@corp.com"); n >= 10 || in > 1 {
				t.Errorf("Mattermost counts %d failures: it locks at 10; %d guesses were right", n, in)
			}
			if in == 1 {
				return // one in ten thousand times
			}
			got := d.withCode(d.assertion("JWT", claims("4711", "nora@corp.com")), code(t, 0))
			if got.StatusCode == http.StatusOK {
				t.Error("after thirty guesses the thirty-first is still looked at")
			}
			if strings.Contains(got.body, `"spent":true`) && mint == "managed" {
				t.Errorf("what is not looked at costs the proof: %s", got.body)
			}
			wants(t, "unlock", d.operator("POST", "/admin/unlock", `{"email":"nora@corp.com"}`), http.StatusNoContent, "")
			if mint == "managed" {
				wants(t, "then", d.withCode(d.assertion("JWT", claims("4711", "nora@corp.com")), code(t, 1)), http.StatusOK, "")
			}
		})
	}
}

// TestPoliciesOfSecondFactors: refused, or believed where the issuer says so in its
// own words.
func TestPoliciesOfSecondFactors(t *testing.T) {
	for mint, env := range eachMint() {
		t.Run("refuse, "+mint, func(t *testing.T) {
			d := factored(t, append([]string{"MINT_MFA", "refuse"}, env...)...)
			for name, c := range map[string]string{"without a code": "", "with the code": code(t, 0)} {
				wants(t, name, d.withCode(d.assertion("JWT", as("4711", "nora@corp.com", "amr", []string{"mfa"})), c), http.StatusForbidden, "mint_refused")
			}
			if d.mm.Sessions("nora@corp.com") != 0 || d.mm.FailedAttempts("nora@corp.com") != 0 {
				t.Error("Mattermost was asked")
			}
		})
	}
	d := factored(t, "MINT_MFA", "trust-idp", "SESSION_MINT", "plugin")
	for name, amr := range map[string]any{
		"nothing said": nil, "a password": []string{"pwd"}, "nothing at all": []string{}, "in capitals": []string{"MFA"}, "a word like it": []string{"mfa2"},
		"one factor twice": []string{"pwd", "pwd"}, "words that are no methods": []string{"yes", "strong"}, "an empty word": []string{""},
	} {
		wants(t, name, d.enter(as("4711", "nora@corp.com", "amr", amr)), http.StatusUnauthorized, "mfa_required")
	}
	for name, amr := range map[string]any{"as text": "mfa", "as a number": 1, "in an object": map[string]bool{"mfa": true}} {
		wants(t, name, d.enter(as("4711", "nora@corp.com", "amr", amr)), http.StatusUnauthorized, "login_refused")
	}
	wants(t, "a ticket", d.redeem(d.ticket("t", "theo@corp.com"), ""), http.StatusUnauthorized, "mfa_required")
	wants(t, "mfa", d.enter(as("4711", "nora@corp.com", "amr", []string{"pwd", "mfa"})), http.StatusOK, "")
}
