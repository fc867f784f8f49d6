// SPDX-License-Identifier: Apache-2.0

// Package dtls carries datagrams inside DTLS 1.2 sessions to a Receiver, as
// CoAP asks for it (RFC 7252 §9): pre-shared keys and certificates on one
// listener, and the two cipher suites of AES_128_CCM_8 alone. It knows nothing
// of CoAP and of who a user is beyond a function that knows keys.
package dtls
