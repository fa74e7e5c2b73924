package limit

import "sync"

const (
	defaultAccounts = 100_000
	evictionWindow  = 8
)

// Failures counts the failed tries of each account since its last success.
// Time never lowers a count: the count it guards against, Mattermost's own
// (docs/mattermost.md A8), is not lowered by time either.
//
// A try reserves its failure before it is made, so that any number of parallel
// tries stays below a ceiling: each [Failures.Begin] that returned true is
// followed by exactly one Fail, Release or Succeed. It is safe for concurrent
// use.
type Failures struct {
	mu       sync.Mutex
	capacity int
	accounts map[Key]*account
	recent   account // ring: next is the most, prev the least recently touched
}

type account struct {
	key        Key
	failed     int
	inFlight   int
	prev, next *account
}

// NewFailures counts for at most capacity accounts; 0 means 100 000 (about 10 MB when all are used).
func NewFailures(capacity int) *Failures {
	if capacity <= 0 {
		capacity = defaultAccounts
	}
	f := &Failures{capacity: capacity, accounts: make(map[Key]*account)}
	f.recent.prev, f.recent.next = &f.recent, &f.recent
	return f
}

// Begin reserves one failure if those counted and those reserved are fewer
// than ceiling. It also refuses a new account when every account it could
// forget has a try in flight.
func (f *Failures) Begin(key Key, ceiling int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.accounts[key]
	if ceiling <= 0 || a != nil && a.failed+a.inFlight >= ceiling {
		return false
	}
	if a == nil {
		if len(f.accounts) >= f.capacity && !f.evict() {
			return false
		}
		a = &account{key: key}
		f.accounts[key] = a
	} else {
		a.unlink()
	}
	f.recent.push(a)
	a.inFlight++
	return true
}

// Fail turns the reservation into a counted failure.
func (f *Failures) Fail(key Key) { f.settle(key, func(a *account) { a.failed++ }) }

// Release takes the reservation back: the try did not count.
func (f *Failures) Release(key Key) { f.settle(key, func(*account) {}) }

// Succeed takes the reservation back and sets the count to zero.
func (f *Failures) Succeed(key Key) { f.settle(key, func(a *account) { a.failed = 0 }) }

// Clear sets the count to zero: an admin, an assertion or a ticket vouches for
// the account. Tries in flight stay reserved, they may yet fail.
func (f *Failures) Clear(key Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.accounts[key]; a != nil {
		a.failed = 0
		f.dropIfIdle(a)
	}
}

// Count is the number of failures counted and reserved.
func (f *Failures) Count(key Key) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.accounts[key]; a != nil {
		return a.failed + a.inFlight
	}
	return 0
}

// Len is the number of accounts with a failure or a try in flight.
func (f *Failures) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.accounts)
}

// settle ends one try. Without a reservation it does nothing: a try that was
// never begun has no failure to report.
func (f *Failures) settle(key Key, how func(*account)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.accounts[key]
	if a == nil || a.inFlight == 0 {
		return
	}
	a.inFlight--
	how(a)
	f.dropIfIdle(a)
}

func (f *Failures) dropIfIdle(a *account) {
	if a.failed == 0 && a.inFlight == 0 {
		f.drop(a)
	}
}

// evict forgets the account with the fewest failures among those not touched
// for longest. Only the fewest, of all, would let an attacker who filled the
// table with twos wash out a victim's one with every second try; only the
// oldest would let a flood wash out a victim's five. Both at once cost a full
// table of tries for each one that they give back.
func (f *Failures) evict() bool {
	var fewest *account
	seen := 0
	for a := f.recent.prev; a != &f.recent && seen < evictionWindow; a = a.prev {
		if a.inFlight > 0 {
			continue
		}
		seen++
		if fewest == nil || a.failed < fewest.failed {
			fewest = a
		}
	}
	if fewest == nil {
		return false
	}
	f.drop(fewest)
	return true
}

func (f *Failures) drop(a *account) {
	a.unlink()
	delete(f.accounts, a.key)
}

func (a *account) unlink() { a.prev.next, a.next.prev = a.next, a.prev }

// push makes b the most recently touched of the ring.
func (a *account) push(b *account) {
	b.prev, b.next = a, a.next
	a.next.prev, a.next = b, b
}
