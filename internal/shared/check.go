package shared

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Check is for readiness: nil where Redis answers, else ErrAway.
func (r *Redis) Check(context.Context) error {
	_, err := r.call(func(do command) (any, error) { return do("PING") })
	return err
}

// Warning says what is wrong with the server's settings, "" for nothing: one that
// evicts any key when its memory is full forgets limits and spent proofs first.
func (r *Redis) Warning() (string, error) {
	reply, err := r.call(func(do command) (any, error) { return redis.String(do("INFO", "memory")) })
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(reply.(string)) {
		policy, found := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:")
		if found && strings.HasPrefix(policy, "allkeys-") {
			return fmt.Sprintf("redis has maxmemory-policy %s: it forgets limits when its memory is full; set noeviction or volatile-ttl", policy), nil
		}
	}
	return "", nil
}
