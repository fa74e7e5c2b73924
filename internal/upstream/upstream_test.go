package upstream_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"matterpass/internal/upstream"
)

func TestOnlyWhatNeverReachedMattermostWasNotAsked(t *testing.T) {
	cases := map[string]struct {
		err      error
		notAsked bool
	}{
		"unavailable":  {fmt.Errorf("sign in: %w", upstream.ErrUnavailable), true},
		"throttled":    {fmt.Errorf("sign in: %w", &upstream.Throttled{RetryAfter: time.Second}), true},
		"timed out":    {upstream.ErrTimeout, false},
		"nonsense":     {upstream.ErrInvalid, false},
		"admin token":  {upstream.ErrAdminToken, false},
		"another":      {errors.New("another"), false},
		"all was well": {nil, false},
	}
	for name, c := range cases {
		if got := upstream.NotAsked(c.err); got != c.notAsked {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestThrottledSaysForHowLong(t *testing.T) {
	if text := (&upstream.Throttled{RetryAfter: 7 * time.Second}).Error(); !strings.Contains(text, "7s") {
		t.Error(text)
	}
}
