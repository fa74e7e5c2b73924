package gateway

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

const setCookie = "Set-Cookie"

// relay sends Mattermost's answer to the client as it comes.
func (x *exchange) relay(res *http.Response) {
	dropHopByHop(res.Header)
	x.receive(res)
	header := x.w.Header()
	own := header[setCookie]
	maps.Copy(header, res.Header) // receive has made room
	if len(own) > 0 {
		header[setCookie] = slices.Concat(res.Header[setCookie], own)
	}
	announced := len(res.Trailer)
	if announced > 0 {
		header["Trailer"] = []string{strings.Join(slices.Sorted(maps.Keys(res.Trailer)), ", ")}
	}
	x.w.WriteHeader(res.StatusCode)
	if !isHere(res.Body) {
		x.flush() // the header came alone, and goes on alone
	}
	x.copyBody(res.Body, res.ContentLength)
	x.sendTrailers(res.Trailer, announced)
}

// copyBody lets nothing wait for what comes next. The end of a body of this length
// (-1: unknown) goes out with the end of the request.
func (x *exchange) copyBody(body io.Reader, length int64) {
	buffer := x.buffers.Get()
	defer x.buffers.Put(buffer)
	for sent := int64(0); ; {
		n, err := body.Read(buffer)
		if n > 0 {
			if _, err := x.w.Write(buffer[:n]); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
		switch sent += int64(n); {
		case err == io.EOF:
			return
		case err != nil:
			panic(http.ErrAbortHandler)
		case sent != length:
			x.flush()
		}
	}
}

// flush fails for a client that left, which the next Write tells as well.
func (x *exchange) flush() { _ = http.NewResponseController(x.w).Flush() }

// sendTrailers goes by what net/http wants: those that were announced in the
// header, all others with a prefix.
func (x *exchange) sendTrailers(trailer http.Header, announced int) {
	if len(trailer) == 0 {
		return
	}
	x.flush() // else a short answer gets a length, and has no place for trailers
	cleanTrailer(trailer)
	header, prefix := x.w.Header(), http.TrailerPrefix
	if len(trailer) == announced {
		prefix = ""
	}
	for name, values := range trailer {
		header[prefix+name] = values
	}
}
