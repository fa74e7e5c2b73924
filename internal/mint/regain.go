package mint

import (
	"context"
	"errors"
	"time"

	"matterpass/internal/login"
)

// regain sets the password again that somebody else changed: at most once in a
// while, so that two systems who both want it do not fight over it.
func (o *owner) regain(ctx context.Context, gone Password) (login.Session, error) {
	if !o.Readopt {
		return login.Session{}, refused("its password was changed")
	}
	turn, err := o.Turns.TakeTurn(ctx, o.Account.ID, turnReadopt, turnEvery)
	if err != nil {
		return login.Session{}, err
	}
	if !turn {
		return o.await(ctx, gone)
	}
	return o.take(ctx, gone, o.now(gone.Generation), Readopted)
}

// Another instance that regains the password needs a few milliseconds.
const (
	awaitStep  = 50 * time.Millisecond
	awaitSteps = 20
)

// await waits for another instance that may be about to regain the password. If
// none is, one may have died when it had set it: that is tried, as rarely as a
// try that may be wrong has to be.
func (o *owner) await(ctx context.Context, gone Password) (login.Session, error) {
	for range awaitSteps {
		if err := o.Sleep(ctx, awaitStep); err != nil {
			return login.Session{}, err
		}
		kept, err := o.Passwords.FindPassword(ctx, o.Account.ID)
		if err != nil {
			return login.Session{}, err
		}
		kept.UserID = o.Account.ID
		if kept != gone {
			return login.Session{}, errRaced
		}
	}
	turn, err := o.Turns.TakeTurn(ctx, o.Account.ID, turnHeal, turnEvery)
	if err != nil {
		return login.Session{}, err
	}
	if !turn {
		return login.Session{}, refused("its password was changed again within the hour")
	}
	return o.heal(ctx, gone)
}

func (o *owner) heal(ctx context.Context, gone Password) (login.Session, error) {
	now := o.now(gone.Generation)
	session, err := o.signIn(ctx, now)
	if isWrong(err) {
		return login.Session{}, refused("its password was changed again within the hour")
	}
	if err != nil {
		return login.Session{}, err
	}
	err = o.settle(ctx, gone, now)
	o.tell(ctx, Event{What: Healed, Kid: now.Kid, Generation: now.Generation, Err: err})
	return session, nil
}

// signIn tries a password. A lock, which says nothing about it, is lifted at most
// once in a while: who comes here proved who they are.
func (o *owner) signIn(ctx context.Context, p Password) (login.Session, error) {
	password, err := o.keys.derive(o.server, p)
	if err != nil {
		return login.Session{}, err
	}
	session, err := o.SignIn.SignIn(ctx, o.Account.Email, password, o.Code, o.Client)
	var refusal *login.Refusal
	if !errors.As(err, &refusal) || !refusal.Locked {
		return session, err
	}
	turn, turnErr := o.Turns.TakeTurn(ctx, o.Account.ID, turnUnlock, turnEvery)
	if turnErr != nil {
		return login.Session{}, turnErr
	}
	if !turn {
		return login.Session{}, refused("Mattermost has locked it again within the hour")
	}
	if err := o.Unlocker.ResetFailedAttempts(ctx, p.UserID); err != nil {
		return login.Session{}, err
	}
	o.tell(ctx, Event{What: Unlocked})
	return o.SignIn.SignIn(ctx, o.Account.Email, password, o.Code, o.Client)
}

// isWrong tells a password that is another one from every other refusal.
func isWrong(err error) bool {
	var refusal *login.Refusal
	return errors.As(err, &refusal) && refusal.Counted && !refusal.NeedsCode
}

// needsCode: the password is right, and a second factor is asked for.
func needsCode(err error) bool {
	var refusal *login.Refusal
	return errors.As(err, &refusal) && refusal.NeedsCode
}
