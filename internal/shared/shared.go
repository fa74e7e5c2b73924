// Package shared lets several instances act as one through Redis: it runs the
// limiter's script, and says early that a proof was used before.
//
// Redis is never the only one who knows. It may be away, slow, emptied or replaced
// by a replica that lacks the last writes: limits then go on in each instance,
// and whether something is spent is the database's to say. A call costs at most
// [Options.Budget], and nothing at all while the circuit breaker is open.
//
// Keys are hashes; what they were made of never leaves the process.
package shared

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/sony/gobreaker/v2"
)

// Options of [Open].
type Options struct {
	URL    string // redis://… or rediss://…, with user, password and database
	Secret []byte // of the hashes

	Budget   time.Duration     // of one call, connecting included; default 50 ms
	Rest     time.Duration     // between two tries while it is away; default 1 s
	MaxConns int               // default 16
	Changed  func(away string) // called once when it goes, with the reason, and once when it is back, with ""
}

// Redis is one server, or what stands for one. It is safe for concurrent use.
type Redis struct {
	pool    *redis.Pool
	breaker *gobreaker.CircuitBreaker[any]
	secret  []byte
	budget  time.Duration
	changed func(string)
	away    atomic.Bool
	broke   atomic.Int64 // when a connection last turned out to be dead, Unix nanoseconds
}

// Errors of this package. ErrAway comes with a reason in words, never with an address.
var (
	ErrURL  = errors.New("the address of Redis must be redis://… or rediss://…")
	ErrAway = errors.New("redis is away")
)

// Open connects to nothing yet: a Redis that is away at the start may come later.
func Open(o Options) (*Redis, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Host == "" {
		return nil, ErrURL // the parser's own error quotes the address
	}
	o = o.withDefaults()
	r := &Redis{secret: o.Secret, budget: o.Budget, changed: o.Changed}
	r.pool = &redis.Pool{
		MaxIdle: o.MaxConns, MaxActive: o.MaxConns, Wait: true, IdleTimeout: 5 * time.Minute,
		DialContext:  func(ctx context.Context) (redis.Conn, error) { return dial(ctx, o) },
		TestOnBorrow: r.test,
	}
	r.breaker = gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
		Timeout:     o.Rest,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= failuresInRow },
	})
	return r, nil
}

// failuresInRow is how many callers wait for a Redis that went away.
const failuresInRow = 3

func (o Options) withDefaults() Options {
	if o.Budget <= 0 {
		o.Budget = 50 * time.Millisecond
	}
	if o.Rest <= 0 {
		o.Rest = time.Second
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 16
	}
	if o.Changed == nil {
		o.Changed = func(string) {}
	}
	return o
}

// dial signs in within what is left of the budget.
func dial(ctx context.Context, o Options) (redis.Conn, error) {
	rest := left(ctx)
	return redis.DialURLContext(ctx, o.URL, redis.DialClientName("matterpass"),
		redis.DialConnectTimeout(rest), redis.DialTLSHandshakeTimeout(rest),
		redis.DialReadTimeout(rest), redis.DialWriteTimeout(o.Budget))
}

// left is never zero, which would be no bound at all.
func left(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline()
	return max(time.Until(deadline), time.Millisecond)
}

// Close closes the connections that nobody uses; the others follow when they are done.
func (r *Redis) Close() error { return r.pool.Close() }

// key names something without saying what it is.
func (r *Redis) key(kind, value string) string {
	h := hmac.New(sha256.New, r.secret)
	h.Write([]byte(kind + "\x00" + value))
	return "matterpass:" + kind + ":" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// call is one round trip, or none.
func (r *Redis) call(use func(do command) (any, error)) (any, error) { return r.ask(true, use) }

// ask goes again over another connection where that does no harm: nobody knows whether
// Redis did what it was told when the connection broke.
func (r *Redis) ask(again bool, use func(do command) (any, error)) (any, error) {
	reply, err := r.breaker.Execute(func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), r.budget)
		defer cancel()
		reply, err := r.once(ctx, use)
		if isStale(err) { // Redis was restarted while the connection was idle
			r.broke.Store(time.Now().UnixNano())
			if again {
				reply, err = r.once(ctx, use)
			}
		}
		return reply, err
	})
	r.note(err)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrAway, why(err))
	}
	return reply, nil
}

// command is one command on one connection, in what is left of the budget.
type command func(name string, args ...any) (any, error)

func (r *Redis) once(ctx context.Context, use func(command) (any, error)) (any, error) {
	conn, err := r.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return use(func(name string, args ...any) (any, error) {
		return redis.DoWithTimeout(conn, left(ctx), name, args...)
	})
}

// test gives up the connections that were idle when another one broke: they are
// as old, and each would cost a call until Redis is believed to be away.
func (r *Redis) test(_ redis.Conn, idleSince time.Time) error {
	if idleSince.UnixNano() < r.broke.Load() {
		return errBroke
	}
	return nil
}

var errBroke = errors.New("redis was restarted since")

func isStale(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// note tells of the two moments that somebody may want to know of.
func (r *Redis) note(err error) {
	switch {
	case err == nil && r.away.CompareAndSwap(true, false):
		r.changed("")
	case err != nil && r.breaker.State() == gobreaker.StateOpen && r.away.CompareAndSwap(false, true):
		r.changed(why(err))
	}
}

// why explains an error without quoting it: an answer of Redis's may hold a key.
func why(err error) string {
	var reply redis.Error
	switch {
	case errors.As(err, &reply):
		word, _, _ := strings.Cut(string(reply), " ")
		return whyNot(word)
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return "it did not answer lately"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "it takes too long to answer"
	}
	return "it cannot be reached"
}

func isTimeout(err error) bool {
	var e interface{ Timeout() bool }
	return errors.As(err, &e) && e.Timeout()
}

// whyNot knows the first word of Redis's refusals.
func whyNot(word string) string {
	switch word {
	case "READONLY", "MASTERDOWN":
		return "it is a replica (" + word + ")"
	case "OOM":
		return "its memory is full (OOM): raise maxmemory"
	case "MISCONF":
		return "it cannot save its data (MISCONF)"
	case "LOADING", "BUSY", "TRYAGAIN":
		return "it is busy (" + word + ")"
	case "WRONGPASS", "NOAUTH", "NOPERM":
		return "it refuses the user or the password (" + word + ")"
	case "MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN":
		return "it is a cluster (" + word + "), which is not supported"
	}
	return "it refuses the command"
}
