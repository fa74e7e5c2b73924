package signature_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/signature"
)

const (
	chat   = "https://chat.example.com"
	path   = "/api/mattermost/provision"
	body   = `{"email":"dana@erp.test"}`
	secret = "0123456789abcdef0123456789abcdef"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

var errUsed = errors.New("used before")

// nonces remembers uses as a database would.
type nonces struct {
	mu   sync.Mutex
	uses map[string]signature.Use
}

func (n *nonces) use(_ context.Context, u signature.Use) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, used := n.uses[u.Key]; used {
		return errUsed
	}
	if n.uses == nil {
		n.uses = map[string]signature.Use{}
	}
	n.uses[u.Key] = u
	return nil
}

func newVerifier(t testing.TB, change ...func(*signature.Options)) *signature.Verifier {
	t.Helper()
	o := signature.Options{
		PublicURL: chat, Nonces: (&nonces{}).use, Now: func() time.Time { return noon },
		Keys: func(id string) [][]byte {
			return map[string][][]byte{"erp": {[]byte(secret)}, "empty": {{}}, "short": {[]byte("short")}}[id]
		},
	}
	for _, c := range change {
		c(&o)
	}
	v, err := signature.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// draft is a signed request of which a case can change every part.
type draft struct {
	method, address, body string
	components            []string // as they stand in the list, with quotes
	params                string   // as they stand behind it
	secret                string
	lines                 map[string]string // what the base says, by component
	header                http.Header
}

func newDraft() *draft {
	return &draft{
		method: http.MethodPost, address: chat + path, body: body, secret: secret,
		components: []string{`"@method"`, `"@target-uri"`, `"content-digest"`},
		params:     fmt.Sprintf(`;created=%d;keyid="erp";nonce="nonce-of-16-chars"`, noon.Unix()),
		lines: map[string]string{
			`"@method"`: http.MethodPost, `"@target-uri"`: chat + path, `"@authority"`: "chat.example.com", `"@path"`: path,
		},
		header: http.Header{"Content-Digest": {digest(body)}},
	}
}

func digest(body string) string {
	sum := sha256.Sum256([]byte(body))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// request signs by hand, so that what is tested is not its own judge.
func (d *draft) request() *http.Request {
	r := httptest.NewRequest(d.method, d.address, strings.NewReader(d.body))
	for name, values := range d.header {
		r.Header[name] = values
	}
	params := "(" + strings.Join(d.components, " ") + ")" + d.params
	var base strings.Builder
	for _, c := range d.components {
		value, given := d.lines[c]
		if !given {
			value = strings.Join(d.header.Values(strings.Trim(c, `"`)), ", ")
		}
		base.WriteString(c + ": " + value + "\n")
	}
	base.WriteString(`"@signature-params": ` + params)
	mac := hmac.New(sha256.New, []byte(d.secret))
	mac.Write([]byte(base.String()))
	set := func(name, value string) {
		if _, given := d.header[name]; !given {
			r.Header.Set(name, value)
		}
	}
	set("Signature-Input", "sig1="+params)
	set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(mac.Sum(nil))+":")
	return r
}

func (d *draft) cover(component, value string) {
	d.components = append(d.components, component)
	d.lines[component] = value
}

func TestASignedRequestNamesItsKey(t *testing.T) {
	cases := map[string]func(*draft){
		"plain": func(*draft) {},
		"by its parts": func(d *draft) {
			d.components = []string{`"content-digest"`, `"@query"`, `"@path"`, `"@authority"`, `"@scheme"`, `"@method"`}
			d.lines = map[string]string{`"@query"`: "?a=1&b", `"@path"`: path, `"@authority"`: "chat.example.com", `"@scheme"`: "https", `"@method"`: "POST"}
			d.address += "?a=1&b"
		},
		"with a query": func(d *draft) {
			d.address += "?b=2&a=1"
			d.lines[`"@target-uri"`] += "?b=2&a=1"
		},
		"a header more, in two lines": func(d *draft) {
			d.header["X-Erp"] = []string{" a ", "b"}
			d.cover(`"x-erp"`, "a, b")
		},
		"with all parameters": func(d *draft) {
			d.params += fmt.Sprintf(`;alg="hmac-sha256";expires=%d;tag="erp"`, noon.Add(time.Second).Unix())
		},
		"a minute old":     func(d *draft) { d.created(-time.Minute) },
		"a minute too new": func(d *draft) { d.created(time.Minute) },
		"through a proxy that says http": func(d *draft) {
			d.address = strings.Replace(d.address, chat, "http://127.0.0.1:8080", 1)
		},
		"without a body": func(d *draft) {
			d.method, d.body = http.MethodDelete, ""
			d.lines[`"@method"`] = http.MethodDelete
			d.header.Set("Content-Digest", digest(""))
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDraft()
			change(d)
			id, err := newVerifier(t).Verify(t.Context(), d.request(), []byte(d.body))
			if id != "erp" || err != nil {
				t.Errorf("got %q, %v", id, err)
			}
		})
	}
}

