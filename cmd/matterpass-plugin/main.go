// Command matterpass-plugin is the companion plugin, which Mattermost starts.
// What it does is in internal/plugin; here it is tied to Mattermost's hooks.
package main

import (
	_ "embed"
	"encoding/json"
	"net/http"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin"

	companion "matterpass/internal/plugin"
)

func main() { plugin.ClientMain(&hooks{}) }

//go:embed plugin.json
var manifestJSON []byte

// hooks is what Mattermost calls. It calls OnConfigurationChange first, and again
// whenever any of its settings changes.
type hooks struct {
	plugin.MattermostPlugin
	service *companion.Service
}

// OnConfigurationChange reads the settings anew.
func (h *hooks) OnConfigurationChange() error {
	if h.service == nil {
		var manifest model.Manifest
		_ = json.Unmarshal(manifestJSON, &manifest) // a part of the program
		h.service = companion.New(h.API, manifest.Version, nil)
	}
	return h.service.Reload()
}

// ServeHTTP answers below /plugins/com.matterpass.companion, without that prefix.
func (h *hooks) ServeHTTP(_ *plugin.Context, w http.ResponseWriter, r *http.Request) {
	h.service.ServeHTTP(w, r)
}
