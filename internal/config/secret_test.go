package config_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"matterpass/internal/config"
)

// holder keeps secrets where fmt cannot call their methods.
type holder struct {
	secret config.Secret
	keys   config.APIKeys
	Public config.Secret
}

func TestNoWayToPrintShowsASecret(t *testing.T) {
	cfg, err := load(t, production("API_KEYS=erp:"+strong2, "MM_ADMIN_TOKEN="+token))
	if err != nil {
		t.Fatal(err)
	}
	held := holder{cfg.Mattermost.AdminToken, cfg.Keys.APIKeys, cfg.Mattermost.AdminToken}
	for _, value := range []any{
		cfg.Mattermost.AdminToken, &cfg.Mattermost.AdminToken, cfg.Keys.Secrets, cfg.Keys.APIKeys, cfg.Keys.APIKeys[0], cfg.AdminTokens,
		cfg, &cfg, held, &held, []any{held}, map[string]any{"x": held}, cfg.Effective(), fmt.Errorf("wrapped %v", held),
	} {
		printed := everyWay(value)
		for _, secret := range []string{strong, strong2, token} {
			if i := strings.Index(printed, secret[:8]); i >= 0 {
				t.Errorf("%T shows a secret: …%s…", value, printed[max(0, i-40):i+8])
			}
		}
	}
}

func TestAnySecretIsMaskedByEveryVerb(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := config.NewSecret(rapid.StringMatching(`[A-Za-z0-9%"\\]{6,40}`).Draw(t, "secret"))
		verb := rapid.StringMatching(`%[+#0 -]{0,3}[0-9]{0,2}(\.[0-9])?[a-oq-vx-zA-SU-Z]`).Draw(t, "verb") // fmt keeps p, T and w to itself
		if got := fmt.Sprintf(verb, secret); got != "[secret]" {
			t.Errorf("%s prints %q", verb, got)
		}
	})
}

func TestAnUnsetSecretPrintsNothing(t *testing.T) {
	var s config.Secret
	encoded, err := json.Marshal(s)
	if s.IsSet() || s.Reveal() != "" || s.String() != "" || string(encoded) != `""` || err != nil {
		t.Errorf("%v %q %s %v", s.IsSet(), s.Reveal(), encoded, err)
	}
}

// everyWay formats, encodes and logs value in all the ways there are.
func everyWay(value any) string {
	var out bytes.Buffer
	for _, flags := range []string{"", "+", "#", " ", "#+", "0", "-20", ".3"} {
		for verb := 'a'; verb <= 'z'; verb++ {
			fmt.Fprintf(&out, "%"+flags+string(verb), value)
			fmt.Fprintf(&out, "%"+flags+strings.ToUpper(string(verb)), value)
		}
	}
	for _, encode := range []func(any) ([]byte, error){json.Marshal, xml.Marshal, yaml.Marshal} {
		text, err := encode(value)
		fmt.Fprint(&out, string(text), err)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", value)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", value)
	log := zerolog.New(&out)
	log.Info().Interface("value", value).Any("any", value).Fields(map[string]any{"field": value}).Msg("x")
	return out.String()
}
