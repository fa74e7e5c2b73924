package signature

import (
	"net/http"
	"slices"
	"time"
)

const (
	maxField      = 4 << 10 // bytes of a header field that is parsed
	maxComponents = 32
	maxKeyID      = 64
	// A nonce is random, so 16 characters of base64url are 96 bits.
	minNonce, maxNonce = 16, 128
)

// input is a signature and what it says of itself.
type input struct {
	signature  []byte
	components []string
	params     string // as they are signed: "@signature-params"
	keyID      string
	nonce      string
	created    time.Time
	expires    time.Time // the zero time for never
}

// parseInput wants one signature. RFC 9421 allows several, of which a verifier
// picks; then two verifiers may pick different ones.
func parseInput(h http.Header) (input, error) {
	written, err := line(h, "Signature-Input")
	if err != nil {
		return input{}, err
	}
	signed, err := line(h, "Signature")
	if err != nil {
		return input{}, err
	}
	label, params, found := member(written)
	signedLabel, value, signedFound := member(signed)
	if !found || !signedFound || label != signedLabel {
		return input{}, refuse("Signature and Signature-Input do not have a member of one label")
	}
	s := scanner{value}
	signature, isBytes := s.bytes()
	if !isBytes || !s.atEnd() {
		return input{}, refuse("Signature is not one byte sequence")
	}
	in, err := readInput(params)
	in.signature = signature
	return in, err
}

// line is a field that is there once: of two lines, two readers may each take
// another.
func line(h http.Header, name string) (string, error) {
	lines := h.Values(name)
	if len(lines) != 1 || len(lines[0]) > maxField {
		return "", refuse(name + " is not there exactly once, or is longer than 4 KiB")
	}
	return lines[0], nil
}

// member splits a member of a dictionary into key and value.
func member(text string) (key, value string, found bool) {
	s := scanner{text}
	key, isKey := s.key()
	return key, s.rest, isKey && s.skip("=") && !s.atEnd()
}

// readInput reads the covered components and the parameters of a signature.
func readInput(params string) (input, error) {
	s, in := scanner{params}, input{params: params}
	var isList bool
	in.components, isList = s.list()
	switch {
	case !isList:
		return input{}, refuse("Signature-Input does not begin with a list of strings without parameters")
	case len(in.components) > maxComponents:
		return input{}, refuse("it covers more than 32 components")
	case hasTwice(in.components):
		return input{}, refuse("it covers a component twice")
	}
	if err := in.readParams(&s); err != nil {
		return input{}, err
	}
	return in, in.checkParams()
}

func hasTwice(names []string) bool {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return true
		}
	}
	return false
}

// readParams knows the parameters of RFC 9421 section 2.3 and refuses others: one
// that we do not understand may limit what the signature is good for.
func (in *input) readParams(s *scanner) error {
	var seen []string
	for !s.atEnd() {
		isNext := s.skip(";")
		name, isKey := s.key()
		if !isNext || !isKey || !s.skip("=") {
			return refuse("its parameters are not in the canonical form of RFC 9651")
		}
		if slices.Contains(seen, name) {
			return refuse("it has a parameter twice")
		}
		seen = append(seen, name)
		if !in.readParam(name, s) {
			return refuse("one of its parameters is unknown or not of the right type")
		}
	}
	return nil
}

func (in *input) readParam(name string, s *scanner) (known bool) {
	switch name {
	case "created":
		in.created, known = seconds(s)
	case "expires":
		in.expires, known = seconds(s)
	case "keyid":
		in.keyID, known = s.text()
	case "nonce":
		in.nonce, known = s.text()
	case "alg":
		known = s.skip(`"hmac-sha256"`)
	case "tag":
		_, known = s.text()
	}
	return known
}

func seconds(s *scanner) (time.Time, bool) {
	whole, isInteger := s.integer()
	return time.Unix(whole, 0), isInteger
}

func (in *input) checkParams() error {
	switch {
	case in.created.IsZero():
		return refuse("it has no created")
	case !isVisible(in.keyID, 1, maxKeyID):
		return refuse("it has no keyid of 1 to 64 characters")
	case !isVisible(in.nonce, minNonce, maxNonce):
		return refuse("it has no nonce of 16 to 128 characters")
	}
	return nil
}

func isVisible(s string, least, most int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}

// checkCoverage wants everything signed that decides what a request does.
func (in input) checkCoverage() error {
	covers := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(in.components, name) })
	}
	switch {
	case !covers("@method"):
		return refuse("it does not cover @method")
	case !covers("@target-uri") && !covers("@authority", "@path", "@query"):
		return refuse("it covers neither @target-uri nor @authority, @path and @query")
	case !covers("content-digest"):
		return refuse("it does not cover content-digest")
	}
	return nil
}

func (in input) checkTimes(now time.Time, maxAge time.Duration) error {
	switch {
	case now.Sub(in.created).Abs() > maxAge:
		return refuse("its created is too far from now; compare the two clocks")
	case !in.expires.IsZero() && !in.expires.After(in.created):
		return refuse("its expires is not after its created")
	case !in.expires.IsZero() && !now.Before(in.expires):
		return refuse("it has expired")
	}
	return nil
}
