package gateway

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzReadCredentials: what is read here is what Mattermost would have read, and
// what Mattermost could read in two ways is not read at all.
func FuzzReadCredentials(f *testing.F) {
	for _, seed := range []string{
		`{"login_id":"demo@erp.test","password":"secret"}`, `{"login_id":"a","login\u005fid":"b","password":"x"}`,
		`{"id":"x","password":"\ud800","token":"1","device_id":""}`, `{"password":"x"}{}`, `{"password":null}`, `[`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := readCredentials(body)
		if err != nil {
			return
		}
		theirs := map[string]string{}
		if json.NewDecoder(bytes.NewReader(body)).Decode(&theirs) != nil {
			return // nothing to them (docs/mattermost.md A1): fewer accounts, not others
		}
		want := credentials{LoginID: theirs["login_id"], ID: theirs["id"], Password: theirs["password"], Code: theirs["token"]}
		if got != want {
			t.Errorf("%q: read %+v, Mattermost reads %+v", body, got, want)
		}
	})
}
