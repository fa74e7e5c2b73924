package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// TeamSlug is the first part of a Mattermost team's addresses.
type TeamSlug string

var (
	// The patterns are Mattermost's own (model.IsValidTeamName, IsValidChannelIdentifier).
	teamPattern    = regexp.MustCompile(`^[a-z0-9]+([a-z\-0-9]+|(__)?)[a-z0-9]+$`)
	channelPattern = regexp.MustCompile(`^[a-z0-9]+([a-z\-_0-9]+|(__)?)[a-z0-9]*$`)

	// ours are first path segments that Matterpass answers itself: a team of that
	// name could not be reached.
	ours = []string{
		"api", "embed", "embed-doctor", "launch", "widget", "auth", "scim", "healthz", "readyz",
		"metrics", "admin", "debug", "static", "plugins",
	}
	// reserved are the beginnings that Mattermost allows no team (model.IsReservedTeamName).
	reserved = []string{
		"admin", "api", "channel", "claim", "error", "files", "help", "landing", "login", "mfa",
		"oauth", "plug", "plugins", "post", "signup", "boards", "playbooks",
	}
)

// OwnSegments lists the first path segments that Matterpass answers itself.
func OwnSegments() []string { return slices.Clone(ours) }

// Decode applies Mattermost's rule and keeps Matterpass's own paths free.
func (s *TeamSlug) Decode(text string) error {
	switch {
	case text == "":
		return nil
	case !teamPattern.MatchString(text) || len(text) > 64:
		return fault{shown(text) + " cannot be a team", "use the part of the team's address: 2 to 64 of a-z, 0-9 and -, beginning and ending with a letter or digit"}
	case slices.Contains(ours, text):
		return fault{shown(text) + " is a path of Matterpass's own", "give the team another address in Mattermost: this one could not be reached"}
	case slices.ContainsFunc(reserved, func(word string) bool { return strings.HasPrefix(text, word) }):
		return fault{shown(text) + " begins with a word that Mattermost reserves", "use the part of the team's address as Mattermost shows it"}
	}
	*s = TeamSlug(text)
	return nil
}

// Routes is a list of groups of Mattermost's routes, see internal/gateway.
type Routes []string

// Decode reads a comma-separated list.
func (r *Routes) Decode(text string) error {
	var errs []error
	list := entries(text)
	for i, name := range list {
		var group string
		if err := choose(&group, name, "signup", "sso", "oauth", "reset", "tokens"); err != nil {
			errs = append(errs, err)
		}
		if slices.Contains(list[:i], name) {
			errs = append(errs, fault{nth(i) + " (" + shown(name) + ") is there twice", "keep one"})
		}
	}
	*r = list
	return errors.Join(errs...)
}

// String is what Decode reads.
func (r Routes) String() string { return strings.Join(r, ",") }

// Channels is a list of channel names, as in their addresses.
type Channels []string

// Decode reads a comma-separated list.
func (c *Channels) Decode(text string) error {
	list := entries(text)
	var errs []error
	for i, name := range list {
		switch {
		case !channelPattern.MatchString(name) || len(name) > 64:
			errs = append(errs, fault{nth(i) + " (" + shown(name) + ") cannot be a channel", "use the part of the channel's address: a-z, 0-9, - and _, without # or ~"})
		case slices.Contains(list[:i], name):
			errs = append(errs, fault{nth(i) + " (" + shown(name) + ") is there twice", "keep one"})
		}
	}
	*c = list
	return errors.Join(errs...)
}

// String is what Decode reads.
func (c Channels) String() string { return strings.Join(c, ",") }
