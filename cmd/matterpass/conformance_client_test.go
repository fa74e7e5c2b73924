package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/simulator"
)

// tape keeps the last answer as it was on the wire.
type tape struct {
	http.RoundTripper
	host   string
	header http.Header // added to every request
	last   reply
}

func (t *tape) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = t.host
	maps.Copy(r.Header, t.header)
	res, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	t.last = reply{Status: res.StatusCode, Header: comparable(res.Header), Trailer: res.Trailer, Length: res.ContentLength, Coding: res.TransferEncoding, Body: digest(errorRequest.ReplaceAll(body, []byte(`"request_id":"…"`)))}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// official is Mattermost's own client on one side.
func (s side) official(header http.Header) (*model.Client4, *tape) {
	recorded := &tape{RoundTripper: s.http, host: s.host, header: header}
	client := model.NewAPIv4Client(s.url)
	client.HTTPClient = &http.Client{Transport: recorded}
	return client, recorded
}

// fresh is what differs between two calls that make the same: an id, a time. The
// id of the request is in every error.
var (
	fresh        = regexp.MustCompile(`\b[a-z0-9]{26}\b|\b1[0-9]{12}\b`)
	errorRequest = regexp.MustCompile(`"request_id":"[a-z0-9]{26}"`)
)

// masked is r without what is fresh.
func masked(r reply) reply {
	r.Body, r.Header = fresh.ReplaceAllString(r.Body, "…"), maps.Clone(r.Header)
	for name, values := range r.Header {
		r.Header[name] = []string{fresh.ReplaceAllString(strings.Join(values, ", "), "…")}
	}
	return r
}

// conversation is one side's official client, and what was made with it last.
type conversation struct {
	*model.Client4
	*made
	ctx context.Context
}

// made is read both ways.
type made struct {
	channel, user, post, file string
	data                      []byte // to upload
}

// officialCall is one call of the official client. The answer is on the tape.
type officialCall struct {
	name  string
	makes bool // something, so that ids and times differ
	call  func(conversation) error
}

// officialCalls are in the order in which they are made.
func officialCalls() []officialCall {
	return []officialCall{
		{"ping", false, func(c conversation) error {
			return only(c.GetPingWithOptions(c.ctx, model.SystemPingOptions{}))
		}},
		{"me", false, func(c conversation) error { return only(c.GetMe(c.ctx, "")) }},
		{"me, as it is known", false, func(c conversation) error {
			_, known, err := c.GetMe(c.ctx, "")
			if err != nil {
				return err
			}
			return only(c.GetMe(c.ctx, known.Etag))
		}},
		{"nobody", false, func(c conversation) error { return only(c.GetUser(c.ctx, "aaaaaaaaaaaaaaaaaaaaaaaaaa", "")) }},
		{"an address", false, func(c conversation) error { return only(c.GetUserByEmail(c.ctx, "dana@erp.test", "")) }},
		{"several people", false, func(c conversation) error { return only(c.GetUsersByIds(c.ctx, []string{c.user})) }},
		{"configuration", false, func(c conversation) error { return only(c.GetClientConfig(c.ctx, "")) }},
		{"a channel", false, func(c conversation) error { return only(c.GetChannel(c.ctx, c.channel)) }},
		{"what members may not see", false, func(c conversation) error { return only(c.GetConfig(c.ctx)) }},
		{"a post", true, func(c conversation) error {
			post, _, err := c.CreatePost(c.ctx, &model.Post{ChannelId: c.channel, Message: "größer < 4 & \u2028 🚚"})
			if err == nil {
				c.post = post.Id
			}
			return err
		}},
		{"that post", false, func(c conversation) error { return only(c.GetPost(c.ctx, c.post, "")) }},
		{"that post, changed", true, func(c conversation) error {
			return only(c.PatchPost(c.ctx, c.post, &model.PostPatch{Message: model.NewPointer("changed")}))
		}},
		{"the posts of a channel", false, func(c conversation) error {
			return only(c.GetPostsForChannel(c.ctx, c.channel, 0, 60, "", false, false))
		}},
		{"preferences", false, func(c conversation) error {
			_, err := c.UpdatePreferences(c.ctx, "me", model.Preferences{{UserId: c.user, Category: "x", Name: "y", Value: "z"}})
			return err
		}},
		{"a form with a file", true, func(c conversation) error {
			return c.uploaded(c.UploadFile(c.ctx, c.data, c.channel, "a b.bin"))
		}},
		{"that file", false, func(c conversation) error { return only(c.GetFile(c.ctx, c.file)) }},
		{"a file for a body", true, func(c conversation) error {
			return c.uploaded(c.UploadFileAsRequestBody(c.ctx, c.data, c.channel, "ä.png"))
		}},
		{"that file, to keep", false, func(c conversation) error { return only(c.DownloadFile(c.ctx, c.file, true)) }},
		{"about that file", false, func(c conversation) error { return only(c.GetFileInfo(c.ctx, c.file)) }},
		{"sessions", true, func(c conversation) error { return only(c.GetSessions(c.ctx, c.user, "")) }},
		{"a post and its deletion", true, func(c conversation) error {
			post, _, err := c.CreatePost(c.ctx, &model.Post{ChannelId: c.channel, Message: "x"})
			if err == nil {
				_, err = c.DeletePost(c.ctx, post.Id)
			}
			return err
		}},
		{"what there is not", false, func(c conversation) error {
			res, err := c.DoAPIGet(c.ctx, "/nowhere", "")
			if res != nil {
				_ = res.Body.Close()
			}
			return err
		}},
	}
}

