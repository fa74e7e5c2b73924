package store

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"matterpass/internal/login"
)

// child is this test binary as another process. It says on stdout what was
// acknowledged, and is killed at any moment.
func child(job string) int {
	o := Options{Address: os.Getenv("STORE_TEST_ADDRESS"), Keys: keys("k1")}
	if job == "migrate" {
		first, _ := fs.ReadFile(embedded, "migrations/00001_first.sql")
		o.steps = fstest.MapFS{
			"00001_first.sql":  {Data: first},
			"00002_second.sql": {Data: []byte("-- +goose Up\n" + os.Getenv("STORE_TEST_STEP") + "\n")},
		}
	}
	s, err := Open(context.Background(), o)
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	for i := 0; job == "spend"; i++ {
		key := fmt.Sprint("key ", os.Getpid(), " ", i)
		err := s.Once().Spend(context.Background(), login.Spending{Key: key, IssuedAt: time.Now(), Until: time.Now().Add(time.Hour)})
		if err == nil {
			fmt.Println(key)
		}
	}
	return 0
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *fixture) path() string { return f.engine.(*sqliteFile).path }
