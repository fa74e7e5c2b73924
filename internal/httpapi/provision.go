package httpapi

import (
	"net/http"

	"matterpass/internal/login"
	"matterpass/internal/provision"
	"matterpass/internal/upstream"
)

// provisionRequest has pointers where an absent key means "as it is".
type provisionRequest struct {
	Email     string         `json:"email"`
	Subject   string         `json:"subject"`
	Username  *string        `json:"username"`
	FirstName *string        `json:"first_name"`
	LastName  *string        `json:"last_name"`
	Nickname  *string        `json:"nickname"`
	Locale    *string        `json:"locale"`
	Password  *string        `json:"password"`
	Teams     *[]teamRequest `json:"teams"`
}

type teamRequest struct {
	Name     string   `json:"name"`
	Channels []string `json:"channels"`
}

type provisionAnswer struct {
	UserID   string   `json:"user_id"`
	Username string   `json:"username"`
	Created  bool     `json:"created"`
	Changed  []string `json:"changed"`
	Teams    []string `json:"teams"`
}

func (a *API) provision(w http.ResponseWriter, r *http.Request) error {
	if a.Provision == nil {
		return upstream.ErrAdminToken
	}
	in, err := decode[provisionRequest](r)
	if err != nil {
		return err
	}
	request, err := in.request()
	if err != nil {
		return err
	}
	request.Issuer = callerOf(r.Context()).issuer
	result, err := a.Provision.Provision(r.Context(), request)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if result.Created {
		status = http.StatusCreated
	}
	return reply(w, status, provisionAnswer(result))
}

// ParseProvision reads the JSON of one provisioning request, as the API takes it. Its
// error is a *login.Invalid.
func ParseProvision(body []byte) (provision.Request, error) {
	in, err := parse[provisionRequest](body)
	if err != nil {
		return provision.Request{}, err
	}
	return in.request()
}

// request insists that a password that is there is one: an empty one would
// silently become a random one.
func (in provisionRequest) request() (provision.Request, error) {
	out := provision.Request{
		Email: in.Email, Subject: in.Subject,
		Username: in.Username, FirstName: in.FirstName, LastName: in.LastName, Nickname: in.Nickname, Locale: in.Locale,
	}
	if in.Password != nil {
		if *in.Password == "" {
			return out, &login.Invalid{Field: "password", Want: "is empty; leave it out for a random one"}
		}
		out.Password = *in.Password
	}
	if in.Teams != nil {
		out.Teams = make([]provision.Team, 0, len(*in.Teams))
		for _, team := range *in.Teams {
			out.Teams = append(out.Teams, provision.Team(team))
		}
	}
	return out, nil
}
