// SPDX-License-Identifier: Apache-2.0

// Package embedded is the lab in this process: the reference gateway and the
// mock platform on real sockets of the loopback interface.
//
// Where the whole of 127.0.0.0/8 is local, as on Linux, a lab takes a network
// 127.x.0.0/16 of its own: the gateway has the real default ports, every device
// an address of its own, and labs do not meet. Elsewhere everything is on
// 127.0.0.1 with whatever ports are free. IPv6 is on ::1, where it exists.
//
// Gateway and platform are configured over their HTTP APIs, as in containers.
package embedded
