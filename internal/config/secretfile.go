package config

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	fileSuffix    = "_FILE"
	byteOrderMark = "\uFEFF"
	largestSecret = 64 << 10 // bytes
)

var adminToken = regexp.MustCompile(`^[a-z0-9]{26}$`)

// readSecret reads a file that holds nothing but a secret. It drops a byte order
// mark and exactly one line end, which editors add. public says that everybody
// on the machine may read the file. Errors are faults.
func readSecret(path string) (text string, public bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", false, unreadable(path, reason(err))
	}
	// A pipe or a device would block here, or never end.
	if !info.Mode().IsRegular() {
		return "", false, unreadable(path, "not a regular file")
	}
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", false, unreadable(path, reason(err))
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, largestSecret+1))
	switch {
	case err != nil:
		return "", false, unreadable(path, reason(err))
	case len(content) > largestSecret:
		return "", false, fault{"the file " + shown(path) + " is larger than 64 KiB", "put nothing but the secret into it"}
	}
	text = bare(content)
	if text == "" {
		return "", false, fault{"the file " + shown(path) + " is empty", "put the secret into it, or unset the variable"}
	}
	return text, isPublic(info), nil
}

// isPublic reports whether everybody on the machine may read the file.
func isPublic(info fs.FileInfo) bool {
	const byOthers fs.FileMode = 0o004
	return info.Mode().Perm()&byOthers != 0
}

func unreadable(path, why string) fault {
	return fault{"the file " + shown(path) + " cannot be read: " + why, "name a file that Matterpass may read"}
}

func bare(content []byte) string {
	content = bytes.TrimPrefix(content, []byte(byteOrderMark))
	text := strings.TrimSuffix(string(content), "\n")
	if len(text) < len(content) {
		text = strings.TrimSuffix(text, "\r")
	}
	return text
}

// TokenSource hands out the admin token. One that came from a file is read again
// when the file has changed, looked at once a second at most; while the file is
// missing or holds no token, the last good one is kept. Safe for concurrent use.
type TokenSource struct {
	path    string // "" when the token is from the environment
	current atomic.Pointer[Secret]

	checking sync.Mutex // guards what follows; nobody waits for it
	checked  time.Time
	seen     fs.FileInfo // nil until the first check, which reads the file once more
}

func newTokenSource(token Secret, path string) *TokenSource {
	t := &TokenSource{path: path, checked: time.Now()}
	t.current.Store(&token)
	return t
}

// Token returns the token, "" when there is none.
func (t *TokenSource) Token() string {
	if t.path != "" && t.checking.TryLock() {
		t.follow(time.Now())
		t.checking.Unlock()
	}
	return t.current.Load().Reveal()
}

func (t *TokenSource) follow(now time.Time) {
	if now.Sub(t.checked) < time.Second {
		return
	}
	t.checked = now
	info, err := os.Stat(t.path)
	if err != nil || t.seen != nil && unchanged(t.seen, info) {
		return
	}
	text, _, err := readSecret(t.path)
	if err != nil {
		return
	}
	// The look is from before the reading: a change in between is seen next time.
	t.seen = info
	if adminToken.MatchString(text) {
		token := NewSecret(text)
		t.current.Store(&token)
	}
}

// unchanged compares the file as well: tokens are all of one size, and a file
// put in place of another may have its time.
func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
