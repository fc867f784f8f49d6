// SPDX-License-Identifier: Apache-2.0

package dtls_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"

	"github.com/coapstone/coapstone/gateway/transport/dtls"
)

// script is a client with TLS_PSK_WITH_AES_128_CCM_8 that does a handshake step
// by step, and each step wrong if a test likes.
type script struct {
	*tap
	t          *testing.T
	transcript []byte
	server     []byte // its random
	sequence   uint64 // of the next record in the clear
	sealed     uint64 // and of the next that is not
	message    uint16
	master     []byte
	cipher     *ciphersuite.CCM
}

var clientRandom = bytes.Repeat([]byte{0x5a}, 32)

// begin does the hellos.
func begin(t *testing.T, l *dtls.Listener) *script {
	t.Helper()
	s := &script{tap: newTap(t, l.Addr(), nil), t: t, sequence: 2, message: 2}
	b := s.greet(t, 0x5a)
	for rest := b; len(rest) > 0; { // ServerHello, ServerHelloDone
		n := 13 + int(binary.BigEndian.Uint16(rest[11:]))
		s.transcript = append(s.transcript, rest[13:n]...)
		rest = rest[n:]
	}
	s.server = b[27:59]
	cookie := s.cookie
	s.transcript = append(bytes.Clone(dtls.ClientHello(1, 1, cookie, []byte{0xc0, 0xa8, 0x00, 0xff}, nil)[13:]), s.transcript...)
	return s
}

// handshakeMessage is one with its header.
func (s *script) handshakeMessage(kind byte, body []byte) []byte {
	m := []byte{kind, 0, byte(len(body) >> 8), byte(len(body)), 0, 0, 0, 0, 0, 0, byte(len(body) >> 8), byte(len(body))}
	binary.BigEndian.PutUint16(m[4:], s.message)
	return append(m, body...)
}

// send sends a record in the clear.
func (s *script) send(kind byte, content []byte) {
	r := []byte{kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint64(r[3:], s.sequence)
	binary.BigEndian.PutUint16(r[11:], uint16(len(content)))
	s.sequence++
	_, _ = s.Write(append(r, content...))
}

// keyExchange is a ClientKeyExchange.
func (s *script) keyExchange(identity string) []byte {
	return s.handshakeMessage(16, append(binary.BigEndian.AppendUint16(nil, uint16(len(identity))), identity...))
}

// note puts a message into the transcript and derives what follows from it.
func (s *script) note(m []byte) {
	s.transcript = append(s.transcript, m...)
	s.message++
}

func (s *script) derive(psk []byte) {
	s.t.Helper()
	var err error
	if s.master, err = prf.MasterSecret(prf.PSKPreMasterSecret(psk), clientRandom, s.server, sha256.New); err != nil {
		s.t.Fatal(err)
	}
	keys, err := prf.GenerateEncryptionKeys(s.master, clientRandom, s.server, 0, 16, 4, sha256.New)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cipher, err = ciphersuite.NewCCM(ciphersuite.CCMTagLength8, keys.ClientWriteKey, keys.ClientWriteIV, keys.ServerWriteKey, keys.ServerWriteIV)
	if err != nil {
		s.t.Fatal(err)
	}
}

// seal sends a record of epoch 1.
func (s *script) seal(kind byte, content []byte) {
	s.t.Helper()
	r := []byte{kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint64(r[3:], s.sealed)
	r[4] = 1
	binary.BigEndian.PutUint16(r[11:], uint16(len(content)))
	s.sealed++
	record := new(recordlayer.RecordLayer)
	if err := record.Header.Unmarshal(r); err != nil {
		s.t.Fatal(err)
	}
	out, err := s.cipher.Encrypt(record, append(r, content...))
	if err != nil {
		s.t.Fatal(err)
	}
	_, _ = s.Write(out)
}

// finished is the client's Finished.
func (s *script) finished() []byte {
	s.t.Helper()
	data, err := prf.VerifyDataClient(s.master, s.transcript, sha256.New)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.handshakeMessage(20, data)
}

var changeCipherSpec = []byte{1}

// finish does the rest of the handshake, and wants a session.
func (s *script) finish() {
	s.t.Helper()
	cke := s.keyExchange("hello")
	s.send(22, cke)
	s.note(cke)
	s.end()
}

func (s *script) end(again ...[]byte) {
	s.t.Helper()
	s.derive(key)
	finished := s.finished()
	for range 5 { // as clients do: a datagram may be lost
		for _, m := range again {
			s.send(22, m)
		}
		s.send(20, changeCipherSpec)
		s.seal(22, finished)
		if s.established(patience / 5) {
			return
		}
	}
	s.t.Error("no ChangeCipherSpec and Finished came: the handshake failed")
}

// established waits for the server's ChangeCipherSpec.
func (s *script) established(d time.Duration) bool {
	_ = s.SetReadDeadline(time.Now().Add(d))
	b := make([]byte, 2000)
	for {
		n, err := s.UDPConn.Read(b)
		if err != nil {
			return false
		}
		if n > 13 && b[0] == 20 {
			return true
		}
	}
}

// alert waits for an alert in the clear and returns its description, 0 for none.
func (p *tap) alert(d time.Duration) byte {
	_ = p.SetReadDeadline(time.Now().Add(d))
	b := make([]byte, 2000)
	for {
		n, err := p.UDPConn.Read(b)
		if err != nil {
			return 0
		}
		if n == 15 && b[0] == 21 {
			return b[14]
		}
	}
}
