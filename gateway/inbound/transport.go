// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// TransportOptions is what the HTTP side needs to know. The zero value takes the
// system's name service and root certificates.
type TransportOptions struct {
	// Roots are what the certificates of https origins must lead to; nil means
	// the system's.
	Roots *x509.CertPool
	// Host gives addresses of names, before the name service is asked; nil
	// knows none.
	Host func(name string) (netip.Addr, bool)
	// Networks are where else than at public addresses the name service may say
	// that a name is. None means nowhere else: see the file networks.go.
	Networks []netip.Prefix
	// Resolver is the name service; nil means the system's.
	Resolver *net.Resolver
}

// Limits of the HTTP side that nobody needs to change.
const (
	dialTimeout = 10 * time.Second
	// idleTimeout is shorter than what servers usually grant, 5 s and more: a call
	// over a connection that the server is closing is lost, and not repeated.
	idleTimeout       = 4 * time.Second
	maxIdlePerOrigin  = 64
	maxResponseHeader = 64 << 10
)

// NewTransport makes a transport for Options.Transport. It speaks HTTP/1.1
// alone, since HTTP/2 repeats requests in ways of its own; it unpacks nothing,
// and it takes no proxy from the environment.
func NewTransport(o TransportOptions) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Protocols:              &protocols,
		DialContext:            dialer{o.Host, guard{o.Networks}, o.Resolver}.dial,
		TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdlePerOrigin,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}
