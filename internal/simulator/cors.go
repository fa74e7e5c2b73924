package simulator

import (
	"net/http"
	"slices"
	"strings"
)

// cors adds the headers for an allowed origin and answers a preflight, then true. Off, as by default, an OPTIONS
// request is an unknown path like any other (H8).
func (s *Server) cors(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	service := s.settings.ServiceSettings
	s.mu.Unlock()
	origin := r.Header.Get("Origin")
	if service.AllowCorsFrom != "" {
		w.Header().Add("Vary", "Origin")
	}
	if origin == "" || !allowsOrigin(service.AllowCorsFrom, origin) {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	if service.CorsAllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	method := r.Header.Get("Access-Control-Request-Method")
	if r.Method != http.MethodOptions || method == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", method)
	if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" {
		h.Set("Access-Control-Allow-Headers", headers)
	}
	h.Set("Access-Control-Max-Age", "86400")
	h.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// allowsOrigin reads AllowCorsFrom: exact origins separated by spaces, or "*".
func allowsOrigin(allowed, origin string) bool {
	return allowed == "*" || slices.Contains(strings.Fields(allowed), origin)
}
