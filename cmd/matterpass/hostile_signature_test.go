package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"matterpass/internal/signature"
)

const signing32 = "0123456789abcdef0123456789abcdef-sign"

// backEnd is a request of the ERP's, before and after it is signed.
type backEnd struct {
	*http.Request
	body string
}

// signs makes one that was signed for the public address at the given time.
func (d *door) signs(path, body, id, secret string, at time.Time) backEnd {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, "https://chat.example.com"+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-Proto", "https")
	if err := signature.Sign(r, []byte(body), signature.Key{ID: id, Secret: []byte(secret)}, at); err != nil {
		d.t.Fatal(err)
	}
	return backEnd{r, body}
}

// sent delivers it, as it is now, to where Matterpass listens.
func (d *door) sent(b backEnd) answer {
	d.t.Helper()
	r := b.Clone(d.t.Context())
	r.URL.Scheme, r.URL.Host, r.Host = "http", d.addr, "chat.example.com"
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(b.body)), int64(len(b.body))
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	var text bytes.Buffer
	_, _ = text.ReadFrom(res.Body)
	return answer{res, text.String()}
}

const (
	launchBody    = `{"subject":"4711","email":"nora@corp.com","origin":"https://erp.example.com"}`
	provisionBody = `{"email":"nora@corp.com"}`
	provisionPath = "/api/mattermost/provision"
)

// TestASignedRequestIsGoodForItselfAlone: RFC 9421, at both doors of the back end.
func TestASignedRequestIsGoodForItselfAlone(t *testing.T) {
	d := doorOf(t, "SIGNING_KEYS", "sig:"+signing32+",only:"+signing32+"-only:launch")
	d.tells(signing32)
	fresh := func(path string) backEnd {
		body := launchBody
		if path == provisionPath {
			body = provisionBody
		}
		return d.signs(path, body, "sig", signing32, time.Now())
	}
	for _, path := range []string{launchPath, provisionPath} {
		for name, change := range map[string]func(*backEnd){
			"another body":          func(b *backEnd) { b.body = strings.Replace(b.body, "nora@", "eve@", 1) },
			"the body with a space": func(b *backEnd) { b.body += " " },
			"no body":               func(b *backEnd) { b.body = "" },
			"another digest": func(b *backEnd) {
				b.Header.Set("Content-Digest", "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:")
			},
			"no digest":        func(b *backEnd) { b.Header.Del("Content-Digest") },
			"two digests":      func(b *backEnd) { b.Header.Add("Content-Digest", b.Header.Get("Content-Digest")) },
			"a query":          func(b *backEnd) { b.URL.RawQuery = "x=1" },
			"an empty query":   func(b *backEnd) { b.URL.ForceQuery = true },
			"another spelling": func(b *backEnd) { b.URL.RawPath = strings.Replace(b.URL.Path, "m", "%6d", 1) },
			"no signature":     func(b *backEnd) { b.Header.Del("Signature") },
			"no input":         func(b *backEnd) { b.Header.Del("Signature-Input") },
			"another label": func(b *backEnd) {
				b.Header.Set("Signature", strings.Replace(b.Header.Get("Signature"), "sig1", "sig2", 1))
			},
			"two signatures": func(b *backEnd) { b.Header.Add("Signature", b.Header.Get("Signature")) },
			"two inputs":     func(b *backEnd) { b.Header.Add("Signature-Input", b.Header.Get("Signature-Input")) },
			"fewer components": func(b *backEnd) {
				b.Header.Set("Signature-Input", strings.Replace(b.Header.Get("Signature-Input"), ` "content-digest"`, "", 1))
			},
			"a later time": func(b *backEnd) {
				b.Header.Set("Signature-Input", strings.Replace(b.Header.Get("Signature-Input"), "created=1", "created=2", 1))
			},
			"another key's id": func(b *backEnd) {
				b.Header.Set("Signature-Input", strings.Replace(b.Header.Get("Signature-Input"), `"sig"`, `"erp"`, 1))
			},
			"an algorithm of choice": func(b *backEnd) {
				b.Header.Set("Signature-Input", strings.Replace(b.Header.Get("Signature-Input"), "hmac-sha256", "none", 1))
			},
			"without a nonce": func(b *backEnd) {
				b.Header.Set("Signature-Input", strings.Replace(b.Header.Get("Signature-Input"), ";nonce=", ";x=", 1))
			},
			"a parameter more": func(b *backEnd) {
				b.Header.Set("Signature-Input", b.Header.Get("Signature-Input")+";expires=9999999999")
			},
			"a bearer key beside it": func(b *backEnd) { b.Header.Set("Authorization", "Bearer "+key32) },
			"an empty one beside it": func(b *backEnd) { b.Header["Authorization"] = []string{""} },
			"its own key beside it":  func(b *backEnd) { b.Header.Set("Authorization", "Bearer "+signing32) },
			"the key as bearer alone": func(b *backEnd) {
				b.Header = http.Header{"Authorization": {"Bearer " + signing32}, "Content-Type": {"application/json"}, "X-Forwarded-Proto": {"https"}}
			},
			"another method": func(b *backEnd) {
				b.Header.Set("X-HTTP-Method-Override", "PUT")
				b.Header.Set("Signature", "sig1=:"+strings.Repeat("A", 43)+"=:")
			},
		} {
			b := fresh(path)
			change(&b)
			got := d.sent(b)
			wants(t, path+" with "+name, got, http.StatusUnauthorized, "key_refused")
			if strings.Contains(got.body, "#mt1_") {
				t.Errorf("%s: a ticket leaves", name)
			}
		}
	}
	if d.mm.UserID("nora@corp.com") != "" || d.mm.UserID("eve@corp.com") != "" {
		t.Error("an account was made")
	}
	now := time.Now()
	for name, c := range map[string]struct {
		b      backEnd
		status int
		code   string
	}{
		"a minute old":              {d.signs(launchPath, launchBody, "sig", signing32, now.Add(-90*time.Second)), 401, "key_refused"},
		"of the future":             {d.signs(launchPath, launchBody, "sig", signing32, now.Add(90*time.Second)), 401, "key_refused"},
		"by a bearer key":           {d.signs(launchPath, launchBody, "erp", key32, now), 401, "key_refused"},
		"by another secret":         {d.signs(launchPath, launchBody, "sig", signing32+"x", now), 401, "key_refused"},
		"by a key without scope":    {d.signs(provisionPath, provisionBody, "only", signing32+"-only", now), 403, "scope_missing"},
		"for launch, at launch":     {d.signs(launchPath, launchBody, "only", signing32+"-only", now), 201, ""},
		"for provision, at its own": {d.signs(provisionPath, provisionBody, "sig", signing32, now), 201, ""},
	} {
		wants(t, name, d.sent(c.b), c.status, c.code)
	}
	moved := fresh(launchPath)
	moved.URL.Path = provisionPath
	wants(t, "sent to another address", d.sent(moved), http.StatusUnauthorized, "key_refused")
}

