// SPDX-License-Identifier: Apache-2.0

package target

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// checkBench says what is wrong with the bench.
func (f *File) checkBench() error {
	b, here := &f.Bench, path{"bench"}
	if len(b.Addresses) == 0 {
		return at(here.in("addresses"), "none given: say under which address of this machine the target reaches it, for example [192.0.2.20]")
	}
	for i, s := range b.Addresses {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return at(here.in("addresses", i), "%q: want an IP address of this machine without a port", s)
		}
		if a.IsUnspecified() || a.IsMulticast() {
			return at(here.in("addresses", i), "%q: want one address of this machine, not all of them", s)
		}
	}
	if err := b.checkReached(here.in("reached")); err != nil {
		return err
	}
	if b.Exchanges < 0 {
		return at(here.in("exchanges"), "%d: want how many scenarios may speak to the target at once, for example 1", b.Exchanges)
	}
	if longest := 30 * time.Second; time.Duration(b.Pause) > longest {
		return at(here.in("pause"), "%s: want %s at most: a scenario has one minute, this pause before it included", time.Duration(b.Pause), longest)
	}
	if _, _, err := b.DevicePorts(); err != nil {
		return at(here.in("devices"), "%w", err)
	}
	if b.Port("coap") == b.Port("coaps") {
		return at(here.in("ports"), "coap and coaps have the same port %d: want two", b.Port("coap"))
	}
	return b.Certificate.check(here.in("certificate"))
}

// checkReached says whether the addresses behind a translator match those before it.
func (b *Bench) checkReached(here path) error {
	if len(b.Reached) == 0 {
		return nil
	}
	if len(b.Reached) != len(b.Addresses) {
		return clash(here, path{"bench", "addresses"}, "has %d addresses where addresses has %d: want one for each, in the same order", len(b.Reached), len(b.Addresses))
	}
	for i, s := range b.Reached {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return at(here.in(i), "%q: want the IP address under which the target reaches %s, without a port", s, b.Addresses[i])
		}
		if own, err := netip.ParseAddr(b.Addresses[i]); err == nil && own.Is4() != a.Is4() {
			return clash(here.in(i), path{"bench", "addresses", i}, "%q is of another family than %s", s, b.Addresses[i])
		}
	}
	return nil
}

// check says whether the vendor's certificate is whole.
func (c *Certificate) check(here path) error {
	if c == nil {
		return nil
	}
	for _, part := range []struct{ key, value, doc string }{
		{"chain", c.Chain, "the PEM file with the certificates, the leaf first"},
		{"key", c.Key, "the PEM file with the leaf's private key"},
		{"host", c.Host, "the DNS name that the firmware looks for"},
	} {
		if strings.TrimSpace(part.value) == "" {
			return at(here.in(part.key), "not given: chain, key and host go together; this one is %s", part.doc)
		}
	}
	return nil
}

// parsePort is a UDP port.
func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err
}
