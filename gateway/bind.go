// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// bind is an address to listen on, with the place in the configuration that
// asks for it.
type bind struct {
	addr netip.AddrPort
	// all is the form ":port": every IPv4 and, where there is one, IPv6 address.
	all   bool
	where string // "listen.coap"
}

func parseBind(s string, path ...string) (bind, error) {
	b := bind{where: path[0] + "." + path[1]}
	if digits, ok := strings.CutPrefix(s, ":"); ok {
		port, err := strconv.ParseUint(digits, 10, 16)
		if err == nil {
			b.all, b.addr = true, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port))
			return b, nil
		}
	}
	addr, err := netip.ParseAddrPort(s)
	if err != nil {
		return b, at(path...).because("%q is no address to listen on: want IP:port such as 192.0.2.1:5683 or [2001:db8::1]:5683, or :5683 for all addresses", s)
	}
	b.addr = addr
	return b, nil
}

// addresses are those to bind: the second one, if there is one, may fail where
// the machine has no IPv6.
func (b bind) addresses() []netip.AddrPort {
	if !b.all {
		return []netip.AddrPort{b.addr}
	}
	return []netip.AddrPort{b.addr, netip.AddrPortFrom(netip.IPv6Unspecified(), b.addr.Port())}
}

// ListenError is an address that could not be bound.
type ListenError struct {
	Scheme string // coap, coaps or http
	Addr   netip.AddrPort
	Where  string // the key in the configuration: listen.coap
	Err    error
}

// Error is one sentence that names the address and what to do.
func (e *ListenError) Error() string {
	reason, advice := e.Err.Error(), "give another address under "+e.Where
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		reason, advice = "another program uses the port", "stop that, or "+advice
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		reason = "this machine has no such address"
	case errors.Is(e.Err, syscall.EACCES):
		reason, advice = "the port needs privileges", "give a port from 1024 up under "+e.Where
	}
	return fmt.Sprintf("cannot serve %s on %s: %s: %s", e.Scheme, e.Addr, reason, advice)
}

// Unwrap is the system's error.
func (e *ListenError) Unwrap() error { return e.Err }
