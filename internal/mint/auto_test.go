package mint_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/login"
	"matterpass/internal/mint"
	"matterpass/internal/upstream"
)

// way is a Minter that says which one it is, and a plugin that answers or not.
type way struct {
	name string
	away error
}

func (m *way) Mint(context.Context, login.Minting) (login.Session, error) {
	if m.away != nil {
		return login.Session{}, login.ErrMintUnavailable
	}
	return login.Session{Token: m.name}, nil
}

func (m *way) Ping(context.Context) error { return m.away }

var errSilent = errors.New("the plugin does not answer")

func auto(w *world, insist string, away error) *mint.Auto {
	return &mint.Auto{
		Plugin: &way{mint.ByPlugin, away}, Managed: &way{name: mint.ByManaged}, Pins: w, Way: insist, Audit: w.audit,
	}
}

func TestTheWayIsChosenOnceAndForAll(t *testing.T) {
	for first, away := range map[string]error{mint.ByPlugin: nil, mint.ByManaged: errSilent} {
		w := newWorld()
		for i, a := range []*mint.Auto{auto(w, "", away), auto(w, "", nil)} {
			for range 2 {
				if s, err := a.Mint(t.Context(), demo()); err != nil || s.Token != first {
					t.Errorf("%s, instance %d: %q, %v", first, i, s.Token, err)
				}
			}
		}
		if diff := cmp.Diff([]mint.Event{{What: mint.Chosen, Kid: first}}, w.events); diff != "" {
			t.Error(diff)
		}
	}
}

func TestASilentPluginThatWasChosenIsNeverReplaced(t *testing.T) {
	w := newWorld()
	if _, err := auto(w, "", nil).Choose(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]*mint.Auto{
		"silent":         auto(w, "", errSilent),
		"not configured": {Managed: &way{name: mint.ByManaged}, Pins: w, Audit: w.audit},
	} {
		if _, err := a.Mint(t.Context(), demo()); !errors.Is(err, login.ErrMintUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheOperatorsWordReplacesTheChoice(t *testing.T) {
	w := newWorld()
	for _, insist := range []string{"", mint.ByManaged, mint.ByManaged, mint.ByPlugin, ""} {
		want := insist
		if want == "" {
			want = mint.ByPlugin
		}
		if got, err := auto(w, insist, nil).Choose(t.Context()); err != nil || got != want {
			t.Errorf("%q: %q, %v", insist, got, err)
		}
	}
	want := map[string]string{"mint": mint.ByPlugin, "mint_2": mint.ByManaged, "mint_3": mint.ByPlugin}
	if diff := cmp.Diff(want, w.pins); diff != "" || len(w.events) != 3 {
		t.Errorf("%s, %v", diff, w.events)
	}
}

// overtaken is a store in which another instance pins first.
type overtaken struct{ *world }

func (o overtaken) Pin(ctx context.Context, name, _ string) (string, error) {
	return o.world.Pin(ctx, name, mint.ByManaged)
}

func TestAnInstanceThatIsOvertakenFollows(t *testing.T) {
	w := newWorld()
	a := auto(w, "", nil)
	a.Pins = overtaken{w}
	if got, err := a.Choose(t.Context()); err != nil || got != mint.ByManaged || len(w.events) != 0 {
		t.Error(got, err, w.events)
	}
}

func TestNothingIsChosenInTheDark(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*mint.Auto, *world)
		want   error
	}{
		"Mattermost is away":        {func(a *mint.Auto, _ *world) { a.Plugin = &way{away: upstream.ErrUnavailable} }, login.ErrMintUnavailable},
		"Mattermost is slow":        {func(a *mint.Auto, _ *world) { a.Plugin = &way{away: upstream.ErrTimeout} }, login.ErrMintUnavailable},
		"nothing is configured":     {func(a *mint.Auto, _ *world) { a.Plugin, a.Managed = nil, nil }, login.ErrMintUnavailable},
		"the store cannot be read":  {func(_ *mint.Auto, w *world) { w.trouble["pinned"] = login.ErrStoreUnavailable }, login.ErrStoreUnavailable},
		"the store cannot be saved": {func(_ *mint.Auto, w *world) { w.trouble["pin"] = login.ErrStoreUnavailable }, login.ErrStoreUnavailable},
	} {
		w := newWorld()
		a := auto(w, "", nil)
		tc.change(a, w)
		if _, err := a.Mint(t.Context(), demo()); !errors.Is(err, tc.want) || len(w.pins) > 0 && w.trouble["pin"] == nil {
			t.Errorf("%s: %v, %v", name, err, w.pins)
		}
	}
}

func TestTheServersIDIsTheFirstOneItShowed(t *testing.T) {
	for first, want := range map[string]string{"one": "one", "": "unnamed"} {
		w := newWorld()
		for _, shown := range []string{first, "two"} {
			s := &mint.Server{Pins: w, Ask: func(context.Context) (string, error) { return shown, nil }}
			for range 2 {
				if got, err := s.ID(t.Context()); err != nil || got != want {
					t.Error(got, err)
				}
			}
		}
	}
	w := newWorld()
	s := &mint.Server{Pins: w, Ask: func(context.Context) (string, error) { return "", upstream.ErrUnavailable }}
	if _, err := s.ID(t.Context()); !errors.Is(err, upstream.ErrUnavailable) || len(w.pins) > 0 {
		t.Error(err, w.pins)
	}
	s.Ask = func(context.Context) (string, error) { return "one", nil }
	w.trouble["pin"] = login.ErrStoreUnavailable
	if _, err := s.ID(t.Context()); !errors.Is(err, login.ErrStoreUnavailable) {
		t.Error(err)
	}
}

// silentPlugin is there and was not asked yet.
type silentPlugin struct{ mint.Plugin }

func TestUntilTheWayIsKnownItCountsAsACostlyOne(t *testing.T) {
	managed := login.Minter(nil)
	for name, c := range map[string]struct {
		auto *mint.Auto
		want bool
	}{
		"not chosen yet":     {&mint.Auto{Plugin: silentPlugin{}, Managed: managed}, true},
		"the plugin, by set": {&mint.Auto{Plugin: silentPlugin{}, Way: mint.ByPlugin}, false},
		"managed, by set":    {&mint.Auto{Plugin: silentPlugin{}, Way: mint.ByManaged}, true},
		"no plugin":          {&mint.Auto{Way: mint.ByPlugin}, true},
	} {
		if got := c.auto.Hashes(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
