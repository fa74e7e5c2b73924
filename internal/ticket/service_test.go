package ticket_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/login"
	"matterpass/internal/ticket"
)

const erp = "https://erp.example.com"

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// memory keeps tickets as a database would.
type memory struct {
	mu    sync.Mutex
	kept  map[ticket.Digest]ticket.Ticket
	spent map[ticket.Digest]bool
	err   error
}

func newMemory() *memory {
	return &memory{kept: map[ticket.Digest]ticket.Ticket{}, spent: map[ticket.Digest]bool{}}
}

func (m *memory) Put(_ context.Context, d ticket.Digest, t ticket.Ticket) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[d] = t
	return m.err
}

func (m *memory) Get(_ context.Context, d ticket.Digest) (ticket.Ticket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, found := m.kept[d]
	if m.err == nil && (!found || m.spent[d]) {
		return ticket.Ticket{}, login.ErrUnknown
	}
	return t, m.err
}

func (m *memory) Spend(_ context.Context, d ticket.Digest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, found := m.kept[d]; m.err == nil && !found {
		return login.ErrUnknown
	}
	if m.err == nil && m.spent[d] {
		return login.ErrSpent
	}
	m.spent[d] = true
	return m.err
}

func dana() ticket.Ticket {
	return ticket.Ticket{
		Identity: login.Identity{Issuer: "erp", Subject: "4711", Email: "dana@erp.test", Name: "Dana"},
		Origin:   erp, Target: "/erp/channels/orders",
	}
}

