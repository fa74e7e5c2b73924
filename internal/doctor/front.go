package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Front is the way that browsers take: from their address through every proxy to
// Matterpass and Mattermost.
type Front struct {
	Public  string   // the origin at which browsers reach Matterpass
	Chat    string   // and Mattermost
	Gateway bool     // all of Mattermost is reached through Matterpass
	Origins []string // of the pages that embed chat
	// Cookies are the attributes that are not left to Matterpass to choose: Partitioned
	// and SameSite, each “auto” or as COOKIE_PARTITIONED and COOKIE_SAMESITE have it.
	Partitioned, SameSite string

	Roots   *x509.CertPool // nil for the system's
	Timeout time.Duration  // for one answer; default 5 s
	Pause   time.Duration  // before what was refused is tried again; default 1 s
	Now     func() time.Time
}

// Examine walks that way. Where nothing of ours answers, the rest is not asked.
func (f Front) Examine(ctx context.Context) []Finding {
	f.Timeout, f.Pause = cmp.Or(f.Timeout, 5*time.Second), cmp.Or(f.Pause, time.Second)
	if f.Now == nil {
		f.Now = time.Now
	}
	client := f.client()
	defer client.CloseIdleConnections()
	findings := f.cookies()
	reached, certificate := f.matterpass(ctx, client)
	findings = append(findings, reached)
	if certificate != nil {
		findings = append(findings, f.certificate(certificate))
	}
	if reached.Verdict == Failed {
		return findings
	}
	return append(findings, f.frame(ctx, client), f.socket(ctx, client))
}

// client speaks HTTP/1.1, over which a WebSocket begins, and follows nothing.
func (f Front) client() *http.Client {
	return &http.Client{
		Timeout:       f.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{RootCAs: f.Roots, MinVersion: tls.VersionTLS12},
			TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{},
		},
	}
}

func (f Front) get(ctx context.Context, client *http.Client, address string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header = header
	return client.Do(request)
}

// matterpass asks it what it sees of us.
func (f Front) matterpass(ctx context.Context, client *http.Client) (Finding, *x509.Certificate) {
	const check = "public_url"
	resp, err := f.get(ctx, client, f.Public+"/embed-doctor/report", http.Header{"Accept": {"application/json"}})
	if err != nil {
		return Found(check, Failed, f.Public+" does not answer from here: "+reason(err)).Change("PUBLIC_URL, or what stands behind it"), nil
	}
	defer resp.Body.Close()
	var certificate *x509.Certificate
	if resp.TLS != nil {
		certificate = resp.TLS.PeerCertificates[0]
	}
	var seen struct{ Scheme, Chat string }
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&seen)
	scheme, _, _ := strings.Cut(f.Public, "://")
	switch {
	case resp.StatusCode == http.StatusMisdirectedRequest:
		return Found(check, Failed, "a front passes on another Host than the one that browsers name").Change("front proxy: pass Host on"), certificate
	case resp.StatusCode == http.StatusTooManyRequests:
		return Found(check, Unknown, "Matterpass answers, and takes no more requests from here for now"), certificate
	case resp.StatusCode != http.StatusOK || err != nil || seen.Scheme == "":
		return Found(check, Failed, fmt.Sprintf("something else than Matterpass answers at %s (%s)", f.Public, resp.Status)).
			Change("front proxy: send Matterpass's paths to it"), certificate
	case seen.Scheme != scheme:
		return Found(check, Failed, fmt.Sprintf("browsers use %s, and Matterpass believes %s: its cookies have the wrong shape", scheme, seen.Scheme)).
			Change("TRUSTED_PROXIES, and X-Forwarded-Proto at the front proxy"), certificate
	}
	return Found(check, Fine, "Matterpass answers at "+f.Public), certificate
}

// renewal is how long before its end a certificate should have been renewed: those
// that are renewed by a program are so a month before.
const renewal = 14 * 24 * time.Hour

func (f Front) certificate(c *x509.Certificate) Finding {
	left := c.NotAfter.Sub(f.Now())
	says := "the certificate is good until " + c.NotAfter.UTC().Format(time.DateOnly)
	if left < renewal {
		return Found("certificate", Warning, says).Change("the certificate of " + f.Public)
	}
	return Found("certificate", Fine, says)
}

