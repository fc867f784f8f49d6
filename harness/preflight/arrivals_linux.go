// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"encoding/binary"
	"os"
	"sync"
	"syscall"
	"time"
)

// watched are the protocols that are watched, in network order as the kernel takes
// them.
func watched() []int {
	network := func(n uint16) int { return int(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))) }
	return []int{network(syscall.ETH_P_IP), network(syscall.ETH_P_IPV6)}
}

// watchArrivals begins to watch what reaches this machine, on all its interfaces.
// Packet sockets see a packet before the firewall does. It is nil where this
// process may not have one.
func watchArrivals() *arrivals {
	a := &arrivals{}
	var files []*os.File
	for _, protocol := range watched() {
		fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, protocol)
		if err == nil {
			files = append(files, os.NewFile(uintptr(fd), "packets"))
		}
	}
	if len(files) == 0 {
		return nil
	}
	var reading sync.WaitGroup
	for _, f := range files {
		reading.Go(func() {
			b := make([]byte, 2048)
			for {
				n, err := f.Read(b)
				if err != nil {
					return
				}
				a.packet(b[:n])
			}
		})
	}
	a.close = sync.OnceFunc(func() {
		for _, f := range files {
			_ = f.SetReadDeadline(time.Now())
		}
		reading.Wait()
		for _, f := range files {
			_ = f.Close()
		}
	})
	return a
}
