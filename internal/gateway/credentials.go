package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"matterpass/internal/login"
)

// credentials is what of a login's body matters (docs/mattermost.md A1).
type credentials struct{ LoginID, ID, Password, Code string }

// name is the account that is meant; an id wins at Mattermost.
func (c credentials) name() (login.Name, error) {
	if c.ID != "" {
		return login.IDName(c.ID)
	}
	return login.LoginName(c.LoginID)
}

// readCredentials reads one JSON object. Keys that are not ours are skipped,
// whatever they hold, since clients add their own; ours are compared exactly, as
// Mattermost does, must be strings, and must not come twice. What is no object
// is as if nothing had been sent (A1).
func readCredentials(body []byte) (credentials, error) {
	var c credentials
	fields := map[string]*string{"login_id": &c.LoginID, "id": &c.ID, "password": &c.Password, "token": &c.Code}
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return credentials{}, &malformed{refuseBlankPassword}
	}
	for d.More() {
		if err := readField(d, fields); err != nil {
			return credentials{}, err
		}
	}
	if !isAtEnd(d) {
		return credentials{}, errBody
	}
	if c.Password == "" {
		return credentials{}, &malformed{refuseBlankPassword}
	}
	return c, nil
}

// malformed is a body that Mattermost would refuse as well, or read differently.
type malformed struct{ refusal refusal }

func (e *malformed) Error() string { return e.refusal.Message }

// errBody: the bytes are not one JSON object and nothing else.
var errBody = &malformed{refuseField("user")}

func refuseField(field string) refusal {
	return refusal{
		ID:      "api.context.invalid_body_param.app_error",
		Message: "Invalid or missing " + field + " in request body.", Status: http.StatusBadRequest,
	}
}

// readField reads one key and its value. A key that was read is taken out of
// fields, and leaves a mark.
func readField(d *json.Decoder, fields map[string]*string) error {
	token, err := d.Token()
	key, isString := token.(string)
	if err != nil || !isString {
		return errBody
	}
	field, known := fields[key]
	if !known {
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return errBody
		}
		return nil
	}
	var value *string
	if err := d.Decode(&value); err != nil || value == nil || field == nil {
		return &malformed{refuseField(key)}
	}
	*field, fields[key] = *value, nil
	return nil
}

// isAtEnd reads the closing brace and sees that nothing follows.
func isAtEnd(d *json.Decoder) bool {
	if _, err := d.Token(); err != nil {
		return false
	}
	_, err := d.Token()
	return errors.Is(err, io.EOF)
}
