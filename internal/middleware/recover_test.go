package middleware

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// panicking serves a handler that panics and tells what came out.
func panicking(h http.HandlerFunc) (resp *http.Response, rec Record, escaped any) {
	fail := func(w http.ResponseWriter, _ *http.Request, value any, stack []byte) {
		w.WriteHeader(500)
		_, _ = io.WriteString(w, "sorry")
	}
	chain := Records(RecordOptions{Write: func(r Record) { rec = r }})(Recover(RecoverOptions{Fail: fail})(h))
	defer func() { escaped = recover() }()
	return serve(chain, get("/")), rec, nil
}

func TestAPanicBecomesAnAnswerWithoutTheFailedOnesCookies(t *testing.T) {
	resp, rec, escaped := panicking(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "MMAUTHTOKEN=x")
		w.Header().Set("Content-Length", "10000")
		w.Header().Set("Referrer-Policy", "no-referrer")
		panic("boom")
	})
	if escaped != nil {
		t.Fatalf("escaped: %v", escaped)
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 500 || string(body) != "sorry" {
		t.Errorf("answer %d %q", resp.StatusCode, body)
	}
	if resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("Content-Length") != "" {
		t.Errorf("headers of the failed answer left: %v", resp.Header)
	}
	if resp.Header.Get("Referrer-Policy") == "" {
		t.Error("the security headers are gone")
	}
	if rec.Status != 500 || rec.Err.Error() != "panic: boom" || !strings.Contains(string(rec.Stack), "recover_test.go") {
		t.Errorf("record %d %v %s", rec.Status, rec.Err, rec.Stack)
	}
}

func TestAPanicInTheMiddleOfAnAnswerBreaksTheConnection(t *testing.T) {
	for name, status := range map[string]int{"of a good answer": 200, "of a bad answer": 502} {
		t.Run(name, func(t *testing.T) {
			_, rec, escaped := panicking(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				panic("boom")
			})
			if escaped != http.ErrAbortHandler {
				t.Errorf("escaped: %v, want ErrAbortHandler", escaped)
			}
			if rec.Status != status || rec.Err == nil {
				t.Errorf("record %d %v", rec.Status, rec.Err)
			}
		})
	}
}

func TestAnAbortPassesUntouched(t *testing.T) {
	_, rec, escaped := panicking(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if escaped != http.ErrAbortHandler || rec.Err != nil {
		t.Errorf("escaped %v, recorded %v", escaped, rec.Err)
	}
}

func TestRecoverNeedsNoRecord(t *testing.T) {
	h := Recover(RecoverOptions{Fail: func(w http.ResponseWriter, _ *http.Request, _ any, _ []byte) { w.WriteHeader(500) }})
	resp := serve(h(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })), get("/"))
	if resp.StatusCode != 500 {
		t.Errorf("status %d", resp.StatusCode)
	}
}
