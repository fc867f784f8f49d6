// SPDX-License-Identifier: Apache-2.0

package endpoint

import "net/netip"

// Peer is the other end of a message exchange as a transport sees it: a UDP
// address, or one DTLS session with it. Requests and responses match within one
// peer only (RFC 7252 §5.3.2, §9.1.1).
type Peer interface {
	// Key tells peers apart.
	Key() PeerKey
	// Local is our own address on this path: answers leave from it.
	Local() netip.AddrPort
	// Send writes one datagram. It does not keep b. An error says that nothing was
	// sent, and net.ErrClosed that nothing can be sent to this peer any more.
	Send(b []byte) error
}

// PeerKey tells one peer from another.
type PeerKey struct {
	Addr netip.AddrPort
	// Local is the address of ours that it talks to, so that one device talking
	// to two listeners is two peers.
	Local netip.AddrPort
	// Session is 0 for plain UDP and different for every DTLS session.
	Session uint64
}

// Secure says whether the peer is a DTLS session.
func (k PeerKey) Secure() bool { return k.Session != 0 }

// Receiver takes what a transport receives. An *Endpoint is one.
type Receiver interface {
	// Receive handles one datagram (for DTLS: one record's content) from p. It
	// does not keep b, and returns quickly: it never waits for a handler.
	Receive(p Peer, b []byte)
	// Forget says that the peer is gone: the DTLS session has ended.
	Forget(k PeerKey)
}
