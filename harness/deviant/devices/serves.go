// SPDX-License-Identifier: Apache-2.0

package devices

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/verdict"
)

// The resources of the devices that are called.
const (
	readable = "/state"
	stored   = "/setpoint"
	slow     = "/history"
)

// servant is a device that is called, and does what the document asks of one. Each
// of its fields changes one thing about that.
type servant struct {
	// place changes where it serves, security its DTLS, and served what it says of
	// itself.
	place    func(*lab.Serving)
	security func(*peer.Security)
	// before looks at a request before the resources do: it has answered when it
	// says so.
	before func(ctx context.Context, r *peer.Request) (done bool, err error)
	// answer changes a response, late the way in which the slow one is sent.
	answer func(request, response *coap.Message)
	late   func(ctx context.Context, r *peer.Request, response *coap.Message) error
	// raw takes the place of the device over plain CoAP: what it answers to any
	// message, nil is nothing.
	raw func(in *coap.Message, s *shelf) *coap.Message
}

// About is what it is.
func (servant) About() string { return "deviant device that is called" }

// Call is not what it does.
func (servant) Call(context.Context, lab.Errand) (lab.Report, error) {
	return lab.Report{}, verdict.DoesNotApply("this device is only called")
}

// Serve serves coap and coaps.
func (d servant) Serve(ctx context.Context, s lab.Serving) (lab.Served, func() error, error) {
	told := s
	if d.place != nil {
		d.place(&s)
	}
	security := &peer.Security{Identity: s.Identity, Key: s.Key, Certificates: []tls.Certificate{s.Certificate}}
	if d.security != nil {
		d.security(security)
	}
	shelf := &shelf{}
	secure, err := d.listen(ctx, s.CoAPS, security, shelf)
	if err != nil {
		return lab.Served{}, nil, err
	}
	served := lab.Served{
		CoAPS: secure.Local(), DefaultPorts: true, Name: stage.TestedName, Roots: s.Roots,
		Identity: told.Identity, Key: told.Key,
		Resources: map[lab.Resource]string{lab.Readable: readable, lab.Stored: stored, lab.Slow: slow},
	}
	stop := secure.Close
	if d.raw != nil {
		plain, err := listenRaw(ctx, s.CoAP, shelf, d.raw)
		if err != nil {
			return lab.Served{}, nil, errors.Join(err, stop())
		}
		served.CoAP = s.CoAP
		delete(served.Resources, lab.Slow) // what is raw answers at once
		return served, func() error { return errors.Join(stop(), plain()) }, nil
	}
	plain, err := d.listen(ctx, s.CoAP, nil, shelf)
	if err != nil {
		return lab.Served{}, nil, errors.Join(err, stop())
	}
	served.CoAP = plain.Local()
	return served, func() error { return errors.Join(stop(), plain.Close()) }, nil
}

func (d servant) listen(ctx context.Context, at netip.AddrPort, security *peer.Security, s *shelf) (*peer.Server, error) {
	server, err := peer.Listen(ctx, peer.Options{Remote: "gateway", Local: at, Security: security})
	if err != nil {
		return nil, err
	}
	server.Handle(func(ctx context.Context, r *peer.Request) error {
		if d.before != nil {
			if done, err := d.before(ctx, r); done {
				return err
			}
		}
		return d.respond(ctx, r, s)
	})
	return server, nil
}

func (d servant) respond(ctx context.Context, r *peer.Request, s *shelf) error {
	m := s.answer(r.Message)
	if d.answer != nil {
		d.answer(r.Message, m)
	}
	if r.Message.Path() != slow {
		return r.Respond(m)
	}
	if d.late != nil {
		return d.late(ctx, r, m)
	}
	return peer.AnswerSeparately(m, 100*time.Millisecond)(ctx, r)
}

// shelf is the resources.
type shelf struct {
	mu   sync.Mutex
	kept *coap.Message
}

