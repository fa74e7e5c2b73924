package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"matterpass/internal/config"
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
	options := store.Options{Keys: storeKeys(keys)}
	if options.Address, err = makeDatabaseOf(cfg); err != nil {
		return state{}, err
	}
	if cfg.State.Redis.IsSet() {
		if st.redis, err = openRedis(cfg, t, keys); err != nil {
			return state{}, err
		}
	}
	st.store, err = store.Open(ctx, options)
	return st, err
}

func openRedis(cfg config.Config, t *telemetry, keys []login.DeviceKey) (*shared.Redis, error) {
	return shared.Open(shared.Options{
		URL: cfg.State.Redis.Reveal(), Secret: derive(keys[0].Secret, "redis keys"), Changed: t.redisChanged,
	})
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

// databaseOf is DATABASE_URL, or data/matterpass.db below the working directory.
func databaseOf(cfg config.Config) (string, error) { return cfg.State.Database.InForce() }

// makeDatabaseOf makes the folder of that file as well. It is nobody else's to look
// into.
func makeDatabaseOf(cfg config.Config) (string, error) {
	address, err := databaseOf(cfg)
	if err != nil || cfg.State.Database.IsSet() {
		return address, err
	}
	return address, os.MkdirAll(filepath.Dir(databaseFile(address)), 0o700)
}

func databaseFile(address string) string { return strings.TrimPrefix(address, "sqlite://") }

func storeKeys(keys []login.DeviceKey) []store.Key {
	derived := make([]store.Key, len(keys))
	for i, k := range keys {
		derived[i] = store.Key{ID: k.ID, Secret: derive(k.Secret, "store")}
	}
	return derived
}

// purgeEvery is how often what is over is removed from the database.
const purgeEvery = 10 * time.Minute

// every calls f once in a while until ctx ends.
func every(ctx context.Context, d time.Duration, f func(now time.Time)) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			f(now)
		case <-ctx.Done():
			return
		}
	}
}
