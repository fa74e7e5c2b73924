package shared

import (
	"crypto/sha1" //nolint:gosec // the name that Redis gives a script
	"encoding/hex"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Run runs a Lua script on one key, which is a hash already, and answers the
// integers that it returns. Any error is ErrAway.
func (r *Redis) Run(script, key string, args ...int64) ([]int64, error) {
	digest := sha1.Sum([]byte(script)) //nolint:gosec // no secret
	words := make([]any, 0, len(args)+3)
	words = append(words, hex.EncodeToString(digest[:]), 1, "matterpass:"+key)
	for _, arg := range args {
		words = append(words, arg)
	}
	reply, err := r.call(func(do command) (any, error) {
		reply, err := do("EVALSHA", words...)
		if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") { // after a restart or a flush
			words[0] = script
			reply, err = do("EVAL", words...)
		}
		if err != nil {
			return nil, err
		}
		return redis.Int64s(reply, nil)
	})
	if err != nil {
		return nil, err
	}
	return reply.([]int64), nil
}
