package mattermost_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"matterpass/internal/companion"
	"matterpass/internal/login"
	"matterpass/internal/mattermost"
)

// TestAHangingPluginIsGivenUp, also one that never answered since the start.
func TestAHangingPluginIsGivenUp(t *testing.T) {
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	t.Cleanup(func() { close(stop); server.Close() })
	c := mattermost.New(mattermost.Options{BaseURL: server.URL})
	defer c.Close()
	p := mattermost.NewPlugin(c, mattermost.PluginOptions{Keys: pluginKeys(t, pluginSecret), MFA: companion.PolicyAsk, Timeout: 100 * time.Millisecond})
	var last time.Duration
	for range 20 {
		start := time.Now()
		_, _ = p.Mint(t.Context(), login.Minting{Account: login.Account{User: login.User{ID: demoID}}})
		last = time.Since(start)
	}
	if last > 50*time.Millisecond {
		t.Errorf("the 20th waited %s", last)
	}
}
