// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"sync"

	"github.com/pion/dtls/v3/pkg/protocol"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
)

// observer reads what can be read of a handshake from outside: the hellos and
// the alerts that are not encrypted. A hello in several fragments is not put
// together, and not seen.
type observer struct {
	mu             sync.Mutex
	session        Session
	offeredEMS     bool
	received, sent *Alert
}

// The record types of RFC 5246 §6.2.1, and the length of an alert that is not
// encrypted: level and description.
const (
	recordAlert      = 21
	recordHandshake  = 22
	plainAlertLength = 2
)

// see takes one datagram of records.
func (o *observer) see(datagram []byte, outgoing bool) {
	records, err := recordlayer.UnpackDatagram(datagram)
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range records {
		body := r[recordlayer.FixedHeaderSize:]
		switch {
		case r[0] == recordAlert && len(body) == plainAlertLength:
			a := &Alert{Level: body[0], Description: body[1]}
			if outgoing {
				o.sent = a
			} else {
				o.received = a
			}
		case r[0] == recordHandshake && epoch(r) == 0:
			o.hellos(body)
		}
	}
}

func epoch(record []byte) uint16 { return uint16(record[3])<<8 | uint16(record[4]) }

func (o *observer) hellos(body []byte) {
	for len(body) >= handshake.HeaderLength {
		var h handshake.Header
		if h.Unmarshal(body) != nil {
			return
		}
		body = body[handshake.HeaderLength:]
		if int(h.FragmentLength) > len(body) {
			return
		}
		if h.FragmentLength == h.Length {
			o.hello(h.Type, body[:h.Length])
		}
		body = body[h.FragmentLength:]
	}
}

func (o *observer) hello(t handshake.Type, b []byte) {
	switch t { //nolint:exhaustive // the other messages say nothing that is asked for
	case handshake.TypeClientHello:
		var m handshake.MessageClientHello
		if m.Unmarshal(b) != nil {
			return
		}
		o.session.Offered = nil
		for _, id := range m.CipherSuiteIDs {
			if !signalling(id) {
				o.session.Offered = append(o.session.Offered, suiteName(id))
			}
		}
		o.offeredEMS = hasEMS(m.Extensions)
		for _, e := range m.Extensions {
			if name, ok := e.(*extension.ServerName); ok {
				o.session.ServerName = name.ServerName
			}
		}
	case handshake.TypeServerHello:
		var m handshake.MessageServerHello
		if m.Unmarshal(b) != nil || m.CipherSuiteID == nil {
			return
		}
		o.session.CipherSuite = suiteName(*m.CipherSuiteID)
		o.session.ExtendedMasterSecret = o.offeredEMS && hasEMS(m.Extensions)
	}
}

func hasEMS(es []extension.Extension) bool {
	for _, e := range es {
		if _, ok := e.(*extension.UseExtendedMasterSecret); ok {
			return true
		}
	}
	return false
}

// signalling says whether id is no suite but a signal: renegotiation
// (RFC 5746 §3.3), fallback (RFC 7507).
func signalling(id uint16) bool { return id == 0x00ff || id == 0x5600 }

// isClientHello says whether a datagram begins a handshake.
func isClientHello(datagram []byte) bool {
	return len(datagram) > recordlayer.FixedHeaderSize &&
		protocol.ContentType(datagram[0]) == protocol.ContentTypeHandshake &&
		epoch(datagram) == 0 && handshake.Type(datagram[recordlayer.FixedHeaderSize]) == handshake.TypeClientHello
}

func (o *observer) seen() (s Session, received, sent *Alert) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.session, o.received, o.sent
}
