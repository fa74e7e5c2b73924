package login_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"matterpass/internal/email"
	"matterpass/internal/login"
)

const danaID = "dddddddddddddddddddddddddd"

// world is everything around a sign-in without a password, in memory.
type world struct {
	*mattermost
	mu       sync.Mutex
	spent    map[string]string
	spendErr error
	accounts map[string]login.Account
	links    []login.Link
	created  []email.Address
	creating []email.Address
	cut      []string
	minted   []login.Minting
	records  map[string]login.Record
	ended    map[string]string
	begin    error
	last     login.Record // of the identity
	latest   login.Record // of whoever used the browser
	verify   func(assertion string, use login.Use) (login.Proof, error)
	mint     func(login.Minting) (login.Session, error)
	outcomes []login.Outcome
}

func (w *world) Spend(_ context.Context, s login.Spending) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.spendErr != nil {
		return w.spendErr
	}
	owner, spent := w.spent[s.Key]
	if spent && (owner == "" || owner != s.Owner) {
		return login.ErrSpent
	}
	w.spent[s.Key] = s.Owner
	return nil
}

func (w *world) FindLink(_ context.Context, issuer, subject string) (login.Link, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.links {
		if l.Issuer == issuer && l.Subject == subject {
			return l, nil
		}
	}
	return login.Link{}, login.ErrUnknown
}

func (w *world) LinksOf(_ context.Context, userID string) (found []login.Link, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.links {
		if l.UserID == userID {
			found = append(found, l)
		}
	}
	return found, nil
}

func (w *world) AddLink(_ context.Context, link login.Link) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links = append(w.links, link)
	return nil
}

func (w *world) RemoveLink(_ context.Context, issuer, subject string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.links)
	w.links = slices.DeleteFunc(w.links, func(l login.Link) bool { return l.Issuer == issuer && l.Subject == subject })
	if len(w.links) == before {
		return login.ErrUnknown
	}
	return nil
}

func (w *world) Creating(_ context.Context, address email.Address) error {
	w.creating = append(w.creating, address)
	return nil
}

func (w *world) MarkCreated(_ context.Context, _ string, address email.Address) error {
	w.created = append(w.created, address)
	return nil
}

func (w *world) IsCreated(_ context.Context, a login.Account) (bool, error) {
	return slices.Contains(w.created, a.Email), nil
}

func (w *world) AccountByID(_ context.Context, id string) (login.Account, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a, ok := w.accounts[id]; ok {
		return a, nil
	}
	return login.Account{}, login.ErrUnknown
}

func (w *world) AccountByEmail(_ context.Context, address email.Address) (login.Account, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.accounts {
		if a.Email == address {
			return a, nil
		}
	}
	return login.Account{}, login.ErrUnknown
}

func (w *world) Create(_ context.Context, who login.Identity) (string, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.accounts {
		if a.Email == who.Email {
			return a.ID, false, nil
		}
	}
	w.accounts[danaID] = login.Account{User: login.User{ID: danaID, Email: who.Email}}
	return danaID, true, nil
}

func (w *world) CutOff(_ context.Context, userID string) error {
	w.cut = append(w.cut, userID)
	return nil
}

func (w *world) Mint(_ context.Context, m login.Minting) (login.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.minted = append(w.minted, m)
	if w.mint != nil {
		return w.mint(m)
	}
	return login.Session{User: m.Account.User, Token: token, CSRF: oldToken}, nil
}

func (w *world) Verify(_ context.Context, assertion string, use login.Use) (login.Proof, error) {
	return w.verify(assertion, use)
}

func newWorld() *world {
	return &world{
		mattermost: &mattermost{}, spent: map[string]string{}, records: map[string]login.Record{}, ended: map[string]string{},
		accounts: map[string]login.Account{userID: {
			User: login.User{ID: userID, Username: "demo", Email: "demo@erp.test"}, EmailVerified: true, Roles: []string{"system_user"},
		}},
	}
}

func (w *world) service(change ...func(*login.Options)) *login.Service {
	return newService(w.mattermost, append([]func(*login.Options){func(o *login.Options) {
		o.Sessions, o.Records = w.mattermost, recordsOf{w}
		o.Proofs = login.Proofs{
			Verifier: w, Once: w, Links: w, Origins: w, People: w, Newcomers: w, Cutter: w, Minter: w,
			Identities: allow(always), AskMFA: true,
		}
		o.Decided = func(_ context.Context, out login.Outcome) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.outcomes = append(w.outcomes, out)
		}
	}}, change...)...)
}

// recordsOf is the world's memory of sessions.
type recordsOf struct{ *world }

func (r recordsOf) Begin(_ context.Context, token string, record login.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records[token] = record
	return r.begin
}

func (r recordsOf) Find(_ context.Context, token string) (login.Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if record, ok := r.records[token]; ok {
		return record, nil
	}
	return login.Record{}, login.ErrUnknown
}

func (r recordsOf) Touch(context.Context, string, time.Time) error { return nil }

func (r recordsOf) End(_ context.Context, token, by string, delivered bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[token] = by
	return nil
}

func (r recordsOf) EndOf(context.Context, login.Identity, string) error { return nil }
func (r recordsOf) EndUser(context.Context, string, string) error       { return nil }
func (r recordsOf) Overdue(context.Context, time.Time, time.Duration, time.Duration) error {
	return nil
}

func (r recordsOf) LastOn(_ context.Context, device string, who login.Identity) (login.Record, error) {
	if who == (login.Identity{}) && r.latest.UserID != "" {
		return r.latest, nil
	}
	if r.last.UserID == "" || device == "" {
		return login.Record{}, login.ErrUnknown
	}
	return r.last, nil
}

func (r recordsOf) Undelivered(context.Context, int) ([]login.Revocation, error) { return nil, nil }
func (r recordsOf) Delivered(context.Context, string) error                      { return nil }

func demo() login.Proof {
	return login.Proof{
		Identity: login.Identity{Issuer: "https://erp.test", Subject: "4711", Email: "demo@erp.test", EmailVerified: true},
		Way:      login.ByAssertion, ID: "jti-1", IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute),
	}
}

func visit() login.Visit {
	return login.Visit{Client: login.Client{Addr: netip.MustParseAddr("192.0.2.1")}}
}

func (r recordsOf) Identify(_ context.Context, token, userID, sessionID string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	record := r.records[token]
	record.UserID, record.SessionID = userID, sessionID
	r.records[token] = record
	return nil
}
