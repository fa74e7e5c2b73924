package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/middleware"
	"matterpass/internal/provision"
	"matterpass/internal/upstream"
)

// Problem is an error answer: RFC 9457, media type application/problem+json.
type Problem struct {
	Type         string `json:"type"` // urn:matterpass:problem:<code>
	Title        string `json:"title"`
	Status       int    `json:"status"`
	Detail       string `json:"detail"`
	Code         string `json:"code"` // stable; what programs should look at
	RequestID    string `json:"request_id"`
	RetryAfter   int    `json:"retry_after,omitempty"`   // seconds
	AttemptsLeft *int   `json:"attempts_left,omitempty"` // tries left in this minute
}

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
)

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
		{login.ErrMFARequired, kind{"mfa_required", 401, "One-time code required", "The password is right. Send the current code of the authenticator app as mfa_code."}},
		{login.ErrRefused, kind{"login_refused", 401, "Sign-in refused", "The e-mail address or the password is not right, or this account cannot sign in."}},
		{login.ErrSignedOut, kind{"signed_out", 401, "Not signed in", "There is no chat session in this browser."}},
		{errNoKey, kind{"key_refused", 401, "API key refused", "Send a valid API key as Authorization: Bearer."}},
		{errKeyScope, kind{"scope_missing", 403, "API key lacks the scope", "This API key is not for this call."}},
		{errNetwork, kind{"network_refused", 403, "Network refused", "This call is not allowed from this network."}},
		{errOrigin, kind{"origin_refused", 403, "Origin refused", "Pages of this origin may not call this address. Ask the operator to allow the origin."}},
		{errNotFound, kind{"not_found", 404, "Not found", "There is nothing at this address."}},
		{login.ErrUnknown, kind{"not_found", 404, "Not found", "There is no such account."}},
		{errMethod, kind{"method_not_allowed", 405, "Method not allowed", "This address takes other methods; see the Allow header."}},
		{errTooSlow, kind{"too_slow", 408, "Request too slow", "The body was not sent in time."}},
		{provision.ErrConflict, kind{"conflict", 409, "Conflict", "An account of this address or username exists and cannot be changed by this call."}},
		{errTooLarge, kind{"too_large", 413, "Request too large", "The body is larger than 64 KiB."}},
		{errMediaType, kind{"unsupported_media_type", 415, "Unsupported media type", "Send JSON with Content-Type: application/json and no Content-Encoding."}},
		{errHost, kind{"misdirected", 421, "Misdirected request", "This host is not served here."}},
		{provision.ErrSeatLimit, kind{"seat_limit", 422, "No seat left", "Mattermost takes no more users; its limit is reached."}},
		{errClientLimited, kind{"rate_limited", 429, "Too many requests", "Too many requests from this network. Try again later."}},
		{upstream.ErrInvalid, kind{"upstream_invalid", 502, "Invalid answer from Mattermost", "The chat server gave an answer that is not its own."}},
		{upstream.ErrAdminToken, kind{"admin_token_rejected", 503, "Admin token rejected", "The chat server did not accept this service. The operator has to look at it."}},
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
	kindInternal  = kind{"internal", 500, "Internal error", "Something went wrong here. The request id helps to find it."}
)

// retryUnavailable is when to come back where nothing better is known.
const retryUnavailable = 5 * time.Second

// problemOf maps an error to what the client may know of it.
func problemOf(err error) Problem {
	var (
		invalid          *login.Invalid
		invalidProvision *provision.Invalid
		limited          *login.Limited
		busy             *login.Busy
		throttled        *upstream.Throttled
		denied           *login.Denied
	)
	switch {
	case errors.As(err, &invalid):
		p := kindInvalid.problem()
		p.Detail = invalid.Error()
		return p
	case errors.As(err, &invalidProvision):
		p := kindInvalid.problem()
		p.Detail = invalidProvision.Error()
		return p
	case errors.As(err, &limited):
		return kindLimited.retry(limited.Decision.RetryAfter)
	case errors.As(err, &busy):
		return kindBusy.retry(busy.RetryAfter)
	case errors.As(err, &throttled):
		return kindThrottled.retry(throttled.RetryAfter)
	}
	for _, row := range problems() {
		if !errors.Is(err, row.is) {
			continue
		}
		p := row.kind.problem()
		if row.is == upstream.ErrUnavailable {
			p.RetryAfter = seconds(retryUnavailable)
		}
		if errors.As(err, &denied) {
			p.AttemptsLeft = &denied.AttemptsLeft
			if denied.CodeWasWrong {
				p.Detail = "The password is right, the code is not, or it was used before. Send the next one as mfa_code."
			}
		}
		return p
	}
	return kindInternal.problem()
}

func (k kind) problem() Problem {
	return Problem{
		Type: "urn:matterpass:problem:" + k.code, Title: k.title, Status: k.status, Detail: k.sentence, Code: k.code,
	}
}

func (k kind) retry(after time.Duration) Problem {
	p := k.problem()
	p.RetryAfter = seconds(after)
	return p
}

// seconds rounds up: a client that comes back too early is refused again.
func seconds(d time.Duration) int {
	return max(1, int(math.Ceil(d.Seconds())))
}

// Fail answers a request with the problem for err. Other packages' refusals go
// through it as well, so that every error of this program has one shape.
func (a *API) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	p.RequestID = middleware.RequestID(r.Context())
	record := middleware.RecordOf(r.Context())
	record.Code, record.Err = p.Code, err
	if isClientGone(r, err) {
		return // the record says 499
	}
	if a.Development {
		p.Detail = strings.TrimSpace(p.Detail + " [" + cut(err.Error(), 200) + "]")
	}
	var limited *login.Limited
	if errors.As(err, &limited) {
		SetAccountLimit(w.Header(), limited.Decision)
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	body, _ := json.Marshal(p) // a struct of strings and numbers
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client may have left; nothing to do about it
}

func isClientGone(r *http.Request, err error) bool {
	return errors.Is(err, context.Canceled) && r.Context().Err() != nil
}

// cut shortens foreign text to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
