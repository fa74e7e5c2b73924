package httpapi

import (
	"errors"

	"matterpass/internal/login"
	"matterpass/internal/oidc"
	"matterpass/internal/provision"
	"matterpass/internal/signature"
	"matterpass/internal/ticket"
	"matterpass/internal/upstream"
)

// kind is one row of the public vocabulary. sentence is all that production
// says of the cause.
type kind struct {
	code     string
	status   int
	title    string
	sentence string
}

// Errors that are found at the door, before any domain is asked.
var (
	errNotFound      = errors.New("no such address")
	errMethod        = errors.New("method not allowed")
	errOrigin        = errors.New("origin not in ALLOWED_ORIGINS")
	errHost          = errors.New("host is not that of PUBLIC_URL")
	errTooLarge      = errors.New("body is too large")
	errTooSlow       = errors.New("body was not sent in time")
	errMediaType     = errors.New("body is not application/json")
	errNoKey         = errors.New("no valid API key")
	errKeyScope      = errors.New("the API key lacks the scope")
	errNetwork       = errors.New("client is not in ADMIN_CIDRS")
	errClientLimited = errors.New("the client's bucket is empty")
	errPanic         = errors.New("a handler panicked")
	errNoLink        = errors.New("no link of this issuer and subject")
	errTicketSpent   = errors.New("the ticket is unknown, over or used")
)

// confirmation asks whether somebody means to be signed in as the named person.
type confirmation struct{ name string }

func (e *confirmation) Error() string { return "the person has to confirm" }

