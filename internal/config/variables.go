package config

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Variable describes one variable of the environment; it is read from the tags
// of Config, so that code and documents cannot differ.
type Variable struct {
	Name        string
	Alias       string // an older name that is accepted too
	Group       string
	Type        string // in words
	Description string
	Note        string // on security
	Default     string // everywhere, unless one of the next two is set
	Development string // default in development
	Production  string // default in production and staging
	Unset       string // what holds without a value, where no default says it
	Empty       string // what set but empty means; otherwise that is the same as not set
	Min, Max    string // bounds, inclusive
	Example     string // for production
	Local       string // for a machine of one's own
	Secret      bool   // never shown; may come from the file that NAME_FILE names

	index []int
	key   string // as envconfig composes it
}

// Describe lists every variable in use, in the order of the documents.
func Describe() []Variable {
	var all []Variable
	for group := range structFields(reflect.TypeFor[Config]()) {
		title, ok := group.Tag.Lookup("title")
		if !ok {
			continue
		}
		for field := range structFields(group.Type) {
			v := variable(field)
			v.Group, v.index = title, append(slices.Clone(group.Index), field.Index...)
			v.key = strings.ToUpper(group.Name) + "_" + v.Name
			all = append(all, v)
		}
	}
	return all
}

func variable(field reflect.StructField) Variable {
	kind := kinds[field.Type]
	return Variable{
		Name:        field.Tag.Get("envconfig"),
		Alias:       field.Tag.Get("alias"),
		Type:        kind.words,
		Description: field.Tag.Get("desc"),
		Note:        field.Tag.Get("note"),
		Default:     field.Tag.Get("default"),
		Development: field.Tag.Get("development"),
		Production:  field.Tag.Get("production"),
		Unset:       field.Tag.Get("unset"),
		Empty:       field.Tag.Get("empty"),
		Min:         field.Tag.Get("min"),
		Max:         field.Tag.Get("max"),
		Example:     field.Tag.Get("example"),
		Local:       field.Tag.Get("local"),
		Secret:      kind.secret,
	}
}

func structFields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

type kind struct {
	words  string
	secret bool
}

var kinds = map[reflect.Type]kind{
	reflect.TypeFor[string]():        {words: "file path"},
	reflect.TypeFor[int]():           {words: "number"},
	reflect.TypeFor[time.Duration](): {words: "duration"},
	reflect.TypeFor[Environment]():   {words: "word"},
	reflect.TypeFor[Override]():      {words: "word"},
	reflect.TypeFor[SameSite]():      {words: "word"},
	reflect.TypeFor[LogLevel]():      {words: "word"},
	reflect.TypeFor[LogFormat]():     {words: "word"},
	reflect.TypeFor[Switch]():        {words: "on or off"},
	reflect.TypeFor[Addr]():          {words: "host:port"},
	reflect.TypeFor[Origin]():        {words: "address"},
	reflect.TypeFor[Origins]():       {words: "list of addresses"},
	reflect.TypeFor[CIDRs]():         {words: "list of networks"},
	reflect.TypeFor[Domain]():        {words: "domain"},
	reflect.TypeFor[TeamSlug]():      {words: "name"},
	reflect.TypeFor[Channels]():      {words: "list of names"},
	reflect.TypeFor[Routes]():        {words: "list of words"},
	reflect.TypeFor[Rate]():          {words: "tokens/time"},
	reflect.TypeFor[Endpoint]():      {words: "address"},
	reflect.TypeFor[Endpoints]():     {words: "list of addresses"},
	reflect.TypeFor[IssuerName]():    {words: "name"},
	reflect.TypeFor[Names]():         {words: "list of names"},
	reflect.TypeFor[CookieName]():    {words: "name"},
	reflect.TypeFor[Lifetime]():      {words: "lifetime"},
	reflect.TypeFor[Mint]():          {words: "word"},
	reflect.TypeFor[MintMFA]():       {words: "word"},
	reflect.TypeFor[KeyIssuer]():     {words: "word"},
	reflect.TypeFor[Secrets]():       {words: "list of secrets", secret: true},
	reflect.TypeFor[DatabaseURL]():   {words: "address", secret: true},
	reflect.TypeFor[RedisURL]():      {words: "address", secret: true},
	reflect.TypeFor[Secret]():        {words: "secret", secret: true},
	reflect.TypeFor[Rotation]():      {words: "list of secrets", secret: true},
	reflect.TypeFor[KeyRing]():       {words: "list of secrets", secret: true},
	reflect.TypeFor[APIKeys]():       {words: "list of secrets", secret: true},
}

// later are variables that this version accepts without using them; true are
// secrets, which may come from a file.
var later = map[string]bool{
	"LOG_API_KEY":                 true,
	"OTEL_EXPORTER_OTLP_ENDPOINT": false,
	"SENTRY_DSN":                  true,
}

// laterNames lists them, with the names of their files.
func laterNames() []string {
	var names []string
	for name, secret := range later {
		names = append(names, name)
		if secret {
			names = append(names, name+fileSuffix)
		}
	}
	slices.Sort(names)
	return names
}

// knownNames is every name that a .env file may set.
func knownNames() []string {
	names := laterNames()
	for _, v := range Describe() {
		names = append(names, v.Name)
		if v.Alias != "" {
			names = append(names, v.Alias)
		}
		if v.Secret {
			names = append(names, v.Name+fileSuffix)
		}
	}
	return names
}
