// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package peer

import (
	"net"
	"net/netip"
	"time"
)

// stamped asks the kernel to say when each datagram came; here nobody is asked.
func stamped(*net.UDPConn) bool { return false }

// readStamped reads a datagram. at is when it was read.
func readStamped(c *net.UDPConn, b []byte) (n int, from netip.AddrPort, at time.Time, err error) {
	n, from, err = c.ReadFromUDPAddrPort(b)
	return n, from, time.Now(), err
}
