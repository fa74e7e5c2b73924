package assertion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxKeySet is the largest key set that is read, in bytes after decompression.
const maxKeySet = 1 << 20

// withoutRedirects returns a client that takes keys from the configured place
// only: a redirect would let whoever answers there choose another one.
func withoutRedirects(c *http.Client) *http.Client {
	transport := http.DefaultTransport
	if c != nil && c.Transport != nil {
		transport = c.Transport
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fetch reads a key set. Its errors say what went wrong without the address.
func fetch(ctx context.Context, c *http.Client, address string) ([]key, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address of the key set is not a URL")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the key set cannot be fetched: %w", errors.Unwrap(err))
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the key set was answered with status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	switch {
	case err != nil:
		return nil, errors.New("the key set ended early")
	case len(body) > maxKeySet:
		return nil, errors.New("the key set is larger than 1 MiB")
	}
	return parseKeys(body)
}
