package gateway

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash/maphash"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Seen remembers session tokens that Mattermost accepted. Saw is called at most
// about once a minute for a token. Both must be safe for concurrent use, and
// quick: requests wait for them.
type Seen interface {
	Saw(token string)
	Known(token string) bool
}

// proves reports that an answer on this path is given to a valid session only. A
// success elsewhere proves nothing: where none is needed Mattermost overlooks a
// bad token, and anybody could have it remembered.
func proves(path string, status int) bool {
	if status/100 != 2 && status != http.StatusNotModified {
		return false
	}
	rest, isAPI := strings.CutPrefix(path, "/api/v4/")
	return isAPI && (isUnder(rest, "users/me") || isUnder(rest, "users/status/ids") ||
		isUnder(rest, "channels") || isUnder(rest, "posts"))
}

func isUnder(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (rest == "" || rest[0] == '/')
}

// recent tells the tokens that were not just seen, at the price of one hash and
// without a lock or an allocation. Two that meet in one place push each other
// out, which costs time alone.
type recent struct {
	seed  maphash.Seed
	marks [4096]atomic.Uint64
}

func newRecent() *recent { return &recent{seed: maphash.MakeSeed()} }

// isNew is true the first time in every minute.
func (c *recent) isNew(token string) bool {
	hash := maphash.String(c.seed, token)
	mark := hash + uint64(time.Now().Unix()/60)
	place := &c.marks[hash%uint64(len(c.marks))]
	if place.Load() == mark {
		return false
	}
	place.Store(mark)
	return true
}

// memorySize is how many tokens a Memory holds by default.
const memorySize = 100_000

// Memory is a Seen for one process: the tokens of late, as 16 bytes of
// HMAC-SHA256 under a key that nobody has. It takes at most 100 bytes for each.
//
// It is made of two halves, of which the older is forgotten when the younger is
// full. So it keeps at least half its size of what came last; a list in exact
// order would cost twice the memory for no better answer.
type Memory struct {
	secret [sha256.Size]byte
	half   int

	mu         sync.Mutex
	young, old map[fingerprint]struct{}
}

type fingerprint [16]byte

// NewMemory holds at most size tokens; 0 means 100 000.
func NewMemory(size int) *Memory {
	if size <= 0 {
		size = memorySize
	}
	m := &Memory{half: (size + 1) / 2, young: map[fingerprint]struct{}{}, old: map[fingerprint]struct{}{}}
	_, _ = rand.Read(m.secret[:]) // never fails
	return m
}

// Saw implements Seen.
func (m *Memory) Saw(token string) {
	who := m.fingerprint(token)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.young[who]; known {
		return
	}
	if len(m.young) >= m.half {
		m.young, m.old = m.old, m.young
		clear(m.young)
	}
	m.young[who] = struct{}{}
}

// Known implements Seen.
func (m *Memory) Known(token string) bool {
	who := m.fingerprint(token)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, young := m.young[who]
	_, old := m.old[who]
	return young || old
}

func (m *Memory) fingerprint(token string) fingerprint {
	mac := hmac.New(sha256.New, m.secret[:])
	_, _ = mac.Write([]byte(token)) // never fails
	return fingerprint(mac.Sum(nil)[:len(fingerprint{})])
}
