package mattermost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/login"
	"matterpass/internal/provision"
	"matterpass/internal/upstream"
)

// rejection is a clear no from Mattermost itself: a 4xx with one of its error
// ids. Callers turn the ids they expect into words of their port; one that
// nobody expects counts as an invalid answer.
type rejection struct {
	status int // as HTTP says; the body may say something else
	id     string
}

func (r *rejection) Error() string {
	return fmt.Sprintf("mattermost says %s (HTTP %d)", r.id, r.status)
}
func (r *rejection) Unwrap() error { return upstream.ErrInvalid }

func rejectionOf(err error) *rejection {
	var rejected *rejection
	errors.As(err, &rejected)
	return rejected
}

func isStatus(err error, status int) bool {
	rejected := rejectionOf(err)
	return rejected != nil && rejected.status == status
}

// errorID is the form of Mattermost's error ids. What does not look so did not
// come from it, and does not get into a log.
var errorID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// fault names what went wrong in an exchange; ctx is the caller's, without the
// deadline of the call.
func (x *exchange) fault(ctx context.Context, err error) error {
	switch {
	case err == nil && x.status/100 == 2:
		return nil
	case ctx.Err() != nil:
		return left(ctx.Err())
	case x.status == 0:
		return unreachable(err)
	case x.status == http.StatusTooManyRequests:
		return &upstream.Throttled{RetryAfter: retryAfter(x.header.Get("Retry-After"), time.Now())}
	case x.status >= 500:
		return fmt.Errorf("%w: %s", upstream.ErrUnavailable, x.describe())
	case isTimeout(err):
		return fmt.Errorf("%w: the answer broke off", upstream.ErrTimeout)
	case x.status >= 400:
		return x.rejected(err)
	case isNetwork(err):
		return fmt.Errorf("%w: %s", upstream.ErrUnavailable, cut(err))
	default:
		return fmt.Errorf("%w: %s%s", upstream.ErrInvalid, x.describe(), decodingError(err))
	}
}

// left is how a call ends whose caller waits no longer. Neither is Mattermost's
// doing; the breaker recognises both by the context's error.
func left(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", upstream.ErrTimeout, err)
	}
	return err
}

// unreachable is for calls without an answer.
func unreachable(err error) error {
	var dial *net.OpError
	if isTimeout(err) && !(errors.As(err, &dial) && dial.Op == "dial") {
		return upstream.ErrTimeout
	}
	return fmt.Errorf("%w: %s", upstream.ErrUnavailable, cut(err))
}

// rejected reads a 4xx. The status is HTTP's: the body's can be anything. The
// client's error for a body that is not JSON holds that body, so it is not used.
func (x *exchange) rejected(err error) error {
	var app *model.AppError
	if !errors.As(err, &app) || !errorID.MatchString(app.Id) {
		return fmt.Errorf("%w: %s", upstream.ErrInvalid, x.describe())
	}
	return &rejection{x.status, app.Id}
}

// describe says what kind of answer came, never what was in it.
func (x *exchange) describe() string {
	kind, _, err := mime.ParseMediaType(x.header.Get("Content-Type"))
	if err != nil {
		kind = "no content type"
	}
	return fmt.Sprintf("HTTP %d with %s", x.status, cut(errors.New(kind)))
}

