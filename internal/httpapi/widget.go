package httpapi

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"matterpass/web"
)

// asset is one file of the widget in both codings, made once.
type asset struct {
	name, media   string
	plain, zipped []byte
	plainTag      string
	zippedTag     string
}

func newAsset(files fs.FS, name string) (asset, error) {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return asset{}, err
	}
	media := "text/javascript; charset=utf-8"
	if strings.HasSuffix(name, ".d.ts") {
		media = "text/plain; charset=utf-8"
	}
	zipped := gzipped(content)
	return asset{name, media, content, zipped, web.ETag(content), web.ETag(zipped)}, nil
}

func gzipped(content []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is valid
	_, _ = w.Write(content)                                 // a buffer does not fail
	_ = w.Close()
	return out.Bytes()
}

// widget serves one file of the widget to pages of any origin: it holds no
// secret and acts only on the page that loads it.
func (a *API) widget(name string) handler {
	if a.Widget == nil {
		return func(http.ResponseWriter, *http.Request) error { return errNotFound }
	}
	file, err := newAsset(a.Widget, name)
	if err != nil {
		return func(http.ResponseWriter, *http.Request) error { return err }
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", file.media)
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("Vary", "Accept-Encoding")
		content, tag := file.plain, file.plainTag
		if acceptsGzip(r) {
			content, tag = file.zipped, file.zippedTag
			h.Set("Content-Encoding", "gzip")
		}
		h.Set("ETag", tag)
		http.ServeContent(w, r, file.name, time.Time{}, bytes.NewReader(content))
		return nil
	}
}

// acceptsGzip leaves out who asks for a range: ranges of a coding help nobody.
// "gzip;q=0" is taken for what nobody sends.
func acceptsGzip(r *http.Request) bool {
	return r.Header.Get("Range") == "" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}
