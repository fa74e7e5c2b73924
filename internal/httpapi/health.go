package httpapi

import (
	"net/http"

	"matterpass/internal/doctor"
)

// alive says that the process answers; it asks nobody.
func (a *API) alive(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness says whether everything is as it should be, or with ?vital whether traffic
// that comes here is served. Which check failed is for the
// operator: in development, and on the admin listener.
func (a *API) readiness(w http.ResponseWriter, r *http.Request) error {
	return a.replyReady(w, r, a.Development)
}

// Readiness is the same for the admin listener, with every check named.
func (a *API) Readiness() http.Handler {
	return a.serve(func(w http.ResponseWriter, r *http.Request) error { return a.replyReady(w, r, true) })
}

type readyAnswer struct {
	Status string        `json:"status"` // ready, not_ready
	Checks []checkAnswer `json:"checks,omitempty"`
}

type checkAnswer struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Cause string `json:"cause,omitempty"`
}

func (a *API) replyReady(w http.ResponseWriter, r *http.Request, verbose bool) error {
	report := a.Board.Report(r.Context())
	answer, status := readyAnswer{Status: "ready"}, http.StatusOK
	fit := report.Ready()
	if r.URL.Query().Has("vital") {
		fit = report.Serving()
	}
	if !fit {
		answer.Status, status = "not_ready", http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "5")
	}
	if verbose {
		answer.Checks = checksOf(report)
	}
	return reply(w, status, answer)
}

func checksOf(report doctor.Report) []checkAnswer {
	checks := make([]checkAnswer, 0, len(report.Results))
	for _, result := range report.Results {
		answer := checkAnswer{Name: result.Name, OK: result.Err == nil}
		if result.Err != nil {
			answer.Cause = cut(result.Err.Error(), 200)
		}
		checks = append(checks, answer)
	}
	return checks
}

type healthAnswer struct {
	Status     string `json:"status"` // ok, degraded, down
	Message    string `json:"message"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds
}

// health is the widget's question before it loads anything.
func (a *API) health(w http.ResponseWriter, r *http.Request) error {
	switch a.Board.Report(r.Context()).State() {
	case doctor.OK:
		return reply(w, http.StatusOK, healthAnswer{Status: "ok", Message: "Chat is available."})
	case doctor.Degraded:
		return reply(w, http.StatusOK, healthAnswer{Status: "degraded", Message: "Chat is available; some functions are not."})
	default:
		w.Header().Set("Retry-After", "5")
		return reply(w, http.StatusServiceUnavailable, healthAnswer{
			Status: "down", Message: "The chat server is not available right now.", RetryAfter: seconds(retryUnavailable),
		})
	}
}
