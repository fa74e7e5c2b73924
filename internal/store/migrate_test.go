package store

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"testing/fstest"
	"time"
)

// lasting runs a promise over the databases that outlive their Store.
func lasting(t *testing.T, promise func(t *testing.T, f *fixture)) {
	t.Helper()
	for name, address := range map[string]func(*testing.T) string{"sqlite": sqliteAddress, "postgresql": database} {
		t.Run(name, func(t *testing.T) { promise(t, newFixture(t, address(t))) })
	}
}

// with a second step.
func twoSteps(t *testing.T, second string) fs.FS {
	t.Helper()
	first, err := fs.ReadFile(embedded, "migrations/00001_first.sql")
	wantErr(t, err, nil)
	return fstest.MapFS{
		"00001_first.sql":  {Data: first},
		"00002_second.sql": {Data: []byte("-- +goose Up\n" + second + "\n-- +goose Down\nDROP TABLE extra;\n")},
	}
}

func TestUpDownUp(t *testing.T) {
	lasting(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		f.Close()
		for range 2 {
			if got, err := MigrateDown(ctx, f.o); got != (Schema{0, 1}) || err != nil {
				t.Fatalf("down: %+v, %v", got, err)
			}
			manual := f.o
			manual.Manual = true
			_, err := Open(ctx, manual)
			wantErr(t, err, ErrOldSchema)
			if got, err := Status(ctx, f.o); got != (Schema{0, 1}) || err != nil {
				t.Fatalf("status: %+v, %v", got, err)
			}
			if got, err := MigrateDown(ctx, f.o); got != (Schema{0, 1}) || err != nil {
				t.Fatalf("down at the bottom: %+v, %v", got, err)
			}
			for range 2 {
				if got, err := MigrateUp(ctx, f.o); got != (Schema{1, 1}) || err != nil {
					t.Fatalf("up: %+v, %v", got, err)
				}
			}
			s, err := Open(ctx, manual)
			wantErr(t, err, nil)
			s.Close()
		}
		f.open()
		wantErr(t, f.use("jti", ""), nil)
	})
}

func TestANewerSchemaIsRefusedAndLeftAlone(t *testing.T) {
	lasting(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		f.Close()
		newer := f.o
		newer.steps = twoSteps(t, "CREATE TABLE extra (n INTEGER);")
		if got, err := MigrateUp(ctx, newer); got != (Schema{2, 2}) || err != nil {
			t.Fatalf("up: %+v, %v", got, err)
		}
		_, err := Open(ctx, f.o)
		wantErr(t, err, ErrNewerSchema)
		_, err = MigrateUp(ctx, f.o)
		wantErr(t, err, ErrNewerSchema)
		_, err = MigrateDown(ctx, f.o)
		wantErr(t, err, ErrNewerSchema)
		if got, err := MigrateDown(ctx, newer); got != (Schema{1, 2}) || err != nil {
			t.Fatalf("down: %+v, %v", got, err)
		}
		f.open()
	})
}

func TestAStepThatFailsLeavesNothing(t *testing.T) {
	lasting(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		f.Close()
		broken := f.o
		broken.steps = twoSteps(t, "CREATE TABLE extra (n INTEGER);\nINSERT INTO no_such_table VALUES (1);")
		_, err := MigrateUp(ctx, broken)
		says(t, err, "step 2")
		broken.steps = twoSteps(t, "CREATE TABLE extra (n INTEGER);")
		if got, err := MigrateUp(ctx, broken); got != (Schema{2, 2}) || err != nil {
			t.Errorf("resumed: %+v, %v", got, err)
		}
	})
}

func TestInstancesThatMigrateAtOnce(t *testing.T) {
	for name, address := range map[string]func(*testing.T) string{"sqlite": sqliteAddress, "postgresql": database} {
		t.Run(name, func(t *testing.T) {
			f := &fixture{t: t, clock: newClock()}
			f.o = Options{Address: address(t), Keys: keys("k1"), Now: f.clock.now, Timeout: 20 * time.Second, MaxConns: 2}
			f.o.steps = twoSteps(t, "CREATE TABLE extra (n INTEGER);\nINSERT INTO extra VALUES (1);")
			errs := make(chan error)
			for range 6 {
				go func() {
					s, err := Open(context.Background(), f.o)
					if err == nil {
						err = s.Close()
					}
					errs <- err
				}()
			}
			for range 6 {
				wantErr(t, <-errs, nil)
			}
			f.open()
			defer f.Close()
			var rows, epochs int
			wantErr(t, f.one(context.Background(), query{sql: `SELECT COUNT(*) FROM extra`}, &rows), nil)
			wantErr(t, f.one(context.Background(), query{sql: `SELECT COUNT(*) FROM facts WHERE name = 'epoch'`}, &epochs), nil)
			if rows != 1 || epochs != 1 {
				t.Errorf("the step ran %d times, %d epochs", rows, epochs)
			}
		})
	}
}

// A process is killed in the middle of a step; the next one begins it anew.
func TestAMigrationThatWasKilledIsResumed(t *testing.T) {
	slow := map[string]string{
		"sqlite": `CREATE TABLE extra (n INTEGER);
			INSERT INTO extra WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT MAX(i) FROM n;`,
		"postgresql": "CREATE TABLE extra (n INTEGER);\nSELECT pg_sleep(60);",
	}
	lasting(t, func(t *testing.T, f *fixture) {
		f.Close()
		kind := "postgresql"
		if _, isFile := f.engine.(*sqliteFile); isFile {
			kind = "sqlite"
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "STORE_TEST_CHILD=migrate", "STORE_TEST_ADDRESS="+f.o.Address, "STORE_TEST_STEP="+slow[kind])
		wantErr(t, cmd.Start(), nil)
		time.Sleep(700 * time.Millisecond)
		cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			t.Fatal("the step was over before it was cut")
		}
		if got, err := Status(context.Background(), f.o); got != (Schema{1, 1}) || err != nil {
			t.Errorf("after the kill: %+v, %v", got, err)
		}
		f.o.steps = twoSteps(t, "CREATE TABLE extra (n INTEGER);")
		f.open()
		wantErr(t, f.use("jti", ""), nil)
	})
}

func TestNothingIsMadeByALook(t *testing.T) {
	_, err := Status(context.Background(), Options{Address: sqliteAddress(t), Keys: keys("k1")})
	says(t, err, "there is no such file")
}
