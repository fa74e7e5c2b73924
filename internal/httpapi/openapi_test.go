package httpapi_test

import (
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestTheDocumentNamesWhatEveryAddressCanRefuse(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	for path, item := range doc.Paths.Map() {
		if got := h.do(call{method: "PUT", path: path}); got.code(t) != "method_not_allowed" {
			t.Errorf("PUT %s: %d", path, got.StatusCode)
		}
		for method, operation := range item.Operations() {
			if operation.Responses.Status(405) == nil {
				t.Errorf("%s %s: no 405", method, path)
			}
			probe := slices.Contains([]string{"/healthz", "/readyz"}, path) // served whatever the host
			if named := operation.Responses.Status(421) != nil; named == probe {
				t.Errorf("%s %s: a wrong host is named: %t", method, path, named)
			}
		}
	}
}
