// Package browsertest drives Chromium for the tests of the widget, of the
// simulator's page and of the whole program: one browser, started once; a tab
// with cookies of its own for every test; and the frame in it, wherever Chromium
// keeps that.
//
// It is for tests only: no other file may import it, and it knows nothing of
// the program.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Options for Start. The zero value is the strictest browser: what works in it
// works in the others.
type Options struct {
	// AllowThirdPartyCookies is Chromium's setting of that name. Debian's
	// Chromium refuses them unless told, Chrome takes them (docs/webapp.md C8).
	AllowThirdPartyCookies bool
	// Incognito is Chrome's own default: third-party cookies are taken, but not
	// in a private window, and each of our tabs is one.
	Incognito bool
	// Certificate is taken for what it says it is. With it every name below .test
	// is this machine.
	Certificate Certificate
}

// cookieControls is the value of Chromium's preference.
func (o Options) cookieControls() int {
	switch {
	case o.AllowThirdPartyCookies:
		return 0
	case o.Incognito:
		return 2
	default:
		return 1
	}
}

// Browser is one running Chromium.
type Browser struct {
	ctx     context.Context
	profile string
}

// Start is one Chromium for a whole test, ended with it. Without a Chromium the
// test is skipped, in CI it fails.
func Start(t *testing.T, o Options) *Browser {
	t.Helper()
	path, profile := find(t), t.TempDir()
	preferences := fmt.Appendf(nil, `{"profile":{"cookie_controls_mode":%d}}`, o.cookieControls())
	write(t, filepath.Join(profile, "Default", "Preferences"), preferences)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(flags(path, profile), o.Certificate.flags()...)...)
	t.Cleanup(stop)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // waits: the profile is about to be removed
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx, profile}
}

// flags are our own: chromedp's default ones turn site isolation off, and with
// it what third-party cookies do (docs/webapp.md C8).
func flags(path, profile string) []chromedp.ExecAllocatorOption {
	return []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(profile),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.WSURLReadTimeout(time.Minute),
	}
}

func find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Chromium found: in CI the browser tests must run")
	}
	t.Skip("no Chromium found: NOTHING is tested in a browser")
	return ""
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
