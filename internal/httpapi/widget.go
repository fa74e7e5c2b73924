package httpapi

import (
	"bytes"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"matterpass/web"
)

// widget serves one file of the widget to pages of any origin: it holds no
// secret and acts only on the page that loads it.
func (a *API) widget(name string) handler {
	if a.Widget == nil {
		return func(http.ResponseWriter, *http.Request) error { return errNotFound }
	}
	content, err := fs.ReadFile(a.Widget, name)
	if err != nil {
		return func(http.ResponseWriter, *http.Request) error { return err }
	}
	etag := web.ETag(content)
	media := "text/javascript; charset=utf-8"
	if strings.HasSuffix(name, ".d.ts") {
		media = "text/plain; charset=utf-8"
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", media)
		h.Set("ETag", etag)
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
		return nil
	}
}
