// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/coapstone/coapstone/harness/trace"
)

// record is the header of a DTLS record, and what of it is not encrypted
// (RFC 6347 §4.1).
type record struct {
	contentType uint8
	epoch       uint16
	body        []byte
}

const (
	changeCipherSpec = 20
	alert            = 21
	handshake        = 22
	applicationData  = 23
)

// records are the DTLS records of a datagram, as far as they can be read.
func records(b []byte) []record {
	const header = 13
	var rs []record
	for len(b) >= header {
		n := int(binary.BigEndian.Uint16(b[11:]))
		if len(b) < header+n {
			break
		}
		rs = append(rs, record{b[0], binary.BigEndian.Uint16(b[3:]), b[header : header+n]})
		b = b[header+n:]
	}
	return rs
}

var handshakeNames = map[uint8]string{
	0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 3: "HelloVerifyRequest", 4: "NewSessionTicket", 11: "Certificate", 12: "ServerKeyExchange",
	13: "CertificateRequest", 14: "ServerHelloDone", 15: "CertificateVerify", 16: "ClientKeyExchange", 20: "Finished",
}

var alertNames = map[uint8]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter",
	48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 90: "user_canceled", 100: "no_renegotiation", 110: "unsupported_extension", 115: "unknown_psk_identity",
}

// String is the record as an analyser shows it.
func (r record) String() string {
	switch {
	case r.contentType == changeCipherSpec:
		return "ChangeCipherSpec"
	case r.contentType == applicationData:
		return fmt.Sprintf("application data, %d bytes", len(r.body))
	case r.contentType == alert && r.epoch > 0:
		return "alert (encrypted)"
	case r.contentType == alert && len(r.body) == 2:
		level := "warning"
		if r.body[0] == 2 {
			level = "fatal"
		}
		name, ok := alertNames[r.body[1]]
		if !ok {
			name = fmt.Sprint(r.body[1])
		}
		return "alert " + name + " (" + level + ")"
	case r.contentType == handshake && r.epoch > 0:
		return "Finished (encrypted)"
	case r.contentType == handshake && len(r.body) > 0:
		if name, ok := handshakeNames[r.body[0]]; ok {
			return name
		}
		return fmt.Sprintf("handshake message %d", r.body[0])
	}
	return fmt.Sprintf("record of type %d, %d bytes", r.contentType, len(r.body))
}

// suite is the cipher suite that a ServerHello chose.
func (r record) suite() (uint16, bool) {
	const handshakeHeader, version, random = 12, 2, 32
	at := handshakeHeader + version + random
	if r.contentType != handshake || r.epoch != 0 || len(r.body) <= at || r.body[0] != 2 {
		return 0, false
	}
	at += 1 + int(r.body[at])
	if len(r.body) < at+2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(r.body[at:]), true
}

// suiteNames are the cipher suites that a CoAP gateway may meet.
var suiteNames = map[uint16]string{
	0xc0a8: "TLS_PSK_WITH_AES_128_CCM_8", 0xc0ae: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", 0xc0a4: "TLS_PSK_WITH_AES_128_CCM",
	0xc0ac: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", 0xc0a9: "TLS_PSK_WITH_AES_256_CCM_8", 0x00a8: "TLS_PSK_WITH_AES_128_GCM_SHA256",
	0x00ae: "TLS_PSK_WITH_AES_128_CBC_SHA256", 0xc02b: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02c: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
}

// association is what is known of one DTLS association: two addresses.
type association struct {
	finished map[netip.AddrPort]bool // who has sent an encrypted handshake message
	carries  bool                    // its messages stand in the trace by themselves
	suite    string
}

// associations are those of a trace.
type associations map[[2]netip.AddrPort]*association

func pair(e trace.Event) [2]netip.AddrPort {
	if e.From.Addr.Compare(e.To.Addr) > 0 {
		return [2]netip.AddrPort{e.To.Addr, e.From.Addr}
	}
	return [2]netip.AddrPort{e.From.Addr, e.To.Addr}
}

func newAssociations(events []trace.Event) associations {
	all := associations{}
	of := func(e trace.Event) *association {
		a, ok := all[pair(e)]
		if !ok {
			a = &association{finished: map[netip.AddrPort]bool{}}
			all[pair(e)] = a
		}
		return a
	}
	for _, e := range events {
		switch {
		case e.Layer == trace.CoAP:
			of(e).carries = true
		case e.Layer == trace.Datagram && e.Secure:
			for _, r := range records(e.Bytes) {
				if r.contentType == handshake && r.epoch > 0 {
					of(e).finished[e.From.Addr] = true
				}
				if id, ok := r.suite(); ok {
					name, known := suiteNames[id]
					if !known {
						name = fmt.Sprintf("cipher suite 0x%04x", id)
					}
					of(e).suite = name
				}
			}
		}
	}
	return all
}

// fold adds a DTLS datagram to the rungs: as one of a number, if its handshake
// went well, and not at all if it only carries a message that has a rung of its
// own. The datagrams of a handshake that failed are drawn one by one.
func (as associations) fold(rungs []rung, e trace.Event) []rung {
	a := as[pair(e)]
	rs := records(e.Bytes)
	ok := a != nil && (len(a.finished) == 2 || a.carries)
	if !ok {
		return append(rungs, datagramRung(e, rs))
	}
	carrier := len(rs) > 0
	for _, r := range rs {
		carrier = carrier && r.contentType == applicationData
	}
	if carrier && a.carries {
		return rungs
	}
	what := ""
	if a.suite != "" {
		what = ", " + a.suite
	}
	const first = "DTLS, 1 datagram"
	if i := len(rungs) - 1; i >= 0 && rungs[i].plain && onSameLanes(rungs[i], e) {
		n := 1
		if _, err := fmt.Sscanf(rungs[i].head, "DTLS, %d", &n); err == nil {
			rungs[i].head = fmt.Sprintf("DTLS, %d datagrams%s", n+1, what)
			return rungs
		}
	}
	return append(rungs, rung{at: e.At, from: e.From.Name, to: e.To.Name, head: first + what, style: faint, plain: true})
}

func onSameLanes(r rung, e trace.Event) bool {
	return r.from == e.From.Name && r.to == e.To.Name || r.from == e.To.Name && r.to == e.From.Name
}

func datagramRung(e trace.Event, rs []record) rung {
	r := rung{at: e.At, from: e.From.Name, to: e.To.Name, lost: e.Lost}
	var names []string
	for _, rec := range rs {
		names = append(names, rec.String())
		if rec.contentType == alert {
			r.style = warn
		}
	}
	r.head = "DTLS " + strings.Join(names, ", ")
	if len(rs) == 0 {
		r.head = fmt.Sprintf("%d bytes, no DTLS record", len(e.Bytes))
		r.style = warn
	}
	if e.Lost {
		r.head += " (lost)"
	}
	return r
}
