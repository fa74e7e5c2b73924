package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// session speaks the protocol with one frame that has a process of its own, one
// command at a time. chromedp could attach to it, too, but mirrors its document
// meanwhile, and not safely while that is still loading.
type session struct {
	conn *websocket.Conn
	id   target.SessionID
	last int
}

// attach to a frame; profile is where Chromium says how to reach it.
func attach(ctx context.Context, profile string, frame target.ID) (*session, error) {
	said, err := fs.ReadFile(os.DirFS(profile), "DevToolsActivePort")
	if err != nil {
		return nil, err
	}
	port, path, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	conn, _, err := websocket.Dial(ctx, "ws://127.0.0.1:"+port+path, nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(-1)
	s := &session{conn: conn}
	if s.id, err = target.AttachToTarget(frame).WithFlatten(true).Do(cdp.WithExecutor(ctx, s)); err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	return s, nil
}

// answers is how long a command may take. One to a frame that goes away at that very moment
// is never answered; whoever looks again finds its successor.
const answers = 10 * time.Second

var errGone = errors.New("the frame has gone")

// Execute implements [cdp.Executor].
func (s *session) Execute(ctx context.Context, method string, params, result any) error {
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	s.last++
	err := wsjson.Write(ctx, s.conn, struct {
		ID      int              `json:"id"`
		Session target.SessionID `json:"sessionId,omitempty"`
		Method  string           `json:"method"`
		Params  any              `json:"params,omitempty"`
	}{s.last, s.id, method, params})
	for err == nil {
		var answer struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  *cdproto.Error  `json:"error"`
			Method string          `json:"method"` // of an event
			Params struct {
				Session target.SessionID `json:"sessionId"`
			} `json:"params"`
		}
		switch err = wsjson.Read(ctx, s.conn, &answer); {
		case err == nil && answer.Method == "Target.detachedFromTarget" && answer.Params.Session == s.id:
			_ = s.conn.CloseNow()
			return errGone
		case err != nil || answer.ID != s.last: // not an answer but an event
		case answer.Error != nil:
			return fmt.Errorf("%s: %w", method, answer.Error)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(answer.Result, result)
		}
	}
	return err
}
