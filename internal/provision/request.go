package provision

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"matterpass/internal/email"
)

// Mattermost's bounds of a user (docs/mattermost.md E2) and ours of a request.
const (
	nameMost     = 64 // runes
	localeMost   = 5  // bytes
	subjectMost  = 256
	teamsMost    = 20
	channelsMost = 50
)

var (
	localeForm  = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z]{2})?$`)
	teamForm    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	channelForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
)

// wanted is a request that was found sound, with what is configured filled in.
type wanted struct {
	Email    email.Address
	Issuer   string
	Subject  string
	Fields   []Change // those that the request names, in a fixed order
	Password string
	Teams    []Team
	OwnTeams bool // the request named them
	Verified bool
}

func (s *Service) read(in Request) (wanted, error) {
	address, err := email.Parse(in.Email)
	if err != nil {
		return wanted{}, &Invalid{"email", err.Error()}
	}
	w := wanted{Email: address, Issuer: in.Issuer, Subject: in.Subject, Password: in.Password, Teams: s.Teams, Verified: in.EmailVerified}
	if err := checkText("subject", in.Subject, subjectMost); err != nil {
		return wanted{}, err
	}
	if w.Fields, err = readFields(in); err != nil {
		return wanted{}, err
	}
	if in.Password != "" {
		if err := s.Password.check(in.Password, personal(address, w.Fields)); err != nil {
			return wanted{}, err
		}
	}
	if in.Teams != nil {
		w.Teams, w.OwnTeams = in.Teams, true
		err = checkTeams(in.Teams)
	}
	return w, err
}

func readFields(in Request) ([]Change, error) {
	fields := []struct {
		name  string
		value *string
		read  func(field, value string) (string, error)
	}{
		{"username", in.Username, readUsername},
		{"first_name", in.FirstName, readName},
		{"last_name", in.LastName, readName},
		{"nickname", in.Nickname, readName},
		{"locale", in.Locale, readLocale},
	}
	var given []Change
	for _, field := range fields {
		if field.value == nil {
			continue
		}
		value, err := field.read(field.name, *field.value)
		if err != nil {
			return nil, err
		}
		given = append(given, Change{field.name, value})
	}
	return given, nil
}

// readName stores a name as it is given, or not at all.
func readName(field, value string) (string, error) {
	return value, checkText(field, value, nameMost)
}

func readLocale(field, value string) (string, error) {
	if !localeForm.MatchString(value) || len(value) > localeMost {
		return "", &Invalid{field, `is not a language such as "en" or "pt-BR"`}
	}
	return value, nil
}

// checkText refuses what a reader would not see, or would see in another order:
// control characters, line separators, and those that turn the direction of text.
func checkText(field, value string, most int) error {
	switch {
	case !utf8.ValidString(value):
		return &Invalid{field, "is not UTF-8 text"}
	case utf8.RuneCountInString(value) > most:
		return &Invalid{field, fmt.Sprintf("is longer than %d characters", most)}
	case strings.ContainsFunc(value, isUnseen):
		return &Invalid{field, "has control or direction characters"}
	}
	return nil
}

func isUnseen(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) || r == '\ufeff'
}

func checkTeams(teams []Team) error {
	if len(teams) > teamsMost {
		return &Invalid{"teams", fmt.Sprintf("are more than %d", teamsMost)}
	}
	for i, team := range teams {
		field := fmt.Sprintf("teams[%d].", i)
		if !teamForm.MatchString(team.Name) {
			return &Invalid{field + "name", "is not the name in a team's URL"}
		}
		if len(team.Channels) > channelsMost {
			return &Invalid{field + "channels", fmt.Sprintf("are more than %d", channelsMost)}
		}
		for j, channel := range team.Channels {
			if !channelForm.MatchString(channel) {
				return &Invalid{fmt.Sprintf("%schannels[%d]", field, j), "is not the name in a channel's URL"}
			}
		}
	}
	return nil
}

// changes are the fields that the request names and that differ.
func (w wanted) changes(from Profile) []Change {
	var changes []Change
	for _, field := range w.Fields {
		if *from.field(field.Field) != field.Value {
			changes = append(changes, field)
		}
	}
	return changes
}

// field finds a field by its name in a request.
func (p *Profile) field(name string) *string {
	switch name {
	case "username":
		return &p.Username
	case "first_name":
		return &p.FirstName
	case "last_name":
		return &p.LastName
	case "nickname":
		return &p.Nickname
	default:
		return &p.Locale
	}
}

// usernames are the one that the request names, or those to try in turn.
func (w wanted) usernames() []string {
	for _, field := range w.Fields {
		if field.Field == "username" {
			return []string{field.Value}
		}
	}
	return candidates(w.Email)
}

func (w wanted) newAccount(username string) NewAccount {
	account := NewAccount{Email: w.Email, Password: w.Password, Verified: w.Verified}
	for _, field := range w.Fields {
		*account.field(field.Field) = field.Value
	}
	account.Username = username
	if account.Password == "" {
		account.Password = randomPassword()
	}
	return account
}
