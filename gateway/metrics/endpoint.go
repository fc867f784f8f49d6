// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// endpointCollector turns an endpoint's counts into metrics when they are read:
// the datagram path knows nothing of Prometheus.
type endpointCollector struct {
	stats func() endpoint.Stats
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "coap", name), help, labels, nil)
}

// total is one number of Stats that only grows.
type total struct {
	desc  *prometheus.Desc
	value func(endpoint.Stats) uint64
}

// level is one that also falls.
type level struct {
	desc  *prometheus.Desc
	value func(endpoint.Stats) int64
}

var (
	totals = []total{
		{describe("datagrams_received_total", "Datagrams received, over UDP and within DTLS."), func(s endpoint.Stats) uint64 { return s.DatagramsIn }},
		{describe("datagrams_sent_total", "Datagrams sent."), func(s endpoint.Stats) uint64 { return s.DatagramsOut }},
		{describe("bytes_received_total", "Bytes of CoAP messages received."), func(s endpoint.Stats) uint64 { return s.BytesIn }},
		{describe("bytes_sent_total", "Bytes of CoAP messages sent."), func(s endpoint.Stats) uint64 { return s.BytesOut }},
		{describe("malformed_total", "Datagrams that are no CoAP message."), func(s endpoint.Stats) uint64 { return s.Malformed }},
		{describe("duplicates_total", "Messages received again."), func(s endpoint.Stats) uint64 { return s.Duplicates }},
		{describe("shortened_total", "Responses cut because the sender of the request had not proven its address."), func(s endpoint.Stats) uint64 { return s.Shortened }},
		{describe("retransmissions_total", "Messages sent again for want of an acknowledgement."), func(s endpoint.Stats) uint64 { return s.Retransmissions }},
		{describe("gave_up_total", "Messages that were never acknowledged."), func(s endpoint.Stats) uint64 { return s.GaveUp }},
	}
	levels = []level{
		{describe("handlers_running", "Requests being served."), func(s endpoint.Stats) int64 { return s.Running }},
		{describe("messages_remembered", "Messages kept for their duplicates."), func(s endpoint.Stats) int64 { return s.Remembered }},
	}
	requests  = describe("requests_total", "Requests received, by method; duplicates are not counted.", "method")
	responses = describe("responses_total", "Responses given, by code.", "code")
)

// Describe implements prometheus.Collector.
func (c endpointCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, t := range totals {
		ch <- t.desc
	}
	for _, l := range levels {
		ch <- l.desc
	}
	ch <- requests
	ch <- responses
}

// Collect implements prometheus.Collector.
func (c endpointCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	for _, t := range totals {
		ch <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue, float64(t.value(s)))
	}
	for _, l := range levels {
		ch <- prometheus.MustNewConstMetric(l.desc, prometheus.GaugeValue, float64(l.value(s)))
	}
	for code, n := range s.Requests {
		ch <- prometheus.MustNewConstMetric(requests, prometheus.CounterValue, float64(n), methodName(code))
	}
	for code, n := range s.Responses {
		ch <- prometheus.MustNewConstMetric(responses, prometheus.CounterValue, float64(n), code.Dotted())
	}
}

// methodName is the method, or the bare code of one that has no name: "0.31".
func methodName(code coap.Code) string {
	switch code {
	case coap.GET, coap.POST, coap.PUT, coap.DELETE:
		return code.String()
	default:
		return code.Dotted()
	}
}
