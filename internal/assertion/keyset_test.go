package assertion_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"matterpass/internal/assertion"
	"matterpass/internal/login"
)

// provider publishes keys, well or badly, without a network.
type provider struct {
	mu      sync.Mutex
	answer  func(*http.Request) (*http.Response, error)
	fetches atomic.Int64
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.fetches.Add(1)
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	return answer(r)
}

func (p *provider) says(answer func(*http.Request) (*http.Response, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *provider) publishes(t testing.TB, keys ...any) {
	p.says(answering(http.StatusOK, object{"keys": keys}.json(t)))
}

func answering(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func down(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

func hanging(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func newKeySet(t testing.TB, p *provider, change ...func(*assertion.KeySetOptions)) *assertion.KeySet {
	t.Helper()
	o := assertion.KeySetOptions{URL: "https://erp.example.com/keys", Client: &http.Client{Transport: p}}
	for _, c := range change {
		c(&o)
	}
	keys, err := assertion.NewKeySet(o)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func es256(t testing.TB, private any, id string) string {
	return signed(t, jose.ES256, private, object{"typ": "JWT", "kid": id}, plainClaims())
}

func TestKeysAreFetchedOnceAndRenewedWithAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, private := &provider{}, ecKey(t)
		p.publishes(t, public(t, private, object{"kid": "a"}))
		keys := newKeySet(t, p)
		verify := func() {
			t.Helper()
			if _, err := keys.Verify(t.Context(), es256(t, private, "a")); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		verify()
		time.Sleep(time.Hour - time.Second)
		verify()
		if got := p.fetches.Load(); got != 1 {
			t.Errorf("%d fetches in the first hour", got)
		}
		time.Sleep(time.Second)
		verify()
		if got := p.fetches.Load(); got != 2 {
			t.Errorf("%d fetches after an hour", got)
		}
	})
}

func TestAFloodOfUnknownKeysCostsOneFetchACooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, private := &provider{}, ecKey(t)
		p.publishes(t, public(t, private, object{"kid": "a"}))
		keys := newKeySet(t, p)
		if err := keys.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		before := p.fetches.Load()
		for i := range 10_000 {
			text := encode(fmt.Sprintf(`{"alg":"ES256","typ":"JWT","kid":"k%d"}`, i)) + "." + encode("{}") + "." + encode("x")
			if _, err := keys.Verify(t.Context(), text); !errors.Is(err, login.ErrRefused) {
				t.Fatalf("got %v", err)
			}
		}
		if got := p.fetches.Load() - before; got != 1 {
			t.Errorf("%d fetches", got)
		}
		if _, err := keys.Verify(t.Context(), es256(t, private, "a")); err != nil {
			t.Errorf("a genuine token among them: %v", err)
		}
	})
}

func TestAnAlgorithmThatIsNotAcceptedFetchesNothing(t *testing.T) {
	p := &provider{answer: down}
	keys := newKeySet(t, p)
	for _, algorithm := range []string{"none", "HS256", "ES256K", "RS1", "RS256", ""} {
		text := encode(`{"alg":"`+algorithm+`"}`) + "." + encode("{}") + "." + encode("x")
		if _, err := keys.Verify(t.Context(), text, jose.ES256); !errors.Is(err, login.ErrRefused) {
			t.Errorf("%q: got %v", algorithm, err)
		}
	}
	if _, err := keys.Verify(t.Context(), "x.y.z"); !errors.Is(err, login.ErrRefused) {
		t.Errorf("what is no token: got %v", err)
	}
	if got := p.fetches.Load(); got != 0 {
		t.Errorf("%d fetches", got)
	}
}

func TestANewKeyIsFoundWithoutWaitingForAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, old, fresh := &provider{}, ecKey(t), ecKey(t)
		p.publishes(t, public(t, old, object{"kid": "old"}))
		keys := newKeySet(t, p)
		if err := keys.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.publishes(t, public(t, fresh, object{"kid": "new"}))
		time.Sleep(time.Minute)
		if _, err := keys.Verify(t.Context(), es256(t, fresh, "new")); err != nil {
			t.Error(err)
		}
		if _, err := keys.Verify(t.Context(), es256(t, old, "old")); !errors.Is(err, login.ErrRefused) {
			t.Errorf("the key that was taken back: got %v", err)
		}
	})
}

func TestTheLastGoodKeysOutliveAnOutageForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, private := &provider{}, ecKey(t)
		p.publishes(t, public(t, private, object{"kid": "a"}))
		keys := newKeySet(t, p)
		if err := keys.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.says(down)
		time.Sleep(24*time.Hour - time.Second)
		if _, err := keys.Verify(t.Context(), es256(t, private, "a")); err != nil {
			t.Errorf("within a day: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := keys.Verify(t.Context(), es256(t, private, "a")); !errors.Is(err, login.ErrKeysUnavailable) {
			t.Errorf("after a day: got %v", err)
		}
		p.publishes(t, public(t, private, object{"kid": "a"}))
		time.Sleep(time.Minute)
		if _, err := keys.Verify(t.Context(), es256(t, private, "a")); err != nil {
			t.Errorf("when the issuer is back: %v", err)
		}
	})
}

