package httpapi

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"matterpass/web"
)

// asset is one file in both codings, made once.
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
	zipped := gzipped(content)
	return asset{name, mediaOf(name), content, zipped, web.ETag(content), web.ETag(zipped)}, nil
}

func mediaOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	default:
		return "text/plain; charset=utf-8"
	}
}

func gzipped(content []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is valid
	_, _ = w.Write(content)                                 // a buffer does not fail
	_ = w.Close()
	return out.Bytes()
}

// file serves one file of a tree in the coding that the client takes; headers
// are put on by who knows its readers. A tree that is not there is a 404.
func file(files fs.FS, name string, headers func(http.Header)) handler {
	if files == nil {
		return func(http.ResponseWriter, *http.Request) error { return errNotFound }
	}
	made, err := newAsset(files, name)
	if err != nil {
		return func(http.ResponseWriter, *http.Request) error { return err }
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		headers(w.Header())
		made.send(w, r)
		return nil
	}
}

func (file asset) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", file.media)
	h.Set("Vary", "Accept-Encoding")
	content, tag := file.plain, file.plainTag
	if acceptsGzip(r) {
		content, tag = file.zipped, file.zippedTag
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	http.ServeContent(w, r, file.name, time.Time{}, bytes.NewReader(content))
}

// acceptsGzip leaves out who asks for a range: ranges of a coding help nobody.
// "gzip;q=0" is taken for what nobody sends.
func acceptsGzip(r *http.Request) bool {
	return r.Header.Get("Range") == "" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}
