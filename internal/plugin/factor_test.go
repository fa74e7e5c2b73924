package plugin_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/pquerna/otp/totp"

	"matterpass/internal/companion"
)

func withMFA(r *rig) { r.user.MfaActive, r.user.MfaSecret = true, mfaSecret }

func (r *rig) code(t *testing.T, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(mfaSecret, r.now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func coded(code string) func(*ask) { return func(a *ask) { a.mint.Code = code } }

func TestPolicyDecidesAboutTheSecondFactor(t *testing.T) {
	tests := map[string]struct {
		policy        string
		vouched, code bool
		before        func(*rig)
		want          companion.Code
		factor        string
	}{
		"trusted and vouched for":       {companion.PolicyTrust, true, false, nil, "", companion.FactorTrusted},
		"trusted, not vouched for":      {companion.PolicyTrust, false, false, nil, companion.CodeMFARequired, ""},
		"trusted, a code instead":       {companion.PolicyTrust, false, true, nil, "", companion.FactorVerified},
		"asked, no code":                {companion.PolicyAsk, false, false, nil, companion.CodeMFARequired, ""},
		"asked, vouching is no code":    {companion.PolicyAsk, true, false, nil, companion.CodeMFARequired, ""},
		"asked and given":               {companion.PolicyAsk, false, true, nil, "", companion.FactorVerified},
		"refused":                       {companion.PolicyRefuse, true, true, nil, companion.CodeMFARefused, ""},
		"no policy":                     {"", true, true, nil, companion.CodeMalformed, ""},
		"an unknown policy":             {"none", true, true, nil, companion.CodeMalformed, ""},
		"switched off for everybody":    {companion.PolicyRefuse, false, false, mfaOff, "", companion.FactorNone},
		"the server does not say":       {companion.PolicyAsk, false, false, mfaUnset, companion.CodeMFARequired, ""},
		"an account without":            {companion.PolicyRefuse, false, false, func(r *rig) { r.user.MfaActive = false }, "", companion.FactorNone},
		"an account with a lost secret": {companion.PolicyAsk, false, true, func(r *rig) { r.user.MfaSecret = "" }, companion.CodeMFAWrong, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			withMFA(r)
			if tt.before != nil {
				tt.before(r)
				r.reload(t)
			}
			ask := func(a *ask) {
				a.mint.MFA, a.mint.Vouched = tt.policy, tt.vouched
				if tt.code {
					a.mint.Code = " " + r.code(t, 0) + " "
				}
			}
			if tt.want != "" {
				r.refused(t, tt.want, ask)
				return
			}
			got := r.mint(t, ask)
			if got.MFA != tt.factor || r.sessions[got.SessionID].Props["matterpass_mfa"] != tt.factor {
				t.Errorf("%+v", got)
			}
		})
	}
}

func mfaOff(r *rig) {
	r.config.ServiceSettings.EnableMultifactorAuthentication = model.NewPointer(false)
}
func mfaUnset(r *rig) { r.config.ServiceSettings.EnableMultifactorAuthentication = nil }

func TestCodesOfThreeHalfMinutesAreGood(t *testing.T) {
	for steps, want := range map[int]companion.Code{
		-2: companion.CodeMFAWrong, -1: "", 0: "", 1: "", 2: companion.CodeMFAWrong,
	} {
		r := newRig(t)
		withMFA(r)
		if want != "" {
			r.refused(t, want, coded(r.code(t, steps)))
		} else {
			r.mint(t, coded(r.code(t, steps)))
		}
	}
}

func TestCodeIsGoodOnceAndNoOlderOneAfterIt(t *testing.T) {
	r := newRig(t)
	withMFA(r)
	r.mint(t, coded(r.code(t, 0)))
	r.refused(t, companion.CodeMFAWrong, coded(r.code(t, 0)))
	r.refused(t, companion.CodeMFAWrong, coded(r.code(t, -1)))
	r.mint(t, coded(r.code(t, 1)))
	if kept := r.expires["step_"+userID]; kept < 90 {
		t.Errorf("the step is kept for %d s", kept)
	}
}

func TestCodeUsedAtMattermostItselfIsUsed(t *testing.T) {
	r := newRig(t)
	withMFA(r)
	step := r.now().Unix() / 30
	r.user.MfaUsedTimestamps = model.StringArray{"x", strconv.FormatInt(step-1, 10), strconv.FormatInt(step, 10)}
	r.refused(t, companion.CodeMFAWrong, coded(r.code(t, 0)))
	r.mint(t, coded(r.code(t, 1)))
}

func TestCodeSentManyTimesAtOnceIsGoodOnce(t *testing.T) {
	r := newRig(t)
	withMFA(r)
	code := r.code(t, 0)
	var made atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if r.send(t, r.ask(coded(code))).Code == http.StatusOK {
				made.Add(1)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || r.live() != 1 {
		t.Errorf("%d made, %d live", made.Load(), r.live())
	}
}

func TestGuessingEndsAfterFiveTriesOfFiveMinutes(t *testing.T) {
	r := newRig(t)
	withMFA(r)
	var looked atomic.Int32
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			w := r.send(t, r.ask(coded("x"+strconv.Itoa(i))))
			if strings.Contains(w.Body.String(), `"mfa_wrong"`) {
				looked.Add(1)
			}
		})
	}
	all.Wait()
	if looked.Load() > 5 {
		t.Errorf("%d codes were looked at", looked.Load())
	}
	for range 5 { // those that were lost in the crowd
		r.send(t, r.ask(coded("000000")))
	}
	r.refused(t, companion.CodeMFAThrottled, coded(r.code(t, 0)))
	r.refused(t, companion.CodeMFARequired) // asking for a code is no try
	r.pass(5 * time.Minute)
	r.mint(t, coded(r.code(t, 0)))
}

func TestRightCodeForgetsTheTries(t *testing.T) {
	r := newRig(t)
	withMFA(r)
	for range 4 {
		r.refused(t, companion.CodeMFAWrong, coded("000000"))
	}
	r.mint(t, coded(r.code(t, 0)))
	for range 4 {
		r.refused(t, companion.CodeMFAWrong, coded("000000"))
	}
	r.mint(t, coded(r.code(t, 1)))
}

func TestNoCodeIsLookedAtWithoutItsCount(t *testing.T) {
	for _, method := range []string{"KVGet"} {
		r := newRig(t)
		withMFA(r)
		r.fail[method] = broken(http.StatusInternalServerError)
		r.refused(t, companion.CodeUnavailable, coded(r.code(t, 0)))
	}
}
