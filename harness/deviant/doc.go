// SPDX-License-Identifier: Apache-2.0

// Package deviant is gateways and devices that are right in all but one point, for
// testing the suite: each must turn its requirement red, and nothing that it does
// not list.
//
// All is the table, as data: reading it starts nothing. Each entry says what is
// done wrong, which requirement that breaks, what else may turn red with it, and
// a word that the failure must say. The test of this package runs the suite against
// each, prints deviant, requirement and verdict, and names what the suite did not
// see.
//
// # To add one
//
// Write it into the file of its subject: inbound.go and coap.go for what devices
// send to the gateway, outbound.go for connectors, encryption.go for DTLS,
// device.go for devices. Most are one of the constructors of gateway.go and
// datagram.go with a few lines:
//
//	{
//		Name:   "passes the AuthToken on in the URL",
//		Breaks: "RMP-3.1-06",
//		Says:   "AuthToken",
//		made:   platformRequest(func(r *http.Request) { r.URL.RawQuery += "&AuthToken=again" }),
//	},
//
// What needs more sits at another seam of the gateway (gateway.Seams), brings a
// listener or a dialer of its own, or is an embedded.Options of any kind: the
// function made is called for every lab that is opened, so that what a deviant
// remembers is that lab's alone. No deviant changes code of the gateway, and none
// asks for a flag there.
//
// A requirement without one stands in Without, with the reason.
//
// Then run it alone, on every scenario that it meets on a push, and once on the whole suite:
//
//	go test ./harness/deviant -run 'TestDeviants/RMP-3.1-06' -v
//	COAPSTONE_SOAK=1 go test ./harness/deviant -run 'TestDeviants/RMP-3.1-06' -v
//
// If the suite stays green the deviant is right and the suite is blind: mend the
// scenario. If something else turns red, either the deviant breaks more than one
// thing, which is to be mended, or a scenario leans on the requirement without
// saying so (@given), or it is a true consequence, which goes into Also.
package deviant