func (d *draft) created(from time.Duration) {
	d.params = fmt.Sprintf(`;created=%d;keyid="erp";nonce="nonce-of-16-chars"`, noon.Add(from).Unix())
}

func (d *draft) param(old, changed string) { d.params = strings.Replace(d.params, old, changed, 1) }

func TestRequestsThatAreNotSignedAsTheyMustBeAreRefused(t *testing.T) {
	cases := map[string]func(*draft){
		"no signature":             func(d *draft) { d.header["Signature"] = nil },
		"no input":                 func(d *draft) { d.header["Signature-Input"] = nil },
		"empty signature":          func(d *draft) { d.header.Set("Signature", "") },
		"a signature that is text": func(d *draft) { d.header.Set("Signature", `sig1="AAAA"`) },
		"another signature": func(d *draft) {
			d.header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(make([]byte, 32))+":")
		},
		"an empty signature inside": func(d *draft) { d.header.Set("Signature", "sig1=::") },
		"input not a list":          func(d *draft) { d.header.Set("Signature-Input", "sig1=1") },
		"input not a dictionary":    func(d *draft) { d.header.Set("Signature-Input", "sig1=(") },
		"input of 5 KiB":            func(d *draft) { d.param("nonce-of-16-chars", strings.Repeat("n", 5<<10)) },
		"a comment of RFC 7230":     func(d *draft) { d.params += " (x)" },
		"not canonical":             func(d *draft) { d.components[1] = ` "@target-uri"` },
		"a parameter twice":         func(d *draft) { d.params += `;keyid="erp"` },

		"nothing covered":         func(d *draft) { d.components = nil },
		"method not covered":      func(d *draft) { d.components = d.components[1:] },
		"target not covered":      func(d *draft) { d.components = []string{`"@method"`, `"content-digest"`} },
		"query not covered":       func(d *draft) { d.components = []string{`"@method"`, `"@authority"`, `"@path"`, `"content-digest"`} },
		"digest not covered":      func(d *draft) { d.components = d.components[:2] },
		"a component twice":       func(d *draft) { d.components = append(d.components, `"@method"`) },
		"a component with a flag": func(d *draft) { d.components[0] = `"@method";req` },
		"a component as bytes":    func(d *draft) { d.components[2] = `"content-digest";bs` },
		"a component as a token":  func(d *draft) { d.components[0] = `method` },
		"a header that is absent": func(d *draft) { d.cover(`"x-absent"`, "") },
		"a header in upper case": func(d *draft) {
			d.header.Set("X-Erp", "1")
			d.cover(`"X-Erp"`, "1")
		},
		"an unknown derived one":    func(d *draft) { d.cover(`"@status"`, "200") },
		"the parameters themselves": func(d *draft) { d.cover(`"@signature-params"`, "") },
		"33 components":             many,

		"another method":            func(d *draft) { d.method = http.MethodPut },
		"another path":              func(d *draft) { d.address = chat + "/api/mattermost/launch" },
		"another spelling of it":    func(d *draft) { d.address = chat + "/api/mattermost/%70rovision" },
		"a query more":              func(d *draft) { d.address += "?dry_run" },
		"an empty query more":       func(d *draft) { d.address += "?" },
		"the query in other order":  func(d *draft) { d.address += "?b=2&a=1"; d.lines[`"@target-uri"`] += "?a=1&b=2" },
		"signed for another host":   func(d *draft) { d.lines[`"@target-uri"`] = "https://evil.example" + path },
		"signed for another scheme": func(d *draft) { d.lines[`"@target-uri"`] = "http://chat.example.com" + path },
		"signed for another port":   func(d *draft) { d.lines[`"@target-uri"`] = chat + ":8443" + path },

		"another body":         func(d *draft) { d.body = strings.Replace(d.body, "dana", "admin", 1) },
		"no body":              func(d *draft) { d.body = "" },
		"no digest":            func(d *draft) { d.header["Content-Digest"] = nil },
		"two digests in lines": func(d *draft) { d.header.Add("Content-Digest", digest("x")) },

		"no created":        func(d *draft) { d.params = `;keyid="erp";nonce="nonce-of-16-chars"` },
		"created in words":  func(d *draft) { d.param("created=", `created="`); d.param(`;keyid`, `";keyid`) },
		"created a decimal": func(d *draft) { d.param(";keyid", ".0;keyid") },
		"created negative":  func(d *draft) { d.param("created=", "created=-") },
		"created a date":    func(d *draft) { d.param("created=", "created=@") },
		"too old":           func(d *draft) { d.created(-time.Minute - time.Second) },
		"too new":           func(d *draft) { d.created(time.Minute + time.Second) },
		"expired":           func(d *draft) { d.created(-30 * time.Second); d.params += fmt.Sprintf(";expires=%d", noon.Unix()) },
		"expires before it begins": func(d *draft) {
			d.created(30 * time.Second)
			d.params += fmt.Sprintf(";expires=%d", noon.Add(10*time.Second).Unix())
		},
		"expires in words":          func(d *draft) { d.params += `;expires="never"` },
		"no nonce":                  func(d *draft) { d.param(`;nonce="nonce-of-16-chars"`, "") },
		"a nonce of 15 characters":  func(d *draft) { d.param("nonce-of-16-chars", "nonce-of-15-cha") },
		"a nonce of 129 characters": func(d *draft) { d.param("nonce-of-16-chars", strings.Repeat("n", 129)) },
		"a nonce with spaces":       func(d *draft) { d.param("nonce-of-16-chars", "nonce of 16 chars") },
		"a nonce as a token":        func(d *draft) { d.param(`"nonce-of-16-chars"`, "nonce-of-16-chars") },
		"no key id":                 func(d *draft) { d.param(`;keyid="erp"`, "") },
		"an empty key id":           func(d *draft) { d.param(`"erp"`, `""`) },
		"a key id as a token":       func(d *draft) { d.param(`"erp"`, `erp`) },
		"an unknown key":            func(d *draft) { d.param(`"erp"`, `"other"`) },
		"a key that is empty":       func(d *draft) { d.param(`"erp"`, `"empty"`); d.secret = "" },
		"a key that is too short":   func(d *draft) { d.param(`"erp"`, `"short"`); d.secret = "short" },
		"another secret":            func(d *draft) { d.secret = strings.ToUpper(secret) },
		"another algorithm":         func(d *draft) { d.params += `;alg="hmac-sha512"` },
		"an asymmetric algorithm":   func(d *draft) { d.params += `;alg="ed25519"` },
		"no algorithm":              func(d *draft) { d.params += `;alg="none"` },
		"the algorithm as a token":  func(d *draft) { d.params += `;alg=hmac-sha256` },
		"a tag as a number":         func(d *draft) { d.params += `;tag=1` },
		"an unknown parameter":      func(d *draft) { d.params += `;scope="launch"` },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			d, memory := newDraft(), &nonces{}
			change(d)
			v := newVerifier(t, func(o *signature.Options) { o.Nonces = memory.use })
			id, err := v.Verify(t.Context(), d.request(), []byte(d.body))
			if id != "" || !errors.Is(err, signature.ErrRefused) {
				t.Errorf("got %q, %v", id, err)
			}
			if len(memory.uses) > 0 {
				t.Error("a refused request used up a nonce")
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "nonce-of")) {
				t.Errorf("the reason repeats the request: %v", err)
			}
		})
	}
}

