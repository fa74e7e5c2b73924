package web_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// startBrowser is one Chromium for a whole test; newTab gives each subtest
// cookies of its own in it. Without a Chromium the test is skipped, in CI it
// fails. The flags are our own: chromedp's default ones turn site isolation
// off, and with it what third-party cookies do (docs/webapp.md C8).
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := chromium(t)
	allocator, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	t.Cleanup(stop)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	t.Cleanup(func() { _ = chromedp.Cancel(browser) }) // waits: the profile is about to be removed
	if err := chromedp.Run(browser); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return browser
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Chromium found: in CI the browser tests must run")
	}
	t.Skip("no Chromium found: the widget is NOT tested in a browser")
	return ""
}

// tab is one page in a browser context of its own.
type tab struct {
	*testing.T
	ctx context.Context
}

func newTab(t *testing.T, browser context.Context) tab {
	t.Helper()
	// chromedp.WithNewBrowserContext asks for no window, and without a window
	// of that context Chromium opens no tab in it.
	protocol := cdp.WithExecutor(browser, chromedp.FromContext(browser).Browser)
	own, err := target.CreateBrowserContext().Do(protocol)
	if err != nil {
		t.Fatal(err)
	}
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(own).WithNewWindow(true).Do(protocol)
	if err != nil {
		t.Fatal(err)
	}
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithTargetID(id))
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return tab{t, ctx}
}

func (p tab) run(actions ...chromedp.Action) {
	p.Helper()
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// open loads an address; it does not wait for the chat.
func (p tab) open(address string) {
	p.Helper()
	p.run(chromedp.Navigate(address))
}

// wait until a JavaScript expression is true in the page.
func (p tab) wait(expression string) {
	p.Helper()
	err := chromedp.Run(p.ctx, chromedp.Poll(expression, nil, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(20*time.Second)))
	if err != nil {
		p.Fatalf("waiting for %s: %v\nthe page says: %s", expression, err, p.text("document.body.innerText + [...document.querySelectorAll('mattermost-chat')].map((e) => e.getAttribute('email') + ' ' + e.getAttribute('state') + ': ' + e.shadowRoot?.textContent) + (window.events ?? '')"))
	}
}

// state waits until the element says it is in the given state.
func (p tab) state(want string) {
	p.Helper()
	p.wait(`chat?.getAttribute("state") === "` + want + `"`)
}

// text of a JavaScript expression.
func (p tab) text(expression string) (out string) {
	p.Helper()
	p.run(chromedp.Evaluate("String("+expression+")", &out))
	return out
}

// do runs a statement.
func (p tab) do(statement string) {
	p.Helper()
	p.run(chromedp.Evaluate(statement+";undefined", nil))
}

// look sets the width of the screen and the preferred colours.
func (p tab) look(width int64, scheme string) {
	p.Helper()
	p.run(
		chromedp.EmulateViewport(width, 800),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		}),
	)
}

// screenshot is written where MATTERPASS_SCREENSHOTS says, for people to see.
func (p tab) screenshot(name string) {
	p.Helper()
	dir := os.Getenv("MATTERPASS_SCREENSHOTS")
	if dir == "" {
		return
	}
	var image []byte
	p.run(chromedp.CaptureScreenshot(&image))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), image, 0o644); err != nil {
		p.Fatal(err)
	}
}
