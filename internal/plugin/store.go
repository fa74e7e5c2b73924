package plugin

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/companion"
)

// What the plugin remembers, by the first letters of the key.
const (
	keyNonce = "nonce_"
	keyStep  = "step_"
	keyTries = "tries_"
)

const (
	// nonceKept is longer than a question can be fresh: Window before and after the
	// plugin's clock, and as much again for servers of a cluster that differ.
	nonceKept = 4 * companion.Window
	// stepKept is longer than a code can be accepted.
	stepKept = 5 * time.Minute

	triesMost = 5
	triesIn   = 5 * time.Minute

	// rounds is how often a counter is tried again that others change meanwhile.
	rounds = 20
)

// spendNonce lets one of any number of equal questions through, on whatever
// server of a cluster they arrive.
func (s *Service) spendNonce(nonce string) error {
	first, err := s.swap(keyNonce+nonce, nil, []byte{'1'}, nonceKept)
	if err == nil && !first {
		return refusal(companion.CodeReplayed)
	}
	return err
}

// spendStep lets each half minute's code through once, and none after a younger.
func (s *Service) spendStep(userID string, step int64) error {
	for range rounds {
		old, err := s.get(keyStep + userID)
		if err != nil {
			return err
		}
		if last, _ := strconv.ParseInt(string(old), 10, 64); step <= last {
			return refusal(companion.CodeMFAWrong)
		}
		done, err := s.swap(keyStep+userID, old, strconv.AppendInt(nil, step, 10), stepKept)
		if err != nil || done {
			return err
		}
	}
	return refusal(companion.CodeUnavailable)
}

// takeTry counts a code before it is looked at, so that guesses made at the same
// time are counted too. The window starts with the first of them.
func (s *Service) takeTry(userID string) error {
	for range rounds {
		old, err := s.get(keyTries + userID)
		if err != nil {
			return err
		}
		now := s.now()
		tries, until := readTries(old)
		if !now.Before(until) {
			tries, until = 0, now.Add(triesIn)
		}
		if tries >= triesMost {
			return refusal(companion.CodeMFAThrottled)
		}
		counted := fmt.Appendf(nil, "%d %d", tries+1, until.UnixMilli())
		done, err := s.swap(keyTries+userID, old, counted, until.Sub(now)+time.Second)
		if err != nil || done {
			return err
		}
	}
	return refusal(companion.CodeMFAThrottled) // so many at once are no person's
}

func readTries(value []byte) (tries int, until time.Time) {
	var millis int64
	if n, err := fmt.Sscanf(string(value), "%d %d", &tries, &millis); n != 2 || err != nil {
		return 0, time.Time{}
	}
	return tries, time.UnixMilli(millis)
}

// forgetTries: a right code ends the count. If it can't be forgotten now, it is
// soon.
func (s *Service) forgetTries(userID string) {
	_, _ = s.server.KVSetWithOptions(keyTries+userID, nil, model.PluginKVSetOptions{})
}

func (s *Service) get(key string) ([]byte, error) {
	value, err := s.server.KVGet(key)
	if err != nil {
		return nil, refusal(companion.CodeUnavailable)
	}
	return value, nil
}

// swap puts value in the place of old, and reports whether old was there.
func (s *Service) swap(key string, old, value []byte, kept time.Duration) (bool, error) {
	done, err := s.server.KVSetWithOptions(key, value, model.PluginKVSetOptions{
		Atomic: true, OldValue: old, ExpireInSeconds: int64(kept / time.Second),
	})
	if err != nil {
		return false, refusal(companion.CodeUnavailable)
	}
	return done, nil
}
