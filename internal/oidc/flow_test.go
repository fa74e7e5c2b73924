package oidc_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"matterpass/internal/oidc"
)

func TestASignInEndsInTheBrowserThatBeganIt(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	mine, theirs := begin(t, rp), begin(t, rp)
	other := l.party(func(o *oidc.Options) { o.SealKeys = [][]byte{key(9)} })
	answer := l.grant(mine.URL)
	change := func(name, value string) url.Values {
		q := url.Values{"code": answer["code"], "state": answer["state"]}
		q.Set(name, value)
		return q
	}
	for name, c := range map[string]struct {
		query  url.Values
		sealed string
		rp     *oidc.RelyingParty
	}{
		"no cookie":                    {answer, "", rp},
		"another browser's cookie":     {answer, theirs.Sealed, rp},
		"a cookie of other keys":       {answer, mine.Sealed, other},
		"a cut cookie":                 {answer, mine.Sealed[:len(mine.Sealed)-4], rp},
		"a cookie that is no base64":   {answer, "%%%", rp},
		"a cookie that is too long":    {answer, strings.Repeat("A", 5000), rp},
		"an empty seal":                {answer, "AAAA", rp},
		"no state":                     {url.Values{"code": {"x"}}, mine.Sealed, rp},
		"a short state":                {change("state", mine.ID), mine.Sealed, rp},
		"a state of the same id":       {change("state", mine.ID+strings.Repeat("A", 33)), mine.Sealed, rp},
		"two states":                   {url.Values{"code": {"x"}, "state": {answer.Get("state"), answer.Get("state")}}, mine.Sealed, rp},
		"nothing at all":               {url.Values{}, mine.Sealed, rp},
		"the other's state and cookie": {change("state", theirs.ID+strings.Repeat("A", 33)), theirs.Sealed, rp},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.rp.Callback(t.Context(), c.query, c.sealed)
			if !errors.Is(err, oidc.ErrFlow) || got.Mode != "" || got.Proof.Subject != "" {
				t.Errorf("%v, %+v", err, got)
			}
		})
	}
	if l.tokenAsked.Load() != 0 {
		t.Error("a code was redeemed")
	}
	if _, err := rp.Callback(t.Context(), answer, mine.Sealed); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

func TestASignInTakesTenMinutesAtMost(t *testing.T) {
	for name, c := range map[string]struct {
		ahead time.Duration
		want  error
	}{
		"just in time":       {10*time.Minute - 5*time.Second, nil},
		"too late":           {10 * time.Minute, oidc.ErrFlow},
		"a clock that jumps": {-2 * time.Minute, oidc.ErrFlow},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t)
			rp := l.party()
			started := begin(t, rp)
			answer := l.grant(started.URL)
			l.advance(c.ahead)
			if _, err := rp.Callback(t.Context(), answer, started.Sealed); !errors.Is(err, c.want) {
				t.Error(err)
			}
		})
	}
}

func TestTwoTabsBothWork(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	first := begin(t, rp)
	second := begin(t, rp, func(o *oidc.StartOptions) {
		o.Return, o.Mode = "/erp/channels/two", oidc.Top
		o.Pending = map[string]string{first.ID: first.Sealed}
	})
	if len(second.Drop) != 0 {
		t.Fatalf("the second drops %v", second.Drop)
	}
	later, err := rp.Callback(t.Context(), l.grant(second.URL), second.Sealed)
	if err != nil || later.Return != "/erp/channels/two" || later.Mode != oidc.Top {
		t.Errorf("second: %v, %+v", err, later)
	}
	sooner, err := rp.Callback(t.Context(), l.grant(first.URL), first.Sealed)
	if err != nil || sooner.Return != "/erp/channels/town-square" {
		t.Errorf("first: %v, %+v", err, sooner)
	}
	if sooner.Proof.ID == later.Proof.ID {
		t.Error("two sign-ins are one proof")
	}
}

func TestASignInThatIsRepeatedIsTheSameProof(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	started := begin(t, rp)
	once, err := rp.Callback(t.Context(), l.grant(started.URL), started.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	again, err := rp.Callback(t.Context(), l.grant(started.URL), started.Sealed)
	if err != nil || again.Proof.ID != once.Proof.ID {
		t.Errorf("a second code makes a second proof: %v", err)
	}
}

func TestABrowserKeepsFiveSignInsAtMost(t *testing.T) {
	l := newLiar(t)
	rp := l.party()
	pending := map[string]string{"AAAAAAAAAA": "what nobody sealed"}
	var ids []string
	for range 5 {
		started := begin(t, rp)
		pending[started.ID] = started.Sealed
		ids = append(ids, started.ID)
		l.advance(time.Second)
	}
	pending["renamed000"] = pending[ids[4]]
	sixth := begin(t, rp, func(o *oidc.StartOptions) { o.Pending = pending })
	want := map[string]bool{"AAAAAAAAAA": true, "renamed000": true, ids[0]: true}
	if len(sixth.Drop) != 3 || !want[sixth.Drop[0]] || !want[sixth.Drop[1]] || !want[sixth.Drop[2]] {
		t.Errorf("dropped %v, want the unreadable ones and the oldest, %s", sixth.Drop, ids[0])
	}
	l.advance(time.Hour)
	if late := begin(t, rp, func(o *oidc.StartOptions) { o.Pending = pending }); len(late.Drop) != len(pending) {
		t.Errorf("what is over stays: %v", late.Drop)
	}
}

func TestKeysThatSealRotate(t *testing.T) {
	l := newLiar(t)
	before := l.party()
	started := begin(t, before)
	after := l.party(func(o *oidc.Options) { o.SealKeys = [][]byte{key(2), key(1)} })
	if _, err := after.Callback(t.Context(), l.grant(started.URL), started.Sealed); err != nil {
		t.Errorf("a sign-in from before the rotation: %v", err)
	}
	fresh := begin(t, after)
	if _, err := before.Callback(t.Context(), l.grant(fresh.URL), fresh.Sealed); !errors.Is(err, oidc.ErrFlow) {
		t.Errorf("the new key did not seal: %v", err)
	}
}

func TestWhatDoesNotFitIntoACookieIsNotBegun(t *testing.T) {
	l := newLiar(t)
	if _, err := l.party().Start(t.Context(), oidc.StartOptions{Return: strings.Repeat("x", 4000)}); err == nil {
		t.Error("it was begun")
	}
	if _, err := l.party().Start(t.Context(), oidc.StartOptions{Provider: "unheard-of"}); !errors.Is(err, oidc.ErrUnknownProvider) {
		t.Error(err)
	}
}
