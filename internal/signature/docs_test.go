package signature_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"matterpass/internal/docstest"
	"matterpass/internal/signature"
)

func TestTheDocumentedProgramsSignWell(t *testing.T) {
	docstest.Programs(t, "Signed requests", "SIGNING_KEY="+secret, verify)
}

// verify takes a request at the address of the test's own server.
func verify(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	v, err := signature.New(signature.Options{
		PublicURL: "http://" + r.Host, Nonces: (&nonces{}).use, Keys: func(string) [][]byte { return [][]byte{[]byte(secret)} },
	})
	if err != nil {
		return err
	}
	id, err := v.Verify(r.Context(), r, body)
	if err == nil && id != "erp" {
		return fmt.Errorf("the key is %q", id)
	}
	return err
}