// TestASignedRequestIsGoodOnce, also after a restart and for a hundred at once.
func TestASignedRequestIsGoodOnce(t *testing.T) {
	d := doorOf(t, "SIGNING_KEYS", "sig:"+signing32)
	b := d.signs(launchPath, launchBody, "sig", signing32, time.Now())
	var good atomic.Int64
	inParallel(100, 50, func(int) {
		switch got := d.sent(b); {
		case got.StatusCode == http.StatusCreated:
			good.Add(1)
		case got.StatusCode != http.StatusUnauthorized:
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
	})
	if good.Load() != 1 {
		t.Errorf("it was good %d times", good.Load())
	}
	d.again()
	wants(t, "after a restart", d.sent(b), http.StatusUnauthorized, "key_refused")
}

// TestBackEndsComeFromTheirOwnNetworksAlone, whichever way they say who they are.
func TestBackEndsComeFromTheirOwnNetworksAlone(t *testing.T) {
	d := doorOf(t, "SIGNING_KEYS", "sig:"+signing32, "ADMIN_CIDRS", "10.1.0.0/16")
	for from, status := range map[string]int{"10.1.2.3": 201, "10.2.2.3": 403, "10.1.2.3, 192.0.2.1": 403, "::ffff:10.1.2.4": 201} {
		b := d.signs(launchPath, launchBody, "sig", signing32, time.Now())
		b.Header.Set("X-Forwarded-For", from)
		wants(t, "signed, from "+from, d.sent(b), status, "")
		wants(t, "with a key, from "+from, d.post(launchPath, launchBody, "Authorization", "Bearer "+key32, "X-Forwarded-For", from), status, "")
	}
	b := d.signs(launchPath, launchBody, "sig", signing32, time.Now())
	b.Header.Set("X-Forwarded-For", "192.0.2.1")
	wants(t, "from elsewhere", d.sent(b), http.StatusForbidden, "network_refused")
	b.Header.Set("X-Forwarded-For", "10.1.2.3")
	wants(t, "the refusal did not use it up", d.sent(b), http.StatusCreated, "")
}

// TestARotatedSigningKeyAllowsNoMoreThanBoth: a signature names the id, and the id
// is two secrets while they rotate.
func TestARotatedSigningKeyAllowsNoMoreThanBoth(t *testing.T) {
	d := doorOf(t, "SIGNING_KEYS", "sig:"+signing32+":launch+provision,sig:"+signing32+"-new:launch")
	for secret, status := range map[string]int{signing32: 201, signing32 + "-new": 201} {
		wants(t, "launch", d.sent(d.signs(launchPath, launchBody, "sig", secret, time.Now())), status, "")
	}
	wants(t, "the new one provisions", d.sent(d.signs(provisionPath, provisionBody, "sig", signing32+"-new", time.Now())), http.StatusForbidden, "scope_missing")
}

// TestBothKindsOfKeysNameSubjectsOfTheirOwn: the issuer of a ticket is the key's id.
func TestBothKindsOfKeysNameSubjectsOfTheirOwn(t *testing.T) {
	d := doorOf(t, "SIGNING_KEYS", "sig:"+signing32)
	wants(t, "the bearer key's", d.redeem(d.ticket("4711", "nora@corp.com"), ""), http.StatusOK, "")
	got := d.sent(d.signs(launchPath, launchBody, "sig", signing32, time.Now()))
	var made struct{ URL string }
	if err := json.Unmarshal([]byte(got.body), &made); err != nil {
		t.Fatal(err)
	}
	_, ticket, _ := strings.Cut(made.URL, "#")
	wants(t, "the same subject of the signing key", d.redeem(ticket, ""), http.StatusConflict, "conflict")
	if strings.Contains(fmt.Sprint(got.Header), signing32) {
		t.Error("the key is in an answer")
	}
}
