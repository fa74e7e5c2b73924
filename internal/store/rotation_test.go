package store

import (
	"path/filepath"
	"testing"

	"matterpass/internal/login"
)

// TestARotationInStepsIsNoSecondBudget: both instances know both keys, as
// docs/configuration.md has it, and the one writes with the new one already.
func TestARotationInStepsIsNoSecondBudget(t *testing.T) {
	address := "sqlite://" + filepath.Join(t.TempDir(), "x.db")
	open := func(ids ...string) *Store {
		s, err := Open(t.Context(), Options{Address: address, Keys: keys(ids...)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	before, after := open("k1", "k2"), open("k2", "k1")
	reached := 0
	for range 20 {
		for _, s := range []*Store{before, after} {
			ok, err := s.BeginTry(t.Context(), "dana@erp.test", 6)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				reached++
				_ = s.EndTry(t.Context(), "dana@erp.test", login.Counted)
			}
		}
	}
	if reached > 6 {
		t.Errorf("%d failures reached Mattermost, which locks after 10", reached)
	}
}
