package browsertest

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Opened is the window that this tab opened, once it is at an address that begins
// like this.
func (p Tab) Opened(address string) Tab {
	p.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(interval) {
		if id := p.window(address); id != "" {
			ctx, stop := chromedp.NewContext(p.ctx, chromedp.WithTargetID(id))
			p.Cleanup(stop)
			opened := Tab{p.T, ctx, p.profile, p.own, map[target.ID]context.Context{}}
			opened.Run() // attaches
			return opened
		}
	}
	p.Fatalf("no window at %s was opened", address)
	return p
}

// Windows is how many this tab and what it opened are.
func (p Tab) Windows() (n int) {
	p.Helper()
	for _, t := range p.targets() {
		if t.Type == "page" {
			n++
		}
	}
	return n
}

func (p Tab) window(address string) target.ID {
	for _, t := range p.targets() {
		if t.Type == "page" && t.TargetID != chromedp.FromContext(p.ctx).Target.TargetID && strings.HasPrefix(t.URL, address) {
			return t.TargetID
		}
	}
	return ""
}

func (p Tab) targets() (own []*target.Info) {
	p.Helper()
	all, err := target.GetTargets().Do(p.browser())
	if err != nil {
		p.Fatal(err)
	}
	for _, t := range all {
		if t.BrowserContextID == p.own {
			own = append(own, t)
		}
	}
	return own
}

// Serve a script in its server's place, to the page and to the frames of its own
// site: there are things that no browser on this machine does.
func (p Tab) Serve(address, script string) {
	p.Helper()
	chromedp.ListenTarget(p.ctx, func(event any) {
		paused, ok := event.(*fetch.EventRequestPaused)
		if !ok {
			return
		}
		go func() {
			_ = fetch.FulfillRequest(paused.RequestID, 200).
				WithResponseHeaders([]*fetch.HeaderEntry{{Name: "Content-Type", Value: "text/javascript"}}).
				WithBody(base64.StdEncoding.EncodeToString([]byte(script))).
				Do(p.page()) // where it fails, the test waits in vain
		}()
	})
	p.Run(fetch.Enable().WithPatterns([]*fetch.RequestPattern{{URLPattern: address}}))
}
