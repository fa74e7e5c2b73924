package store

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"matterpass/internal/servertest"
)

// asNobody runs a test as a user without privileges where it is root: file
// permissions are no obstacle to root. The thread must not end with the test: a
// server that was started from it would end as well (prctl(2), PR_SET_PDEATHSIG).
func asNobody(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	runtime.LockOSThread()
	t.Cleanup(func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Fatal(err)
		}
		runtime.UnlockOSThread()
	})
	if err := syscall.Setfsuid(65534); err != nil {
		servertest.Missing(t, "other user for root", err)
	}
}

func TestWhatThisUserMayNotTouchIsNamed(t *testing.T) {
	cases := map[string]struct {
		file, folder os.FileMode
		words        []string
	}{
		"a file it cannot read":    {0, 0o777, []string{"permission denied", "read and write"}},
		"a file it cannot write":   {0o444, 0o777, []string{"permission denied", "read and write"}},
		"a folder it cannot write": {0o666, 0o555, []string{"its folder cannot be written", "permission denied"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			parent, err := os.MkdirTemp("/tmp", "matterpass-*") // t.TempDir's parents may be closed to others
			wantErr(t, err, nil)
			t.Cleanup(func() {
				_ = os.Chmod(parent, 0o700)
				os.RemoveAll(parent)
			})
			path := filepath.Join(parent, "matterpass.db")
			newFixture(t, "sqlite://"+path).Close()
			wantErr(t, os.Chmod(path, c.file), nil)
			wantErr(t, os.Chmod(parent, c.folder), nil)
			done := make(chan struct{})
			go func() {
				defer close(done)
				asNobody(t)
				refuses(t, Options{Address: "sqlite://" + path}, append(c.words, path)...)
			}()
			<-done
		})
	}
}
