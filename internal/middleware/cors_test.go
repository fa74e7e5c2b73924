package middleware

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

const erp = "https://erp.test"

func cross(method, origin string) *http.Request {
	r := httptest.NewRequest(method, "https://chat.erp.test/api/mattermost/login", nil)
	r.Header.Set("Origin", origin)
	return r
}

func TestOnlyExactOriginsMayCallWithCookies(t *testing.T) {
	h := CORS(CORSOptions{Origins: []string{erp, "http://localhost:8090"}})(ok)
	for origin, allowed := range map[string]bool{
		erp:                      true,
		"http://localhost:8090":  true,
		"http://localhost:8091":  false,
		"http://erp.test":        false,
		"https://erp.test:444":   false,
		"https://evil.erp.test":  false,
		"https://erp.test.evil":  false,
		"https://xerp.test":      false,
		"HTTPS://ERP.TEST":       false,
		"null":                   false,
		"https://erp.test, null": false,
	} {
		resp := serve(h, cross(http.MethodPost, origin))
		gotOrigin, gotCredentials := resp.Header.Get("Access-Control-Allow-Origin"), resp.Header.Get("Access-Control-Allow-Credentials")
		if allowed && (gotOrigin != origin || gotCredentials != "true") {
			t.Errorf("%s: allowed %q with credentials %q", origin, gotOrigin, gotCredentials)
		}
		if !allowed && (gotOrigin != "" || gotCredentials != "") {
			t.Errorf("%s: reflected as %q, credentials %q", origin, gotOrigin, gotCredentials)
		}
	}
}

func TestWhatAPageMayReadAndSend(t *testing.T) {
	h := CORS(CORSOptions{Origins: []string{erp}})(ok)
	exposed := strings.ToLower(serve(h, cross(http.MethodPost, erp)).Header.Get("Access-Control-Expose-Headers"))
	for _, name := range []string{"retry-after", "x-request-id", "ratelimit", "ratelimit-policy"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s is not exposed: %q", name, exposed)
		}
	}
	for headers, allowed := range map[string]bool{
		"authorization,content-type,x-request-id": true,
		"content-type": true,
		"x-evil":       false,
	} {
		r := cross(http.MethodOptions, erp)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", headers)
		if got := serve(h, r).StatusCode; (got == http.StatusNoContent) != allowed {
			t.Errorf("preflight for %q is %d, want allowed %v", headers, got, allowed)
		}
	}
	r := cross(http.MethodOptions, erp)
	r.Header.Set("Access-Control-Request-Method", "DELETE")
	if got := serve(h, r).Header.Get("Access-Control-Allow-Methods"); strings.Contains(got, "DELETE") {
		t.Errorf("DELETE is allowed: %q", got)
	}
}

func TestEveryAnswerVariesByOrigin(t *testing.T) {
	preflight := cross(http.MethodOptions, erp)
	preflight.Header.Set("Access-Control-Request-Method", "POST")
	for name, r := range map[string]*http.Request{
		"allowed": cross(http.MethodGet, erp), "refused": cross(http.MethodGet, "https://evil.test"),
		"same origin": get("/"), "preflight": preflight,
	} {
		for with, origins := range map[string][]string{"with origins": {erp}, "without": nil} {
			vary := strings.Join(serve(CORS(CORSOptions{Origins: origins})(ok), r).Header.Values("Vary"), ",")
			if !strings.Contains(vary, "Origin") {
				t.Errorf("%s, %s: Vary %q", name, with, vary)
			}
		}
	}
}

func TestWithoutOriginsNobodyMayCall(t *testing.T) {
	if got := serve(CORS(CORSOptions{})(ok), cross(http.MethodPost, erp)).Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("Access-Control-Allow-Origin %q", got)
	}
}

func TestOriginsThatAreNotExactPanicAtStart(t *testing.T) {
	for name, o := range map[string]CORSOptions{
		"any":              {Origins: []string{"*"}},
		"subdomains":       {Origins: []string{"https://*.erp.test"}},
		"with a path":      {Origins: []string{"https://erp.test/"}},
		"null":             {Origins: []string{"null"}},
		"http, not wanted": {Origins: []string{"http://erp.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			CORS(o)
		})
	}
	CORS(CORSOptions{Origins: []string{"http://erp.test"}, Insecure: true})
}

func TestAPreflightStormStaysFlat(t *testing.T) {
	h := CORS(CORSOptions{Origins: []string{erp}})(ok)
	r := cross(http.MethodOptions, erp)
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", strings.Repeat("a,", 1<<19))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		if got := serve(h, r).StatusCode; got != http.StatusNoContent && got != http.StatusForbidden {
			t.Fatalf("status %d", got)
		}
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / 20; per > 64<<10 {
		t.Errorf("a preflight of 1 MB allocates %d bytes", per)
	}
}
