package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer bounds what a provider may send in one answer, after decompression.
const maxAnswer = 1 << 20

// errNoAnswer is the fault of the way to a provider, not of what it says.
var errNoAnswer = errors.New("no answer")

// fetcher asks providers. It follows no redirect: whoever can place one could
// otherwise choose the keys, or be sent the client's secret.
type fetcher struct{ client *http.Client }

func newFetcher(transport http.RoundTripper, timeout time.Duration) fetcher {
	return fetcher{&http.Client{
		Transport:     bounded{transport},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// bounded cuts answers off; what is cut is an error to whoever reads it.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// get answers the body at an address. Its error has no word of the answer's.
func (f fetcher) get(ctx context.Context, address, accessToken string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if accessToken != "" {
		req.Header.Set("Authorization", "Bearer "+accessToken)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnswer, withoutAddress(err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case res.StatusCode >= http.StatusInternalServerError:
		return nil, fmt.Errorf("%w: status %d", errNoAnswer, res.StatusCode)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("status %d", res.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return body, nil
}

// withoutAddress drops what *url.Error says of the address, which the caller
// knows; a redirect's could be anybody's.
func withoutAddress(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// isSafeURL reports an address that nobody on the way can change: https, or
// this very machine.
func isSafeURL(u *url.URL) bool {
	if u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