// frame looks at a page of Mattermost's as a browser would that is to frame it.
func (f Front) frame(ctx context.Context, client *http.Client) Finding {
	const check = "framing"
	resp, err := f.get(ctx, client, f.Chat+"/", http.Header{"Accept": {"text/html"}})
	if err != nil {
		return Found(check, Failed, f.Chat+" does not answer from here: "+reason(err)).Change("front proxy: send the rest to Mattermost")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Found(check, Failed, fmt.Sprintf("Mattermost's page is answered with %s", resp.Status)).Change("MM_BASE_URL, or the front proxy")
	}
	setting := "front proxy: leave Content-Security-Policy and X-Frame-Options as they are"
	if !f.Gateway {
		setting = "ServiceSettings.FrameAncestors, in Mattermost"
	}
	for _, origin := range f.Origins {
		if !mayFrame(resp.Header, origin) {
			return Found(check, Failed, "browsers will not show chat inside "+origin).Change(setting)
		}
	}
	return Found(check, Fine, "browsers may show chat inside the pages of ALLOWED_ORIGINS")
}

// mayFrame: every policy must agree, and X-Frame-Options is read where no policy
// speaks of framing (CSP3, 6.4.2.1).
func mayFrame(h http.Header, origin string) bool {
	told := false
	for _, line := range h.Values("Content-Security-Policy") {
		for policy := range strings.SplitSeq(line, ",") {
			sources, speaks := frameSources(policy)
			told = told || speaks
			if speaks && !permits(sources, origin) {
				return false
			}
		}
	}
	return told || h.Get("X-Frame-Options") == ""
}

func frameSources(policy string) (sources []string, speaks bool) {
	for directive := range strings.SplitSeq(policy, ";") {
		if words := strings.Fields(directive); len(words) > 0 && strings.EqualFold(words[0], "frame-ancestors") {
			return words[1:], true
		}
	}
	return nil, false
}

// permits reports whether one of the sources is the origin, or a pattern of it.
func permits(sources []string, origin string) bool {
	scheme, host, _ := strings.Cut(origin, "://")
	return slices.ContainsFunc(sources, func(source string) bool {
		pattern, domain, wild := strings.Cut(source, "*.")
		switch {
		case source == "*", strings.EqualFold(source, origin), strings.EqualFold(source, host), strings.EqualFold(source, scheme+":"):
			return true
		case wild && (pattern == "" || strings.EqualFold(pattern, scheme+"://")):
			return strings.HasSuffix(strings.ToLower(host), "."+strings.ToLower(domain))
		}
		return false
	})
}

// socket opens a WebSocket as chat's page does, and leaves it at once: nobody is
// signed in on it. A Matterpass that is refused asks Mattermost for its SiteURL
// anew, so the second try counts.
func (f Front) socket(ctx context.Context, client *http.Client) Finding {
	status, err := f.upgrade(ctx, client)
	if err == nil && status.code == http.StatusForbidden && f.Gateway {
		select {
		case <-time.After(f.Pause):
		case <-ctx.Done():
		}
		status, err = f.upgrade(ctx, client)
	}
	const check, front = "websocket", "front proxy: pass Upgrade and Connection on, over HTTP/1.1"
	switch {
	case err != nil:
		return Found(check, Failed, "no WebSocket: "+reason(err)).Change(front)
	case status.code == http.StatusSwitchingProtocols:
		return Found(check, Fine, "WebSockets get through, so messages arrive at once")
	case status.code == http.StatusTooManyRequests:
		return Found(check, Unknown, "Matterpass takes no more requests from here for now")
	case status.code == http.StatusForbidden:
		return Found(check, Failed, "Mattermost refuses WebSockets of "+f.Chat+": messages arrive only after a reload").
			Change("ServiceSettings.SiteURL, in Mattermost")
	}
	return Found(check, Failed, fmt.Sprintf("a WebSocket is answered with %s: messages arrive only after a reload", status.text)).Change(front)
}

// status is how a question was answered.
type status struct {
	code int
	text string
}

func (f Front) upgrade(ctx context.Context, client *http.Client) (status, error) {
	resp, err := f.get(ctx, client, f.Chat+"/api/v4/websocket", http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {f.Chat},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {nonce()},
	})
	if err != nil {
		return status{}, err
	}
	return status{resp.StatusCode, resp.Status}, resp.Body.Close()
}

// nonce is a Sec-WebSocket-Key: sixteen bytes in Base64 (RFC 6455, 4.1).
func nonce() string {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// reason is what went wrong with a request, without its address.
func reason(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}
