// SPDX-License-Identifier: Apache-2.0

package device

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	piondtls "github.com/pion/dtls/v3"
	godtls "github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	gonet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"

	"github.com/coapstone/coapstone/coap"
)

// Request is a request as go-coap read it.
type Request struct {
	Type    string // go-coap's name of it
	Code    coap.Code
	Options []coap.Option
	Payload []byte
	From    net.Addr
}

// Has says whether an option is there.
func (r Request) Has(n coap.OptionNumber) bool {
	m := coap.Message{Options: r.Options}
	return m.Has(n)
}

// Strings is the values of an option.
func (r Request) Strings(n coap.OptionNumber) []string {
	m := coap.Message{Options: r.Options}
	return m.Strings(n)
}

// Answer is what a stock device answers with.
type Answer struct {
	Code    coap.Code
	Format  coap.Format
	Payload string
	Options message.Options
	// NoFormat leaves the Content-Format out.
	NoFormat bool
}

// Stock is go-coap's server.
type Stock struct {
	Addr netip.AddrPort
	// Sessions counts the DTLS handshakes that were completed.
	Sessions atomic.Int32

	mu       sync.Mutex
	requests []Request
	stop     func()
}

// Requests is all that came.
func (s *Stock) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Stop ends the server and its sessions; the test's end does too.
func (s *Stock) Stop() { s.stop() }

// Security is how a stock device is spoken to; the zero value is plain CoAP.
type Security struct {
	Identity    string
	Key         []byte
	Certificate *tls.Certificate
	// Suite is offered alone; 0 means the CCM_8 suite that fits.
	Suite piondtls.CipherSuiteID
}

// Serve starts a stock device at addr, such as "127.0.0.1:0".
func Serve(t *testing.T, addr string, security Security, answer func(Request) Answer) *Stock {
	t.Helper()
	s := new(Stock)
	handler := mux.HandlerFunc(func(w mux.ResponseWriter, m *mux.Message) { s.serve(w, m, answer) })
	ignore := options.WithErrors(func(error) {})
	if security.Identity == "" && security.Certificate == nil {
		l, err := gonet.NewListenUDP("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		s.Addr = l.LocalAddr().(*net.UDPAddr).AddrPort()
		server := udp.NewServer(options.WithMux(handler), ignore)
		s.run(t, func() error { return server.Serve(l) }, func() { server.Stop(); _ = l.Close() })
		return s
	}
	l, err := gonet.NewDTLSListener("udp", addr, gonet.NewDTLSServerOptions(s.options(security)...))
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = l.Addr().(*net.UDPAddr).AddrPort()
	server := godtls.NewServer(options.WithMux(handler), ignore)
	s.run(t, func() error { return server.Serve(l) }, func() { server.Stop(); _ = l.Close() })
	return s
}

func (s *Stock) options(security Security) []piondtls.ServerOption {
	opts := []piondtls.ServerOption{
		piondtls.WithExtendedMasterSecret(piondtls.RequestExtendedMasterSecret),
		piondtls.WithVerifyConnection(func(*piondtls.State) error {
			s.Sessions.Add(1)
			return nil
		}),
	}
	suite := security.Suite
	if security.Certificate != nil {
		suite = cmp.Or(suite, piondtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8)
		opts = append(opts, piondtls.WithCertificates(*security.Certificate))
	} else {
		suite = cmp.Or(suite, piondtls.TLS_PSK_WITH_AES_128_CCM_8)
		opts = append(opts, piondtls.WithPSKIdentityHint([]byte("stock device")), piondtls.WithPSK(func(identity []byte) ([]byte, error) {
			if string(identity) == security.Identity {
				return security.Key, nil
			}
			return []byte("another key"), nil
		}))
	}
	return append(opts, piondtls.WithCipherSuites(suite))
}

func (s *Stock) run(t *testing.T, serve func() error, stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = serve()
	}()
	s.stop = sync.OnceFunc(func() {
		stop()
		<-done
	})
	t.Cleanup(s.stop)
}

func (s *Stock) serve(w mux.ResponseWriter, m *mux.Message, answer func(Request) Answer) {
	code := coap.Code(m.Code()) //nolint:gosec // go-coap keeps the byte in 16 bits
	r := Request{Type: m.Type().String(), Code: code, From: w.Conn().RemoteAddr()}
	for _, o := range m.Options() {
		r.Options = append(r.Options, coap.Option{Number: coap.OptionNumber(o.ID), Value: bytes.Clone(o.Value)})
	}
	if m.Body() != nil {
		r.Payload, _ = io.ReadAll(m.Body())
	}
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	a := answer(r)
	if a.Code == 0 {
		return // go-coap then sends nothing but an acknowledgement
	}
	var body io.ReadSeeker
	if a.Payload != "" {
		body = bytes.NewReader([]byte(a.Payload))
	}
	if a.NoFormat {
		response := w.Conn().AcquireMessage(context.Background())
		response.SetCode(codes.Code(a.Code))
		response.SetToken(m.Token())
		if body != nil {
			response.SetBody(body)
		}
		for _, o := range a.Options {
			response.AddOptionBytes(o.ID, o.Value)
		}
		w.SetMessage(response)
		return
	}
	_ = w.SetResponse(codes.Code(a.Code), message.MediaType(a.Format), body, a.Options...)
}
