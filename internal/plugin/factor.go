package plugin

import (
	"crypto/subtle"
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"matterpass/internal/companion"
)

const totpStep = 30 // seconds (RFC 6238 section 4.1)

// factor does what the policy says about an account's second factor, where
// Mattermost itself would ask for it.
func (s *Service) factor(q question, wanted companion.Mint, user *model.User) (string, error) {
	if !user.MfaActive || !q.secondFactor {
		return companion.FactorNone, nil
	}
	switch wanted.MFA {
	case companion.PolicyRefuse:
		return "", refusal(companion.CodeMFARefused)
	case companion.PolicyTrust:
		if wanted.Vouched {
			return companion.FactorTrusted, nil
		}
	case companion.PolicyAsk:
	default:
		return "", refusal(companion.CodeMalformed)
	}
	return companion.FactorVerified, s.verifyCode(user, strings.TrimSpace(wanted.Code))
}

// verifyCode follows Mattermost's rule: the previous, the current and the next
// half minute, each code once and none older than the last that was used
// (docs/mattermost.md A7). Unlike there, tries are bounded.
func (s *Service) verifyCode(user *model.User, code string) error {
	if code == "" {
		return refusal(companion.CodeMFARequired)
	}
	if err := s.takeTry(user.Id); err != nil {
		return err
	}
	step := stepOf(user.MfaSecret, code, s.now())
	if step == 0 || step <= lastUsed(user.MfaUsedTimestamps) {
		return refusal(companion.CodeMFAWrong)
	}
	if err := s.spendStep(user.Id, step); err != nil {
		return err
	}
	s.forgetTries(user.Id)
	return nil
}

// stepOf is the half minute that code belongs to, or 0. Every one of them is
// compared, whichever fits.
func stepOf(secret, code string, now time.Time) (found int64) {
	middle := now.Unix() / totpStep
	for step := middle - 1; step <= middle+1; step++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = step
		}
	}
	return found
}

// lastUsed is the youngest step that a sign-in at Mattermost itself has used.
func lastUsed(steps model.StringArray) (last int64) {
	for _, text := range steps {
		if step, err := strconv.ParseInt(text, 10, 64); err == nil {
			last = max(last, step)
		}
	}
	return last
}
