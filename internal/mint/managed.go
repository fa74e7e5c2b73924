package mint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"matterpass/internal/login"
)

var _ login.Minter = (*Managed)(nil)

// MFA says what becomes of accounts that have a second factor.
type MFA string

// Words of MINT_MFA. A password does not skip Mattermost's own question for the
// code, so TrustIDP cannot be had here.
const (
	AskMFA    MFA = "ask"
	RefuseMFA MFA = "refuse"
	TrustIDP  MFA = "trust-idp"
)

// Setter sets passwords at Mattermost.
type Setter interface {
	// SetPassword leaves the account's sessions alone where keep asks for it and
	// the server can, which kept reports; otherwise they end and a mail is sent.
	// Either way the account's lock is lifted.
	SetPassword(ctx context.Context, userID, password string, keep bool) (kept bool, err error)
}

// Unlocker lifts Mattermost's own lock.
type Unlocker interface {
	ResetFailedAttempts(ctx context.Context, userID string) error
}

// Options wires a Managed. Everything without a remark is required.
type Options struct {
	Secrets  []Secret // the first is the current one, the others are being rotated out
	ServerID func(context.Context) (string, error)

	Passwords Passwords
	Turns     Turns
	Origins   login.Origins
	SignIn    login.Passwords
	Setter    Setter
	Unlocker  Unlocker

	AdoptExisting   bool // also accounts that Matterpass did not make
	AllowPrivileged bool // also accounts with more than an ordinary user's rights
	// Readopt sets the password again where somebody changed it; otherwise the
	// account is refused from then on.
	Readopt bool
	MFA     MFA // AskMFA where empty

	Audit func(context.Context, Event)               // may be nil
	Sleep func(context.Context, time.Duration) error // nil: real time
}

// Managed makes sessions by signing in with a password that Matterpass derives
// and owns. No password is stored: what is remembered of an account is which
// secret and which generation its password is derived from.
//
// A change is made at Mattermost first and remembered second. A process that dies
// between the two has set a password that can be derived again, so the next
// sign-in, of whatever instance, finds it among a few candidates or sets the very
// same once more.
type Managed struct {
	Options
	keys keyring
}

// New checks the options.
func New(o Options) (*Managed, error) {
	if o.MFA == "" {
		o.MFA = AskMFA
	}
	if o.MFA == TrustIDP {
		return nil, errors.New("MINT_MFA=trust-idp cannot be kept with managed passwords: Mattermost asks for the code itself")
	}
	if o.MFA != AskMFA && o.MFA != RefuseMFA {
		return nil, fmt.Errorf("MINT_MFA=%q is no policy", o.MFA)
	}
	keys, err := newKeyring(o.Secrets)
	if err != nil {
		return nil, err
	}
	o.Secrets = nil
	if o.Audit == nil {
		o.Audit = func(context.Context, Event) {}
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Managed{Options: o, keys: keys}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// errRaced: another instance changed what is remembered of the account.
var errRaced = errors.New("another instance was faster")

// rounds are more than two instances need to agree.
const rounds = 5

// Mint implements login.Minter. It goes on when ctx ends: a password that was
// set must be remembered, and Mattermost does not stop hashing either.
func (m *Managed) Mint(ctx context.Context, x login.Minting) (login.Session, error) {
	if err := m.admissible(x.Account); err != nil {
		return login.Session{}, err
	}
	ctx = context.WithoutCancel(ctx)
	server, err := m.ServerID(ctx)
	if err != nil {
		return login.Session{}, err
	}
	o := &owner{Managed: m, Minting: x, server: server}
	for range rounds {
		session, err := o.mint(ctx)
		if !errors.Is(err, errRaced) {
			return session, o.inWords(err)
		}
	}
	return login.Session{}, fmt.Errorf("%w: the password is being changed by others all the time", login.ErrMintUnavailable)
}

func (m *Managed) admissible(a login.Account) error {
	switch {
	case len(a.ID) != idLength || a.Email == "":
		return refused("it has no usable id or address")
	case a.Deactivated:
		return refused("it is deactivated")
	case a.Bot:
		return refused("it is a bot's")
	case a.Remote:
		return refused("it is another server's")
	case a.AuthService != "":
		return refused("its password is not Mattermost's to check")
	case !m.AllowPrivileged && slices.ContainsFunc(a.Roles, isPrivileged):
		return refused("it is privileged")
	case m.MFA == RefuseMFA && a.MFA:
		return refused("it has a second factor")
	}
	return nil
}

const idLength = 26

func isPrivileged(role string) bool { return role != "system_user" && role != "system_guest" }

func refused(why string) error { return fmt.Errorf("%w: %s", login.ErrMintRefused, why) }

// inWords is the error in the words of login.Minter.
func (o *owner) inWords(err error) error {
	var refusal *login.Refusal
	switch {
	case !errors.As(err, &refusal):
		return err
	case !refusal.NeedsCode:
		return refused("Mattermost says " + refusal.Reason)
	case o.MFA == RefuseMFA:
		return refused("it has a second factor")
	default:
		return refusal
	}
}
