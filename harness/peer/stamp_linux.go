// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"net"
	"net/netip"
	"syscall"
	"time"
	"unsafe"
)

// stampSpace holds the one control message that is asked for.
const stampSpace = 64

// stamped asks the kernel to say when each datagram came.
func stamped(c *net.UDPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	})
	return err == nil && refused == nil
}

// readStamped reads a datagram. at is when the kernel took it from the network,
// which a busy machine may be long before it is read.
func readStamped(c *net.UDPConn, b []byte) (n int, from netip.AddrPort, at time.Time, err error) {
	oob := make([]byte, stampSpace)
	n, used, _, from, err := c.ReadMsgUDPAddrPort(b, oob)
	now := time.Now()
	if err != nil {
		return n, from, now, err
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:used])
	if err != nil {
		return n, from, now, nil //nolint:nilerr // no more is known than the time of reading
	}
	for _, m := range messages {
		if m.Header.Level != syscall.SOL_SOCKET || m.Header.Type != syscall.SCM_TIMESTAMPNS || len(m.Data) < int(unsafe.Sizeof(syscall.Timespec{})) {
			continue
		}
		stamp := (*syscall.Timespec)(unsafe.Pointer(&m.Data[0]))
		// The stamp is the clock on the wall, which may be set; how long ago that was
		// is taken from the time of reading, if it makes sense.
		if late := now.Sub(time.Unix(stamp.Unix())); late > 0 && late < time.Minute {
			return n, from, now.Add(-late), nil
		}
	}
	return n, from, now, nil
}
