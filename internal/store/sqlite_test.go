package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matterpass/internal/login"
)

// refuses opens an address that must not open, and looks at what is said.
func refuses(t *testing.T, o Options, words ...string) {
	t.Helper()
	o.Keys = keys("k1")
	s, err := Open(context.Background(), o)
	if err == nil {
		s.Close()
		t.Fatal("it was opened")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("%q has the password", err)
	}
}

func TestAddressesThatAreRefused(t *testing.T) {
	for _, address := range []string{
		"", "matterpass.db", "sqlite:matterpass.db", "sqlite://matterpass.db", "sqlite:///", "sqlite:///a/../b.db", "sqlite:////b.db",
		"sqlite://host/file.db", "sqlite:///file.db?mode=memory", "sqlite:///file.db#x", "sqlite://me:hush@/file.db", "sqlite:///a%00b",
		"mysql://me:hush@host/db", "postgres://me:hush@host:port/db", "postgres://me:hush@host/db?sslmode=perhaps", "://hush",
	} {
		t.Run(address, func(t *testing.T) {
			_, err := Open(context.Background(), Options{Address: address, Keys: keys("k1")})
			if !errors.Is(err, ErrAddress) || strings.Contains(err.Error(), "hush") {
				t.Errorf("error = %v", err)
			}
		})
	}
	if _, err := NewMemory(Options{}); !errors.Is(err, ErrNoKeys) {
		t.Errorf("without keys: %v", err)
	}
}

func TestFilesThatAreNoDatabaseAreNamedAndLeftAlone(t *testing.T) {
	cases := map[string]struct {
		make  func(t *testing.T, path string)
		words []string
	}{
		"random bytes": {writes("0123456789abcdef, and so on"), []string{"no SQLite database"}},
		"a short text": {writes("hello"), []string{"no SQLite database"}},
		"a folder": {func(t *testing.T, path string) { wantErr(t, os.Mkdir(path, 0o700), nil) },
			[]string{"is a directory", "a file that this user can read and write"}},
		"cut in half":    {damaged(func(b []byte) []byte { return b[:len(b)/2] }), []string{"damaged", "backup"}},
		"cut to nothing": {damaged(func([]byte) []byte { return nil }), []string{"it is empty and was not before", "backup"}},
		"overwritten in the middle": {damaged(func(b []byte) []byte {
			copy(b[4096:], strings.Repeat("garbage ", 2048))
			return b
		}), []string{"damaged", "backup"}},
		"gone": {func(t *testing.T, path string) {
			newFixture(t, "sqlite://"+path).Close()
			wantErr(t, os.Remove(path), nil)
		}, []string{"it was here before and is gone", "backup", ".lock"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "matterpass.db")
			c.make(t, path)
			before, _ := os.ReadFile(path)
			refuses(t, Options{Address: "sqlite://" + path}, append(c.words, path)...)
			if after, _ := os.ReadFile(path); string(before) != string(after) {
				t.Error("it was changed")
			}
		})
	}
}

func writes(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) { wantErr(t, os.WriteFile(path, []byte(text), 0o600), nil) }
}

// damaged changes a database that was in use.
func damaged(change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		f := newFixture(t, "sqlite://"+path)
		wantErr(t, f.use("jti", ""), nil)
		f.Close()
		wantErr(t, os.WriteFile(path, change(readAll(t, path)), 0o600), nil)
	}
}

func TestAPlaceThatCannotBeWrittenIsNamed(t *testing.T) {
	refuses(t, Options{Address: "sqlite:///nowhere/at/all.db"}, "/nowhere/at/all.db", "no such file", "its folder must exist")
	refuses(t, Options{Address: "sqlite:///proc/matterpass.db"}, "/proc/matterpass.db", "its folder must exist")
}

func TestOnlyItsUserCanReadTheFiles(t *testing.T) {
	f := newFixture(t, sqliteAddress(t))
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(f.path() + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%q: %v, %v", suffix, info, err)
		}
	}
}

func TestAFileThatVanishesIsNoMemory(t *testing.T) {
	for name, vanish := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, sqliteAddress(t))
			wantErr(t, vanish(f.path()), nil)
			err := f.use("jti", "")
			wantErr(t, err, login.ErrStoreUnavailable)
			wantErr(t, f.Ping(context.Background()), login.ErrStoreUnavailable)
			if !strings.Contains(err.Error(), "removed or replaced") {
				t.Errorf("it only says %q", err)
			}
		})
	}
}

func TestAFileThatIsLockedClosesAndOpensAgain(t *testing.T) {
	f := newFixture(t, sqliteAddress(t))
	f.Close()
	f.o.Timeout = 200 * time.Millisecond
	f.open()
	other := f.engine.(*sqliteFile).connect(f.path(), writeAhead, synced)
	defer other.Close()
	tx, err := other.Begin()
	wantErr(t, err, nil)
	start := time.Now()
	err = f.use("jti", "")
	wantErr(t, err, login.ErrStoreUnavailable)
	if took := time.Since(start); took > time.Second || !strings.Contains(err.Error(), "locked") {
		t.Errorf("after %v: %v", took, err)
	}
	wantErr(t, tx.Rollback(), nil)
	wantErr(t, f.use("jti", ""), nil)
}

func TestAFullDiskIsSaidAndLosesNothing(t *testing.T) {
	f := newFixture(t, sqliteAddress(t))
	ctx := context.Background()
	wantErr(t, f.use("before", ""), nil)
	full := func(pages string) {
		_, err := f.exec(ctx, "test", `PRAGMA max_page_count = `+pages)
		wantErr(t, err, nil)
	}
	full("1") // what there is already stays the least
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = f.Records().End(ctx, strings.Repeat("x", 900)+string(rune(i)), login.EndedByUser, false)
	}
	wantErr(t, err, login.ErrStoreUnavailable)
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("it only says %v", err)
	}
	wantErr(t, f.use("before", ""), login.ErrSpent)
	full("1000000")
	wantErr(t, f.use("after", ""), nil)
}

func TestADatabaseThatCannotBeWrittenIsNotReady(t *testing.T) {
	f := newFixture(t, sqliteAddress(t))
	wantErr(t, f.Ping(context.Background()), nil)
	if _, err := f.write.Exec(`PRAGMA query_only = 1`); err != nil {
		t.Fatal(err)
	}
	err := f.Ping(context.Background())
	wantErr(t, err, login.ErrStoreUnavailable)
	if err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("it only says %v", err)
	}
}

func TestACallerThatLeavesIsNotTheDatabasesFault(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := f.FindLink(ctx, "erp", "42")
		if !errors.Is(err, context.Canceled) || errors.Is(err, login.ErrStoreUnavailable) {
			t.Errorf("error = %v", err)
		}
		f.Close()
		err = f.Ping(context.Background())
		wantErr(t, err, login.ErrStoreUnavailable)
		if err == nil || !strings.Contains(err.Error(), "it is closed") {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestWhatOnceRestsOnWaitsForTheDiskAndTheRestDoesNot(t *testing.T) {
	f := newFixture(t, sqliteAddress(t))
	for want, db := range map[int]*sql.DB{2: f.write, 1: f.relaxed} { // FULL, NORMAL
		var got int
		if err := db.QueryRow(`PRAGMA synchronous`).Scan(&got); err != nil || got != want {
			t.Errorf("synchronous is %d, want %d; %v", got, want, err)
		}
	}
}
