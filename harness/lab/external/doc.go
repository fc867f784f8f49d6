// SPDX-License-Identifier: Apache-2.0

// Package external is the lab around a target that exists already: what the
// target file says. It starts no gateway, and a platform only where the file asks
// for one on the bench.
//
// What the target file does not name cannot be asked of the target: scenarios
// that need it do not apply, each with the reason. Users and Composite APIs that
// it binds are used as they are. The harness's CoAP goes to the addresses of the
// target alone; stages have a guard for that.
//
// # A device that calls
//
// The harness is its gateway, at the addresses of bench and the ports that the
// device has burnt in. The lab is open when it has these ports. It holds them until
// it is closed; a scenario gets them when it triggers the device.
//
// What is burnt in, or what the trigger does not tell, goes before what a scenario
// would have the device do; the scenario is judged by what is then the errand.
//
// A device of one's own goes on when a scenario has ended. So that no scenario is
// judged by what another one has begun,
//
//   - what a scenario has left without an answer is answered when it ends, and its
//     DTLS sessions are closed with close_notify;
//   - between two scenarios a request is acknowledged with an empty 2.05, so that the
//     device gets done with it, and noted;
//   - a copy of a request from between, or of one that was left open, is kept away
//     for MAX_TRANSMIT_WAIT. What was answered is forgotten at once: some devices
//     count their messages from the same id whenever they are switched on;
//   - records of a session that is over are kept away. What the device does then,
//     alerts it does not heed included, is its own affair, and hooks.reset is run
//     before the next trigger where there is one;
//   - bench.pause is left between two scenarios.
//
// The device is known by its addresses in the file (device.coap, device.coaps).
// Where there are none it is whoever first sends a CoAP request to the port of coap,
// or a ClientHello to that of coaps. What others send is recorded and not judged.
//
// When no datagram of the device comes, nothing can be judged: a firewall may stand
// between. It is waited for as long as the trigger may take, and two minutes where
// there is no trigger. Once one has come, the rest is judged.
package external
