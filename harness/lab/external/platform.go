// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"

	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/mockrmp"
)

// startPlatform starts a mock platform on the bench, at the ports of the origins
// under which the target reaches it.
func (l *Lab) startPlatform(ctx context.Context) error {
	p, b := l.target.Platform, &l.target.Bench
	config := mockrmp.Config{Admin: "127.0.0.1:0"}
	if !b.Addr(false).IsValid() {
		config.Admin = "[::1]:0"
	}
	var err error
	if config.HTTP, err = listenAt("platform.http", p.HTTP, "80", b); err != nil {
		return err
	}
	if config.HTTPS, err = listenAt("platform.https", p.HTTPS, "443", b); err != nil {
		return err
	}
	if p.HTTPS != "" {
		if config.Certificate, err = l.platformCertificate(); err != nil {
			return err
		}
	}
	// It lives until Close, which may come after the end of ctx.
	if l.platform, err = mockrmp.Start(context.WithoutCancel(ctx), config); err != nil {
		return fmt.Errorf("the mock platform cannot be started on the bench: %w: end what listens there, or give another port in platform.http or platform.https, or the platform.admin of one that runs already", err)
	}
	return nil
}

// listenAt is where the bench listens for an origin of the platform: the address
// behind it where it is one of the bench, or else the first one.
func listenAt(key, origin, usual string, b *target.Bench) (string, error) {
	if origin == "" {
		return "", nil
	}
	u, err := url.Parse(origin)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	port := u.Port()
	if port == "" {
		port = usual
	}
	at := firstOf(b)
	if named, err := netip.ParseAddr(u.Hostname()); err == nil {
		if at, err = ownAddr(b, named); err != nil {
			return "", fmt.Errorf("%s: %w", key, err)
		}
	}
	return net.JoinHostPort(at.String(), port), nil
}

func firstOf(b *target.Bench) netip.Addr {
	if a := b.Addr(false); a.IsValid() {
		return a
	}
	return b.Addr(true)
}

// ownAddr is the bench's address that the target reaches under this one.
func ownAddr(b *target.Bench, reached netip.Addr) (netip.Addr, error) {
	for _, s := range b.Addresses {
		if a, err := netip.ParseAddr(s); err == nil && (a == reached || b.ReachedAs(a) == reached) {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s is no address of the bench, so no platform can be started there: give one of bench.addresses, or say with platform.admin where a mock platform runs (coapstone mockrmp)", reached)
}

// platformCertificate is for the name, or the address, under which the target
// reaches the platform.
func (l *Lab) platformCertificate() (*tls.Certificate, error) {
	u, err := url.Parse(l.target.Platform.HTTPS)
	if err != nil {
		return nil, fmt.Errorf("platform.https: %w", err)
	}
	host := u.Hostname()
	if c := l.target.Bench.Certificate; c != nil && c.Host == host {
		cert, err := tls.LoadX509KeyPair(c.Chain, c.Key)
		if err != nil {
			return nil, fmt.Errorf("bench.certificate: %w", err)
		}
		return &cert, nil
	}
	if l.target.Bench.PKI == "" {
		return nil, errors.New("platform.https: a platform that is started for the run needs a certificate: name the folder of a test PKI as bench.pki (one is made there if there is none), or leave https out")
	}
	authority, err := pki.Open(l.target.Bench.PKI)
	if err != nil {
		return nil, err
	}
	leaf := pki.Leaf{Names: []string{host}}
	if a, err := netip.ParseAddr(host); err == nil {
		leaf = pki.Leaf{Addrs: []netip.Addr{a}}
	}
	cert, err := authority.Issue(leaf)
	return &cert, err
}

// platformFact is what a report says of the platform.
func (l *Lab) platformFact() string {
	p := l.target.Platform
	if p == nil {
		return ""
	}
	origins := slices.DeleteFunc([]string{p.HTTP, p.HTTPS}, func(s string) bool { return s == "" })
	where := fmt.Sprint(origins)
	if l.platform != nil {
		return "started on the bench for the run: " + where[1:len(where)-1]
	}
	return where[1 : len(where)-1]
}
