package assertion

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"matterpass/internal/email"
	"matterpass/internal/login"
)

// claims is the payload of a token. Names count in their exact spelling only.
type claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	ID       string   `json:"jti"`
	Expires  instant  `json:"exp"`
	Issued   instant  `json:"iat"`
	NotYet   instant  `json:"nbf"`

	Email         string   `json:"email"`
	EmailVerified bool     `json:"email_verified"`
	Name          string   `json:"name"`
	Methods       []string `json:"amr"`
	SID           string   `json:"sid"`
}

func decodeClaims(payload []byte) (claims, error) {
	var c claims
	return c, decode(payload, &c)
}

// decode refuses what two parsers could read in two ways: a key twice, invalid
// UTF-8, something after the value, a claim of another type than it should be.
func decode(payload []byte, into any) error {
	if jsontext.Value(payload).Kind() != '{' {
		return refuse("its payload is not a JSON object")
	}
	err := json.Unmarshal(payload, into)
	var semantic *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		return refuse("its payload has a claim twice")
	case errors.As(err, &semantic):
		return refuse("one of its claims is not of the right type")
	default:
		return refuse("its payload is not sound JSON")
	}
}

// checkTimes wants iat and exp around now, and nbf before it.
func (c claims) checkTimes(now time.Time, leeway time.Duration) error {
	issued, expires := time.Time(c.Issued), time.Time(c.Expires)
	switch {
	case issued.IsZero() || expires.IsZero():
		return refuse("it has no iat or no exp")
	case !expires.After(issued):
		return refuse("its exp is not after its iat")
	case issued.After(now.Add(leeway)):
		return refuse("its iat is in the future; compare the two clocks")
	case !now.Before(expires.Add(leeway)):
		return refuse("it has expired; compare the two clocks")
	case time.Time(c.NotYet).After(now.Add(leeway)):
		return refuse("its nbf is in the future")
	}
	return nil
}

// identity reads the person out of the claims.
func (c claims) identity() (login.Identity, error) {
	address, err := email.Parse(c.Email)
	if err != nil {
		return login.Identity{}, refuse("its email " + err.Error())
	}
	who := login.Identity{
		Issuer: c.Issuer, Subject: c.Subject, Email: address, EmailVerified: c.EmailVerified,
		Name: c.Name, SID: c.SID, MultiFactor: IsMultiFactor(c.Methods),
	}
	var invalid *login.Invalid
	if errors.As(who.Check(), &invalid) {
		return login.Identity{}, refuse("its " + invalid.Error())
	}
	return who, nil
}

func (c claims) proof(way string, leeway time.Duration) (login.Proof, error) {
	if !login.IsIdentifier(c.ID) {
		return login.Proof{}, refuse("its jti is not 1 to 255 visible characters")
	}
	who, err := c.identity()
	if err != nil {
		return login.Proof{}, err
	}
	return login.Proof{
		Identity: who, Way: way, ID: c.ID,
		IssuedAt: time.Time(c.Issued), ExpiresAt: time.Time(c.Expires).Add(leeway),
	}, nil
}

// audience is one string or several (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON is called for null too, which names nobody.
func (a *audience) UnmarshalJSON(value []byte) error {
	if jsontext.Value(value).Kind() != '"' {
		return json.Unmarshal(value, (*[]string)(a))
	}
	var one string
	err := json.Unmarshal(value, &one)
	*a = audience{one}
	return err
}

func (a audience) has(who string) bool { return slices.Contains(a, who) }

// instant is a NumericDate (RFC 7519 section 2): seconds since 1970, perhaps with
// a fraction. The zero value is absent.
type instant time.Time

// lastSecond is the last second of the year 9999: times beyond cannot be written
// in RFC 3339.
const lastSecond = 253402300799

var errInstant = errors.New("is not a number of seconds between 1970 and 9999")

// UnmarshalJSON takes numbers only; a string with a number in it keeps its quotes
// here and is none.
func (i *instant) UnmarshalJSON(value []byte) error {
	seconds, err := strconv.ParseFloat(string(value), 64)
	if err != nil || seconds <= 0 || seconds > lastSecond {
		return errInstant
	}
	whole := int64(seconds)
	fraction := time.Duration((seconds - float64(whole)) * float64(time.Second))
	*i = instant(time.Unix(whole, int64(fraction)).UTC())
	return nil
}
