package simulator

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// focusMark is what index.html says of Options.StealFocus.
const focusMark = `<meta name="steal-focus" content="false">`

// servePage answers every path that is neither API nor file, always with the same document: which screen that is,
// the page's script decides (H1).
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	commonHeaders(w)
	s.frameHeaders(w)
	document, err := pageFiles.ReadFile("page/index.html")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if s.options.StealFocus {
		document = bytes.Replace(document, []byte(focusMark), []byte(strings.Replace(focusMark, "false", "true", 1)), 1)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html")
	h.Set("Cache-Control", "no-cache, max-age=31556926, public")
	if r.Method != http.MethodHead {
		_, _ = w.Write(document)
	}
}

// frameHeaders contradict each other on purpose: browsers that know frame-ancestors ignore X-Frame-Options (H3).
func (s *Server) frameHeaders(w http.ResponseWriter) {
	s.mu.Lock()
	service := s.settings.ServiceSettings
	s.mu.Unlock()
	scripts := "'self'"
	for _, flag := range []string{"unsafe-inline", "unsafe-eval"} {
		if strings.Contains(service.DeveloperFlags, flag+"=true") {
			scripts += " '" + flag + "'"
		}
	}
	h := w.Header()
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Security-Policy", "frame-ancestors 'self' "+service.FrameAncestors+"; script-src "+scripts)
	if service.TLSStrictTransport {
		h.Set("Strict-Transport-Security", "max-age="+strconv.Itoa(service.TLSStrictTransportMaxAge))
	}
}

func (s *Server) serveStatic(w http.ResponseWriter, r *http.Request) {
	staticHeaders(w)
	w.Header().Set("Vary", "Accept-Encoding")
	name := "page/" + strings.TrimPrefix(r.URL.Path, "/static/")
	content, err := fs.ReadFile(pageFiles, name)
	if err != nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache, public")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("404 page not found\n"))
		return
	}
	// The real files carry a hash in their names and are kept for a year; these change under the same name.
	w.Header().Set("Cache-Control", "no-cache, max-age=31556926, public")
	w.Header().Set("Content-Type", contentType(name))
	_, _ = w.Write(content)
}

func contentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".js"):
		return "text/javascript; charset=utf-8"
	case strings.HasSuffix(name, ".css"):
		return "text/css; charset=utf-8"
	case strings.HasSuffix(name, ".json"):
		return "application/json"
	case strings.HasSuffix(name, ".svg"):
		return "image/svg+xml"
	}
	return "text/html"
}
