// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/coapstone/coapstone/gateway/endpoint"
)

// namespace is what every name of ours begins with.
const namespace = "coapstone"

// buckets are the bounds of the durations, in seconds: from what a loopback
// takes to the longest timeout there is.
func buckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// Metrics is the metrics of one gateway.
type Metrics struct {
	registry *prometheus.Registry

	handling *prometheus.HistogramVec // by the peer's scheme
	upstream *prometheus.HistogramVec // by method and status class
}

// New makes a registry with the process's own metrics in it.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		handling: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: "inbound", Name: "duration_seconds",
			Help:    "How long requests of devices took, from the handler's start to its response.",
			Buckets: buckets(),
		}, []string{"scheme"}),
		upstream: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: "http", Name: "duration_seconds",
			Help:    "How long the platform took to the header of its answer; outcome is the class of its status, or error or timeout.",
			Buckets: buckets(),
		}, []string{"method", "outcome"}),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.handling, m.upstream,
	)
	return m
}

// Endpoint adds what the endpoint counts. It is called once.
func (m *Metrics) Endpoint(e *endpoint.Endpoint) {
	m.registry.MustRegister(endpointCollector{e.Stats})
}

// Gauge adds a number that is asked for when the metrics are read. The subsystem
// and the name must be new.
func (m *Metrics) Gauge(subsystem, name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help,
	}, value))
}

// Counter is the same for a number that only grows.
func (m *Metrics) Counter(subsystem, name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help,
	}, value))
}

// Handler is next with the time that it takes.
func (m *Metrics) Handler(next endpoint.Handler) endpoint.Handler {
	plain, secure := m.handling.WithLabelValues("coap"), m.handling.WithLabelValues("coaps")
	return endpoint.HandlerFunc(func(ctx context.Context, x *endpoint.Exchange) {
		took := plain
		if x.Peer.Key().Secure() {
			took = secure
		}
		began := time.Now()
		defer func() { took.Observe(time.Since(began).Seconds()) }()
		next.ServeCoAP(ctx, x)
	})
}

// RoundTripper is next with the time and the outcome of its calls.
func (m *Metrics) RoundTripper(next http.RoundTripper) http.RoundTripper {
	return roundTripper{next, m.upstream}
}

type roundTripper struct {
	next http.RoundTripper
	took *prometheus.HistogramVec
}

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := t.next.RoundTrip(r)
	t.took.WithLabelValues(method(r.Method), outcome(resp, err)).Observe(time.Since(began).Seconds())
	return resp, err
}

// method is a method as a label: those that coap2http maps, or "other".
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete:
		return m
	default:
		return "other"
	}
}

func outcome(resp *http.Response, err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case err != nil:
		return "error"
	default:
		return strconv.Itoa(resp.StatusCode/100) + "xx"
	}
}

// Page is the metrics in Prometheus's text format.
func (m *Metrics) Page(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError),
	})
}
