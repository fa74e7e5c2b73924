package signature_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"matterpass/internal/config"
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
	if err == nil && !strings.HasPrefix(example("SIGNING_KEYS"), id+":") {
		return fmt.Errorf("the key is %q, and elsewhere %s", id, example("SIGNING_KEYS"))
	}
	return err
}

// example is what the other documents show for a variable.
func example(variable string) string {
	for _, v := range config.Describe() {
		if v.Name == variable {
			return v.Example
		}
	}
	return ""
}
