// SPDX-License-Identifier: Apache-2.0

package dtls

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/gateway/endpoint"
)

// session is one established DTLS session as the receiver sees it.
type session struct {
	conn *pion.Conn
	key  endpoint.PeerKey
	log  *slog.Logger
}

var _ endpoint.Peer = (*session)(nil)

// newSession gives the session a number that no other session has.
func newSession(conn *pion.Conn, remote, local netip.AddrPort, log *slog.Logger) session {
	return session{conn, endpoint.PeerKey{Addr: remote, Local: local, Session: rand.Uint64() | 1}, log} //nolint:gosec // a number, no secret
}

// Key implements endpoint.Peer.
func (s *session) Key() endpoint.PeerKey { return s.key }

// Local implements endpoint.Peer.
func (s *session) Local() netip.AddrPort { return s.key.Local }

// Send implements endpoint.Peer.
func (s *session) Send(b []byte) error {
	_, err := s.conn.Write(b)
	if errors.Is(err, pion.ErrConnClosed) {
		return errEnded // pion looks before it writes anything
	}
	return err
}

// errEnded is a session that nothing can be sent over any more.
var errEnded = fmt.Errorf("the DTLS session has ended: %w", net.ErrClosed)

// maxPlaintext is the longest content of a record that pion reads.
const maxPlaintext = 8192

// receive hands every record's content to r, as sent by p, until the session
// ends; then r forgets it.
func (s *session) receive(p endpoint.Peer, r endpoint.Receiver) {
	defer r.Forget(s.key)
	b := make([]byte, maxPlaintext)
	for {
		n, err := s.conn.Read(b)
		switch {
		case err == nil:
			r.Receive(p, b[:n])
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			return
		default: // of one record; the session goes on (RFC 6347 §4.1.2.7)
			s.log.Debug("a DTLS record was discarded", "peer", s.key.Addr, "error", err)
		}
	}
}

// suite is the name of the cipher suite that was negotiated.
func suite(c *pion.Conn) string {
	state, ok := c.ConnectionState()
	if !ok {
		return ""
	}
	switch id := state.CipherSuiteID; id {
	case pion.TLS_PSK_WITH_AES_128_CCM_8:
		return "TLS_PSK_WITH_AES_128_CCM_8"
	case pion.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8:
		return "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"
	default:
		return fmt.Sprintf("0x%04x", uint16(id))
	}
}
