package store

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"matterpass/internal/login"
)

// child is this test binary as another process. It says on stdout what was
// acknowledged, and is killed at any moment.
func child(job string) int {
	s, err := Open(context.Background(), Options{Address: os.Getenv("STORE_TEST_ADDRESS"), Keys: keys("k1")})
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