// answer is what a right device answers.
func (s *shelf) answer(in *coap.Message) *coap.Message {
	for _, o := range in.Options {
		switch o.Number {
		case coap.ProxyURI, coap.ProxyScheme:
			return &coap.Message{Code: coap.ProxyingNotSupported}
		case coap.URIHost, coap.URIPort, coap.URIPath, coap.URIQuery, coap.Accept:
		default:
			if o.Number%2 == 1 {
				return &coap.Message{Code: coap.BadOption}
			}
		}
	}
	switch path := in.Path(); {
	case path != readable && path != stored && path != slow:
		return &coap.Message{Code: coap.NotFound}
	case path == stored:
		return s.keep(in)
	case in.Code != coap.GET:
		return &coap.Message{Code: coap.MethodNotAllowed}
	}
	m := &coap.Message{Code: coap.Content, Payload: []byte("as ever")}
	m.AddUint(coap.ContentFormat, uint32(coap.TextPlain))
	return m
}

func (s *shelf) keep(in *coap.Message) *coap.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch in.Code {
	case coap.GET:
		if s.kept == nil {
			return &coap.Message{Code: coap.NotFound}
		}
		m := &coap.Message{Code: coap.Content, Payload: s.kept.Payload}
		if f, ok := s.kept.ContentFormat(); ok {
			m.AddUint(coap.ContentFormat, uint32(f))
		}
		return m
	case coap.PUT, coap.POST:
		code := coap.Changed
		if s.kept == nil {
			code = coap.Created
		}
		s.kept = in.Clone()
		return &coap.Message{Code: code}
	case coap.DELETE:
		s.kept = nil
		return &coap.Message{Code: coap.Deleted}
	default:
		return &coap.Message{Code: coap.MethodNotAllowed}
	}
}

// listenRaw answers every message as answer says.
func listenRaw(ctx context.Context, at netip.AddrPort, s *shelf, answer func(*coap.Message, *shelf) *coap.Message) (stop func() error, err error) {
	socket, err := new(net.ListenConfig).ListenPacket(ctx, "udp", at.String())
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 1500)
		known := map[string][]byte{} // what was answered to each message
		for {
			n, from, err := socket.ReadFrom(b)
			if err != nil {
				return
			}
			in, err := coap.Decode(b[:n])
			if err != nil {
				continue
			}
			key := from.String() + string(b[:n])
			if known[key] == nil {
				if out := answer(in, s); out != nil {
					known[key] = coap.Frame{Message: *out}.Bytes()
				}
			}
			if known[key] != nil {
				_, _ = socket.WriteTo(known[key], from)
			}
		}
	}()
	return func() error {
		err := socket.Close()
		<-ended
		return err
	}, nil
}

// rightly is what a right device answers at once to a message, as far as a raw
// device needs it.
func rightly(in *coap.Message, s *shelf) *coap.Message {
	switch {
	case in.Empty() && in.Type == coap.Confirmable:
		return &coap.Message{Type: coap.Reset, MessageID: in.MessageID}
	case !in.Code.IsRequest() || in.Type == coap.Acknowledgement || in.Type == coap.Reset:
		return nil
	}
	out := s.answer(in)
	out.Type, out.MessageID, out.Token = coap.Acknowledgement, in.MessageID, in.Token
	if in.Type == coap.NonConfirmable {
		out.Type, out.MessageID = coap.NonConfirmable, in.MessageID^0x5555
	}
	return out
}

// otherwise is a response of another code to requests that match.
func otherwise(code coap.Code, match func(*coap.Message) bool) func(request, response *coap.Message) {
	return func(request, response *coap.Message) {
		if match(request) {
			*response = coap.Message{Code: code}
		}
	}
}

// silent leaves requests that match without an answer.
func silent(match func(*peer.Request) bool) func(context.Context, *peer.Request) (bool, error) {
	return func(_ context.Context, r *peer.Request) (bool, error) { return match(r), nil }
}

// alone sends the response in a message of its own, with nothing before or after it.
func alone(t coap.Type, r *peer.Request, response *coap.Message) error {
	m := response.Clone()
	m.Type, m.Token, m.MessageID = t, r.Message.Token, r.NextMessageID()
	return r.SendFrame(coap.Frame{Message: *m})
}

