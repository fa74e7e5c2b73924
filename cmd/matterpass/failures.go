package main

import (
	"context"
	"math"
	"strings"
	"sync"

	"matterpass/internal/limit"
	"matterpass/internal/login"
	"matterpass/internal/store"
)

// failures counts failed tries in the database, so that restarts and other
// instances know of them. This process counts along: while the database is away it
// goes on from there, and afterwards the database is told of what failed meanwhile.
// Otherwise an outage would give strangers as many tries again, and Mattermost's
// lock is not far from the first ones. Where several instances share the database,
// each allows itself a part meanwhile: nobody adds up then what all of them let through.
type failures struct {
	store  *store.Store
	local  *limit.Failures
	hasher limit.Hasher
	part   int // one in so many

	mu   sync.Mutex
	owed map[limit.Key]int // failures that the database does not know of
}

// owedMost bounds the memory of an outage, in accounts.
const owedMost = 100_000

// instancesMost is how many instances may lose their database together and still
// not reach Mattermost's lock.
const instancesMost = 3

func newFailures(s *store.Store, address string, hasher limit.Hasher) *failures {
	f := &failures{store: s, local: limit.NewFailures(0), hasher: hasher, part: 1, owed: map[limit.Key]int{}}
	if strings.HasPrefix(address, "postgres") {
		f.part = instancesMost
	}
	return f
}

func (f *failures) Begin(ctx context.Context, account string, ceiling int) (func(login.Verdict), bool) {
	key, background := f.hasher.Key("failures", account), context.WithoutCancel(ctx)
	f.settle(background, account, key)
	ok, err := f.store.BeginTry(ctx, account, ceiling)
	if err != nil {
		return func(v login.Verdict) { f.note(key, v) }, f.local.Begin(key, max(1, ceiling/f.part))
	}
	if ok {
		f.local.Begin(key, math.MaxInt) // the database has decided
	}
	return func(v login.Verdict) {
		f.end(key, v)
		_ = f.store.EndTry(background, account, v) // what leaks counts as a failure
	}, ok
}

// note ends a try of which the database knows nothing.
func (f *failures) note(key limit.Key, v login.Verdict) {
	f.end(key, v)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case v == login.Succeeded:
		delete(f.owed, key)
	case v == login.Counted && len(f.owed) < owedMost:
		f.owed[key]++
	}
}

// settle tells the database what it missed; what cannot be told stays owed.
func (f *failures) settle(ctx context.Context, account string, key limit.Key) {
	for n := f.take(key); n > 0; n-- {
		if _, err := f.store.BeginTry(ctx, account, math.MaxInt32); err != nil {
			f.owe(key, n)
			return
		}
		_ = f.store.EndTry(ctx, account, login.Counted) // what leaks counts as a failure
	}
}

func (f *failures) take(key limit.Key) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.owed[key]
	delete(f.owed, key)
	return n
}

func (f *failures) owe(key limit.Key, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owed[key] += n
}

func (f *failures) end(key limit.Key, v login.Verdict) {
	switch v {
	case login.Succeeded:
		f.local.Succeed(key)
	case login.NotCounted:
		f.local.Release(key)
	default:
		f.local.Fail(key)
	}
}

func (f *failures) Any(ctx context.Context, account string) bool {
	any, err := f.store.HasTries(ctx, account)
	return any || err != nil || f.local.Count(f.hasher.Key("failures", account)) > 0
}

func (f *failures) Clear(ctx context.Context, account string) {
	key := f.hasher.Key("failures", account)
	f.local.Clear(key)
	f.take(key)
	_ = f.store.ClearTries(ctx, account) // counting too many refuses too soon; an administrator can try again
}
