package mint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"matterpass/internal/login"
	"matterpass/internal/upstream"
)

var _ login.Minter = (*Auto)(nil)

// Ways of making sessions: what is pinned, and the words of SESSION_MINT beside
// "auto".
const (
	ByPlugin  = "plugin"
	ByManaged = "managed"
)

// pinName is followed by a number where the operator chose anew.
const pinName = "mint"

// Plugin is a Minter that may not be there.
type Plugin interface {
	login.Minter
	// Ping answers an error of package upstream where Mattermost itself does not
	// answer, and any other where the plugin does not.
	Ping(ctx context.Context) error
}

// Auto chooses the way of making sessions once, for every instance and for good:
// the plugin if it answers, else managed passwords. From then on the other way is
// never taken, since it would change people's passwords because a plugin was
// being updated. Plugin and Managed may be nil; what is chosen and nil is not
// available. It is safe for concurrent use.
type Auto struct {
	Plugin  Plugin
	Managed login.Minter
	Pins    Pins
	// Way is ByPlugin or ByManaged where the operator says so, which replaces what
	// was chosen before; empty to choose.
	Way   string
	Audit func(context.Context, Event) // told of every choice

	mu     sync.Mutex
	chosen string
}

// Mint implements login.Minter.
func (a *Auto) Mint(ctx context.Context, m login.Minting) (login.Session, error) {
	way, err := a.Choose(ctx)
	switch {
	case err != nil:
		return login.Session{}, err
	case way == ByPlugin && a.Plugin != nil:
		return a.Plugin.Mint(ctx, m)
	case way == ByManaged && a.Managed != nil:
		return a.Managed.Mint(ctx, m)
	default:
		return login.Session{}, fmt.Errorf("%w: %s was chosen, and is not configured", login.ErrMintUnavailable, way)
	}
}

// Hashes reports that making a session may cost Mattermost a password check: nobody
// asks for that, so the first one after a start counts as one that does.
func (a *Auto) Hashes() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return cmp.Or(a.chosen, a.Way) != ByPlugin || a.Plugin == nil
}

// Choose answers the way that is pinned, and pins one where there is none yet. It
// answers login.ErrMintUnavailable while nothing can be chosen.
func (a *Auto) Choose(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.chosen != "" {
		return a.chosen, nil
	}
	way, err := a.choose(ctx)
	if err == nil {
		a.chosen = way
	}
	return way, err
}

func (a *Auto) choose(ctx context.Context) (string, error) {
	for {
		pinned, next, err := a.pinned(ctx)
		if err != nil {
			return "", err
		}
		way := cmp.Or(a.Way, pinned)
		if way == "" {
			if way, err = a.look(ctx); err != nil {
				return "", err
			}
		}
		if way == pinned {
			return way, nil
		}
		kept, err := a.Pins.Pin(ctx, next, way)
		if err != nil {
			return "", err
		}
		if kept == way {
			a.Audit(ctx, Event{What: Chosen, Kid: way})
		}
		// Where another instance was faster, what it pinned is looked at.
	}
}

// pinned answers the last choice, and the name for the next one: a pin cannot be
// changed, so a choice that replaces another has a name of its own.
func (a *Auto) pinned(ctx context.Context) (way, next string, err error) {
	next = pinName
	for n := 2; ; n++ {
		value, err := a.Pins.Pinned(ctx, next)
		if err != nil {
			return "", "", err
		}
		if value == "" {
			return way, next, nil
		}
		way, next = value, fmt.Sprintf("%s_%d", pinName, n)
	}
}

func (a *Auto) look(ctx context.Context) (string, error) {
	var err error
	if a.Plugin != nil {
		if err = a.Plugin.Ping(ctx); err == nil {
			return ByPlugin, nil
		}
	}
	// A Mattermost that does not answer says nothing about its plugin.
	if errors.Is(err, upstream.ErrUnavailable) || errors.Is(err, upstream.ErrTimeout) || ctx.Err() != nil {
		return "", fmt.Errorf("%w: %w", login.ErrMintUnavailable, err)
	}
	if a.Managed == nil {
		return "", fmt.Errorf("%w: the plugin does not answer and MINT_SECRET is not set", login.ErrMintUnavailable)
	}
	return ByManaged, nil
}
