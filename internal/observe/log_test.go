package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at() time.Time { return time.Date(2026, 3, 1, 13, 4, 5, 678901234, time.FixedZone("", 3600)) }

func TestALineIsOneJSONObjectWithUTCTime(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(LogOptions{Out: &out, Now: at})
	log.Info().Str("route", "/healthz").Int("status", 200).Err(errors.New("cause")).Msg("request")
	want := `{"level":"info","route":"/healthz","status":200,"error":"cause","time":"2026-03-01T12:04:05.678901Z","message":"request"}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLevels(t *testing.T) {
	for level, want := range map[string]string{
		"debug": "debug,info,warn,error", "info": "info,warn,error", "": "info,warn,error",
		"warn": "warn,error", "error": "error", "loud": "info,warn,error",
	} {
		var out bytes.Buffer
		log := NewLogger(LogOptions{Out: &out, Level: level})
		var got []string
		for _, l := range []zerolog.Level{zerolog.DebugLevel, zerolog.InfoLevel, zerolog.WarnLevel, zerolog.ErrorLevel} {
			out.Reset()
			log.WithLevel(l).Msg("x") // WithLevel itself obeys the logger's level
			if out.Len() > 0 {
				got = append(got, l.String())
			}
		}
		if strings.Join(got, ",") != want {
			t.Errorf("level %q writes %v, want %s", level, got, want)
		}
	}
}

func TestFormats(t *testing.T) {
	for name, c := range map[string]struct {
		format   string
		terminal bool
		want     string
	}{
		"json into a file":      {"", false, `{"level":"info"`},
		"console on a terminal": {"", true, "12:04:05.678901 \x1b[32mINF\x1b[0m hello"},
		"json on a terminal":    {"json", true, `{"level":"info"`},
		"console into a file":   {"console", false, "12:04:05.678901 INF hello who=dana\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := NewLogger(LogOptions{Out: &out, Format: c.format, Terminal: c.terminal, Now: at})
			log.Info().Str("who", "dana").Msg("hello")
			if !strings.HasPrefix(out.String(), c.want) {
				t.Errorf("got %q, want %q", out.String(), c.want)
			}
		})
	}
}

// hostile is what strangers put into names, agents and paths.
var hostile = []string{
	"", "plain", "a\r\nb", "\x1b]0;owned\x07", "\x1b[31mred", "quote\"back\\slash", "%s%n", "\u2028\u2029", "\u202egnp.exe",
	"\u0085\u009b31m", "\x7f", "\xff\xfe", "\u200b\ufeff", "\U000e0041", "日本語 ü 👩‍🚀", "</script>", "{\"level\":\"fatal\"}\n",
}

func checkLine(t *testing.T, line []byte) {
	t.Helper()
	if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
		t.Fatalf("not one line: %q", line)
	}
	for _, r := range string(line[:len(line)-1]) {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Fatalf("raw %U in %q", r, line)
		}
	}
	var got map[string]any
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
}

func logged(s string) []byte {
	var out bytes.Buffer
	log := NewLogger(LogOptions{Out: &out})
	log.Info().Str("value", s).Str(s, "key").AnErr("cause", errors.New(s)).Msg(s)
	return out.Bytes()
}

func TestHostileTextStaysWithinItsString(t *testing.T) {
	for _, s := range hostile {
		line := logged(s)
		checkLine(t, line)
		var got struct{ Value string }
		if err := json.Unmarshal(line, &got); err != nil || utf8.ValidString(s) && got.Value != s {
			t.Errorf("%q became %q (%v)", s, got.Value, err)
		}
	}
}

func FuzzHostileText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkLine(t, logged(s)) })
}

func TestTheConsoleShowsNoRawControlCharacters(t *testing.T) {
	for _, s := range hostile {
		var out bytes.Buffer
		log := NewLogger(LogOptions{Out: &out, Format: "console"})
		log.Info().Str("value", s).AnErr("cause", errors.New(s)).Msg(s)
		text := strings.TrimSuffix(out.String(), "\n")
		for _, r := range text {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Errorf("%q: raw %U in %q", s, r, text)
			}
		}
	}
}

func TestAFailingOutputIsReported(t *testing.T) {
	if _, err := (escaper{failing{}}).Write([]byte("ü\u2028")); err == nil {
		t.Error("no error")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestForeignTextIsCutBetweenCharacters(t *testing.T) {
	for name, s := range map[string]string{
		"short": "dana", "empty": "", "exact": strings.Repeat("a", 256), "long": strings.Repeat("a", 1<<20),
		"two bytes": strings.Repeat("ü", 200), "four bytes": strings.Repeat("👩", 100), "no text": strings.Repeat("\x80", 1000),
		"shifted": "a" + strings.Repeat("日", 100),
	} {
		got := Foreign(s)
		if len(got) > 256 || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, %q", name, len(got), got)
		}
		if len(s) <= 256 && utf8.ValidString(s) && got != s {
			t.Errorf("%s: %q became %q", name, s, got)
		}
		if len(s) > 256 && !strings.HasSuffix(got, "…") {
			t.Errorf("%s: the cut does not show: %q", name, got)
		}
	}
}

func TestPeopleAreHashedInProduction(t *testing.T) {
	secret := []byte("secret")
	person := Person(secret, true)
	secret[0] = 'X'
	a, b := person("dana@erp.test"), person("demo@erp.test")
	if a == b || a != person("DANA@erp.test") || len(a) != len("h:")+12 || !strings.HasPrefix(a, "h:") {
		t.Errorf("%q and %q", a, b)
	}
	if a == Person([]byte("other"), true)("dana@erp.test") {
		t.Error("the hash does not depend on the secret")
	}
	if got := Person(nil, false)("dana@erp.test"); got != "dana@erp.test" {
		t.Errorf("in development %q", got)
	}
}
