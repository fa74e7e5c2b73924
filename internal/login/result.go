package login

import (
	"context"
	"errors"

	"matterpass/internal/upstream"
)

// words are the results that a sentinel stands for, first match wins.
func words() []struct {
	is   error
	word string
} {
	return []struct {
		is   error
		word string
	}{
		{errGuarded, "guarded"},
		{ErrRefused, "refused"},
		{ErrMFARequired, "mfa_required"},
		{ErrSpent, "spent"},
		{ErrConflict, "conflict"},
		{ErrNotProvisioned, "not_provisioned"},
		{ErrSeatLimit, "seat_limit"},
		{ErrMintRefused, "mint_refused"},
		{ErrMintUnavailable, "mint_unavailable"},
		{ErrKeysUnavailable, "keys_unavailable"},
		{ErrStoreUnavailable, "store_unavailable"},
		{upstream.ErrUnavailable, "unavailable"},
		{upstream.ErrTimeout, "timeout"},
		{upstream.ErrInvalid, "invalid"},
		{context.Canceled, "gone"},
	}
}

// result names how a sign-in ended.
func result(err error) string {
	var (
		limited   *Limited
		busy      *Busy
		throttled *upstream.Throttled
	)
	switch {
	case err == nil:
		return "signed_in"
	case errors.As(err, &limited):
		return "limited"
	case errors.As(err, &busy):
		return "busy"
	case errors.As(err, &throttled):
		return "throttled"
	}
	for _, row := range words() {
		if errors.Is(err, row.is) {
			return row.word
		}
	}
	return "failed"
}
