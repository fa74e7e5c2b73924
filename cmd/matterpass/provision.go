package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"matterpass/internal/config"
	"matterpass/internal/provision"
	"matterpass/internal/upstream"
)

// provisionCmd does for a file what the API does for one person: the same again
// changes nothing, so what failed is done by running it once more.
type provisionCmd struct {
	File   string `arg:"" help:"People: a .csv with a header, or a .jsonl with an object in each line as the API takes it; - is the latter on standard input."`
	DryRun bool   `help:"Say what would happen, and change nothing."`
	Issuer string `help:"In whose words the file's subjects are: an API key's id or JWT_ISSUER. Needed where that is not plain from the configuration."`
}

func (cmd provisionCmd) Run(ctx context.Context, c console) error {
	cfg, err := config.Load(config.Source{})
	if err != nil {
		return err
	}
	if cfg.AdminTokens.Token() == "" {
		return errors.New("MM_ADMIN_TOKEN is not set, and accounts are made with it")
	}
	people, err := readRoster(cmd.File)
	if err == nil {
		err = cmd.name(cfg, people)
	}
	if err != nil {
		return fmt.Errorf("nothing was done:\n%w", err)
	}
	keys := secretKeys(cfg)
	t := newTelemetry(cfg, c.err, keys[0].Secret)
	defer t.close()
	p := parts{cfg: cfg, telemetry: t, client: newClient(cfg, t)}
	defer p.client.Close()
	service, err := cmd.service(ctx, &p)
	if err != nil {
		return err
	}
	if p.state.store != nil {
		defer func() { _ = p.state.close() }() // every call has ended
	}
	if err := checkRoster(service, people); err != nil {
		return fmt.Errorf("nothing was done:\n%w", err)
	}
	if cmd.DryRun {
		_, _ = fmt.Fprintln(c.out, "This is what would happen; nothing is changed.") // the summary says whether it was all
	}
	return provisionAll(ctx, c, service, people)
}

// service is the API's, or one that only looks.
func (cmd provisionCmd) service(ctx context.Context, p *parts) (*provision.Service, error) {
	if cmd.DryRun {
		o := provisionOptions(*p)
		o.Directory, o.Memory, o.Decided = provision.Rehearsal(p.client), nil, nil
		return provision.New(o), nil
	}
	st, err := openState(ctx, p.cfg, p.telemetry, secretKeys(p.cfg))
	if err != nil {
		return nil, err
	}
	p.state = st
	return newProvision(*p), nil
}

// name gives the subjects of a file their issuer: the same person by another issuer
// would be another person.
func (cmd provisionCmd) name(cfg config.Config, people []entry) error {
	issuer := cmd.Issuer
	switch keys := append(apiKeys(cfg, cfg.Keys.APIKeys), apiKeys(cfg, cfg.Keys.SigningKeys)...); {
	case issuer != "":
	case keyIssuer(cfg) != "":
		issuer = keyIssuer(cfg)
	case len(keys) == 1:
		issuer = keys[0].ID
	}
	for i := range people {
		if people[i].request.Subject == "" {
			continue
		}
		if issuer == "" {
			return atLine(people[i].line, errors.New("subject: whose it is must be said with --issuer: the id of the API key that names people so, or JWT_ISSUER"))
		}
		people[i].request.Issuer = issuer
	}
	return nil
}

// checkRoster finds what is wrong before anybody is asked.
func checkRoster(service *provision.Service, people []entry) error {
	var errs []error
	first := map[string]int{}
	for _, person := range people {
		if err := service.Check(person.request); err != nil {
			errs = append(errs, atLine(person.line, err))
			continue
		}
		address := strings.ToLower(person.request.Email)
		if line, twice := first[address]; twice {
			errs = append(errs, atLine(person.line, fmt.Errorf("email: the same as in line %d", line)))
		}
		first[address] = person.line
	}
	return errors.Join(errs...)
}

// How many people are brought in line at the same time, how often one is tried, and
// after how many in a row Mattermost is believed to be away.
const (
	provisionAtOnce = 4
	provisionTries  = 3
	provisionAway   = 5
)

// errNotTried is of those who come after something that would fail for them as well.
var errNotTried = errors.New("not tried")

// provisionAll tells of each person in the file's order, and counts.
func provisionAll(ctx context.Context, c console, service *provision.Service, people []entry) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	fates := make([]chan fate, len(people))
	for i := range fates {
		fates[i] = make(chan fate, 1)
	}
	var group sync.WaitGroup
	turns := make(chan int)
	for range provisionAtOnce {
		group.Go(func() {
			for i := range turns {
				fates[i] <- provisionOne(ctx, service, people[i].request)
			}
		})
	}
	group.Go(func() {
		defer close(turns)
		for i := range people {
			turns <- i
		}
	})
	counts, away := map[string]int{}, 0
	for i, person := range people {
		o := <-fates[i]
		counts[o.word]++
		_, _ = fmt.Fprintf(c.out, "line %-5d %-10s %s  %s\n", person.line, o.word, person.request.Email, o.says) // the summary says whether it was all
		if away++; !errors.Is(o.err, upstream.ErrUnavailable) {
			away = 0
		}
		if away >= provisionAway || errors.Is(o.err, upstream.ErrAdminToken) {
			stop(o.err)
		}
	}
	group.Wait()
	return summary(c, counts)
}

// fate is what became of one person.
type fate struct {
	word, says string
	err        error
}

func provisionOne(ctx context.Context, service *provision.Service, request provision.Request) fate {
	for try := 1; ; try++ {
		if ctx.Err() != nil {
			return fate{"not tried", "", errNotTried}
		}
		result, err := service.Provision(ctx, request)
		if err == nil {
			return done(result)
		}
		if invalid := (*provision.Invalid)(nil); errors.As(err, &invalid) && invalid.Field == "password" {
			request.Password = "" // it was found sound before, so the account is there and keeps its own
			continue
		}
		if wait := pauseAfter(err); wait == 0 || try == provisionTries || !sleep(ctx, wait) {
			return fate{"failed", err.Error(), err}
		}
	}
}

func done(r provision.Result) fate {
	switch {
	case r.Created:
		return fate{"created", r.UserID + " " + r.Username, nil}
	case len(r.Changed) > 0:
		return fate{"updated", strings.Join(r.Changed, ", "), nil}
	}
	return fate{"unchanged", r.UserID, nil}
}

// pauseAfter is zero where another try would not help.
func pauseAfter(err error) time.Duration {
	var throttled *upstream.Throttled
	switch {
	case errors.As(err, &throttled):
		return throttled.RetryAfter
	case errors.Is(err, upstream.ErrUnavailable), errors.Is(err, upstream.ErrTimeout):
		return time.Second
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func summary(c console, counts map[string]int) error {
	var words []string
	total := 0
	for _, n := range counts {
		total += n
	}
	for _, word := range []string{"created", "updated", "unchanged", "failed", "not tried"} {
		if n := counts[word]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, word))
		}
	}
	if _, err := fmt.Fprintln(c.out, strings.Join(words, ", ")); err != nil {
		return err
	}
	if left := counts["failed"] + counts["not tried"]; left > 0 {
		return fmt.Errorf("%d of %d people are left; run it again for them: whoever is done stays as they are", left, total)
	}
	return nil
}
