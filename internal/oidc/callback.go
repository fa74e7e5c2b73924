package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"matterpass/internal/login"
)

// Finished is a sign-in that came back. All but the proof is known, where the
// browser began it, even if it failed.
type Finished struct {
	Proof  login.Proof
	Return string
	Mode   string // Popup or Top; empty where the browser did not begin it
	Origin string
	Handle string
}

// FlowID is the id of the sign-in that a callback belongs to, empty for none:
// its cookie has to go, whatever Callback answers.
func FlowID(query url.Values) string {
	state := query.Get("state")
	if len(state) != stateLength || len(query["state"]) != 1 {
		return ""
	}
	return state[:idLength]
}

var stateLength = base64.RawURLEncoding.EncodedLen(secretBytes)

// Callback ends a sign-in with what the identity provider sent along with the
// browser and the sealed cookie of FlowID. It answers ErrFlow, ErrDenied,
// ErrInvalid, ErrNoAddress or ErrUnavailable.
//
// The proof's id is the sign-in's own: whatever else is kept or sent again, each
// gives one session.
func (rp *RelyingParty) Callback(ctx context.Context, query url.Values, sealed string) (Finished, error) {
	f, err := rp.flowOf(query, sealed)
	if err != nil {
		return Finished{}, fmt.Errorf("%w: %w", ErrFlow, err)
	}
	out := Finished{Return: f.Return, Mode: f.Mode, Origin: f.Origin, Handle: f.Handle}
	p, err := rp.find(f.Provider)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrFlow, err)
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return out, err
	}
	code, err := p.codeOf(m, query)
	if err != nil {
		return out, err
	}
	identity, err := rp.redeem(ctx, redemption{p, m, f, code})
	if err != nil {
		return out, err
	}
	out.Proof = login.Proof{
		Identity: identity, Way: login.ByOIDC, ID: proofID(f), IssuedAt: f.Created, ExpiresAt: f.Created.Add(flowLife),
	}
	return out, nil
}

func proofID(f flow) string {
	sum := sha256.Sum256([]byte("state\x00" + f.State))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (rp *RelyingParty) flowOf(query url.Values, sealed string) (flow, error) {
	id := FlowID(query)
	switch {
	case id == "":
		return flow{}, errors.New("the answer has no state")
	case sealed == "":
		return flow{}, errors.New("the browser has no cookie for this state")
	}
	f, err := rp.sealer.open(id, sealed)
	switch {
	case err != nil:
		return flow{}, err
	case subtle.ConstantTimeCompare([]byte(f.State), []byte(query.Get("state"))) != 1:
		return flow{}, errors.New("the state is another one")
	case f.isOver(rp.Now()):
		return flow{}, errors.New("it took too long")
	}
	return f, nil
}

// maxParameter bounds a parameter of the answer, in bytes.
const maxParameter = 8 << 10

// codeOf answers the code of an answer that is this provider's own, RFC 9207
// section 2.4: one that says it always names itself has to, with errors too.
func (p *provider) codeOf(m *metadata, query url.Values) (string, error) {
	for _, name := range []string{"code", "iss", "error"} {
		if len(query[name]) > 1 || len(query.Get(name)) > maxParameter {
			return "", fmt.Errorf("%w: the answer's %s is sent twice or too long", ErrInvalid, name)
		}
	}
	switch {
	case query.Has("iss") && query.Get("iss") != p.Issuer:
		return "", fmt.Errorf("%w: the answer is another issuer's", ErrInvalid)
	case !query.Has("iss") && m.NamesItself:
		return "", fmt.Errorf("%w: the answer does not name its issuer", ErrInvalid)
	case query.Has("error"):
		return "", fmt.Errorf("%w: %s", ErrDenied, knownError(query.Get("error")))
	case query.Get("code") == "":
		return "", fmt.Errorf("%w: the answer has no code", ErrInvalid)
	}
	return query.Get("code"), nil
}

// knownError keeps error codes that a standard defines, for the log, and nothing
// that somebody made up: RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core
// section 3.1.2.6.
func knownError(code string) string {
	known := []string{
		"invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope", "server_error",
		"temporarily_unavailable", "interaction_required", "login_required", "account_selection_required", "consent_required",
		"invalid_client", "invalid_grant", "unsupported_grant_type",
	}
	if slices.Contains(known, code) {
		return code
	}
	return "an error of its own"
}
