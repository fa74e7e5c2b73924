package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"matterpass/internal/cookie"
)

func TestDropTakesTheNamedCookiesAndNoOthers(t *testing.T) {
	for line, want := range map[string]string{
		"a=1; erp=x; b=2":      "a=1; b=2",
		"erp=x":                "",
		"erp=x; erp=y; erpx=1": "erpx=1",
		"a=1":                  "a=1",
		"":                     "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if line != "" {
			r.Header.Set("Cookie", line)
		}
		cookie.Drop(r, "erp")
		if got := r.Header.Get("Cookie"); got != want {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
}

func TestMattermostCannotSignABrowserOutInOurWords(t *testing.T) {
	h := http.Header{}
	cookie.SignOut(h)
	cookie.KeepOut(h)
	if len(h) > 0 {
		t.Errorf("left: %v", h)
	}
}
