package observe

import (
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is everything this program counts, in a registry of its own. Every
// label has a bounded number of values: see [words].
type Metrics struct {
	registry *prometheus.Registry

	signIns    *prometheus.CounterVec
	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	upstream   *prometheus.HistogramVec
	refusals   *prometheus.CounterVec
	tunnels    prometheus.Gauge
	tunnelsAll prometheus.Counter

	ways, results, routes, operations, outcomes, limiters *words
}

// MetricsOptions of [NewMetrics].
type MetricsOptions struct{ Version string }

// NewMetrics returns metrics that all start at nothing.
func NewMetrics(o MetricsOptions) *Metrics {
	m := &Metrics{
		registry:   prometheus.NewRegistry(),
		signIns:    counters("sign_ins_total", "Sign-ins by way and result.", "way", "result"),
		requests:   counters("http_requests_total", "Requests answered.", "route", "method", "status"),
		durations:  histograms("http_request_duration_seconds", "Time to answer a request; tunnels are left out.", "route"),
		upstream:   histograms("upstream_duration_seconds", "Time of calls to Mattermost.", "operation", "outcome"),
		refusals:   counters("limiter_refusals_total", "Requests refused by a limiter.", "limiter"),
		tunnels:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "matterpass_tunnels", Help: "Open WebSockets."}),
		tunnelsAll: prometheus.NewCounter(prometheus.CounterOpts{Name: "matterpass_tunnels_total", Help: "WebSockets ever opened."}),
		ways:       new(words), results: new(words), routes: new(words),
		operations: new(words), outcomes: new(words), limiters: new(words),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "matterpass_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": o.Version, "go": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(m.signIns, m.requests, m.durations, m.upstream, m.refusals, m.tunnels, m.tunnelsAll, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "matterpass_" + name, Help: help}, labels)
}

func histograms(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "matterpass_" + name, Help: help,
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, labels)
}

// Handler serves the metrics. It belongs on the admin listener.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// SignIn counts a sign-in that was decided.
func (m *Metrics) SignIn(way, result string) {
	m.signIns.WithLabelValues(m.ways.fold(way), m.results.fold(result)).Inc()
}

// Request counts an answered request under the pattern of its route.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	route = m.routes.fold(route)
	m.requests.WithLabelValues(route, foldMethod(method), class(status)).Inc()
	if status != http.StatusSwitchingProtocols {
		m.durations.WithLabelValues(route).Observe(took.Seconds())
	}
}

// Upstream counts a call to Mattermost.
func (m *Metrics) Upstream(operation, outcome string, took time.Duration) {
	m.upstream.WithLabelValues(m.operations.fold(operation), m.outcomes.fold(outcome)).Observe(took.Seconds())
}

// Refused counts a refusal of the limiter called name.
func (m *Metrics) Refused(limiter string) {
	m.refusals.WithLabelValues(m.limiters.fold(limiter)).Inc()
}

// Tunnel counts a WebSocket that opened (+1) or closed (-1).
func (m *Metrics) Tunnel(delta int) {
	m.tunnels.Add(float64(delta))
	if delta > 0 {
		m.tunnelsAll.Add(float64(delta))
	}
}

// WatchLimiter asks the limiter called name for its keys, and for the decisions
// it took on shared buckets, whenever metrics are read. It may be called once a
// name, like the other Watch methods once.
func (m *Metrics) WatchLimiter(name string, keys func() int, overflowed func() uint64) {
	labels := prometheus.Labels{"limiter": name}
	m.gauge("limiter_keys", "Keys that a limiter holds.", labels, func() float64 { return float64(keys()) })
	m.counter("limiter_overflowed_total", "Decisions on shared buckets: the limiter is full of debt.", labels,
		func() float64 { return float64(overflowed()) })
}

// WatchBreaker shows which state the breaker towards Mattermost is in.
func (m *Metrics) WatchBreaker(state func() string) {
	for _, name := range []string{"closed", "half-open", "open"} {
		m.gauge("breaker_state", "1 for the state that the breaker is in.", prometheus.Labels{"state": name}, func() float64 {
			if state() == name {
				return 1
			}
			return 0
		})
	}
}

// WatchWaiting shows how many sign-ins wait for their turn.
func (m *Metrics) WatchWaiting(waiting func() int) {
	m.gauge("sign_ins_waiting", "Sign-ins that wait for their turn.", nil, func() float64 { return float64(waiting()) })
}

// WatchDropped shows how many log lines were lost.
func (m *Metrics) WatchDropped(dropped func() uint64) {
	m.counter("log_lines_dropped_total", "Log lines lost because the output did not keep up.", nil,
		func() float64 { return float64(dropped()) })
}

func (m *Metrics) gauge(name, help string, labels prometheus.Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "matterpass_" + name, Help: help, ConstLabels: labels}, value))
}

func (m *Metrics) counter(name, help string, labels prometheus.Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Name: "matterpass_" + name, Help: help, ConstLabels: labels}, value))
}

func foldMethod(method string) string {
	known := []string{"GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"}
	if slices.Contains(known, method) {
		return method
	}
	return other
}

func class(status int) string {
	if status < 100 || status > 599 {
		return other
	}
	return [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}[status/100-1]
}
