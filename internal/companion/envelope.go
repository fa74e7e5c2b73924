package companion

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	version     = "1"
	headerMost  = 512
	headerParts = 7
	answerParts = 3
	fieldMost   = 64
	nonceLeast  = 22 // characters: 128 bits
)

// ErrMAC: not sent by anybody who has the secret, or not this.
var ErrMAC = errors.New("the message is not authentic")

// ErrField: a field that cannot be sent.
var ErrField = errors.New("not a field of letters, digits, - and _")

// Envelope is what a question says beside its body. The header carries it, the
// MAC covers it.
type Envelope struct {
	Method, Path string // Path is one of the routes, without Base
	ServerID     string // may be empty in a ping, which asks for it
	UserID       string // empty in a ping
	Created      time.Time
	Nonce        string

	kid string // of the key that made or checked the MAC
}

// NewNonce returns 128 random bits.
func NewNonce() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Seal returns the header of a question and the envelope to read its answer with.
func (k Keys) Seal(e Envelope, body []byte) (header string, sent Envelope, err error) {
	if k.Empty() {
		return "", e, ErrSecret
	}
	if !isField(e.ServerID) || !isField(e.UserID) || !isNonce(e.Nonce) {
		return "", e, ErrField
	}
	signer := k.list[0]
	e.kid = signer.kid
	fields := []string{version, e.kid, strconv.FormatInt(e.Created.UnixMilli(), 10), e.Nonce, e.ServerID, e.UserID}
	return strings.Join(append(fields, signer.macOfQuestion(e, fields, body)), "."), e, nil
}

// macOfQuestion is the MAC over a question: all that it says, and where to.
func (k key) macOfQuestion(e Envelope, fields []string, body []byte) string {
	parts := append([]string{PluginID, e.Method, e.Path, digest(body)}, fields...)
	return mac(k.question, parts...)
}

// Open checks the header of a question to method and path, before anything in
// it is believed. Every fault is ErrMAC.
func (k Keys) Open(header, method, path string, body []byte) (Envelope, error) {
	e := Envelope{Method: method, Path: path}
	if len(header) > headerMost {
		return e, ErrMAC
	}
	fields := strings.Split(header, ".")
	if len(fields) != headerParts || fields[0] != version {
		return e, ErrMAC
	}
	signer, known := k.find(fields[1])
	if !known || !sameText(fields[headerParts-1], signer.macOfQuestion(e, fields[:headerParts-1], body)) {
		return e, ErrMAC
	}
	millis, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || !isNonce(fields[3]) || !isField(fields[4]) || !isField(fields[5]) {
		return e, ErrMAC
	}
	e.kid, e.Created = fields[1], time.UnixMilli(millis)
	e.Nonce, e.ServerID, e.UserID = fields[3], fields[4], fields[5]
	return e, nil
}

// SealAnswer returns the header of the answer to e, which Open returned.
func (k Keys) SealAnswer(e Envelope, status int, body []byte) (header string, err error) {
	signer, known := k.find(e.kid)
	if !known {
		return "", ErrSecret // it was replaced while the question was being answered
	}
	return strings.Join([]string{version, e.kid, signer.macOfAnswer(e, status, body)}, "."), nil
}

func (k key) macOfAnswer(e Envelope, status int, body []byte) string {
	return mac(k.answer, PluginID, version, k.kid, e.Method, e.Path, e.Nonce, e.UserID, strconv.Itoa(status), digest(body))
}

// OpenAnswer checks the header of an answer to e, which Seal returned. Every
// fault is ErrMAC.
func (k Keys) OpenAnswer(e Envelope, header string, status int, body []byte) error {
	fields := strings.Split(header[:min(len(header), headerMost)], ".")
	if len(fields) != answerParts || fields[0] != version || fields[1] != e.kid {
		return ErrMAC
	}
	signer, known := k.find(e.kid)
	if !known || !sameText(fields[2], signer.macOfAnswer(e, status, body)) {
		return fmt.Errorf("%w: HTTP %d", ErrMAC, status)
	}
	return nil
}

// sameText compares in constant time. As text, because decoders overlook line
// breaks: a MAC has one spelling.
func sameText(got, want string) bool { return hmac.Equal([]byte(got), []byte(want)) }

func isNonce(s string) bool { return len(s) >= nonceLeast && isField(s) }

// isField reports that s can stand between the header's dots.
func isField(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(s) <= fieldMost
}
