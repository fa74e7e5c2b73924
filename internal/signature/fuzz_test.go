package signature_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"matterpass/internal/signature"
)

func FuzzVerifyNeverTakesWhatNobodySigned(f *testing.F) {
	v := newVerifier(f, func(o *signature.Options) { o.Nonces = func(context.Context, signature.Use) error { return nil } })
	good := newDraft().request()
	f.Add(good.Header.Get("Signature-Input"), good.Header.Get("Signature"), digest(body))
	f.Add(`sig1=("@method";req);created=1`, "sig1=:AAAA:", "sha-256=::")
	f.Add(`sig1=("a" "a"), sig1=()`, "sig1", "sha-256")
	f.Add(`a=1;b="\"";c=?1;d=@1;e=%"%c3%bc"`, "a=:=:", "sha-512=:AA==:;x")
	f.Fuzz(func(t *testing.T, in, signed, digests string) {
		r := httptest.NewRequest(http.MethodPost, chat+path, strings.NewReader(body))
		r.Header = http.Header{"Signature-Input": {in}, "Signature": {signed}, "Content-Digest": {digests}}
		id, err := v.Verify(t.Context(), r, []byte(body))
		if err != nil {
			if id != "" || !errors.Is(err, signature.ErrRefused) {
				t.Errorf("got %q, %v", id, err)
			}
			return
		}
		// A label is not signed; everything else is.
		_, goodInput, _ := strings.Cut(good.Header.Get("Signature-Input"), "=")
		if _, got, _ := strings.Cut(in, "="); got != goodInput || digests != digest(body) {
			t.Errorf("forged: %q, %q, %q", in, signed, digests)
		}
	})
}
