package httpapi

import (
	"net/http"

	"matterpass/internal/middleware"
)

// cors lets the ERP's pages call the browser's addresses with credentials.
func (a *API) cors() func(http.Handler) http.Handler {
	return middleware.CORS(middleware.CORSOptions{Origins: a.AllowedOrigins, Insecure: a.InsecureOrigins})
}