func newService(t testing.TB, change ...func(*ticket.Options)) *ticket.Service {
	t.Helper()
	o := ticket.Options{
		Tickets: newMemory(), Origins: []string{erp}, Reserved: []string{"launch", "embed", "auth"},
		Now: func() time.Time { return noon },
	}
	for _, c := range change {
		c(&o)
	}
	s, err := ticket.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func issue(t testing.TB, s *ticket.Service) string {
	t.Helper()
	text, _, err := s.Issue(t.Context(), dana())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestATicketIsGoodForWhatItWasMadeFor(t *testing.T) {
	s := newService(t)
	text, expires, err := s.Issue(t.Context(), dana())
	if err != nil || !expires.Equal(noon.Add(time.Minute)) {
		t.Fatalf("%s, %v", expires, err)
	}
	want := dana()
	want.Created, want.Expires = noon, expires
	digest := sha256.Sum256([]byte(text))
	proof := login.Proof{
		Identity: want.Identity, Way: login.ByTicket, ID: base64.RawURLEncoding.EncodeToString(digest[:]),
		IssuedAt: noon, ExpiresAt: expires,
	}
	for range 3 { // to look does not spend
		got, gotProof, err := s.Open(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got) + cmp.Diff(proof, gotProof); diff != "" {
			t.Error(diff)
		}
	}
	if err := s.Spend(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open(t.Context(), text); !errors.Is(err, login.ErrSpent) {
		t.Errorf("opened after it was spent: %v", err)
	}
	if err := s.Spend(t.Context(), text); !errors.Is(err, login.ErrSpent) {
		t.Errorf("spent twice: %v", err)
	}
}

func TestOnlyTheDigestOfATicketIsKept(t *testing.T) {
	m := newMemory()
	s := newService(t, func(o *ticket.Options) { o.Tickets = m })
	seen := map[string]bool{}
	for range 100 {
		text := issue(t, s)
		random, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "mt1_"))
		if err != nil || len(random) != 32 || seen[text] {
			t.Fatalf("%q has %d random bytes, %v", text, len(random), err)
		}
		seen[text] = true
		if _, found := m.kept[sha256.Sum256([]byte(text))]; !found {
			t.Fatal("it is not kept by its digest")
		}
	}
}

func TestOneOfAHundredSpends(t *testing.T) {
	s := newService(t)
	text := issue(t, s)
	var (
		wg    sync.WaitGroup
		spent atomic.Int64
	)
	for range 100 {
		wg.Go(func() {
			switch err := s.Spend(context.Background(), text); {
			case err == nil:
				spent.Add(1)
			case !errors.Is(err, login.ErrSpent):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := spent.Load(); got != 1 {
		t.Errorf("%d spends", got)
	}
}

func TestTextsThatAreNoTicketNeverReachTheStore(t *testing.T) {
	m := newMemory()
	s := newService(t, func(o *ticket.Options) { o.Tickets = m })
	text := issue(t, s)
	m.err = errors.New("was asked")
	cases := map[string]string{
		"empty":                 "",
		"version only":          "mt1_",
		"another version":       "mt2_" + text[4:],
		"without a version":     text[4:],
		"cut":                   text[:len(text)-1],
		"longer":                text + "A",
		"padded":                text + "=",
		"with a line break":     text[:len(text)-1] + "\n",
		"of another alphabet":   text[:len(text)-1] + "+",
		"in a second spelling":  "mt1_" + strings.Repeat("A", 42) + "B",
		"with a leading space":  " " + text,
		"with the URL's #":      "#" + text,
		"very long":             "mt1_" + strings.Repeat("A", 1<<20),
		"line breaks that skip": "mt1_" + strings.Repeat("A", 39) + "\n\n\n\n",
	}
	for name, text := range cases {
		if _, _, err := s.Open(t.Context(), text); !errors.Is(err, login.ErrSpent) {
			t.Errorf("%s: opened: %v", name, err)
		}
		if err := s.Spend(t.Context(), text); !errors.Is(err, login.ErrSpent) {
			t.Errorf("%s: spent: %v", name, err)
		}
	}
}

func TestTicketsEndAndStayEnded(t *testing.T) {
	now := noon
	s := newService(t, func(o *ticket.Options) { o.Now = func() time.Time { return now } })
	text := issue(t, s)
	cases := []struct {
		name  string
		at    time.Duration
		alive bool
	}{
		{"just before the end", time.Minute - 1, true},
		{"at the end", time.Minute, false},
		{"another instance's clock is behind", -30 * time.Second, true},
		{"the clock was set back an hour", -time.Hour, false},
	}
	for _, c := range cases {
		now = noon.Add(c.at)
		_, _, err := s.Open(t.Context(), text)
		if (err == nil) != c.alive || err != nil && !errors.Is(err, login.ErrSpent) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestAStoreThatDoesNotKnowIsNoAnswer(t *testing.T) {
	m := newMemory()
	s := newService(t, func(o *ticket.Options) { o.Tickets = m })
	text := issue(t, s)
	m.err = login.ErrStoreUnavailable
	_, _, openErr := s.Open(t.Context(), text)
	_, _, issueErr := s.Issue(t.Context(), dana())
	for name, err := range map[string]error{"open": openErr, "issue": issueErr, "spend": s.Spend(t.Context(), text)} {
		if !errors.Is(err, login.ErrStoreUnavailable) || errors.Is(err, login.ErrSpent) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	never := newService(t)
	if err := never.Spend(t.Context(), text); !errors.Is(err, login.ErrSpent) {
		t.Errorf("a ticket that nobody issued: got %v", err)
	}
}

func TestOnlyThePageThatItWasMadeForMayEmbedATicket(t *testing.T) {
	topLevel := dana()
	topLevel.Origin = ""
	cases := map[string]struct {
		ticket   ticket.Ticket
		embedder string
		want     error
	}{
		"its own page":                 {dana(), erp, nil},
		"a tab of its own":             {dana(), "", nil},
		"another page":                 {dana(), "https://evil.example", ticket.ErrEmbedder},
		"another port":                 {dana(), erp + ":8443", ticket.ErrEmbedder},
		"a page without an origin":     {dana(), "null", ticket.ErrEmbedder},
		"top level only, in a page":    {topLevel, erp, ticket.ErrEmbedder},
		"top level only, at top level": {topLevel, "", nil},
	}
	for name, c := range cases {
		if err := c.ticket.CheckEmbedder(c.embedder); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTicketsThatCouldNotBeRedeemedAreNotIssued(t *testing.T) {
	cases := map[string]struct {
		change func(*ticket.Ticket)
		field  string
	}{
		"no subject":         {func(t *ticket.Ticket) { t.Identity.Subject = "" }, "subject"},
		"no issuer":          {func(t *ticket.Ticket) { t.Identity.Issuer = "" }, "issuer"},
		"no address":         {func(t *ticket.Ticket) { t.Identity.Email = "" }, "email"},
		"no origin":          {func(t *ticket.Ticket) { t.Origin = "" }, "origin"},
		"unknown origin":     {func(t *ticket.Ticket) { t.Origin = "https://evil.example" }, "origin"},
		"origin with a path": {func(t *ticket.Ticket) { t.Origin = erp + "/" }, "origin"},
		"a target elsewhere": {func(t *ticket.Ticket) { t.Target = "https://evil.example" }, "target"},
	}
	s := newService(t)
	for name, c := range cases {
		request := dana()
		c.change(&request)
		_, _, err := s.Issue(t.Context(), request)
		var invalid *login.Invalid
		if !errors.As(err, &invalid) || invalid.Field != c.field {
			t.Errorf("%s: got %v", name, err)
		}
	}
	open := newService(t, func(o *ticket.Options) { o.AllowTopLevel = true })
	request := dana()
	request.Origin = ""
	if _, _, err := open.Issue(t.Context(), request); err != nil {
		t.Errorf("top level is allowed: %v", err)
	}
}

func TestOptionsThatWouldNotProtectAreRefused(t *testing.T) {
	cases := map[string]ticket.Options{
		"no store":            {},
		"more than a minute":  {Tickets: newMemory(), Lifetime: time.Minute + 1},
		"a negative lifetime": {Tickets: newMemory(), Lifetime: -time.Second},
	}
	for name, o := range cases {
		if _, err := ticket.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := ticket.New(ticket.Options{Tickets: newMemory()}); err != nil {
		t.Error(err)
	}
}