func only[T any](_ T, _ *model.Response, err error) error { return err }

func (c conversation) uploaded(up *model.FileUploadResponse, _ *model.Response, err error) error {
	if err == nil {
		c.file = up.FileInfos[0].Id
	}
	return err
}

// credentials are the ways in which programs and browsers say who they are.
func credentials(mm *simulator.Server) map[string]http.Header {
	token, csrf := mm.SignIn("demo@erp.test")
	cookie := "MMAUTHTOKEN=" + token + "; MMUSERID=" + mm.UserID("demo@erp.test") + "; MMCSRF=" + csrf
	return map[string]http.Header{
		"a session":                  {"Authorization": {"BEARER " + token}},
		"an administrator's token":   {"Authorization": {"Bearer " + mm.AdminToken()}},
		"cookies and a CSRF token":   {"Cookie": {cookie}, "X-Csrf-Token": {csrf}},
		"cookies and XMLHttpRequest": {"Cookie": {cookie}, "X-Requested-With": {"XMLHttpRequest"}},
		"cookies without a proof":    {"Cookie": {cookie}},
		"a token that has ended":     {"Authorization": {"Bearer " + goneToken}},
		"nothing":                    {},
	}
}

// TestTheOfficialClientSeesNoDifference makes the same calls directly and through
// the gateway, in every way to sign in. Files are of 20 MB in one of them.
func TestTheOfficialClientSeesNoDifference(t *testing.T) {
	mm := simulator.New(simulator.Options{SiteURL: "https://mattermost.test", Demo: true})
	t.Cleanup(mm.Close)
	direct, through := bothWays(t, mm)
	all := credentials(mm)
	for _, name := range inOrder(all) {
		t.Run(name, func(t *testing.T) {
			here, straight := direct.official(all[name])
			there, recorded := through.official(all[name])
			user := mm.UserID("demo@erp.test") // also where nothing can be made to be read
			both := &made{townSquare(t, mm, direct), user, user, user, noise(megabyte)}
			if name == "cookies and a CSRF token" {
				both.data = noise(upload)
			}
			for _, c := range officialCalls() {
				wantErr := c.call(conversation{here, both, t.Context()})
				gotErr := c.call(conversation{there, both, t.Context()})
				want, got := straight.last, recorded.last
				if c.makes {
					want, got = masked(want), masked(got)
				}
				if diff := cmp.Diff(want, got); diff != "" || (wantErr == nil) != (gotErr == nil) {
					t.Errorf("%s (-directly +through the gateway): %v, %v\n%s", c.name, wantErr, gotErr, diff)
				}
			}
		})
	}
}

// townSquare is the id of the channel that everybody is in.
func townSquare(t *testing.T, mm *simulator.Server, s side) string {
	t.Helper()
	admin, _ := s.official(http.Header{"Authorization": {"Bearer " + mm.AdminToken()}})
	channel, _, err := admin.GetChannelByNameForTeamName(t.Context(), "town-square", "erp", "")
	if err != nil {
		t.Fatal(err)
	}
	return channel.Id
}

// TestTheOfficialWebSocketClientHearsThroughTheGateway: it sends no Origin and no
// cookie, and says who it is after the handshake (docs/mattermost.md G1).
func TestTheOfficialWebSocketClientHearsThroughTheGateway(t *testing.T) {
	h := startDemo(t)
	demo, dana := h.officialSignIn(h.Email), h.officialSignIn("dana@erp.test")
	direct, through := h.officialSocket(h.Mattermost, demo.AuthToken), h.officialSocket(h.Chat, demo.AuthToken)
	channel, _, err := dana.GetChannelByNameForTeamName(t.Context(), "town-square", "erp", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := dana.CreatePost(t.Context(), &model.Post{ChannelId: channel.Id, Message: strings.Repeat("long ", 2000)}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(heard(t, direct), heard(t, through)); diff != "" {
		t.Errorf("(-directly +through the gateway):\n%s", diff)
	}
	through.GetStatuses()
	if got := within(t, through.ResponseChannel); got.Status != model.StatusOk || got.Error != nil {
		t.Errorf("an answer to a question: %+v", got)
	}
}

// officialSignIn asks Mattermost itself: through the gateway, no program is given
// the token of a password.
func (h *house) officialSignIn(email string) *model.Client4 {
	h.t.Helper()
	client := model.NewAPIv4Client(h.Mattermost)
	client.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if _, _, err := client.Login(h.t.Context(), email, h.Password); err != nil {
		h.t.Fatal(err)
	}
	return client
}

// officialSocket is ready when Mattermost has greeted it.
func (h *house) officialSocket(url, token string) *model.WebSocketClient {
	h.t.Helper()
	client, err := model.NewWebSocketClient4("ws"+strings.TrimPrefix(url, "http"), token)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(client.Close)
	client.Listen()
	if got := within(h.t, client.ResponseChannel); got.Status != model.StatusOk {
		h.t.Fatalf("%+v", got)
	}
	return client
}

// heard is the greeting and a post, without what is fresh. Who is online is heard
// by whoever was there first.
func heard(t *testing.T, client *model.WebSocketClient) (events []string) {
	t.Helper()
	for {
		event := within(t, client.EventChannel)
		if event.EventType() == model.WebsocketEventStatusChange {
			continue
		}
		text, err := event.SetSequence(0).ToJSON()
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, fresh.ReplaceAllString(string(text), "…"))
		if event.EventType() == model.WebsocketEventPosted {
			return events
		}
	}
}
