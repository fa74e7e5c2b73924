package erp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"
)

// assertionLife is ample for the page to hand it on.
const assertionLife = time.Minute

// claims are what the ERP says about somebody (RFC 7519). The address is verified:
// the ERP gave it to them.
type claims struct {
	Issuer        string `json:"iss"`
	Audience      string `json:"aud"`
	Subject       string `json:"sub"`
	ID            string `json:"jti"`
	IssuedAt      int64  `json:"iat"`
	ExpiresAt     int64  `json:"exp"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Name          string `json:"name"`
}

// assertion vouches for whoever is signed in, once: every sign-in wants a new one.
func (s *server) assertion(w http.ResponseWriter, r *http.Request) {
	who, ok := s.current(r)
	if !ok || s.secret == "" {
		http.Error(w, "nobody is vouched for", http.StatusNotFound)
		return
	}
	now := time.Now()
	write(w, map[string]string{"token": sign(claims{
		Issuer: s.issuer, Audience: "matterpass", Subject: subject(who), ID: rand.Text(),
		IssuedAt: now.Unix(), ExpiresAt: now.Add(assertionLife).Unix(),
		Email: who.Email, EmailVerified: true, Name: who.Name,
	}, s.secret)})
}

// subject is what this ERP calls people, for ever: one with numbers would use those.
func subject(p Person) string { return p.Email }

// hash tells the element whose page it is on, without saying who that is.
func hash(subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return hex.EncodeToString(sum[:])
}

// sign makes a JWT with HS256: an ERP would have a library for that.
func sign(c claims, secret string) string {
	header, _ := json.Marshal(map[string]string{"alg": "HS256", "typ": "matterpass+jwt"})
	payload, _ := json.Marshal(c) // strings, numbers and a bool
	text := encode(header) + "." + encode(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
