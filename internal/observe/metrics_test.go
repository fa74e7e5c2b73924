package observe

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d, %v: %s", w.Code, err, body)
	}
	return string(body)
}

func TestMetricsSayWhatHappened(t *testing.T) {
	m := NewMetrics(MetricsOptions{Version: "v1.2.3"})
	m.SignIn("password", "signed_in")
	m.Request("/api/mattermost/login", "POST", 200, 40*time.Millisecond)
	m.Request("/api/v4/websocket", "GET", 101, time.Hour)
	m.Request("/healthz", "BREW", 42, 0)
	m.Upstream("login", "ok", 70*time.Millisecond)
	m.Refused("client")
	m.Tunnel(+1)
	m.Tunnel(+1)
	m.Tunnel(-1)
	m.WatchLimiter("login", func() int { return 7 }, func() uint64 { return 3 })
	m.WatchBreaker(func() string { return "half-open" })
	m.WatchWaiting(func() int { return 5 })
	m.WatchDropped(func() uint64 { return 9 })
	got := scrape(t, m)
	for _, want := range []string{
		`matterpass_sign_ins_total{result="signed_in",way="password"} 1`,
		`matterpass_http_requests_total{method="POST",route="/api/mattermost/login",status="2xx"} 1`,
		`matterpass_http_requests_total{method="GET",route="/api/v4/websocket",status="1xx"} 1`,
		`matterpass_http_requests_total{method="other",route="/healthz",status="other"} 1`,
		`matterpass_http_request_duration_seconds_bucket{route="/api/mattermost/login",le="0.05"} 1`,
		`matterpass_upstream_duration_seconds_bucket{operation="login",outcome="ok",le="0.1"} 1`,
		`matterpass_limiter_refusals_total{limiter="client"} 1`,
		`matterpass_limiter_keys{limiter="login"} 7`,
		`matterpass_limiter_overflowed_total{limiter="login"} 3`,
		`matterpass_breaker_state{state="half-open"} 1`,
		`matterpass_breaker_state{state="open"} 0`,
		`matterpass_tunnels 1`,
		`matterpass_tunnels_total 2`,
		`matterpass_sign_ins_waiting 5`,
		`matterpass_log_lines_dropped_total 9`,
		`matterpass_build_info{go="go`,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(got, `duration_seconds_count{route="/api/v4/websocket"}`) {
		t.Error("the life of a tunnel counts as time to answer")
	}
}

func series(text string) (n int) {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "#") && strings.HasPrefix(lines.Text(), "matterpass_") {
			n++
		}
	}
	return n
}

// flood makes every label take a thousand values of a stranger's choosing.
func flood(m *Metrics, from int) {
	for i := from; i < from+1000; i++ {
		word := fmt.Sprintf("/word%d", i)
		m.SignIn(word, word)
		m.Request(word, word, 200+i%400, time.Second)
		m.Upstream(word, word, time.Second)
		m.Refused(word)
		mail := fmt.Sprintf("dana%d@erp.test", i)
		m.SignIn(mail, mail)
		m.Request("/find?who="+mail, "GET", 200, time.Second)
	}
}

func TestSeriesDoNotGrowWithTraffic(t *testing.T) {
	m := NewMetrics(MetricsOptions{})
	flood(m, 0)
	before := series(scrape(t, m))
	var wg sync.WaitGroup
	for w := 1; w <= 10; w++ {
		wg.Go(func() { flood(m, w*1000) })
	}
	wg.Wait()
	text := scrape(t, m)
	if after := series(text); after != before {
		t.Errorf("%d series became %d", before, after)
	}
	if strings.Contains(text, "@") {
		t.Error("an e-mail address is a label")
	}
	if before > 5000 {
		t.Errorf("%d series even under a flood are too many", before)
	}
}

func TestOnlyWordsBecomeLabels(t *testing.T) {
	for word, want := range map[string]string{
		"signed_in": "signed_in", "/{team}/channels/{channel}": "/{team}/channels/{channel}", "/api/v4/*": "/api/v4/*",
		"": other, "dana@erp.test": other, "a b": other, "/x?y=z": other, "ü": other, "a\"b": other,
		strings.Repeat("a", 65): other,
	} {
		if got := new(words).fold(word); got != want {
			t.Errorf("fold(%q) = %q, want %q", word, got, want)
		}
	}
}