// Called is devices that are called.
func Called() []Device {
	known := &shelf{}
	return []Device{
		{
			Breaks: "RMP-2.1.1-20", Name: "serves coap on another port", Says: "127.",
			Device: servant{place: func(s *lab.Serving) { s.CoAP = netip.AddrPortFrom(s.CoAP.Addr(), 0) }},
		},
		{
			Breaks: "RMP-2.1.2-20", Name: "serves coaps on another port", Says: "127.",
			Device: servant{place: func(s *lab.Serving) { s.CoAPS = netip.AddrPortFrom(s.CoAPS.Addr(), 0) }},
		},
		{
			Breaks: "RMP-2.1.2-21", Name: "answers nothing in its DTLS sessions", Says: "nothing",
			Device: servant{before: silent(func(r *peer.Request) bool { return r.Session.Secure() })},
		},
		{
			Breaks: "RMP-2.2.1-20", Name: "does not answer a method that a resource does not allow", Says: "nothing",
			Device: servant{before: silent(func(r *peer.Request) bool {
				return r.Message.Path() == readable && r.Message.Code == coap.DELETE
			})},
		},
		{
			Breaks: "RMP-2.2.1-21", Name: "answers a method that it does not know as GET", Says: "2.05",
			Device: servant{answer: otherwise(coap.Content, func(m *coap.Message) bool { return m.Code > coap.DELETE })},
		},
		{
			Breaks: "RMP-2.2.1-22", Name: "gives back half of a long token", Says: "2.05",
			Device: servant{before: func(_ context.Context, r *peer.Request) (bool, error) {
				if len(r.Message.Token) != 8 {
					return false, nil
				}
				m := known.answer(r.Message)
				m.Type, m.MessageID, m.Token = coap.Acknowledgement, r.Message.MessageID, r.Message.Token[:4]
				return true, r.SendFrame(coap.Frame{Message: *m})
			}},
		},
		{
			Breaks: "RMP-2.2.1-23", Name: "takes a path that it does not have for another", Says: "2.05",
			Device: servant{answer: func(_, m *coap.Message) {
				if m.Code == coap.NotFound {
					m.Code = coap.Content
				}
			}},
		},
		{
			Breaks: "RMP-2.2.1-24", Name: "calls all that it stores plain text", Says: "2.05",
			Device: servant{answer: func(request, m *coap.Message) {
				if request.Path() == stored && m.Has(coap.ContentFormat) {
					m.Remove(coap.ContentFormat)
					m.AddUint(coap.ContentFormat, uint32(coap.TextPlain))
				}
			}},
		},
		{
			Breaks: "RMP-2.2.2-30", Name: "answers a Confirmable request without acknowledging it", Says: "only a separate response",
			Device: servant{before: func(_ context.Context, r *peer.Request) (bool, error) {
				if r.Message.Type != coap.Confirmable || r.Message.Path() != readable {
					return false, nil
				}
				return true, alone(coap.NonConfirmable, r, known.answer(r.Message))
			}},
		},
		{
			Breaks: "RMP-2.2.2-31", Name: "does not serve a Non-confirmable request", Says: "nothing",
			Device: servant{before: silent(func(r *peer.Request) bool { return r.Message.Type == coap.NonConfirmable })},
		},
		{
			Breaks: "RMP-2.2.2-32", Name: "answers a Non-confirmable request in a Confirmable message", Says: "CON",
			Device: servant{before: func(_ context.Context, r *peer.Request) (bool, error) {
				if r.Message.Type != coap.NonConfirmable {
					return false, nil
				}
				return true, alone(coap.Confirmable, r, known.answer(r.Message))
			}},
		},
		{
			Breaks: "RMP-2.2.2-33", Name: "leaves a request that comes twice unanswered the second time", Says: "nothing",
			Device: servant{before: func(_ context.Context, r *peer.Request) (bool, error) {
				if r.Message.Code != coap.POST {
					return false, nil
				}
				return true, r.SendFrame(coap.Frame{Message: coap.Message{
					Type: coap.Acknowledgement, Code: coap.Created, MessageID: r.Message.MessageID, Token: r.Message.Token,
				}})
			}},
		},
		{
			Breaks: "RMP-2.2.2-34", Name: "answers a request in an Acknowledgement", Says: "2.05",
			Device: servant{raw: func(in *coap.Message, s *shelf) *coap.Message {
				if in.Code.IsRequest() && in.Type == coap.Acknowledgement {
					in.Type = coap.Confirmable
				}
				return rightly(in, s)
			}},
		},
		{
			Breaks: "RMP-2.2.2-35", Name: "takes a request to a proxy for its own", Says: "2.05",
			Device: servant{answer: func(request, m *coap.Message) {
				if request.Has(coap.ProxyURI) {
					m.Code = coap.Content
				}
			}},
		},
		{
			Breaks: "RMP-2.2.2-36", Name: "passes over critical options that it does not know", Says: "2.05",
			Device: servant{answer: func(_, m *coap.Message) {
				if m.Code == coap.BadOption {
					m.Code = coap.Content
				}
			}},
		},
		{
			Breaks: "RMP-2.2.2-37", Name: "acknowledges a ping", Says: "ACK",
			Device: servant{raw: func(in *coap.Message, s *shelf) *coap.Message {
				if in.Empty() && in.Type == coap.Confirmable {
					return &coap.Message{Type: coap.Acknowledgement, MessageID: in.MessageID}
				}
				return rightly(in, s)
			}},
		},
		{
			Breaks: "RMP-2.2.2-38", Name: "forgets the token by the time of its separate response", Says: "2.05",
			Also: []string{"RMP-2.2.2-39"},
			Device: servant{late: func(_ context.Context, r *peer.Request, m *coap.Message) error {
				if err := r.Ack(); err != nil {
					return err
				}
				m.Type, m.MessageID, m.Token = coap.Confirmable, r.NextMessageID(), []byte{0xaa}
				return r.SendFrame(coap.Frame{Message: *m})
			}},
		},
		{
			Breaks: "RMP-2.2.2-39", Name: "sends its separate response once", Says: "nothing",
			Device: servant{late: func(_ context.Context, r *peer.Request, m *coap.Message) error {
				return errors.Join(r.Ack(), alone(coap.Confirmable, r, m))
			}},
		},
		{
			Breaks: "RMP-4.1-30", Name: "speaks certificates with another cipher suite", Says: "insufficient_security",
			Device: servant{security: func(s *peer.Security) {
				s.CipherSuites = []dtls.CipherSuiteID{dtls.TLS_PSK_WITH_AES_128_CCM_8, dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
			}},
		},
		{
			Breaks: "RMP-4.1-31", Name: "shows a certificate of an authority that nobody knows", Says: "unknown authority",
			Device: servant{place: func(s *lab.Serving) {
				leaf := pki.Leaf{Names: []string{stage.TestedName}, Addrs: []netip.Addr{s.CoAPS.Addr()}, SelfSigned: true}
				if authority, err := pki.Create(nil); err == nil {
					s.Certificate, _ = authority.Issue(leaf) // or the right one, which the suite then finds
				}
			}},
		},
		{
			Breaks: "RMP-4.2-30", Name: "speaks pre-shared keys with another cipher suite", Says: "insufficient_security",
			Device: servant{security: func(s *peer.Security) {
				s.CipherSuites = []dtls.CipherSuiteID{dtls.TLS_PSK_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8}
			}},
		},
		{
			Breaks: "RMP-4.2-31", Name: "takes another key than it was given", Says: "TLS_PSK_WITH_AES_128_CCM_8",
			// A device takes one key: whoever has the right one stays outside.
			Also:   []string{"RMP-4.2-30"},
			Device: servant{place: func(s *lab.Serving) { s.Key = []byte{0} }},
		},
		{
			Breaks: "RMP-4.2-32", Name: "takes any identity", Says: "TLS_PSK_WITH_AES_128_CCM_8",
			Device: servant{security: func(s *peer.Security) {
				key := s.Key
				s.PSK = func(string) ([]byte, bool) { return key, true }
			}},
		},
	}
}