func TestAnIssuerThatIsDownAtStartRecoversByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, private := &provider{answer: down}, ecKey(t)
		var told []error
		keys := newKeySet(t, p, func(o *assertion.KeySetOptions) { o.Fetched = func(err error) { told = append(told, err) } })
		for range 100 {
			if _, err := keys.Verify(t.Context(), es256(t, private, "a")); !errors.Is(err, login.ErrKeysUnavailable) {
				t.Fatalf("got %v", err)
			}
		}
		if got := p.fetches.Load(); got != 1 {
			t.Errorf("%d fetches", got)
		}
		p.publishes(t, public(t, private, object{"kid": "a"}))
		time.Sleep(5 * time.Second)
		if _, err := keys.Verify(t.Context(), es256(t, private, "a")); err != nil {
			t.Error(err)
		}
		if len(told) != 2 || told[0] == nil || told[1] != nil {
			t.Errorf("told %v", told)
		}
	})
}

func TestConcurrentCallersShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, private := &provider{}, ecKey(t)
		release := make(chan struct{})
		good := answering(http.StatusOK, object{"keys": []any{public(t, private, object{"kid": "a"})}}.json(t))
		p.says(func(r *http.Request) (*http.Response, error) {
			<-release
			return good(r)
		})
		keys, text := newKeySet(t, p), es256(t, private, "a")
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := keys.Verify(t.Context(), text); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if got := p.fetches.Load(); got != 1 {
			t.Errorf("%d fetches", got)
		}
	})
}

func TestNobodyWaitsLongerThanTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, private := &provider{answer: hanging}, ecKey(t)
		keys, text := newKeySet(t, p), es256(t, private, "a")
		begin := time.Now()
		if _, err := keys.Verify(t.Context(), text); !errors.Is(err, login.ErrKeysUnavailable) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := keys.Verify(ctx, text); !errors.Is(err, login.ErrKeysUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller who left: got %v", err)
		}
		time.Sleep(5 * time.Second) // the request that it began ends by itself
	})
}

func TestKeySetsThatAreNotPlainAreNotTaken(t *testing.T) {
	private := ecKey(t)
	good := object{"keys": []any{public(t, private, object{"kid": "a"})}}.json(t)
	cases := map[string]func(*http.Request) (*http.Response, error){
		"an error":             answering(http.StatusInternalServerError, good),
		"not modified":         answering(http.StatusNotModified, good),
		"HTML":                 answering(http.StatusOK, "<html>"),
		"empty":                answering(http.StatusOK, ""),
		"no keys":              answering(http.StatusOK, `{"keys":[]}`),
		"keys twice":           answering(http.StatusOK, strings.TrimSuffix(good, "}")+`,"keys":[]}`),
		"an array":             answering(http.StatusOK, "["+good+"]"),
		"a key with alg twice": answering(http.StatusOK, strings.Replace(good, `"kid"`, `"alg":"ES256","alg":"HS256","kid"`, 1)),
		"more than 1 MiB":      answering(http.StatusOK, good+strings.Repeat(" ", 1<<20)),
		"more than 64":         answering(http.StatusOK, strings.Replace(good, `[`, `[`+strings.Repeat(`{},`, 64), 1)),
		"cut off":              func(r *http.Request) (*http.Response, error) { return brokenBody(r), nil },
		"a redirect":           redirecting(good),
		"in another case":      answering(http.StatusOK, strings.Replace(good, `"keys"`, `"Keys"`, 1)),
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told error
				keys := newKeySet(t, &provider{answer: answer}, func(o *assertion.KeySetOptions) { o.Fetched = func(err error) { told = err } })
				if err := keys.Ready(t.Context()); !errors.Is(err, login.ErrKeysUnavailable) {
					t.Errorf("got %v", err)
				}
				if told == nil || strings.Contains(told.Error(), "erp.example.com") {
					t.Errorf("told %v", told)
				}
			})
		})
	}
}

func redirecting(good string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "evil.example" {
			return answering(http.StatusOK, good)(r)
		}
		res, err := answering(http.StatusFound, "")(r)
		res.Header.Set("Location", "https://evil.example/keys")
		return res, err
	}
}

func brokenBody(r *http.Request) *http.Response {
	body := io.NopCloser(io.MultiReader(strings.NewReader(`{"keys":`), failing{}))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestOnlyHTTPSNamesAKeySet(t *testing.T) {
	cases := map[string]bool{
		"https://erp.example.com/keys":       true,
		"http://localhost:8090/keys":         true,
		"http://127.0.0.1/keys":              true,
		"http://[::1]:1/keys":                true,
		"http://erp.example.com/keys":        false,
		"http://localhost.evil.example/keys": false,
		"https://user:pass@erp.example.com/": false,
		"https://erp.example.com/#x":         false,
		"https:keys":                         false,
		"ftp://erp.example.com/keys":         false,
		"file:///etc/keys":                   false,
		"/keys":                              false,
		"":                                   false,
		"https://%zz":                        false,
	}
	for address, want := range cases {
		_, err := assertion.NewKeySet(assertion.KeySetOptions{URL: address})
		if (err == nil) != want || err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: got %v", address, err)
		}
	}
	if _, err := assertion.NewKeySet(assertion.KeySetOptions{URL: "http://idp:8080/keys", AllowHTTP: true}); err != nil {
		t.Error(err)
	}
}