// problems is the whole public vocabulary of errors, first match wins. What is
// not in it is `internal`, and says nothing.
func problems() []struct {
	is   error
	kind kind
} {
	return []struct {
		is   error
		kind kind
	}{
		{oidc.ErrFlow, kind{"flow_invalid", 400, "No such sign-in", "This sign-in was begun in another browser, or too long ago. Begin again."}},
		{oidc.ErrDenied, kind{"idp_denied", 403, "Sign-in not granted", "The company's sign-in page did not let this sign-in through."}},
		{oidc.ErrNoAddress, kind{"email_missing", 403, "No e-mail address", "The company's sign-in does not say your e-mail address. The operator has to look at it."}},
		{oidc.ErrUnknownProvider, kind{"not_found", 404, "Not found", "There is no such way to sign in."}},
		{oidc.ErrInvalid, kind{"idp_invalid", 502, "Invalid answer from the identity provider", "The company's sign-in gave an answer that proves nothing. The operator has to look at it."}},
		{oidc.ErrUnavailable, kind{"idp_unavailable", 503, "Identity provider unavailable", "The company's sign-in does not answer. Try again in a moment."}},
		{login.ErrMFARequired, kind{"mfa_required", 401, "One-time code required", "A one-time code is needed as well. Send the current one of the authenticator app as mfa_code."}},
		{login.ErrRefused, kind{"login_refused", 401, "Sign-in refused", "The e-mail address or the password is not right, or this account cannot sign in."}},
		{login.ErrSpent, kind{"assertion_spent", 401, "Assertion used before", "An assertion is good for one sign-in. Ask for a new one."}},
		{login.ErrSignedOut, kind{"signed_out", 401, "Not signed in", "There is no chat session in this browser."}},
		{errNoKey, kind{"key_refused", 401, "API key refused", "Send a valid API key as Authorization: Bearer."}},
		{signature.ErrRefused, kind{"key_refused", 401, "Signature refused", "The signature is not one of a valid key over method, target and body, made within the last minute and used once."}},
		{errKeyScope, kind{"scope_missing", 403, "API key lacks the scope", "This API key is not for this call."}},
		{errNetwork, kind{"network_refused", 403, "Network refused", "This call is not allowed from this network."}},
		{errOrigin, kind{"origin_refused", 403, "Origin refused", "Pages of this origin may not call this address. Ask the operator to allow the origin."}},
		{ticket.ErrEmbedder, kind{"embedder_refused", 403, "Page refused", "This ticket was made for a page of another origin."}},
		{login.ErrNotProvisioned, kind{"not_provisioned", 403, "No account yet", "There is no chat account for you yet. Ask your administrator for one."}},
		{login.ErrMintRefused, kind{"mint_refused", 403, "Sign-in refused", "This account cannot be opened this way. Ask your administrator."}},
		{errNotFound, kind{"not_found", 404, "Not found", "There is nothing at this address."}},
		{errNoLink, kind{"not_found", 404, "Not found", "There is no such link."}},
		{login.ErrUnknown, kind{"not_found", 404, "Not found", "There is no such account."}},
		{errMethod, kind{"method_not_allowed", 405, "Method not allowed", "This address takes other methods; see the Allow header."}},
		{errTooSlow, kind{"too_slow", 408, "Request too slow", "The body was not sent in time."}},
		{provision.ErrConflict, kind{"conflict", 409, "Conflict", "An account of this address or username exists and cannot be changed by this call."}},
		{login.ErrConflict, kind{"conflict", 409, "Conflict", "There is a chat account with this address that is not linked to you. An administrator has to link it."}},
		{errTicketSpent, kind{"ticket_spent", 410, "Ticket used", "This ticket was used before, or its minute is over. Ask for a new one."}},
		{errTooLarge, kind{"too_large", 413, "Request too large", "The body is larger than 64 KiB."}},
		{errMediaType, kind{"unsupported_media_type", 415, "Unsupported media type", "Send JSON with Content-Type: application/json and no Content-Encoding."}},
		{errHost, kind{"misdirected", 421, "Misdirected request", "This host is not served here."}},
		{provision.ErrSeatLimit, kind{"seat_limit", 422, "No seat left", "Mattermost takes no more users; its limit is reached."}},
		{login.ErrSeatLimit, kind{"seat_limit", 422, "No seat left", "Mattermost takes no more users; its limit is reached."}},
		{errClientLimited, kind{"rate_limited", 429, "Too many requests", "Too many requests from this network. Try again later."}},
		{upstream.ErrInvalid, kind{"upstream_invalid", 502, "Invalid answer from Mattermost", "The chat server gave an answer that is not its own."}},
		{upstream.ErrAdminToken, kind{"admin_token_rejected", 503, "Admin token rejected", "The chat server did not accept this service. The operator has to look at it."}},
		{login.ErrMintUnavailable, kind{"mint_unavailable", 503, "No sessions right now", "Chat cannot sign you in at the moment. Try again in a moment."}},
		{login.ErrKeysUnavailable, kind{"keys_unavailable", 503, "Keys unavailable", "Who you are cannot be verified at the moment. Try again in a moment."}},
		{login.ErrStoreUnavailable, kind{"store_unavailable", 503, "Database unavailable", "This service cannot remember anything at the moment. Try again in a moment."}},
		{upstream.ErrUnavailable, kind{"upstream_unavailable", 503, "Mattermost unavailable", "The chat server is not available. Try again in a moment."}},
		{upstream.ErrTimeout, kind{"upstream_timeout", 504, "Mattermost too slow", "The chat server did not answer in time."}},
	}
}

// Kinds that are matched by type because they carry data.
var (
	kindInvalid   = kind{"invalid_request", 400, "Invalid request", ""}
	kindLimited   = kind{"rate_limited", 429, "Too many tries", "Too many sign-ins for this account. Try again later."}
	kindThrottled = kind{"rate_limited", 429, "Too many tries", "The chat server takes no more sign-ins right now. Try again later."}
	kindBusy      = kind{"busy", 503, "Busy", "Many people are signing in right now. Try again in a moment."}
	kindConfirm   = kind{"confirmation_required", 409, "Confirmation required", "Somebody else is signed in here, or nobody embeds this page. Send confirmed: true after a click."}
	kindInternal  = kind{"internal", 500, "Internal error", "Something went wrong here. The request id helps to find it."}
)
