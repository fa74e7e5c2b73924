package browsertest

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	interval = 20 * time.Millisecond
	patience = 20 * time.Second
)

// document is a page or a frame.
type document interface {
	world() (world, error)
	origin() (x, y float64, err error) // in the page, in CSS pixels
}

// world is where JavaScript runs: a session of the protocol and, unless it is
// the page's own, one of its contexts.
type world struct {
	session context.Context
	id      runtime.ExecutionContextID
}

// evaluate answers the expression's value, or what its promise comes to, as text.
func evaluate(d document, expression string) (out string, err error) {
	w, err := d.world()
	if err != nil {
		return "", err
	}
	where := func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		if w.id != 0 {
			p = p.WithContextID(w.id)
		}
		return p.WithAwaitPromise(true)
	}
	err = chromedp.Evaluate("(async () => String(await ("+expression+")))()", &out, where).Do(w.session)
	return out, err
}

func text(p Tab, d document, expression string) string {
	p.Helper()
	out, err := evaluate(d, expression)
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return out
}

// wait looks again and again; a document on its way to another address answers
// with errors for a while.
func wait(p Tab, d document, expression string) {
	p.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(interval) {
		var got string
		if got, err = evaluate(d, "Boolean(await ("+expression+"))"); got == "true" {
			return
		}
	}
	said, _ := evaluate(d, everything)
	p.Fatalf("waited in vain for %s (%v)\nit says: %s", expression, err, said)
}

// everything a document says, with its custom elements' attributes and insides.
const everything = `[...document.querySelectorAll("*")].filter((e) => e === document.body || e.shadowRoot)
	.map((e) => e.shadowRoot ? [e.localName, ...[...e.attributes].map((a) => a.name + "=" + a.value), e.shadowRoot.textContent].join(" ") : e.innerText)
	.join("\n")`

// click looks where the element is in its document, then where that is: what
// scrolls into view may move both.
func click(p Tab, d document, expression string) {
	p.Helper()
	p.Run(page.BringToFront())
	x, y := whereIs(p, d, expression)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		time.Sleep(settles)
		nextX, nextY := whereIs(p, d, expression)
		if nextX == x && nextY == y {
			break
		}
		x, y = nextX, nextY
	}
	p.Run(chromedp.MouseClickXY(x, y))
}

// settles is longer than a frame's process needs to hear of its new size.
const settles = 100 * time.Millisecond

// whereIs the middle of an element, in the page.
func whereIs(p Tab, d document, expression string) (x, y float64) {
	p.Helper()
	at := text(p, d, "("+middle+")("+expression+")")
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		p.Fatalf("where is %s? %s", expression, at)
	}
	left, top, err := d.origin()
	if err != nil {
		p.Fatal(err)
	}
	return left + x, top + y
}

const middle = `(e) => {
	e.scrollIntoView({ block: "nearest" });
	const { x, y, width, height } = e.getBoundingClientRect();
	return x + width / 2 + " " + (y + height / 2);
}`
