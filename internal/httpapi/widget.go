package httpapi

import "net/http"

// widget serves one file of the widget to pages of any origin: it holds no
// secret and acts only on the page that loads it.
func (a *API) widget(name string) handler {
	return file(a.Widget, name, func(h http.Header) {
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	})
}
