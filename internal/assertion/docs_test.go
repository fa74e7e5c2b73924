package assertion_test

import (
	"net/http"
	"strings"
	"testing"

	"matterpass/internal/assertion"
	"matterpass/internal/docstest"
	"matterpass/internal/login"
)

func TestTheDocumentedProgramsMakeGoodAssertions(t *testing.T) {
	v, err := assertion.New(assertion.Options{Secrets: [][]byte{[]byte(secret)}, Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	docstest.Programs(t, "Assertions", "JWT_SECRET="+secret, func(r *http.Request) error {
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, err := v.Verify(r.Context(), bearer, login.ForSignIn)
		return err
	})
}
