package browsertest

import (
	"context"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
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
	own, err := page.CreateIsolatedWorld(id).WithWorldName("browsertest").Do(session)
	return world{session, own}, err
}

// find the frame, and the session in which the protocol speaks of it.
func (f Frame) find() (context.Context, cdp.FrameID, error) {
	tree, err := page.GetFrameTree().Do(f.tab.page())
	if err != nil {
		return nil, "", err
	}
	if id, ok := f.within(tree); ok {
		return f.tab.page(), id, nil
	}
	targets, err := target.GetTargets().Do(f.tab.browser())
	if err != nil {
		return nil, "", err
	}
	for _, t := range targets {
		if t.Type == "iframe" && t.BrowserContextID == f.tab.own && strings.HasPrefix(t.URL, f.address) {
			session, err := f.tab.attached(t.TargetID)
			return session, cdp.FrameID(t.TargetID), err
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

// attached is kept for as long as the tab.
func (p Tab) attached(id target.ID) (context.Context, error) {
	if known, ok := p.sessions[id]; ok {
		return known, nil
	}
	s, err := attach(p.ctx, p.profile, id)
	if err != nil {
		return nil, err
	}
	p.Cleanup(func() { _ = s.conn.CloseNow() })
	p.sessions[id] = cdp.WithExecutor(p.ctx, s)
	return p.sessions[id], nil
}

// origin is where in the page the frame's content begins.
func (f Frame) origin() (x, y float64, err error) {
	_, id, err := f.find()
	if err != nil {
		return 0, 0, err
	}
	owner, _, err := dom.GetFrameOwner(id).Do(f.tab.page())
	if err != nil {
		return 0, 0, err
	}
	box, err := dom.GetBoxModel().WithBackendNodeID(owner).Do(f.tab.page())
	if err != nil {
		return 0, 0, err
	}
	return box.Content[0], box.Content[1], nil
}