func decodingError(err error) string {
	var (
		large *http.MaxBytesError
		kind  *json.UnmarshalTypeError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &large):
		return ", longer than 1 MiB"
	case errors.As(err, &kind): // its text quotes values
		return ", with a " + kind.Type.String() + " of another type"
	default:
		return ", " + cut(err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// isNetwork tells a connection that broke from an answer that ended too early,
// which is how a truncated answer reads.
func isNetwork(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !errors.Is(err, io.ErrUnexpectedEOF)
}

func isUnauthorized(err error) bool {
	rejected := rejectionOf(err)
	return rejected != nil && rejected.status == http.StatusUnauthorized &&
		(strings.HasPrefix(rejected.id, idInvalidCredentials) || rejected.id == idSessionExpired)
}

func adminRefused(r *rejection) error {
	return fmt.Errorf("%w: HTTP %d, %s", upstream.ErrAdminToken, r.status, r.id)
}

// The error ids of a sign-in (docs/mattermost.md A3 to A10) and of a session
// that is none (C3).
const (
	idInvalidCredentials = "api.user.login.invalid_credentials"
	idCodeNeeded         = "mfa.validate_token.authenticate.app_error"
	idCodeWrong          = "api.user.check_user_mfa.bad_code.app_error"
	idSessionExpired     = "api.context.session_expired.app_error"
	idLocked             = "api.user.check_user_login_attempts.too_many" // also …_ldap
)

// uncounted starts the ids of refusals that Mattermost does not count towards
// its lock.
var uncounted = []string{
	"api.user.login.blank_pwd",
	"api.user.login.inactive",
	"api.user.login.not_verified",
	"api.user.login.bot_login_forbidden",
	"api.user.login.remote_users",
	"api.user.login.client_side_cert",
	idLocked,
	"api.team.join_user_to_team.max_accounts",
	"app.user.save.max_accounts",
}

// refusal turns the rejection of a sign-in into login's words. What it does not
// know stays an error, of which login keeps the try as counted.
func refusal(err error) error {
	rejected := rejectionOf(err)
	if rejected == nil {
		return err
	}
	switch id := rejected.id; {
	case strings.HasPrefix(id, idInvalidCredentials):
		return &login.Refusal{Reason: id, Counted: true}
	case id == idCodeNeeded:
		return &login.Refusal{Reason: id, NeedsCode: true}
	case id == idCodeWrong:
		return &login.Refusal{Reason: id, NeedsCode: true, Counted: true}
	case startsWithAny(id, uncounted):
		return &login.Refusal{Reason: id, Locked: strings.HasPrefix(id, idLocked)}
	default:
		return err
	}
}

// unknown turns a 404 of Mattermost's own into the word for it.
func unknown(err error) error {
	if isStatus(err, http.StatusNotFound) {
		return provision.ErrUnknown
	}
	return err
}

// The error ids of an account that can't be made or changed (docs/mattermost.md
// E1 to E3).
const (
	idEmailTaken    = "app.user.save.email_exists"
	idUsernameTaken = "app.user.save.username_exists"
	idSeatLimit     = "api.user.create_user.user_limits.exceeded"
	idTeamFull      = "app.team.join_user_to_team.save_member.max_accounts"
	idInvalidUser   = "model.user.is_valid."
	idWeakPassword  = "model.user.is_valid.pwd_"
)

// refusedAccount turns the rejection of an account into provision's words.
func refusedAccount(err error) error {
	rejected := rejectionOf(err)
	if rejected == nil {
		return err
	}
	switch id := rejected.id; {
	case strings.HasPrefix(id, idEmailTaken):
		return provision.ErrEmailTaken
	case strings.HasPrefix(id, idUsernameTaken):
		return provision.ErrUsernameTaken
	case strings.HasPrefix(id, idSeatLimit):
		return fmt.Errorf("%w: the server has reached its limit of users", provision.ErrSeatLimit)
	case strings.HasPrefix(id, idTeamFull):
		return fmt.Errorf("%w: the team has reached its limit of members", provision.ErrSeatLimit)
	case strings.HasPrefix(id, idWeakPassword):
		return &provision.Invalid{Field: "password", Want: "does not meet Mattermost's own password rules"}
	case strings.HasPrefix(id, idInvalidUser):
		field, _, _ := strings.Cut(strings.TrimPrefix(id, idInvalidUser), ".")
		return &provision.Invalid{Field: field, Want: "is refused by Mattermost"}
	default:
		return err
	}
}

func startsWithAny(id string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

// retryAfter reads the header's two forms (RFC 9110 section 10.2.3) into a time
// between a second and a minute; what is no such header is a second.
func retryAfter(value string, now time.Time) time.Duration {
	const least, most = time.Second, time.Minute
	seconds, err := strconv.ParseInt(value, 10, 64) // the largest number, on overflow
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(max(seconds, 1), 60)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return least
	}
	return min(max(at.Sub(now), least), most)
}

// cut makes foreign text safe to log: visible ASCII, at most 200 bytes, the rest
// escaped. Quotes stay: whoever writes it into JSON or a log escapes them.
func cut(err error) string {
	if err == nil {
		return ""
	}
	const most = 200
	var b strings.Builder
	for _, c := range err.Error() {
		if c >= ' ' && c <= '~' {
			b.WriteRune(c)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(c), "'"))
		}
		if b.Len() >= most {
			break
		}
	}
	return b.String()[:min(b.Len(), most)]
}
