package main

import (
	"context"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"matterpass/internal/config"
	"matterpass/internal/limit"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
	"matterpass/internal/middleware"
	"matterpass/internal/mint"
	"matterpass/internal/observe"
	"matterpass/internal/provision"
)

// telemetry turns what the packages tell into log lines and metrics.
type telemetry struct {
	log     zerolog.Logger
	metrics *observe.Metrics
	person  func(email string) string
	queue   *observe.Queue
}

func newTelemetry(cfg config.Config, out io.Writer, secret []byte) *telemetry {
	queue := observe.NewQueue(out, 0)
	t := &telemetry{
		queue:   queue,
		metrics: observe.NewMetrics(observe.MetricsOptions{Version: version}),
		person:  observe.Person(derive(secret, "people in the log"), cfg.Production()),
		log: observe.NewLogger(observe.LogOptions{
			Out: queue, Format: string(cfg.Log.Format), Level: string(cfg.Log.Level), Terminal: isTerminal(out),
		}),
	}
	t.metrics.WatchDropped(queue.Dropped)
	return t
}

// isTerminal reports whether people watch out.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// close writes out what waits, for a second at most.
func (t *telemetry) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = t.queue.Close(ctx) // the lines are lost; there is nowhere left to say so
}

// request writes the one record of a request.
func (t *telemetry) request(r middleware.Record) {
	t.metrics.Request(r.Route, r.Method, r.Status, r.Duration)
	e := t.log.WithLevel(levelOf(r)).
		Str("request_id", r.RequestID).Str("method", observe.Foreign(r.Method)).Str("route", r.Route).
		Int("status", r.Status).Int64("bytes", r.Bytes).Dur("ms", r.Duration)
	if r.Client.IsValid() {
		e.Stringer("client", r.Client)
	}
	optional(e, "code", r.Code)
	optional(e, "key", r.Key)
	optional(e, "user_agent", r.UserAgent)
	if r.Err != nil {
		e.Str("error", observe.Foreign(r.Err.Error()))
	}
	if len(r.Stack) > 0 {
		e.Bytes("stack", r.Stack)
	}
	e.Msg("request")
}

// levelOf makes what is our fault an error and what is Mattermost's a warning;
// probes are for debugging.
func levelOf(r middleware.Record) zerolog.Level {
	switch {
	case r.Status == 500 || len(r.Stack) > 0:
		return zerolog.ErrorLevel
	case r.Status > 500:
		return zerolog.WarnLevel
	case r.Route == "/healthz" || r.Route == "/readyz" || r.Route == "/metrics":
		return zerolog.DebugLevel
	default:
		return zerolog.InfoLevel
	}
}

func optional(e *zerolog.Event, key, value string) {
	if value != "" {
		e.Str(key, value)
	}
}

func (t *telemetry) signIn(ctx context.Context, o login.Outcome) {
	t.metrics.SignIn(o.Way, o.Result)
	e := t.log.Info().Str("request_id", middleware.RequestID(ctx)).Str("way", o.Way).Str("result", o.Result).
		Str("person", t.person(o.Account)).Dur("ms", o.Took)
	optional(e, "user_id", o.UserID)
	optional(e, "reason", observe.Foreign(o.Reason))
	if o.Client.Addr.IsValid() {
		e.Stringer("client", o.Client.Addr)
	}
	e.Msg("sign-in")
}

// checked tells of what readiness rests on, once it fails and once it is back.
func (t *telemetry) checked(check string, err error) {
	if err == nil {
		t.log.Info().Str("check", check).Msg("a check holds again")
		return
	}
	t.log.Warn().Str("check", check).Str("error", observe.Foreign(err.Error())).Msg("a check fails")
}

// redisChanged tells the two moments that an operator may want to know of.
func (t *telemetry) redisChanged(away string) {
	if away == "" {
		t.log.Info().Msg("redis is back")
		return
	}
	t.log.Warn().Str("cause", away).Msg("redis is away: limits count for each instance by itself")
}

// providerTroubled tells of an identity provider that cannot be reached, or is not
// what its address says.
func (t *telemetry) providerTroubled(_ context.Context, issuer string, err error) {
	t.log.Warn().Str("issuer", observe.Foreign(issuer)).Str("error", observe.Foreign(err.Error())).Msg("identity provider")
}

// keysFetched tells why the ERP's public keys cannot be had, once for each try.
func (t *telemetry) keysFetched(err error) {
	if err != nil {
		t.log.Warn().Str("error", observe.Foreign(err.Error())).Msg("keys of the ERP (JWT_JWKS_URL)")
	}
}

// linked writes who became whose account, or is no longer.
func (t *telemetry) linked(ctx context.Context, l login.Link, made bool) {
	t.log.Info().Str("request_id", middleware.RequestID(ctx)).Bool("made", made).Str("by", l.By).
		Str("issuer", observe.Foreign(l.Issuer)).Str("person", t.person(l.Issuer+" "+l.Subject)).Str("user_id", l.UserID).Msg("link")
}

// minted writes what became of an account's password, or of the way of making
// sessions.
func (t *telemetry) minted(ctx context.Context, e mint.Event) {
	line := t.log.Info()
	if e.Err != nil {
		line = t.log.Warn().Str("error", observe.Foreign(e.Err.Error()))
	}
	line.Str("request_id", middleware.RequestID(ctx)).Str("what", e.What)
	optional(line, "user_id", e.UserID)
	optional(line, "kid", e.Kid)
	if e.Ended {
		line.Bool("other_sessions_ended", true)
	}
	line.Msg("minting")
}

func (t *telemetry) provisioned(ctx context.Context, o provision.Outcome) {
	e := t.log.Info().Str("request_id", middleware.RequestID(ctx)).Str("result", o.Result).
		Str("person", t.person(o.Email)).Strs("changed", o.Changed).Dur("ms", o.Took)
	optional(e, "user_id", o.UserID)
	e.Msg("provision")
}

func (t *telemetry) refused(limiter string) func() {
	return func() { t.metrics.Refused(limiter) }
}

// watch shows the state of what can be asked at any time.
func (t *telemetry) watch(client *mattermost.Client, service *login.Service, limiters map[string]*limit.Limiter) {
	t.metrics.WatchBreaker(client.BreakerState)
	t.metrics.WatchWaiting(service.Waiting)
	for name, l := range limiters {
		t.metrics.WatchLimiter(name, l.Len, l.Overflowed)
	}
}

// errorLog takes what net/http says of broken clients, for debugging.
func (t *telemetry) errorLog() *log.Logger {
	return log.New(lines(func(line string) {
		level := zerolog.DebugLevel
		if strings.HasPrefix(line, "http: Accept error") || strings.HasPrefix(line, "http: panic") {
			level = zerolog.ErrorLevel // not a client's doing
		}
		t.log.WithLevel(level).Str("error", observe.Foreign(line)).Msg("connection")
	}), "", 0)
}

type lines func(string)

func (f lines) Write(b []byte) (int, error) {
	f(strings.TrimSpace(string(b)))
	return len(b), nil
}