func many(d *draft) {
	for i := range 30 {
		name := fmt.Sprintf("x-%d", i)
		d.header.Set(name, "1")
		d.cover(`"`+name+`"`, "1")
	}
}

func TestTwoSignaturesAreNone(t *testing.T) {
	d := newDraft()
	good := d.request()
	cases := map[string]func(http.Header){
		"two lines of Signature": func(h http.Header) { h.Add("Signature", h.Get("Signature")) },
		"two lines of input":     func(h http.Header) { h.Add("Signature-Input", h.Get("Signature-Input")) },
		"two labels": func(h http.Header) {
			h.Set("Signature", h.Get("Signature")+", sig2=:AAAA:")
			h.Set("Signature-Input", h.Get("Signature-Input")+`, sig2=();created=1`)
		},
		"another label":         func(h http.Header) { h.Set("Signature", strings.Replace(h.Get("Signature"), "sig1", "sig2", 1)) },
		"a label of input only": func(h http.Header) { h.Set("Signature-Input", h.Get("Signature-Input")+", sig2=()") },
		"one label twice":       func(h http.Header) { h.Set("Signature", "sig1=:AAAA:, "+h.Get("Signature")) },
	}
	for name, change := range cases {
		r := good.Clone(t.Context())
		change(r.Header)
		if _, err := newVerifier(t).Verify(t.Context(), r, []byte(body)); !errors.Is(err, signature.ErrRefused) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestANonceIsUsedOnce(t *testing.T) {
	memory := &nonces{}
	v := newVerifier(t, func(o *signature.Options) { o.Nonces = memory.use })
	r := newDraft().request()
	if _, err := v.Verify(t.Context(), r, []byte(body)); err != nil {
		t.Fatal(err)
	}
	id, err := v.Verify(t.Context(), r, []byte(body))
	if !errors.Is(err, errUsed) || errors.Is(err, signature.ErrRefused) {
		t.Errorf("the same again: got %q, %v", id, err)
	}
	want := map[string]signature.Use{"erp:nonce-of-16-chars": {
		Key: "erp:nonce-of-16-chars", Created: time.Unix(noon.Unix(), 0), Until: time.Unix(noon.Unix(), 0).Add(2 * time.Minute),
	}}
	if diff := cmp.Diff(want, memory.uses); diff != "" {
		t.Error(diff)
	}
}

func TestOldAndNewSecretAreGoodDuringARotation(t *testing.T) {
	v := newVerifier(t, func(o *signature.Options) {
		o.Keys = func(string) [][]byte { return [][]byte{[]byte(strings.Repeat("n", 32)), []byte(secret)} }
	})
	for i, key := range []string{secret, strings.Repeat("n", 32)} {
		d := newDraft()
		d.secret = key
		d.param("nonce-of-16-chars", fmt.Sprintf("nonce-of-16-char%d", i))
		if _, err := v.Verify(t.Context(), d.request(), []byte(body)); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatSignMakesVerifyTakes(t *testing.T) {
	v := newVerifier(t)
	for _, address := range []string{chat + path, "https://CHAT.example.com:443" + path + "?a=b%20c", chat, chat + "/x%2Fy?"} {
		r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if signature.IsSigned(r) {
			t.Error("it counts as signed before it is")
		}
		if err := signature.Sign(r, []byte(body), signature.Key{ID: "erp", Secret: []byte(secret)}, noon); err != nil {
			t.Fatal(err)
		}
		if !signature.IsSigned(r) {
			t.Error("it does not count as signed")
		}
		if _, err := v.Verify(t.Context(), r, []byte(body)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestSignNeedsAKey(t *testing.T) {
	for name, key := range map[string]signature.Key{
		"no id":           {Secret: []byte(secret)},
		"id with a quote": {ID: `erp";tag="x`, Secret: []byte(secret)},
		"id not ASCII":    {ID: "schlüssel", Secret: []byte(secret)},
		"short secret":    {ID: "erp", Secret: []byte(secret)[1:]},
	} {
		r := httptest.NewRequest(http.MethodPost, chat, nil)
		if err := signature.Sign(r, nil, key, noon); err == nil || signature.IsSigned(r) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestOptionsThatWouldNotProtectAreRefused(t *testing.T) {
	good := signature.Options{PublicURL: chat, Keys: func(string) [][]byte { return nil }, Nonces: (&nonces{}).use}
	cases := map[string]func(*signature.Options){
		"no public URL":  func(o *signature.Options) { o.PublicURL = "/" },
		"no URL at all":  func(o *signature.Options) { o.PublicURL = "https://%zz" },
		"no keys":        func(o *signature.Options) { o.Keys = nil },
		"no memory":      func(o *signature.Options) { o.Nonces = nil },
		"a negative age": func(o *signature.Options) { o.MaxAge = -1 },
	}
	for name, change := range cases {
		o := good
		change(&o)
		if _, err := signature.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := signature.New(good); err != nil {
		t.Error(err)
	}
}
