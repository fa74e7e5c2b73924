package oidc_test

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"matterpass/internal/oidc"
)

func TestKeysAreAskedForOnce(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	for range 3 {
		if _, err := l.signIn(rp); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.keysAsked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestARotatedKeyIsFetchedAndTheOldOneForgotten(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	if _, err := l.signIn(rp); err != nil {
		t.Fatal(err)
	}
	old, oldID := l.key, l.kid
	l.rotate("k2")
	l.advance(31 * time.Second)
	if _, err := l.signIn(rp); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	l.told(func(l *liar) {
		l.sign = func(claims map[string]any) string {
			key, kid := l.key, l.kid
			defer func() { l.key, l.kid = key, kid }()
			l.key, l.kid = old, oldID
			return l.signed(claims, nil)
		}
	})
	if _, err := l.signIn(rp); !errors.Is(err, oidc.ErrInvalid) {
		t.Errorf("the old key still signs: %v", err)
	}
}

func TestAFloodOfUnknownKeysAsksOncePerCooldown(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	if _, err := l.signIn(rp); err != nil {
		t.Fatal(err)
	}
	l.advance(31 * time.Second)
	var forged []string
	for range 200 {
		forged = append(forged, l.forged())
	}
	var all sync.WaitGroup
	for _, token := range forged {
		all.Go(func() {
			if _, err := rp.BackchannelLogout(t.Context(), token); !errors.Is(err, oidc.ErrInvalid) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := l.keysAsked.Load(); n != 2 {
		t.Errorf("asked %d times, want once at first and once for the flood", n)
	}
}

func TestKeysAreBelievedForADayWithoutTheirIssuer(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	if _, err := l.signIn(rp); err != nil {
		t.Fatal(err)
	}
	l.told(func(l *liar) { l.keys = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) } })
	l.advance(23 * time.Hour)
	if _, err := l.signIn(rp); err != nil {
		t.Errorf("after 23 hours: %v", err)
	}
	l.advance(2 * time.Hour)
	if _, err := l.signIn(rp); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("after 25 hours: %v", err)
	}
}

func TestAKeySetThatIsNoneIsAnError(t *testing.T) {
	for name, body := range map[string]string{
		"a page": "<html>", "no keys": `{"keys":[]}`, "nothing": ``, "a list": `[]`,
		"symmetric keys": `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`,
		"other uses":     `{"keys":[{"kty":"RSA","use":"enc","e":"AQAB","n":"AQAB"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			l.told(func(l *liar) {
				l.keys = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
			})
			if _, err := l.signIn(l.party()); !errors.Is(err, oidc.ErrUnavailable) {
				t.Error(err)
			}
		})
	}
}
