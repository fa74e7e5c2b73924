package mattermost_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"matterpass/internal/companion"
	"matterpass/internal/mattermost"
	"matterpass/internal/simulator"
)

func ExamplePlugin() {
	s := simulator.New(simulator.Options{Demo: true, Plugin: pluginSecret})
	defer s.Close()
	server := httptest.NewServer(s)
	defer server.Close()
	c := mattermost.New(mattermost.Options{BaseURL: server.URL})
	defer c.Close()
	keys, _ := companion.NewKeys(pluginSecret)
	p := mattermost.NewPlugin(c, mattermost.PluginOptions{Keys: keys, MFA: companion.PolicyAsk})
	session, err := p.Mint(context.Background(), minting(s, simulator.DemoEmail))
	fmt.Println(session.User.Username, err)
	// Output: demo <nil>
}
