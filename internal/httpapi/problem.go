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
	Spent        bool   `json:"spent,omitempty"`         // the assertion or ticket is used up; a retry needs a fresh one
	Name         string `json:"name,omitempty"`          // whom confirmation_required asks about
}

// retryUnavailable is when to come back where nothing better is known.
const retryUnavailable = 5 * time.Second

// problemOf maps an error to what the client may know of it.
func problemOf(err error) Problem {
	p, ok := carriedBy(err)
	if !ok {
		p = listed(err)
	}
	var spent *login.Spent
	p.Spent = errors.As(err, &spent) || errors.Is(err, login.ErrSpent) || errors.Is(err, errTicketSpent)
	return p
}

// carriedBy is for errors with data that the client needs.
func carriedBy(err error) (Problem, bool) {
	var (
		invalid          *login.Invalid
		invalidProvision *provision.Invalid
		limited          *login.Limited
		busy             *login.Busy
		throttled        *upstream.Throttled
		confirm          *confirmation
	)
	switch {
	case errors.As(err, &invalid):
		return kindInvalid.because(invalid), true
	case errors.As(err, &invalidProvision):
		return kindInvalid.because(invalidProvision), true
	case errors.As(err, &limited):
		return kindLimited.retry(limited.Decision.RetryAfter), true
	case errors.As(err, &busy):
		return kindBusy.retry(busy.RetryAfter), true
	case errors.As(err, &throttled):
		return kindThrottled.retry(throttled.RetryAfter), true
	case errors.As(err, &confirm):
		p := kindConfirm.problem()
		p.Name = confirm.name
		return p, true
	}
	return Problem{}, false
}

// listed finds an error in the vocabulary.
func listed(err error) Problem {
	for _, row := range problems() {
		if !errors.Is(err, row.is) {
			continue
		}
		p := row.kind.problem()
		if p.Status == http.StatusServiceUnavailable && row.is != upstream.ErrAdminToken {
			p.RetryAfter = seconds(retryUnavailable)
		}
		addTries(&p, err)
		return p
	}
	return kindInternal.problem()
}

func addTries(p *Problem, err error) {
	var denied *login.Denied
	if !errors.As(err, &denied) {
		return
	}
	p.AttemptsLeft = &denied.AttemptsLeft
	if denied.CodeWasWrong {
		p.Detail = "The password is right, the code is not, or it was used before. Send the next one as mfa_code."
	}
}

func (k kind) because(err error) Problem {
	p := k.problem()
	p.Detail = err.Error()
	return p
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
