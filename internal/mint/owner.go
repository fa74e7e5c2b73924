package mint

import (
	"context"
	"errors"
	"time"

	"matterpass/internal/login"
)

// owner is one sign-in to one account whose password is ours, or shall be.
type owner struct {
	*Managed
	login.Minting
	server string
}

// Names of what is done once in a while for an account, and how often.
const (
	turnUnlock  = "mint_unlock"
	turnReadopt = "mint_readopt"
	turnHeal    = "mint_heal"
	turnEvery   = time.Hour
)

func (o *owner) mint(ctx context.Context) (login.Session, error) {
	kept, err := o.Passwords.FindPassword(ctx, o.Account.ID)
	if err != nil {
		return login.Session{}, err
	}
	kept.UserID = o.Account.ID
	switch {
	case isLost(kept):
		return o.regain(ctx, kept)
	case kept.Kid == "":
		return o.adopt(ctx, kept)
	default:
		return o.enter(ctx, kept)
	}
}

// lost is remembered of an account whose password somebody else changed: no
// secret, and the generation that would be next. Mattermost is not asked again
// then, since every wrong password brings its lock nearer (docs/mattermost.md A8).
func lost(p Password) Password { return Password{UserID: p.UserID, Generation: p.Generation + 1} }

func isLost(p Password) bool { return p.Kid == "" && p.Generation > 0 }

// now is the password of a generation under the current secret.
func (o *owner) now(generation int) Password {
	return Password{UserID: o.Account.ID, Kid: o.keys.current(), Generation: generation}
}

func (o *owner) adopt(ctx context.Context, none Password) (login.Session, error) {
	if !o.AdoptExisting {
		created, err := o.Origins.IsCreated(ctx, o.Account)
		if err != nil {
			return login.Session{}, err
		}
		if !created {
			return login.Session{}, refused("Matterpass did not make it, and may not take over its password")
		}
	}
	return o.take(ctx, none, o.now(0), Adopted)
}

// take makes now the account's password, signs in with it, and remembers it once
// it is known to work.
func (o *owner) take(ctx context.Context, before, now Password, what string) (login.Session, error) {
	kept, err := o.set(ctx, now, true)
	if err != nil {
		return login.Session{}, err
	}
	session, err := o.signIn(ctx, now)
	if isWrong(err) && kept { // a server that keeps our hash and cannot check it
		if kept, err = o.set(ctx, now, false); err != nil {
			return login.Session{}, err
		}
		session, err = o.signIn(ctx, now)
	}
	if err != nil && !needsCode(err) {
		return login.Session{}, err
	}
	saved := o.settle(ctx, before, now)
	o.tell(ctx, Event{What: what, Kid: now.Kid, Generation: now.Generation, Ended: !kept, Err: saved})
	return session, err
}

// enter signs in with the password that is remembered, or with one that a change
// which was cut off, or is going on elsewhere, may have left.
func (o *owner) enter(ctx context.Context, kept Password) (login.Session, error) {
	for _, candidate := range o.candidates(kept) {
		session, err := o.signIn(ctx, candidate)
		switch {
		case err == nil:
			return o.renew(ctx, kept, candidate, session)
		case !isWrong(err):
			return login.Session{}, err
		}
	}
	gone := lost(kept)
	err := o.Passwords.SavePassword(ctx, kept, gone)
	if errors.Is(err, login.ErrConflict) {
		return login.Session{}, errRaced
	}
	if err != nil {
		return login.Session{}, err
	}
	o.tell(ctx, Event{What: Lost, Kid: kept.Kid, Generation: kept.Generation})
	return o.regain(ctx, gone)
}

// candidates are the remembered password, and the same generation under every
// other secret, the current one first.
func (o *owner) candidates(kept Password) []Password {
	var all []Password
	if o.keys.knows(kept.Kid) {
		all = append(all, kept)
	}
	for _, kid := range o.keys.kids {
		if kid != kept.Kid {
			all = append(all, Password{UserID: kept.UserID, Kid: kid, Generation: kept.Generation})
		}
	}
	return all
}

// renew brings the account to the current secret after it let us in with works.
// That comes second, and no failure of it costs the session.
func (o *owner) renew(ctx context.Context, kept, works Password, session login.Session) (login.Session, error) {
	now := o.now(works.Generation)
	if kept == now && works == now {
		return session, nil
	}
	if o.rotate(ctx, kept, works, now) {
		return o.signIn(ctx, now) // the session ended with the others
	}
	return session, nil
}

// rotate reports whether it ended the account's sessions.
func (o *owner) rotate(ctx context.Context, kept, works, now Password) (ended bool) {
	event := Event{What: Rotated, Kid: now.Kid, Generation: now.Generation}
	defer func() { o.tell(ctx, event) }()
	if works != now {
		goOn, err := o.set(ctx, now, true)
		if err != nil {
			event.What, event.Err = RotationFailed, err
			return false
		}
		event.Ended = !goOn
	}
	if kept != now {
		event.Err = o.settle(ctx, kept, now)
	}
	return event.Ended
}

// settle remembers a password that is known to work. Where another instance took
// it for lost meanwhile, this one knows better; what else another has written is
// newer.
func (o *owner) settle(ctx context.Context, before, now Password) error {
	err := o.Passwords.SavePassword(ctx, before, now)
	if !errors.Is(err, login.ErrConflict) {
		return err
	}
	other, err := o.Passwords.FindPassword(ctx, now.UserID)
	other.UserID = now.UserID
	if err != nil || other != lost(now) {
		return err
	}
	if err := o.Passwords.SavePassword(ctx, other, now); !errors.Is(err, login.ErrConflict) {
		return err
	}
	return nil
}

func (o *owner) set(ctx context.Context, p Password, keep bool) (kept bool, err error) {
	password, err := o.keys.derive(o.server, p)
	if err != nil {
		return false, err
	}
	return o.Setter.SetPassword(ctx, p.UserID, password, keep)
}
