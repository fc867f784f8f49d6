// SPDX-License-Identifier: Apache-2.0

//go:build linux && !386 && !s390x

package peer

import (
	"net"
	"syscall"
	"unsafe"
)

// What <linux/socket.h> and <linux/sock_diag.h> say, and package syscall does not.
const (
	soMemInfo      = 55 // SO_MEMINFO: an array of 32-bit numbers about a socket's memory
	memInfoNumbers = 9
	memInfoDrops   = 8 // SK_MEMINFO_DROPS: datagrams thrown away since the socket was made
)

// drops is how many datagrams the kernel threw away because nobody read the
// socket in time. ok is false where it does not say: before Linux 4.12.
func drops(c *net.UDPConn) (n int, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var info [memInfoNumbers]uint32
	size := uint32(unsafe.Sizeof(info))
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soMemInfo,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || errno != 0 || uintptr(size) < unsafe.Sizeof(info) {
		return 0, false
	}
	return int(info[memInfoDrops]), true
}
