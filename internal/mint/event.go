package mint

import "context"

// What happens to an account's password: the words of Event.What.
const (
	Adopted        = "adopted"         // Matterpass owns it from now on
	Rotated        = "rotated"         // it is derived from the current secret now
	RotationFailed = "rotation_failed" // it still works, derived from an older one
	Lost           = "lost"            // somebody else changed it
	Readopted      = "readopted"       // Matterpass set it again
	Healed         = "healed"          // an interrupted change was found and finished
	Unlocked       = "unlocked"        // Mattermost's lock was lifted
	Chosen         = "chosen"          // the way of making sessions, in Kid
)

// Event is something for the audit trail. It never carries a password.
type Event struct {
	UserID     string // empty for Chosen
	What       string // one of the words above
	Kid        string
	Generation int
	// Ended: the server took no hash, so the account's other sessions ended and
	// its owner was sent a mail.
	Ended bool
	Err   error // what kept it from being remembered or done; nil mostly
}

func (o *owner) tell(ctx context.Context, e Event) {
	e.UserID = o.Account.ID
	o.Audit(ctx, e)
}
