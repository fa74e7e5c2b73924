package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"matterpass/internal/config"
	"matterpass/internal/limit"
	"matterpass/internal/login"
	"matterpass/internal/shared"
	"matterpass/internal/store"
	"matterpass/internal/ticket"
)

// state is what is remembered, and by whom.
type state struct {
	store *store.Store
	redis *shared.Redis // nil without REDIS_URL
}

// openState opens the database that DATABASE_URL names, or the file that stands in
// for it. A Redis may come later.
func openState(ctx context.Context, cfg config.Config, t *telemetry, keys []login.DeviceKey) (st state, err error) {
	options := store.Options{Address: cfg.State.Database.Reveal(), Keys: storeKeys(keys)}
	if options.Address == "" {
		file, err := defaultDatabase()
		if err != nil {
			return state{}, err
		}
		options.Address = "sqlite://" + file
	}
	if cfg.State.Redis.IsSet() {
		st.redis, err = shared.Open(shared.Options{
			URL: cfg.State.Redis.Reveal(), Secret: derive(keys[0].Secret, "redis keys"), Changed: t.redisChanged,
		})
		if err != nil {
			return state{}, err
		}
	}
	st.store, err = store.Open(ctx, options)
	return st, err
}

func (s state) close() error {
	if s.redis != nil {
		_ = s.redis.Close() // it holds nothing that must be written
	}
	return s.store.Close()
}

// once is decided by the database; Redis only says no sooner.
func (s state) once() login.Once {
	if s.redis == nil {
		return s.store.Once()
	}
	return s.redis.Once(s.store.Once())
}

func (s state) tickets() ticket.Tickets {
	if s.redis == nil {
		return s.store.Tickets()
	}
	return s.redis.Tickets(s.store.Tickets())
}

// defaultDatabase is data/matterpass.db below the working directory. The folder is
// nobody else's to look into.
func defaultDatabase() (string, error) {
	folder, err := filepath.Abs("data")
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, "matterpass.db"), os.MkdirAll(folder, 0o700)
}

func storeKeys(keys []login.DeviceKey) []store.Key {
	derived := make([]store.Key, len(keys))
	for i, k := range keys {
		derived[i] = store.Key{ID: k.ID, Secret: derive(k.Secret, "store")}
	}
	return derived
}

// purgeEvery is how often what is over is removed from the database.
const purgeEvery = 10 * time.Minute

// purge removes what is over until ctx ends. What fails is tried the next time.
func purge(ctx context.Context, s *store.Store) {
	ticker := time.NewTicker(purgeEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			_ = s.Purge(ctx, now)
		case <-ctx.Done():
			return
		}
	}
}

// failures counts failed tries in the database, so that restarts and other
// instances know of them. While it is away each instance counts by itself, and
// allows itself a part of them: nobody adds up then what all of them let through.
type failures struct {
	store  *store.Store
	local  *limit.Failures
	hasher limit.Hasher
	part   int // one in so many
}

// instancesMost is how many instances may lose their database together and still
// not reach Mattermost's lock.
const instancesMost = 3

func newFailures(s state, address string, hasher limit.Hasher) failures {
	f := failures{s.store, limit.NewFailures(0), hasher, 1}
	if strings.HasPrefix(address, "postgres") {
		f.part = instancesMost
	}
	return f
}

func (f failures) Begin(ctx context.Context, account string, ceiling int) (func(login.Verdict), bool) {
	ok, err := f.store.BeginTry(ctx, account, ceiling)
	if err == nil {
		background := context.WithoutCancel(ctx)
		return func(v login.Verdict) { _ = f.store.EndTry(background, account, v) }, ok // what leaks counts as a failure
	}
	key := f.hasher.Key("failures", account)
	return func(v login.Verdict) { f.end(key, v) }, f.local.Begin(key, max(1, ceiling/f.part))
}

func (f failures) end(key limit.Key, v login.Verdict) {
	switch v {
	case login.Succeeded:
		f.local.Succeed(key)
	case login.NotCounted:
		f.local.Release(key)
	default:
		f.local.Fail(key)
	}
}

func (f failures) Clear(ctx context.Context, account string) {
	f.local.Clear(f.hasher.Key("failures", account))
	_ = f.store.ClearTries(ctx, account) // counting too many refuses too soon; an administrator can try again
}
