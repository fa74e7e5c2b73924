package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"matterpass/internal/oidc"
)

const (
	clientID     = "matterpass"
	clientSecret = "correct-horse-battery-staple-4711"
	redirectURL  = "https://chat.test/auth/oidc/callback"
)

// clock is a time that tests move.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// liar is an identity provider that tells the truth unless it is told to lie.
type liar struct {
	*httptest.Server
	*clock
	t *testing.T

	mu       sync.Mutex
	key      *ecdsa.PrivateKey
	kid      string
	granted  map[string]url.Values // authorization requests by code
	document func(map[string]any)
	claims   func(map[string]any)
	sign     func(claims map[string]any) string
	token    http.HandlerFunc
	keys     http.HandlerFunc
	userInfo http.HandlerFunc
	answer   func(map[string]any)

	keysAsked, documentAsked, tokenAsked, userInfoAsked atomic.Int32
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	l := &liar{t: t, clock: &clock{}, granted: map[string]url.Values{}}
	l.rotate("k1")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", l.serveDocument)
	mux.HandleFunc("GET /keys", l.serveKeys)
	mux.HandleFunc("POST /token", l.serveToken)
	mux.HandleFunc("GET /userinfo", l.serveUserInfo)
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	return l
}

// told changes what the liar says from now on.
func (l *liar) told(change func(*liar)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *liar) rotate(kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	l.told(func(l *liar) { l.key, l.kid = key, kid })
}

func (l *liar) serveDocument(w http.ResponseWriter, _ *http.Request) {
	l.documentAsked.Add(1)
	document := map[string]any{
		"issuer": l.URL, "authorization_endpoint": l.URL + "/authorize", "token_endpoint": l.URL + "/token",
		"userinfo_endpoint": l.URL + "/userinfo", "jwks_uri": l.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.document != nil {
		l.document(document)
	}
	writeJSON(w, document)
}

func (l *liar) serveKeys(w http.ResponseWriter, r *http.Request) {
	l.keysAsked.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys != nil {
		l.keys(w, r)
		return
	}
	writeJSON(w, map[string]any{"keys": []any{
		jose.JSONWebKey{Key: l.key.Public(), KeyID: l.kid, Use: "sig", Algorithm: "ES256"},
		map[string]any{"kty": "OKP", "crv": "X448", "x": "AA"},
		map[string]any{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString([]byte(clientSecret)), "kid": "hmac"},
	}})
}

func (l *liar) serveToken(w http.ResponseWriter, r *http.Request) {
	l.tokenAsked.Add(1)
	l.mu.Lock()
	lie := l.token
	l.mu.Unlock()
	if lie != nil {
		lie(w, r)
		return
	}
	l.exchange(w, r)
}

// exchange is strict: client, code, redirect address and PKCE all have to fit.
func (l *liar) exchange(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id == "" {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	code := r.PostFormValue("code")
	request, known := l.granted[code]
	delete(l.granted, code)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case id != clientID || secret != clientSecret:
		refuse(w, http.StatusUnauthorized, "invalid_client")
	case !known, r.PostFormValue("redirect_uri") != request.Get("redirect_uri"),
		base64.RawURLEncoding.EncodeToString(sum[:]) != request.Get("code_challenge"):
		refuse(w, http.StatusBadRequest, "invalid_grant")
	default:
		l.issue(w, request)
	}
}

const accessToken = "an-access-token-of-the-liar"

func (l *liar) issue(w http.ResponseWriter, request url.Values) {
	hash := sha256.Sum256([]byte(accessToken))
	claims := map[string]any{
		"iss": l.URL, "sub": "4711", "aud": clientID, "exp": l.now().Add(time.Hour).Unix(), "iat": l.now().Unix(),
		"nonce": request.Get("nonce"), "at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]), "sid": "session-1",
		"email": "Dana@erp.test", "email_verified": true, "name": "Dana Doe", "amr": []string{"pwd", "mfa"},
	}
	if l.claims != nil {
		l.claims(claims)
	}
	sign := l.sign
	if sign == nil {
		sign = func(claims map[string]any) string { return l.signed(claims, nil) }
	}
	answer := map[string]any{"access_token": accessToken, "token_type": "Bearer", "expires_in": 3600, "id_token": sign(claims)}
	if l.answer != nil {
		l.answer(answer)
	}
	writeJSON(w, answer)
}

func (l *liar) serveUserInfo(w http.ResponseWriter, r *http.Request) {
	l.userInfoAsked.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+accessToken {
		refuse(w, http.StatusUnauthorized, "invalid_token")
		return
	}
	if l.userInfo != nil {
		l.userInfo(w, r)
		return
	}
	writeJSON(w, map[string]any{"sub": "4711", "email": "dana@erp.test", "email_verified": true})
}

// signed makes a token with the provider's key; the header can be changed.
func (l *liar) signed(claims map[string]any, header map[jose.HeaderKey]any) string {
	return signWith(l.t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: l.key, KeyID: l.kid}}, claims, header)
}

func signWith(t *testing.T, key jose.SigningKey, claims map[string]any, header map[jose.HeaderKey]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := token.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// grant is the provider's page: it lets the person in and sends the browser back.
func (l *liar) grant(address string) url.Values {
	l.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		l.t.Fatal(err)
	}
	request := u.Query()
	code := rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.granted[code] = request
	return url.Values{"code": {code}, "state": request["state"]}
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "<script>alert(1)</script>"})
}

func key(b byte) []byte { return append(make([]byte, 31), b) }

func (l *liar) party(change ...func(*oidc.Options)) *oidc.RelyingParty {
	l.t.Helper()
	o := oidc.Options{
		Clients: []oidc.Client{{Issuer: l.URL, ID: clientID, Secret: clientSecret}}, RedirectURL: redirectURL,
		SealKeys: [][]byte{key(1)}, Now: l.now, Timeout: 2 * time.Second,
	}
	for _, c := range change {
		c(&o)
	}
	rp, err := oidc.New(o)
	if err != nil {
		l.t.Fatal(err)
	}
	return rp
}

// begin starts a sign-in as a browser does.
func begin(t *testing.T, rp *oidc.RelyingParty, change ...func(*oidc.StartOptions)) oidc.Started {
	t.Helper()
	o := oidc.StartOptions{Return: "/erp/channels/town-square", Mode: oidc.Popup, Origin: "https://erp.test", Handle: "h1"}
	for _, c := range change {
		c(&o)
	}
	started, err := rp.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return started
}

// signIn goes the whole way.
func (l *liar) signIn(rp *oidc.RelyingParty) (oidc.Finished, error) {
	started := begin(l.t, rp)
	return rp.Callback(l.t.Context(), l.grant(started.URL), started.Sealed)
}

func with(claims map[string]any, more map[string]any) map[string]any {
	out := maps.Clone(claims)
	for name, value := range more {
		if value == nil {
			delete(out, name)
			continue
		}
		out[name] = value
	}
	return out
}

func set(more map[string]any) func(map[string]any) {
	return func(claims map[string]any) {
		changed := with(claims, more)
		clear(claims)
		maps.Copy(claims, changed)
	}
}

func newECDSA(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func hmacKey(secret, kid string) jose.SigningKey {
	return jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte(secret), KeyID: kid}}
}

// signedText signs what no Go map can be: a name twice.
func (l *liar) signedText(text string) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: l.key, KeyID: l.kid}}, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	token, err := signer.Sign([]byte(text))
	if err != nil {
		l.t.Fatal(err)
	}
	raw, err := token.CompactSerialize()
	if err != nil {
		l.t.Fatal(err)
	}
	return raw
}

// nowhere is a network without anybody.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }
