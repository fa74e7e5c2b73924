package simulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const transcriptFolder = "testdata/transcripts"

// transcript is one recorded exchange. In it, {{user:alice}}, {{token:alice}} and the like stand for what differs
// from server to server, {{id}}, {{date}} and {{version}} for what nobody compares.
type transcript struct {
	Name    string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         string
	}
	Response struct {
		Status  int
		Headers []string // "Name: value", in the order sent
		Body    any
	}
	Frames [][2]any // who, what
}

func readTranscript(t *testing.T, file string) transcript {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var recorded transcript
	if err := json.Unmarshal(b, &recorded); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return recorded
}

func TestSimulatorAnswersAsTheRecordedServerDid(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(transcriptFolder, "*.json"))
	if err != nil || len(files) < 200 {
		t.Fatalf("%d transcripts found, want at least 200: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newWorld(t, name).replay(readTranscript(t, file))
		})
	}
}

func TestEveryTranscriptIsReplayedOrLeftOutWithAReason(t *testing.T) {
	list, err := os.Open("testdata/left-out.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = list.Close() }()
	count := 0
	for lines := bufio.NewScanner(list); lines.Scan(); count++ {
		name, reason, _ := strings.Cut(lines.Text(), "\t")
		if len(strings.Fields(reason)) < 3 {
			t.Errorf("%s is left out without a reason", name)
		}
		if _, err := os.Stat(filepath.Join(transcriptFolder, name+".json")); err == nil {
			t.Errorf("%s is left out and replayed", name)
		}
	}
	files, _ := filepath.Glob(filepath.Join(transcriptFolder, "*.json"))
	const recorded = 480
	if got := count + len(files); got != recorded {
		t.Errorf("%d transcripts are replayed and %d left out: %d in all, want %d", len(files), count, got, recorded)
	}
}

func (w *world) replay(recorded transcript) {
	w.t.Helper()
	headers := []string{}
	for name, value := range recorded.Request.Headers {
		headers = append(headers, name, w.resolve(value))
	}
	path, body := w.resolve(recorded.Request.Path), w.resolve(recorded.Request.Body)
	prepare(w)
	if recorded.Response.Status == http.StatusSwitchingProtocols {
		w.replaySocket(recorded, headers)
		return
	}
	if recorded.Frames != nil {
		headers = append(headers, "Connection", "Upgrade", "Upgrade", "websocket",
			"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	}
	w.compare(recorded, w.do(recorded.Request.Method, path, body, headers...))
}

func (w *world) compare(recorded transcript, got answer) {
	w.t.Helper()
	if got.StatusCode != recorded.Response.Status {
		w.t.Fatalf("status %d, recorded %d\n%s", got.StatusCode, recorded.Response.Status, got.text)
	}
	if diff := cmp.Diff(recordedHeaders(recorded), headersOf(got)); diff != "" {
		w.t.Errorf("headers (-recorded +simulated):\n%s", diff)
	}
	if recorded.Request.Method == http.MethodHead || isPage(got) {
		return
	}
	var body any = got.text
	if _, isText := recorded.Response.Body.(string); !isText {
		if err := json.Unmarshal([]byte(got.text), &body); err != nil {
			w.t.Fatalf("not JSON: %v\n%s", err, got.text)
		}
	}
	for _, line := range drift("body", recorded.Response.Body, body) {
		if !w.excused(line) {
			w.t.Error(line)
		}
	}
	w.compareRefusal(recorded.Response.Body, body)
}

// excused tells of drift that comes from the recording: the configuration was recorded in part, and one post of the
// recordings carried a reaction, which the simulator doesn't know.
func (w *world) excused(line string) bool {
	if matches(w.name, "config-settings-*", "config-patch-*") {
		return strings.HasSuffix(line, notRecorded)
	}
	return matches(w.name, "post-edit", "ws-session-of-events") && strings.Contains(line, "reactions")
}

// compareRefusal compares what an error says, not only its shape.
func (w *world) compareRefusal(recorded, got any) {
	w.t.Helper()
	want, isObject := recorded.(map[string]any)
	if !isObject || want["status_code"] == nil {
		return
	}
	have, _ := got.(map[string]any)
	for _, key := range []string{"id", "message", "status_code"} {
		if diff := cmp.Diff(want[key], have[key]); diff != "" {
			w.t.Errorf("%s (-recorded +simulated):\n%s", key, diff)
		}
	}
}

func isPage(a answer) bool { return strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") }

var (
	// unsaid are headers that only differ: the transport's, and what the recording left out.
	unsaid = []string{"Date", "Content-Length", "Transfer-Encoding", "Connection"}
	// mentioned are headers whose presence counts, not their value.
	mentioned = []string{"X-Request-Id", "X-Version-Id", "Etag", "Token"}

	cookieValue = regexp.MustCompile(`^(\w+)=[^;]+`)
	cookieDate  = regexp.MustCompile(`Expires=[^;]*`)
)

func recordedHeaders(recorded transcript) []string {
	lines := []string{}
	for _, line := range recorded.Response.Headers {
		name, value, _ := strings.Cut(line, ":")
		lines = append(lines, headerLine(name, strings.TrimPrefix(value, " ")))
	}
	return inOrder(lines)
}

func headersOf(a answer) []string {
	lines := []string{}
	for name, values := range a.Header {
		for _, value := range values {
			if !slices.Contains(unsaid, name) {
				lines = append(lines, headerLine(name, value))
			}
		}
	}
	return inOrder(lines)
}

func headerLine(name, value string) string {
	name = http.CanonicalHeaderKey(name)
	switch {
	case slices.Contains(mentioned, name):
		value = "…"
	case name == "Set-Cookie":
		value = cookieValue.ReplaceAllString(value, "$1=…")
		value = cookieDate.ReplaceAllString(value, "Expires=…")
	}
	return name + ": " + value
}

// inOrder sorts by name and keeps the order among lines of one name, which for cookies is part of the contract.
func inOrder(lines []string) []string {
	slices.SortStableFunc(lines, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, ":")
		nameB, _, _ := strings.Cut(b, ":")
		return strings.Compare(nameA, nameB)
	})
	return lines
}

const notRecorded = " was not recorded"

var identifier = regexp.MustCompile(`^([a-z0-9]{26}|\{\{.*\}\})$`)

// drift tells where got has other keys, or values of another kind, than want. null fits everything, and so does a
// list that was recorded empty. Keys that are ids are one and the same.
func drift(at string, want, got any) []string {
	want, got = unwrap(want), unwrap(got)
	if want == nil || got == nil {
		return nil
	}
	switch w := want.(type) {
	case map[string]any:
		g, same := got.(map[string]any)
		if !same {
			return []string{fmt.Sprintf("%s: recorded an object, simulated %T", at, got)}
		}
		return driftOfObjects(at, w, g)
	case []any:
		g, same := got.([]any)
		if !same || (len(g) == 0 && len(w) > 0) {
			return []string{fmt.Sprintf("%s: recorded a list of %d, simulated %v", at, len(w), got)}
		}
		return driftOfLists(at, w, g)
	}
	if a, b := fmt.Sprintf("%T", want), fmt.Sprintf("%T", got); a != b {
		return []string{fmt.Sprintf("%s: recorded a %s, simulated a %s", at, a, b)}
	}
	return nil
}

func driftOfObjects(at string, want, got map[string]any) []string {
	want, got = byKind(want), byKind(got)
	var found []string
	for key, value := range want {
		if _, known := got[key]; !known {
			found = append(found, at+"."+key+" is missing")
			continue
		}
		found = append(found, drift(at+"."+key, value, got[key])...)
	}
	for key := range got {
		if _, known := want[key]; !known {
			found = append(found, at+"."+key+notRecorded)
		}
	}
	return found
}

// driftOfLists holds every simulated element to some recorded one: elements may be of several shapes.
func driftOfLists(at string, want, got []any) []string {
	if len(want) == 0 {
		return nil
	}
	for i, have := range got {
		var nearest []string
		for _, recorded := range want {
			found := drift(fmt.Sprintf("%s[%d]", at, i), recorded, have)
			if nearest == nil || len(found) < len(nearest) {
				nearest = append([]string{}, found...)
			}
		}
		if len(nearest) > 0 {
			return nearest
		}
	}
	return nil
}

func byKind(object map[string]any) map[string]any {
	named := map[string]any{}
	for key, value := range object {
		if identifier.MatchString(key) {
			key = "*"
		}
		named[key] = value
	}
	return named
}

// unwrap opens JSON that travels as text within JSON.
func unwrap(v any) any {
	text, isText := v.(string)
	if !isText || (!strings.HasPrefix(text, "{\"") && !strings.HasPrefix(text, "[")) {
		return v
	}
	var inner any
	if json.NewDecoder(strings.NewReader(text)).Decode(&inner) != nil {
		return v
	}
	return inner
}

// patiently bounds how long a frame may take.
func patiently(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), frameTimeout)
}
