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
	at, err := f.find()
	if err != nil {
		return world{}, err
	}
	own, err := page.CreateIsolatedWorld(at.id).WithWorldName("browsertest").Do(at.session)
	return world{at.session, own}, err
}

// place is a frame, the session in which the protocol speaks of it, and the
// frame that this session is of: none for the page's.
type place struct {
	session context.Context
	id      cdp.FrameID
	root    target.ID
}

// find the frame, in the page's process or in that of another frame.
func (f Frame) find() (place, error) {
	if id, err := f.inside(f.tab.page()); id != "" || err != nil {
		return place{f.tab.page(), id, ""}, err
	}
	targets, err := target.GetTargets().Do(f.tab.browser())
	if err != nil {
		return place{}, err
	}
	for _, t := range targets {
		if t.Type != "iframe" || t.BrowserContextID != f.tab.own {
			continue
		}
		session, err := f.tab.attached(t.TargetID)
		if err != nil {
			continue // it went away; the frame may be in another
		}
		id, err := f.inside(session)
		switch {
		case err != nil:
			delete(f.tab.sessions, t.TargetID) // of a document that is no more
		case strings.HasPrefix(t.URL, f.address):
			return place{session, cdp.FrameID(t.TargetID), t.TargetID}, nil
		case id != "":
			return place{session, id, t.TargetID}, nil
		}
	}
	return place{}, fmt.Errorf("no frame at %s", f.address)
}

// inside is the frame's id if it is below the document of a session.
func (f Frame) inside(session context.Context) (cdp.FrameID, error) {
	tree, err := page.GetFrameTree().Do(session)
	if err != nil {
		return "", err
	}
	id, _ := f.within(tree)
	return id, nil
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
	at, err := f.find()
	if err != nil {
		return 0, 0, err
	}
	if at.root == "" {
		return content(at.session, at.id)
	}
	left, top, err := content(f.tab.page(), cdp.FrameID(at.root))
	if err != nil || at.id == cdp.FrameID(at.root) {
		return left, top, err
	}
	x, y, err = content(at.session, at.id)
	return left + x, top + y, err
}

// content is where a frame's content begins in the document that holds it.
func content(session context.Context, id cdp.FrameID) (x, y float64, err error) {
	owner, _, err := dom.GetFrameOwner(id).Do(session)
	if err != nil {
		return 0, 0, err
	}
	box, err := dom.GetBoxModel().WithBackendNodeID(owner).Do(session)
	if err != nil {
		return 0, 0, err
	}
	return box.Content[0], box.Content[1], nil
}
