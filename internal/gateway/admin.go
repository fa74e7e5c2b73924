package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"matterpass/internal/upstream"
)

const (
	whoIsTimeout = 5 * time.Second
	whoIsMost    = 1 << 20 // bytes
)

// forAdmin forwards a request of one of Mattermost's administrators. Whether it
// carries a session is not enough: Mattermost overlooks a bad token where none
// is needed, and takes the request for a stranger's.
func (g *Gateway) forAdmin(w http.ResponseWriter, r *http.Request, heard *said, on route) {
	isAdmin, err := g.isAdmin(r.Context(), heard.header)
	switch {
	case err != nil && isClientGone(r, err):
		g.abandon(w, r, on)
	case err != nil:
		err = asUpstream(err)
		g.failure(r)(w, r, err)
		g.Note(r, on.pattern, refusalFor(err).word())
	case !isAdmin:
		g.refuse(w, r, on, refuseAdminOnly)
	default:
		g.forward(w, r, heard, on)
	}
}

// isAdmin asks Mattermost who the very credentials are that will be forwarded.
func (g *Gateway) isAdmin(ctx context.Context, forwarded http.Header) (bool, error) {
	if len(forwarded["Cookie"]) == 0 && len(forwarded["Authorization"]) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, whoIsTimeout)
	defer cancel()
	me, err := http.NewRequestWithContext(ctx, http.MethodGet, g.Upstream.JoinPath("/api/v4/users/me").String(), nil)
	if err != nil {
		return false, err
	}
	keep(me.Header, forwarded, "Authorization")
	keep(me.Header, forwarded, "Cookie")
	res, err := g.Transport.RoundTrip(me)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	return hasAdminRole(res)
}

func hasAdminRole(res *http.Response) (bool, error) {
	if res.StatusCode >= http.StatusInternalServerError {
		return false, upstream.ErrUnavailable
	}
	var who struct{ Roles string }
	err := json.NewDecoder(io.LimitReader(res.Body, whoIsMost)).Decode(&who)
	return err == nil && res.StatusCode == http.StatusOK &&
		slices.Contains(strings.Fields(who.Roles), "system_admin"), nil
}

func keep(out, in http.Header, name string) {
	if values, ok := in[name]; ok {
		out[name] = values
	}
}
