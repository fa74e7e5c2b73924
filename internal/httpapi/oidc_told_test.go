package httpapi_test

import (
	"context"
	"net/url"
	"testing"

	"matterpass/internal/httpapi"
	"matterpass/internal/login"
	"matterpass/internal/oidc"
)

func TestAFailedSignInWithAProviderIsToldOnce(t *testing.T) {
	told := 0
	h := signedInBy(t, &idp{callback: func(url.Values, string) (oidc.Finished, error) { return oidc.Finished{Mode: oidc.Top}, oidc.ErrInvalid }},
		func(_ *house, _ *httpapi.Options, lo *login.Options) {
			lo.Decided = func(context.Context, login.Outcome) { told++ }
		})
	got := h.comesBack(flowCookie())
	if got.StatusCode != 502 || told != 1 {
		t.Errorf("%d, told %d times", got.StatusCode, told)
	}
}
