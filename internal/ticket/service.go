package ticket

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"matterpass/internal/login"
)

// ErrEmbedder says that a ticket was presented in a page of another origin than
// the one that it was made for. It does not spend the ticket.
var ErrEmbedder = errors.New("the ticket was made for a page of another origin")

// MaxLifetime is the longest that a ticket may live: it only has to travel from
// the ERP's answer to the frame that the answer makes.
const MaxLifetime = time.Minute

// The text of a ticket: a version, so that the form can change while tickets of
// the former are under way, and 256 random bits in base64url.
const (
	version   = "mt1_"
	textBytes = 32
)

// Options wires a Service. Only Tickets is required.
type Options struct {
	Tickets  Tickets
	Lifetime time.Duration // at most MaxLifetime, which is the default
	Origins  []string      // that may embed the chat, exact
	// AllowTopLevel permits tickets without an origin, for a tab of their own.
	AllowTopLevel bool
	// Reserved lists the first segments of paths that no target may have: ours.
	Reserved []string
	Now      func() time.Time
}

// Service makes tickets and opens them. It is safe for concurrent use.
type Service struct{ o Options }

// New returns a Service, or says what is wrong with its options.
func New(o Options) (*Service, error) {
	if o.Lifetime == 0 {
		o.Lifetime = MaxLifetime
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.Tickets == nil:
		return nil, errors.New("launch tickets need a place to keep them")
	case o.Lifetime < time.Second || o.Lifetime > MaxLifetime:
		return nil, fmt.Errorf("launch tickets live between a second and %s", MaxLifetime)
	}
	return &Service{o}, nil
}

// Issue makes a ticket of which only the digest is kept. The times of t are
// ours to set. An *login.Invalid says which field is wrong.
func (s *Service) Issue(ctx context.Context, t Ticket) (text string, expires time.Time, err error) {
	if err := s.check(t); err != nil {
		return "", time.Time{}, err
	}
	t.Created = s.o.Now()
	t.Expires = t.Created.Add(s.o.Lifetime)
	random := make([]byte, textBytes)
	rand.Read(random) // never fails (crypto/rand)
	text = version + base64.RawURLEncoding.EncodeToString(random)
	if err := s.o.Tickets.Put(ctx, sha256.Sum256([]byte(text)), t); err != nil {
		return "", time.Time{}, fmt.Errorf("keep a ticket: %w", err)
	}
	return text, t.Expires, nil
}

func (s *Service) check(t Ticket) error {
	if err := t.Identity.Check(); err != nil {
		return err
	}
	if t.Origin == "" && !s.o.AllowTopLevel || t.Origin != "" && !slices.Contains(s.o.Origins, t.Origin) {
		return &login.Invalid{Field: "origin", Want: "is not an origin that may embed the chat"}
	}
	return s.CheckTarget(t.Target)
}

// CheckTarget answers an *login.Invalid for what is no path of the chat that a
// ticket may lead to. Empty is the default target.
func (s *Service) CheckTarget(target string) error { return checkTarget(target, s.o.Reserved) }

// Open returns what a ticket is good for, and the proof that it is, without
// spending it: for pages that ask first, and for the limits that come before.
// Unknown, malformed, spent and expired ones are all login.ErrSpent; any other
// error means that nobody knows.
func (s *Service) Open(ctx context.Context, text string) (Ticket, login.Proof, error) {
	digest, err := parse(text)
	if err != nil {
		return Ticket{}, login.Proof{}, err
	}
	t, err := s.o.Tickets.Get(ctx, digest)
	switch {
	case errors.Is(err, login.ErrUnknown):
		return Ticket{}, login.Proof{}, login.ErrSpent
	case err != nil:
		return Ticket{}, login.Proof{}, fmt.Errorf("find a ticket: %w", err)
	case !t.isAlive(s.o.Now()):
		return Ticket{}, login.Proof{}, login.ErrSpent
	}
	return t, t.proof(digest), nil
}

// Spend answers nil to exactly one of all the calls for a ticket, on whatever
// instance, and login.ErrSpent to the others. Any other error means that nobody
// knows: the ticket must be refused. It is the one memory of use that a ticket
// has: its proof needs no login.Once besides.
func (s *Service) Spend(ctx context.Context, text string) error {
	digest, err := parse(text)
	if err != nil {
		return err
	}
	err = s.o.Tickets.Spend(ctx, digest)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, login.ErrSpent), errors.Is(err, login.ErrUnknown):
		return login.ErrSpent
	default:
		return fmt.Errorf("spend a ticket: %w", err)
	}
}

// CheckEmbedder holds the origin of the page that embeds us against the
// ticket's: ErrEmbedder where they differ. An empty embedder is no page at all,
// a tab of its own, which any ticket may open once the person has confirmed it.
func (t Ticket) CheckEmbedder(embedder string) error {
	if embedder != "" && embedder != t.Origin {
		return ErrEmbedder
	}
	return nil
}

// isAlive also refuses what comes from a future that no two clocks are apart:
// a clock that was set back must not bring expired tickets to life.
func (t Ticket) isAlive(now time.Time) bool {
	return now.Before(t.Expires) && t.Created.Before(now.Add(MaxLifetime))
}

func (t Ticket) proof(digest Digest) login.Proof {
	return login.Proof{
		Identity: t.Identity, Way: login.ByTicket, ID: base64.RawURLEncoding.EncodeToString(digest[:]),
		IssuedAt: t.Created, ExpiresAt: t.Expires,
	}
}

// parse turns a text into what is stored of it. Looking up by digest tells
// nobody by its duration how much of a guess was right.
func parse(text string) (Digest, error) {
	random, found := strings.CutPrefix(text, version)
	if !found || len(random) != base64.RawURLEncoding.EncodedLen(textBytes) {
		return Digest{}, login.ErrSpent
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(random)
	if err != nil || len(decoded) != textBytes {
		return Digest{}, login.ErrSpent
	}
	return sha256.Sum256([]byte(text)), nil
}
