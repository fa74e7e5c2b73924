package simulator_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"
)

// upload sends a form with one file and returns the file's id.
func (w *world) upload(as, channel, name, content string) (answer, string) {
	w.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("channel_id", channel)
	_ = form.WriteField("client_ids", "mine")
	part, _ := form.CreateFormFile("files", name)
	_, _ = part.Write([]byte(content))
	_ = form.Close()
	a := w.do("POST", "/api/v4/files", body.String(), "Authorization", "Bearer "+w.resolve("{{token:"+as+"}}"), "Content-Type", form.FormDataContentType())
	var up model.FileUploadResponse
	if err := json.Unmarshal([]byte(a.text), &up); err != nil || len(up.FileInfos) != 1 {
		return a, ""
	}
	if up.ClientIds[0] != "mine" || up.FileInfos[0].Size != int64(len(content)) {
		w.t.Errorf("%s", a.text)
	}
	return a, up.FileInfos[0].Id
}

func TestFilesComeBackWholeAndInPart(t *testing.T) {
	w := newWorld(t, "files")
	channel := w.channel("off-topic")
	long := strings.Repeat("0123456789", 100_000) // more than any other body may have
	for name, tt := range map[string]struct {
		header []string
		status int
		want   string
	}{
		"whole":      {nil, 200, long},
		"in part":    {[]string{"Range", "bytes=8-11"}, 206, "8901"},
		"beyond":     {[]string{"Range", "bytes=1000000-"}, 416, "invalid range: failed to overlap\n"},
		"known":      {[]string{"If-Modified-Since", "Fri, 31 Dec 2999 23:59:59 GMT"}, 304, ""},
		"not signed": {[]string{"Authorization", ""}, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, id := w.upload("alice", channel, "a b.txt", long)
			got := w.do("GET", "/api/v4/files/"+id, "", append([]string{"Authorization", "Bearer " + w.resolve("{{token:alice}}")}, tt.header...)...)
			if got.StatusCode != tt.status || tt.status != 401 && got.text != tt.want {
				t.Errorf("%d and %d bytes", got.StatusCode, len(got.text))
			}
			if disposition := got.Header.Get("Content-Disposition"); tt.status == 200 && disposition != `attachment;filename="a%20b.txt"; filename*=UTF-8''a%20b.txt` {
				t.Errorf("Content-Disposition %q", disposition)
			}
		})
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	w := newWorld(t, "files")
	channel, hidden := w.channel("off-topic"), w.channel("hidden")
	if a, _ := w.upload("alice", hidden, "a.txt", "x"); a.StatusCode != 403 {
		t.Errorf("into a channel of others: %d", a.StatusCode)
	}
	_, id := w.upload("alice", channel, "a.txt", "x")
	for path, want := range map[string]int{"/files/" + id: 403, "/files/" + id + "/info": 403, "/files/aaaaaaaaaaaaaaaaaaaaaaaaaa": 404} {
		if a := w.as("v19911", "GET", path, ""); a.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, a.StatusCode, want)
		}
	}
	token := "Bearer " + w.resolve("{{token:alice}}")
	if a := w.do("POST", "/api/v4/files", "--x\r\nbroken", "Authorization", token, "Content-Type", "multipart/form-data; boundary=x"); a.StatusCode != 400 {
		t.Errorf("a broken form: %d %s", a.StatusCode, a.text)
	}
	if a := w.do("POST", "/api/v4/files?filename=a.png&channel_id="+channel, "png", "Authorization", token); a.StatusCode != 201 || !strings.Contains(a.text, `"mime_type":"image/png"`) {
		t.Errorf("a file for a body: %d %s", a.StatusCode, a.text)
	}
}

func TestWhatIsKnownIsNotSentAgain(t *testing.T) {
	w := newWorld(t, "etag")
	token := []string{"Authorization", "Bearer " + w.resolve("{{token:alice}}")}
	first := w.do("GET", "/api/v4/users/me", "", token...)
	again := w.do("GET", "/api/v4/users/me", "", append(token, "If-None-Match", first.Header.Get("Etag"))...)
	if again.StatusCode != 304 || again.text != "" || again.Header.Get("Etag") != first.Header.Get("Etag") {
		t.Errorf("%d %q %v", again.StatusCode, again.text, again.Header)
	}
	if other := w.do("GET", "/api/v4/users/me", "", append(token, "If-None-Match", "another")...); other.StatusCode != 200 || other.text != first.text {
		t.Errorf("%d %q", other.StatusCode, other.text)
	}
}
