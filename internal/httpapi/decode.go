package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"matterpass/internal/login"
)

// maxBody is the largest JSON body that is read, in bytes.
const maxBody = 64 << 10

// decode reads the one JSON value of a request's body. Keys must be exact:
// unknown, repeated and mis-cased ones are refused, since two parsers that pick
// different ones would let a limit see another identity than Mattermost does.
// Text must be valid: a lone surrogate would silently become another password.
func decode[T any](r *http.Request) (T, error) {
	var in T
	if err := requireJSON(r.Header); err != nil {
		return in, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return in, bodyError(err)
	}
	return parse[T](body)
}

func parse[T any](body []byte) (T, error) {
	var in T
	if len(body) == 0 {
		return in, &login.Invalid{Field: "body", Want: "is empty; a JSON object is required"}
	}
	if first := jsontext.Value(body).Kind(); first != '{' {
		return in, &login.Invalid{Field: "body", Want: "is not a JSON object"}
	}
	if err := json.Unmarshal(body, &in, json.RejectUnknownMembers(true)); err != nil {
		return in, jsonError(err)
	}
	return in, nil
}

// missing says that a key is not there, or null. For keys that may be empty.
func missing(field string) error { return &login.Invalid{Field: field, Want: "is required"} }

// requireJSON insists on the one media type that a page of another origin can't
// send without a preflight.
func requireJSON(h http.Header) error {
	if len(h.Values("Content-Type")) != 1 || h.Get("Content-Encoding") != "" {
		return errMediaType
	}
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, given := params["charset"]
	if err != nil || media != "application/json" || given && !strings.EqualFold(charset, "utf-8") {
		return errMediaType
	}
	return nil
}

func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errTooSlow
	default:
		return &login.Invalid{Field: "body", Want: "ended early"}
	}
}

// jsonError names the place and what was expected there, and never repeats what
// was sent: it may be a password.
func jsonError(err error) error {
	var (
		syntax   *jsontext.SyntacticError
		semantic *json.SemanticError
	)
	switch {
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return &login.Invalid{Field: field(semantic.JSONPointer), Want: "is not a key of this request"}
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return &login.Invalid{Field: field(syntax.JSONPointer), Want: "is there twice"}
	case errors.As(err, &semantic):
		return &login.Invalid{Field: field(semantic.JSONPointer), Want: "is not of the right type"}
	case errors.As(err, &syntax):
		return &login.Invalid{Field: "body", Want: fmt.Sprintf("is not valid JSON in UTF-8 (at byte %d)", syntax.ByteOffset)}
	default:
		return &login.Invalid{Field: "body", Want: "is not valid JSON"}
	}
}

// field turns a JSON pointer into the words of a caller: /teams/0/name becomes
// teams.0.name. Foreign keys are cut.
func field(p jsontext.Pointer) string {
	var tokens []string
	for token := range p.Tokens() {
		tokens = append(tokens, cut(token, 40))
	}
	if len(tokens) == 0 {
		return "body"
	}
	return cut(strings.Join(tokens, "."), 100)
}

// decodeOptional is decode for a request that may have no body; then no content
// type is needed either.
func decodeOptional[T any](r *http.Request) (T, error) {
	var none T
	if r.ContentLength == 0 {
		return none, nil
	}
	return decode[T](r)
}
