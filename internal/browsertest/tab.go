package browsertest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Tab is one page in a browser context of its own: cookies and storage are
// shared with no other tab. Its methods end the test when they fail.
type Tab struct {
	*testing.T
	ctx      context.Context
	profile  string
	own      cdp.BrowserContextID
	sessions map[target.ID]context.Context // of frames in processes of their own
}

// NewTab opens an empty page in a window of 1280 × 800, closed with the test.
func (b *Browser) NewTab(t *testing.T) Tab {
	t.Helper()
	// chromedp.WithNewBrowserContext asks for no window, and without a window
	// of that context Chromium opens no tab in it.
	protocol := cdp.WithExecutor(b.ctx, chromedp.FromContext(b.ctx).Browser)
	own, err := target.CreateBrowserContext().Do(protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.DisposeBrowserContext(own).Do(protocol) }) // and with it its connections
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(own).WithNewWindow(true).WithWidth(1280).WithHeight(800).Do(protocol)
	if err != nil {
		t.Fatal(err)
	}
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id))
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Run(ctx); err != nil { // attaches
		t.Fatal(err)
	}
	return Tab{t, ctx, b.profile, own, map[target.ID]context.Context{}}
}

// For is the same tab, reporting to a subtest.
func (p Tab) For(t *testing.T) Tab {
	p.T = t
	return p
}

// Err is why the tab answers no more: its minute is over.
func (p Tab) Err() error { return p.ctx.Err() }

// Run does what this package has no word for.
func (p Tab) Run(actions ...chromedp.Action) {
	p.Helper()
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// Open loads an address; it waits for the page, not for what is in its frames.
func (p Tab) Open(address string) {
	p.Helper()
	p.Run(chromedp.Navigate(address))
}

// Do runs a JavaScript statement.
func (p Tab) Do(statement string) {
	p.Helper()
	p.Run(chromedp.Evaluate(statement+";undefined", nil))
}

// Text of a JavaScript expression, of what it resolves to if it is a promise.
func (p Tab) Text(expression string) string {
	p.Helper()
	return text(p, p, expression)
}

// Wait until a JavaScript expression is true.
func (p Tab) Wait(expression string) {
	p.Helper()
	wait(p, p, expression)
}

// Click on the middle of an element as a person would; the expression says which.
func (p Tab) Click(expression string) {
	p.Helper()
	click(p, p, expression)
}

// Type text, "\r" for Enter, to whatever has the focus, in a frame too.
func (p Tab) Type(keys string) {
	p.Helper()
	p.Run(chromedp.KeyEvent(keys))
}

// Cookies are all that the tab's browser context holds, those of frames and
// partitions too.
func (p Tab) Cookies() []*network.Cookie {
	p.Helper()
	all, err := storage.GetCookies().WithBrowserContextID(p.own).Do(p.browser())
	if err != nil {
		p.Fatal(err)
	}
	return all
}

// Permit answers what a page may ask the person for, such as "storage-access",
// before it is asked.
func (p Tab) Permit(name string, answer browser.PermissionSetting) {
	p.Helper()
	err := browser.SetPermission(&browser.PermissionDescriptor{Name: name}, answer).WithBrowserContextID(p.own).Do(p.browser())
	if err != nil {
		p.Fatal(err)
	}
}

// Look sets the width of the screen and the preferred colours, "light" or "dark".
func (p Tab) Look(width int64, scheme string) {
	p.Helper()
	p.Run(
		chromedp.EmulateViewport(width, 800),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		}),
	)
}

// Screenshot is written where MATTERPASS_SCREENSHOTS says, for people to see.
func (p Tab) Screenshot(name string) {
	p.Helper()
	dir := os.Getenv("MATTERPASS_SCREENSHOTS")
	if dir == "" {
		return
	}
	var image []byte
	p.Run(chromedp.CaptureScreenshot(&image))
	write(p.T, filepath.Join(dir, name+".png"), image)
}

// browser is for the commands that are no page's.
func (p Tab) browser() context.Context {
	return cdp.WithExecutor(p.ctx, chromedp.FromContext(p.ctx).Browser)
}

func (p Tab) page() context.Context {
	return cdp.WithExecutor(p.ctx, chromedp.FromContext(p.ctx).Target)
}

// world of a page is its own: its scripts' variables are seen.
func (p Tab) world() (world, error) { return world{session: p.page()}, nil }

func (p Tab) origin() (x, y float64, err error) { return 0, 0, nil }
