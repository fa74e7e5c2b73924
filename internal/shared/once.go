package shared

import (
	"context"
	"errors"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/ticket"
)

// Once answers early for what this or another instance has spent a moment ago.
// What is new to Redis is for next to decide, which alone can say yes.
func (r *Redis) Once(next login.Once) login.Once { return once{r, next} }

type once struct {
	redis *Redis
	next  login.Once
}

// Spend leaves to next who may come again.
func (o once) Spend(ctx context.Context, s login.Spending) error {
	if s.Owner != "" {
		return o.next.Spend(ctx, s)
	}
	return o.redis.decide(o.redis.key("spent", s.Key), time.Until(s.Until), func() error { return o.next.Spend(ctx, s) })
}

// Tickets does the same for launch tickets; to put and to get one is next's alone.
func (r *Redis) Tickets(next ticket.Tickets) ticket.Tickets { return tickets{next, r} }

type tickets struct {
	ticket.Tickets
	redis *Redis
}

// ticketMemory is longer than any ticket lasts.
const ticketMemory = 2 * time.Minute

// Spend asks next unless Redis knows that the ticket is spent.
func (t tickets) Spend(ctx context.Context, digest ticket.Digest) error {
	return t.redis.decide(t.redis.key("ticket", string(digest[:])), ticketMemory, func() error { return t.Tickets.Spend(ctx, digest) })
}

// decide asks unless the key is there. Where the answer is that nobody knows, the
// key is taken back: the same proof may then be shown again.
func (r *Redis) decide(key string, keep time.Duration, ask func() error) error {
	if keep <= 0 {
		return ask()
	}
	reply, err := r.ask(false, func(do command) (any, error) { return do("SET", key, "", "NX", "PX", keep.Milliseconds()+1) })
	if err == nil && reply == nil {
		return login.ErrSpent
	}
	known := ask()
	if err == nil && known != nil && !errors.Is(known, login.ErrSpent) {
		_, _ = r.call(func(do command) (any, error) { return do("DEL", key) })
	}
	return known
}
