package companion_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"matterpass/internal/companion"
)

const (
	newSecret = "0123456789abcdef0123456789abcdef-new"
	oldSecret = "0123456789abcdef0123456789abcdef-old"
	userID    = "435uqz4cqp8mjdb33fy5urg1pa"
	serverID  = "woqgrb16tpnwpqhmkynuwnuqae"
	nonce     = "AAECAwQFBgcICQoLDA0ODw"
)

var created = time.UnixMilli(1795320409425)

func keys(t testing.TB, secrets ...string) companion.Keys {
	t.Helper()
	made, err := companion.NewKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func question() companion.Envelope {
	return companion.Envelope{
		Method: "POST", Path: companion.RouteMint,
		ServerID: serverID, UserID: userID, Created: created, Nonce: nonce,
	}
}

func seal(t testing.TB, k companion.Keys, body string) (string, companion.Envelope) {
	t.Helper()
	header, sent, err := k.Seal(question(), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return header, sent
}

func TestQuestionArrivesAsItWasSent(t *testing.T) {
	k := keys(t, newSecret)
	header, sent := seal(t, k, `{"a":1}`)
	got, err := k.Open(header, "POST", companion.RouteMint, []byte(`{"a":1}`))
	if err != nil || got != sent {
		t.Errorf("%+v, %v; sent %+v", got, err, sent)
	}
}

func TestQuestionOfWhichAnythingWasChangedIsRefused(t *testing.T) {
	k := keys(t, newSecret)
	header, _ := seal(t, k, "{}")
	field := func(i int, value string) string {
		fields := strings.Split(header, ".")
		fields[i] = value
		return strings.Join(fields, ".")
	}
	foreign, _ := seal(t, keys(t, oldSecret), "{}")
	mac := strings.Split(header, ".")[6]
	tests := map[string]struct {
		header, method, path, body string
	}{
		"no header":              {"", "POST", "/mint", "{}"},
		"another body":           {header, "POST", "/mint", "{} "},
		"another method":         {header, "GET", "/mint", "{}"},
		"another route":          {header, "POST", "/ping", "{}"},
		"another version":        {field(0, "2"), "POST", "/mint", "{}"},
		"an unknown key":         {field(1, "00000000"), "POST", "/mint", "{}"},
		"another key's name":     {field(1, strings.Split(foreign, ".")[1]), "POST", "/mint", "{}"},
		"another time":           {field(2, "1795320409426"), "POST", "/mint", "{}"},
		"the same time, longer":  {field(2, "01795320409425"), "POST", "/mint", "{}"},
		"another nonce":          {field(3, "BAECAwQFBgcICQoLDA0ODw"), "POST", "/mint", "{}"},
		"another server":         {field(4, "aaaaaaaaaaaaaaaaaaaaaaaaaa"), "POST", "/mint", "{}"},
		"another user":           {field(5, "pqrsm7cuktrpdm8fooh5erfskw"), "POST", "/mint", "{}"},
		"no MAC":                 {field(6, ""), "POST", "/mint", "{}"},
		"half a MAC":             {field(6, mac[:len(mac)/2]), "POST", "/mint", "{}"},
		"a MAC and more":         {field(6, mac+"AA"), "POST", "/mint", "{}"},
		"a second spelling":      {field(6, mac[:len(mac)-1]+string(mac[len(mac)-1]+1)), "POST", "/mint", "{}"},
		"padding":                {header + "=", "POST", "/mint", "{}"},
		"a line break":           {header + "\n", "POST", "/mint", "{}"},
		"a field more":           {header + ".", "POST", "/mint", "{}"},
		"a field less":           {strings.TrimPrefix(header, "1."), "POST", "/mint", "{}"},
		"user and server moved":  {field(4, serverID+"."+userID), "POST", "/mint", "{}"},
		"somebody else's secret": {foreign, "POST", "/mint", "{}"},
		"endless":                {strings.Repeat("a.", 1<<20), "POST", "/mint", "{}"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := k.Open(tt.header, tt.method, tt.path, []byte(tt.body))
			if !errors.Is(err, companion.ErrMAC) || got.UserID != "" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestAnswerBelongsToItsQuestion(t *testing.T) {
	k := keys(t, newSecret)
	header, sent := seal(t, k, "{}")
	heard, err := k.Open(header, "POST", companion.RouteMint, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := k.SealAnswer(heard, 200, []byte(`{"token":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.OpenAnswer(sent, answer, 200, []byte(`{"token":1}`)); err != nil {
		t.Fatal(err)
	}
	other := question()
	other.Nonce = companion.NewNonce()
	_, otherSent, err := k.Seal(other, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"another status":           k.OpenAnswer(sent, answer, 201, []byte(`{"token":1}`)),
		"another body":             k.OpenAnswer(sent, answer, 200, []byte(`{"token":2}`)),
		"another question":         k.OpenAnswer(otherSent, answer, 200, []byte(`{"token":1}`)),
		"the question sent back":   k.OpenAnswer(sent, header, 200, []byte("{}")),
		"no MAC":                   k.OpenAnswer(sent, "", 200, []byte(`{"token":1}`)),
		"an answer for a question": func() error { _, err := k.Open(answer, "POST", "/mint", []byte(`{"token":1}`)); return err }(),
	} {
		if !errors.Is(err, companion.ErrMAC) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretsOverlapDuringRotation(t *testing.T) {
	before, during, after := keys(t, oldSecret), keys(t, newSecret, oldSecret), keys(t, newSecret)
	for name, pair := range map[string]struct {
		asks, answers companion.Keys
		want          bool
	}{
		"the plugin has both":  {before, during, true},
		"Matterpass has both":  {during, after, true},
		"both have both":       {during, during, true},
		"the old one is gone":  {before, after, false},
		"the new one is early": {during, before, false},
	} {
		header, sent := seal(t, pair.asks, "{}")
		heard, err := pair.answers.Open(header, "POST", companion.RouteMint, []byte("{}"))
		if (err == nil) != pair.want {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		answer, err := pair.answers.SealAnswer(heard, 200, nil)
		if err != nil || pair.asks.OpenAnswer(sent, answer, 200, nil) != nil {
			t.Errorf("%s: the answer is not understood: %v", name, err)
		}
	}
}

func TestWeakSecretsAreRefused(t *testing.T) {
	for _, secrets := range [][]string{{""}, {"short"}, {newSecret, "short"}} {
		if _, err := companion.NewKeys(secrets...); !errors.Is(err, companion.ErrSecret) {
			t.Errorf("%d secrets: %v", len(secrets), err)
		}
	}
	none := keys(t)
	if _, _, err := none.Seal(question(), nil); !none.Empty() || !errors.Is(err, companion.ErrSecret) {
		t.Error(err)
	}
	if _, err := none.SealAnswer(question(), 200, nil); !errors.Is(err, companion.ErrSecret) {
		t.Error(err)
	}
}

func TestOnlyFieldsThatFitTheHeaderAreSent(t *testing.T) {
	k := keys(t, newSecret)
	for name, change := range map[string]func(*companion.Envelope){
		"a dot in the user":  func(e *companion.Envelope) { e.UserID = "a.b" },
		"a dot in the nonce": func(e *companion.Envelope) { e.Nonce = nonce + "." },
		"a short nonce":      func(e *companion.Envelope) { e.Nonce = nonce[1:] },
		"a line break":       func(e *companion.Envelope) { e.ServerID = "a\nb" },
		"a long server":      func(e *companion.Envelope) { e.ServerID = strings.Repeat("a", 65) },
	} {
		e := question()
		change(&e)
		if _, _, err := k.Seal(e, nil); !errors.Is(err, companion.ErrField) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysNeverPrint(t *testing.T) {
	k := keys(t, newSecret, oldSecret)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if text := fmt.Sprintf(verb, k); text != "[2 keys]" {
			t.Errorf("%s: %s", verb, text)
		}
	}
}

func TestNoncesAreNotRepeated(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		seen[companion.NewNonce()] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d of 1000", len(seen))
	}
}

func TestEveryCodeIsListed(t *testing.T) {
	source, err := os.ReadFile("companion.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`Code\w+ +Code = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	for _, match := range declared {
		if !slices.Contains(companion.Codes(), companion.Code(match[1])) {
			t.Errorf("%s is not listed", match[1])
		}
	}
	if len(declared) != len(companion.Codes()) {
		t.Errorf("%d declared, %d listed", len(declared), len(companion.Codes()))
	}
}

// FuzzOpenedIsWhatWasSealed: whatever header is taken, sealing what it says makes
// the very same header.
func FuzzOpenedIsWhatWasSealed(f *testing.F) {
	k := keys(f, newSecret)
	header, _ := seal(f, k, "{}")
	f.Add(header, "{}")
	f.Add(strings.Replace(header, userID, "", 1), "{}")
	f.Add("1.........", "")
	f.Fuzz(func(t *testing.T, header, body string) {
		e, err := k.Open(header, "POST", companion.RouteMint, []byte(body))
		if err != nil {
			return
		}
		again, _, err := k.Seal(e, []byte(body))
		if err != nil || again != header {
			t.Errorf("%q became %q, %v", header, again, err)
		}
	})
}
