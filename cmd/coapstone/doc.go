// SPDX-License-Identifier: Apache-2.0

// Command coapstone is the touchstone for CoAP gateways and devices: it runs
// the suite, the reference gateway, the mock platform and the stock device.
//
// One file holds one command. What they do stands in the packages below; here
// are flags, exit codes and what a terminal sees. It is the only place that
// knows of containers.
package main
