package provision_test

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"matterpass/internal/email"
	"matterpass/internal/provision"
)

// memory is a Directory that keeps everything in itself, with Mattermost's rules
// of uniqueness. fail lets a call fail by its name.
type memory struct {
	mu       sync.Mutex
	accounts map[string]provision.Account
	created  []provision.NewAccount
	updates  []provision.Change
	members  map[string]bool // "place/user"
	calls    []string
	fail     map[string]error
	// blind hides accounts from the first ByEmail of each address, so that a race
	// is lost on purpose.
	blind map[email.Address]int
}

func newMemory(accounts ...provision.Account) *memory {
	m := &memory{accounts: map[string]provision.Account{}, members: map[string]bool{}, fail: map[string]error{}, blind: map[email.Address]int{}}
	for _, a := range accounts {
		m.accounts[a.ID] = a
	}
	return m
}

func (m *memory) begin(ctx context.Context, call string) error {
	m.calls = append(m.calls, call)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return m.fail[strings.Fields(call)[0]]
}

func (m *memory) ByEmail(ctx context.Context, address email.Address) (provision.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(ctx, "find"); err != nil {
		return provision.Account{}, err
	}
	if m.blind[address] > 0 {
		m.blind[address]--
		return provision.Account{}, provision.ErrUnknown
	}
	for _, a := range m.accounts {
		if a.Email == address {
			return a, nil
		}
	}
	return provision.Account{}, provision.ErrUnknown
}

func (m *memory) Create(ctx context.Context, n provision.NewAccount) (provision.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(ctx, "create"); err != nil {
		return provision.Account{}, err
	}
	if m.hasUsername(n.Username) {
		return provision.Account{}, provision.ErrUsernameTaken
	}
	for _, a := range m.accounts {
		if a.Email == n.Email {
			return provision.Account{}, provision.ErrEmailTaken
		}
	}
	a := provision.Account{ID: fmt.Sprintf("%026d", len(m.accounts)), Email: n.Email, Profile: n.Profile, Roles: []string{"system_user"}}
	m.accounts[a.ID] = a
	m.created = append(m.created, n)
	return a, nil
}

func (m *memory) hasUsername(username string) bool {
	for _, a := range m.accounts {
		if a.Username == username {
			return true
		}
	}
	return false
}

func (m *memory) Update(ctx context.Context, id string, changes []provision.Change) (provision.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(ctx, "update"); err != nil {
		return provision.Account{}, err
	}
	a := m.accounts[id]
	for _, c := range changes {
		if c.Field == "username" {
			if m.hasUsername(c.Value) {
				return provision.Account{}, provision.ErrUsernameTaken
			}
			a.Username = c.Value
		}
	}
	for _, c := range changes {
		switch c.Field {
		case "first_name":
			a.FirstName = c.Value
		case "last_name":
			a.LastName = c.Value
		case "nickname":
			a.Nickname = c.Value
		case "locale":
			a.Locale = c.Value
		}
	}
	m.updates = append(m.updates, changes...)
	m.accounts[id] = a
	return a, nil
}

func (m *memory) TeamID(ctx context.Context, name string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(ctx, "team "+name); err != nil {
		return "", err
	}
	if strings.HasPrefix(name, "no-") {
		return "", provision.ErrUnknown
	}
	return "team-" + name, nil
}

func (m *memory) ChannelID(ctx context.Context, team, name string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(ctx, "channel "+name); err != nil {
		return "", err
	}
	if strings.HasPrefix(name, "no-") {
		return "", provision.ErrUnknown
	}
	return team + "-channel-" + name, nil
}

func (m *memory) JoinTeam(ctx context.Context, team, user string) error {
	return m.join(ctx, team, user)
}

func (m *memory) JoinChannel(ctx context.Context, channel, user string) error {
	return m.join(ctx, channel, user)
}

func (m *memory) join(ctx context.Context, place, user string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(ctx, "join"); err != nil {
		return err
	}
	m.members[place+"/"+user] = true
	return nil
}
