// Package companion is the language between Matterpass and its companion plugin
// inside Mattermost: the routes, what is asked and answered, and how both are
// authenticated. Both sides import it, so neither can understand the other wrong.
//
// It knows neither HTTP nor Mattermost, and decides nothing about people.
package companion

import "time"

const (
	// PluginID is the plugin's id in Mattermost, and so part of its address.
	PluginID = "com.matterpass.companion"
	// Base is where Mattermost serves the plugin.
	Base = "/plugins/" + PluginID
	// RouteMint makes a session; a POST below Base.
	RouteMint = "/mint"
	// RoutePing says who is there; a GET below Base.
	RoutePing = "/ping"
	// Header carries the authentication of questions and answers. Mattermost takes
	// Authorization, Referer and its own cookie from what it hands to plugins
	// (docs/mattermost.md F7), so it is a header of ours.
	Header = "Matterpass-Mac"

	// Window is how far a question's time may be from the plugin's clock.
	Window = 30 * time.Second
	// BodyMost is the longest body of a question or an answer, in bytes.
	BodyMost = 16 << 10
)

// PurposeSignIn is what a session may be asked for.
const PurposeSignIn = "sign-in"

// What to do about an account whose second factor is active.
const (
	PolicyTrust  = "trust-idp" // enough that the issuer asked for more than one factor; otherwise as PolicyAsk
	PolicyAsk    = "ask"       // a one-time code is needed
	PolicyRefuse = "refuse"    // no session
)

// How a second factor was dealt with.
const (
	FactorNone     = "none"     // the account has none
	FactorTrusted  = "trusted"  // the issuer vouched for one
	FactorVerified = "verified" // the plugin verified a one-time code
)

// Mint is the body of a question for a session; whose it is says the Envelope.
type Mint struct {
	Purpose   string `json:"purpose"`
	MFA       string `json:"mfa"`               // one of the policies
	Vouched   bool   `json:"vouched,omitempty"` // the issuer asked for more than one factor
	Code      string `json:"code,omitempty"`    // one-time code
	MaxAge    int64  `json:"max_age,omitempty"` // longest life of the session in seconds; 0 is Mattermost's own
	ClientIP  string `json:"client_ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
}

// Minted is the answer that carries a session.
type Minted struct {
	SessionID string `json:"session_id"`
	Token     string `json:"token"`
	CSRF      string `json:"csrf"`
	UserID    string `json:"user_id"`
	Username  string `json:"username"`
	Email     string `json:"email"`
	ExpiresAt int64  `json:"expires_at"` // milliseconds since 1970
	MFA       string `json:"mfa"`        // FactorNone and so on
}

// Pong is the answer to a ping.
type Pong struct {
	Version  string `json:"version"`   // of the plugin
	ServerID string `json:"server_id"` // of the Mattermost server, for Envelope.ServerID
	Now      int64  `json:"now"`       // the plugin's clock, milliseconds since 1970
}

// Refused is the answer that carries none.
type Refused struct {
	Code Code  `json:"code"`
	Now  int64 `json:"now"` // the plugin's clock, milliseconds since 1970
}

// Code says why there is no session.
type Code string

// Codes of refusals. The list is closed: whoever reads another one does not speak
// with this plugin.
const (
	CodeMalformed   Code = "malformed"    // not a question of this version
	CodeStale       Code = "stale"        // outside Window: the clocks differ, or it is old
	CodeReplayed    Code = "replayed"     // the nonce was used before
	CodeWrongServer Code = "wrong_server" // meant for another Mattermost
	CodeUnavailable Code = "unavailable"  // Mattermost could not do its part

	CodeUnknownUser Code = "unknown_user"
	CodeDeactivated Code = "deactivated"
	CodeBot         Code = "bot"
	CodeRemote      Code = "remote"     // of another server, through a shared channel
	CodePrivileged  Code = "privileged" // more roles than an ordinary user's or guest's
	CodeChanged     Code = "changed"    // deactivated or of other roles while the session was made

	CodeMFARequired  Code = "mfa_required"  // a one-time code is needed
	CodeMFAWrong     Code = "mfa_wrong"     // this one is wrong, old or used
	CodeMFAThrottled Code = "mfa_throttled" // too many codes were tried
	CodeMFARefused   Code = "mfa_refused"   // PolicyRefuse
)

// Codes lists every Code.
func Codes() []Code {
	return []Code{
		CodeMalformed, CodeStale, CodeReplayed, CodeWrongServer, CodeUnavailable,
		CodeUnknownUser, CodeDeactivated, CodeBot, CodeRemote, CodePrivileged, CodeChanged,
		CodeMFARequired, CodeMFAWrong, CodeMFAThrottled, CodeMFARefused,
	}
}
