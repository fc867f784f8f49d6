// SPDX-License-Identifier: Apache-2.0

// Package containers is the lab in containers: gateway and platform each run in
// one, from an image that holds nothing but the program, on a network of the
// lab's own. The image is built here and nothing is pulled. Devices are sockets
// of this process on the network's bridge, so both ends see true addresses.
//
// Everything carries the label io.coapstone.lab. Whatever a crash leaves is
// swept by the next start, and by Sweep.
//
// It needs a Docker daemon on this machine. No gateway runs in this process.
package containers
