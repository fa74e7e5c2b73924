package browsertest

import (
	"context"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Frame is the document in a frame of the page. It is looked up anew at every
// use, so that it may come, go and load again meanwhile. Where it lives makes no
// difference: Chromium keeps a frame of the page's own site in the page's
// process and any other in one of its own, which the protocol treats as two
// unlike things.
type Frame struct {
	tab     Tab
	address string
}

// Frame is the one whose address begins like this.
func (p Tab) Frame(address string) Frame { return Frame{p, address} }

// Text of a JavaScript expression. It sees the document, but not the variables
// of the scripts in it.
func (f Frame) Text(expression string) string {
	f.tab.Helper()
	return text(f.tab, f, expression)
}

// Wait until the frame is there and a JavaScript expression is true in it.
func (f Frame) Wait(expression string) {
	f.tab.Helper()
	wait(f.tab, f, expression)
}

// Click on the middle of an element as a person would; the expression says which.
func (f Frame) Click(expression string) {
	f.tab.Helper()
	click(f.tab, f, expression)
}

// Peek is Text for a frame that may not be there: then it is empty.
func (f Frame) Peek(expression string) string {
	got, err := evaluate(f, expression)
	if err != nil {
		return ""
	}
	return got
}

// world of a frame is apart from its scripts': the one kind of world that can be
// had in either process without listening for its birth.
func (f Frame) world() (world, error) {
	session, id, err := f.find()
	if err != nil {
		return world{}, err
	}
	w := world{session: session}
	err = chromedp.Run(session, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		w.id, err = page.CreateIsolatedWorld(id).WithWorldName("browsertest").Do(ctx)
		return err
	}))
	return w, err
}

// find the frame, and the session in which the protocol speaks of it.
func (f Frame) find() (context.Context, cdp.FrameID, error) {
	tree, err := f.tab.tree()
	if err != nil {
		return nil, "", err
	}
	if id, ok := f.within(tree); ok {
		return f.tab.ctx, id, nil
	}
	targets, err := target.GetTargets().Do(f.tab.protocol())
	if err != nil {
		return nil, "", err
	}
	for _, t := range targets {
		if t.Type == "iframe" && t.BrowserContextID == f.tab.own && strings.HasPrefix(t.URL, f.address) {
			return f.tab.session(t.TargetID), cdp.FrameID(t.TargetID), nil
		}
	}
	return nil, "", fmt.Errorf("no frame at %s", f.address)
}

func (f Frame) within(tree *page.FrameTree) (cdp.FrameID, bool) {
	for _, child := range tree.ChildFrames {
		if strings.HasPrefix(child.Frame.URL, f.address) {
			return child.Frame.ID, true
		}
		if id, ok := f.within(child); ok {
			return id, true
		}
	}
	return "", false
}

// session is kept for as long as the tab: ending one would close the frame.
func (p Tab) session(id target.ID) context.Context {
	if _, ok := p.sessions[id]; !ok {
		p.sessions[id], _ = chromedp.NewContext(p.ctx, chromedp.WithTargetID(id))
	}
	return p.sessions[id]
}

// origin is where in the page the frame's content begins.
func (f Frame) origin() (x, y float64, err error) {
	_, id, err := f.find()
	if err != nil {
		return 0, 0, err
	}
	err = chromedp.Run(f.tab.ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		owner, _, err := dom.GetFrameOwner(id).Do(ctx)
		if err != nil {
			return err
		}
		box, err := dom.GetBoxModel().WithBackendNodeID(owner).Do(ctx)
		if err == nil {
			x, y = box.Content[0], box.Content[1]
		}
		return err
	}))
	return x, y, err
}
