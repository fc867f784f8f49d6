// SPDX-License-Identifier: Apache-2.0

package devices

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/verdict"
)

// caller is a device that calls a Composite API as the document asks. Each of its
// fields changes one thing about that.
type caller struct {
	// port changes where it sends to.
	port func(uint16) uint16
	// security changes its DTLS.
	security func(*peer.Security, lab.Errand)
	// verify takes the place of a look at the gateway's certificate.
	verify func(chain []*x509.Certificate, e lab.Errand) error
	// timing is how it repeats.
	timing peer.Timing
	// uri changes the Proxy-Uri, request all of the request; long sends a Proxy-Uri of
	// any length.
	uri     func(uri string, e lab.Errand) string
	long    bool
	request func(*coap.Message)
	// first is a datagram that it sends to the gateway beforehand, over coaps.
	first func(request *coap.Message) []byte
	// talk takes the place of the exchange.
	talk func(ctx context.Context, c *peer.Client, request *coap.Message) (*coap.Message, error)
	// report changes what it says of its errand.
	report func(*lab.Report)
}

// About is what it is.
func (caller) About() string { return "deviant device that calls" }

// Serve is not what it does.
func (caller) Serve(context.Context, lab.Serving) (lab.Served, func() error, error) {
	return lab.Served{}, nil, verdict.DoesNotApply("this device only calls")
}

// Call does the errand.
func (d caller) Call(ctx context.Context, e lab.Errand) (lab.Report, error) {
	r := lab.Report{Known: true}
	m, err := d.do(ctx, e)
	if err != nil {
		r.Failure = err.Error()
	} else {
		r.Code, r.Payload = m.Code, m.Payload
	}
	if d.report != nil {
		d.report(&r)
	}
	return r, nil
}

func (d caller) do(ctx context.Context, e lab.Errand) (*coap.Message, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil, err
	}
	m, err := d.message(u, e)
	if err != nil {
		return nil, err
	}
	to, err := d.address(u)
	if err != nil {
		return nil, err
	}
	if d.first != nil && u.Scheme == "coaps" {
		if err := sendPlain(ctx, to, d.first(m)); err != nil {
			return nil, err
		}
	}
	if d.verify != nil && u.Scheme == "coaps" && !e.PSK {
		return d.carelessly(ctx, to, m, e)
	}
	o := peer.Options{Remote: "gateway", Timing: d.timing}
	if u.Scheme == "coaps" {
		o.Security = &peer.Security{Roots: e.Roots, ServerName: e.ServerName}
		if e.PSK {
			o.Security = &peer.Security{Identity: e.User, Key: keyOf(e)}
		}
		if d.security != nil {
			d.security(o.Security, e)
		}
	}
	c, err := peer.Dial(ctx, to, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	if d.talk != nil {
		return d.talk(ctx, c, m)
	}
	return exchange(ctx, c, m)
}

func exchange(ctx context.Context, c *peer.Client, m *coap.Message) (*coap.Message, error) {
	out, err := c.Exchange(ctx, m)
	return out.Response, err
}

// message is the request of the errand.
func (d caller) message(u *url.URL, e lab.Errand) (*coap.Message, error) {
	separator := "?"
	if strings.Contains(e.API, "?") {
		separator = "&"
	}
	uri := e.API + separator + "AuthToken=" + base64.StdEncoding.EncodeToString([]byte(e.User+":"+e.Password))
	if d.uri != nil {
		uri = d.uri(uri, e)
	}
	if len(uri) > 1034 && !d.long {
		return nil, errors.New("the URL is too long for a Proxy-Uri")
	}
	m := &coap.Message{Code: e.Method, Payload: []byte(e.Payload), MessageID: 0x2a17, Token: []byte{1, 2, 3, 4}}
	m.AddPath(u.Path)
	m.AddString(coap.ProxyURI, uri)
	if d.request != nil {
		d.request(m)
	}
	return m, nil
}

func (d caller) address(u *url.URL) (netip.AddrPort, error) {
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return netip.AddrPort{}, err
	}
	port := uint16(coap.DefaultPort)
	if u.Scheme == "coaps" {
		port = coap.DefaultSecurePort
	}
	if u.Port() != "" {
		return netip.ParseAddrPort(u.Host)
	}
	if d.port != nil {
		port = d.port(port)
	}
	return netip.AddrPortFrom(host, port), nil
}

func keyOf(e lab.Errand) []byte {
	sum := sha256.Sum256([]byte(e.Password))
	if e.Form == lab.Hex {
		return []byte(hex.EncodeToString(sum[:]))
	}
	return sum[:]
}

func sendPlain(ctx context.Context, to netip.AddrPort, b []byte) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", to.String())
	if err != nil {
		return err
	}
	_, err = c.Write(b)
	return errors.Join(err, c.Close())
}

// carelessly sends the request to a gateway that verify has let pass.
func (d caller) carelessly(ctx context.Context, to netip.AddrPort, m *coap.Message, e lab.Errand) (*coap.Message, error) {
	socket, err := new(net.ListenConfig).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer func() { _ = socket.Close() }()
	conn, err := dtls.ClientWithOptions(socket, net.UDPAddrFromAddrPort(to),
		dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8),
		dtls.WithServerName(e.ServerName),
		dtls.WithInsecureSkipVerify(true),
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			var chain []*x509.Certificate
			for _, der := range raw {
				c, err := x509.ParseCertificate(der)
				if err != nil {
					return err
				}
				chain = append(chain, c)
			}
			return d.verify(chain, e)
		}))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	answer := make([]byte, 1500)
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return nil, err
	}
	n, err := conn.Read(answer)
	if err != nil {
		return nil, err
	}
	return coap.Decode(answer[:n])
}

// chain looks at signatures and dates, at the time now.
func chain(certs []*x509.Certificate, e lab.Errand, now time.Time) error {
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{Roots: e.Roots, Intermediates: between, CurrentTime: now})
	return err
}

// dates looks at the dates of the first certificate alone.
func dates(c *x509.Certificate) error {
	if now := time.Now(); now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return errors.New("the certificate is not valid now")
	}
	return nil
}

// talk is an exchange by hand: how long it waits after each transmission, and what
// it does to the request before it sends it again; nil is nothing. It acknowledges a
// separate response if acknowledges says so.
type talk struct {
	waits        []float64 // seconds
	again        func(*coap.Message)
	acknowledges bool
}

func (t talk) exchange(ctx context.Context, c *peer.Client, m *coap.Message) (*coap.Message, error) {
	m = m.Clone()
	for _, s := range t.waits {
		if err := c.Send(coap.Frame{Message: *m}); err != nil {
			return nil, err
		}
		waiting, cancel := context.WithTimeout(ctx, time.Duration(s*float64(time.Second)))
		r, err := c.Await(waiting, "an answer", func(r *peer.Received) bool { return answers(m, r) })
		cancel()
		switch {
		case err == nil:
			return t.finish(ctx, c, m, r)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case t.again != nil:
			t.again(m)
		}
	}
	return nil, errors.New("nobody answered")
}

// finish awaits the response behind an empty acknowledgement.
func (t talk) finish(ctx context.Context, c *peer.Client, m *coap.Message, r *peer.Received) (*coap.Message, error) {
	var err error
	if r.Message.Empty() {
		r, err = c.Await(ctx, "a response", func(r *peer.Received) bool { return answers(m, r) && !r.Message.Empty() })
	}
	if err != nil {
		return nil, err
	}
	if r.Message.Type == coap.Confirmable && t.acknowledges {
		err = c.Ack(r)
	}
	return r.Message, err
}

// insistently repeats the request once though it was answered.
func insistently(ctx context.Context, c *peer.Client, m *coap.Message) (*coap.Message, error) {
	done := make(chan struct{})
	defer func() { <-done }()
	go func() {
		defer close(done)
		timer := time.NewTimer(2500 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if len(c.Received()) > 0 {
			_ = c.Send(coap.Frame{Message: *m})
		}
	}()
	return exchange(ctx, c, m)
}

// gullibly gives up when anything is acknowledged that it has not sent.
func gullibly(ctx context.Context, c *peer.Client, m *coap.Message) (*coap.Message, error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := c.Await(ctx, "an acknowledgement of anything", func(r *peer.Received) bool {
			return r.Message.Type == coap.Acknowledgement && r.Message.MessageID != m.MessageID
		})
		if err == nil {
			cancel()
		}
	}()
	r, err := exchange(ctx, c, m)
	cancel()
	<-done
	return r, err
}

// answers says whether r is an answer to the request.
func answers(request *coap.Message, r *peer.Received) bool {
	return r.Fault == nil && (r.Message.MessageID == request.MessageID || string(r.Message.Token) == string(request.Token))
}

// instead is the text with a part of it replaced.
func instead(old, by string) func(string, lab.Errand) string {
	return func(uri string, _ lab.Errand) string { return strings.Replace(uri, old, by, 1) }
}

func gcm(s *peer.Security, e lab.Errand) {
	s.CipherSuites = []dtls.CipherSuiteID{dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	if e.PSK {
		s.CipherSuites = []dtls.CipherSuiteID{dtls.TLS_PSK_WITH_AES_128_GCM_SHA256}
	}
}

// Calling is devices that call.
func Calling() []Device {
	return []Device{
		{
			Breaks: "RMP-3-20", Name: "sends its messages to another path", Says: "/proxy",
			Device: caller{request: func(m *coap.Message) { m.Remove(coap.URIPath); m.AddPath("/proxy") }},
		},
		{
			Breaks: "RMP-3-21", Name: "takes port 5683 for coaps", Says: "nothing",
			Device: caller{port: func(uint16) uint16 { return coap.DefaultPort }},
		},
		{
			Breaks: "RMP-3-22", Name: "takes port 5684 for coap", Says: "nothing",
			Device: caller{port: func(uint16) uint16 { return coap.DefaultSecurePort }},
		},
		{
			Breaks: "RMP-3.1-50", Name: "sends its request in a Non-confirmable message", Says: "NON",
			Device: caller{request: func(m *coap.Message) { m.Type = coap.NonConfirmable }},
		},
		{
			Breaks: "RMP-3.1-51", Name: "repeats its request after a second", Says: "s",
			Device: caller{timing: peer.Timing{AckTimeout: time.Second, AckRandomFactor: 1}},
		},
		{
			Breaks: "RMP-3.1-51", Name: "does not repeat its request", Says: "0",
			Device: caller{timing: peer.Timing{MaxRetransmit: -1}},
		},
		{
			Breaks: "RMP-3.1-51", Name: "repeats its request under another message id", Says: "0x2a18",
			Device: caller{talk: talk{
				waits: []float64{2.5, 5, 10}, acknowledges: true, again: func(m *coap.Message) { m.MessageID++ },
			}.exchange},
		},
		{
			Breaks: "RMP-3.1-52", Name: "repeats its request at even intervals", Says: " ms",
			Device: caller{talk: talk{waits: []float64{2.5, 2.5, 2.5, 2.5, 2.5}, acknowledges: true}.exchange},
		},
		{
			Breaks: "RMP-3.1-53", Name: "never stops repeating its request", Says: "again", Full: true,
			Device: caller{timing: peer.Timing{MaxRetransmit: 8, AckTimeout: 2200 * time.Millisecond, AckRandomFactor: 1.1}},
		},
		{
			Breaks: "RMP-3.1-54", Name: "repeats its request though it was acknowledged", Says: "again",
			Device: caller{talk: insistently},
		},
		{
			Breaks: "RMP-3.1-55", Name: "leaves P_mode away", Says: "cccc?AuthToken",
			Device: caller{uri: instead("P_mode=TEST&", "")},
		},
		{
			Breaks: "RMP-3.1-55", Name: "puts the Proxy-Uri twice", Says: "2",
			Also: []string{"RMP-3.1-57"},
			Device: caller{request: func(m *coap.Message) {
				uri, _ := m.Get(coap.ProxyURI)
				m.Add(coap.ProxyURI, uri)
			}},
		},
		{
			Breaks: "RMP-3.1-56", Name: "sends a Proxy-Uri of any length", Says: "bytes",
			Device: caller{long: true},
		},
		{
			Breaks: "RMP-3.1-57", Name: "has the password alone for its AuthToken", Says: `"world"`,
			Device: caller{uri: func(uri string, e lab.Errand) string {
				before, _, _ := strings.Cut(uri, "AuthToken=")
				return before + "AuthToken=" + base64.StdEncoding.EncodeToString([]byte(e.Password))
			}},
		},
		{
			Breaks: "RMP-3.1-57", Name: "writes name and password as its AuthToken as they are", Says: "hello:world",
			Device: caller{uri: func(uri string, e lab.Errand) string {
				before, _, _ := strings.Cut(uri, "AuthToken=")
				return before + "AuthToken=" + e.User + ":" + e.Password
			}},
		},
		{
			Breaks: "RMP-3.1-58", Name: "does not acknowledge a separate response", Says: "none",
			Device: caller{talk: talk{waits: []float64{2.5, 5, 10, 20, 40}}.exchange},
		},
		{
			Breaks: "RMP-3.1-59", Name: "does not find the payload in the response", Says: "the payload",
			Device: caller{report: func(r *lab.Report) { r.Payload = nil }},
		},
		{
			Breaks: "RMP-3.1-60", Name: "takes any acknowledgement for its own", Says: "0",
			Device: caller{talk: gullibly},
		},
		{
			Breaks: "RMP-4.1-20", Name: "offers certificates with another cipher suite", Says: "GCM",
			Device: caller{security: func(s *peer.Security, e lab.Errand) {
				if !e.PSK {
					gcm(s, e)
				}
			}},
		},
		{
			Breaks: "RMP-4.1-21", Name: "accepts the certificate of any authority", Says: "CON GET",
			Device: caller{verify: func(cs []*x509.Certificate, e lab.Errand) error {
				return errors.Join(cs[0].VerifyHostname(e.ServerName), dates(cs[0]))
			}},
		},
		{
			Breaks: "RMP-4.1-22", Name: "does not look at the name in the gateway's certificate", Says: "CON GET",
			Device: caller{verify: func(cs []*x509.Certificate, e lab.Errand) error { return chain(cs, e, time.Now()) }},
		},
		{
			Breaks: "RMP-4.1-23", Name: "accepts an expired certificate", Says: "CON GET",
			Device: caller{verify: func(cs []*x509.Certificate, e lab.Errand) error {
				now := time.Now()
				if now.After(cs[0].NotAfter) {
					now = cs[0].NotAfter
				}
				return errors.Join(cs[0].VerifyHostname(e.ServerName), chain(cs, e, now))
			}},
		},
		{
			Breaks: "RMP-4.1-24", Name: "accepts a certificate that is not yet valid", Says: "CON GET",
			Device: caller{verify: func(cs []*x509.Certificate, e lab.Errand) error {
				now := time.Now()
				if now.Before(cs[0].NotBefore) {
					now = cs[0].NotBefore
				}
				return errors.Join(cs[0].VerifyHostname(e.ServerName), chain(cs, e, now))
			}},
		},
		{
			Breaks: "RMP-4.2-20", Name: "offers pre-shared keys with another cipher suite", Says: "GCM",
			// No session comes about, so nothing that is sent in one.
			Also: []string{"RMP-4.2-22", "RMP-4.2-23"},
			Device: caller{security: func(s *peer.Security, e lab.Errand) {
				if e.PSK {
					gcm(s, e)
				}
			}},
		},
		{
			Breaks: "RMP-4.2-21", Name: "gives another identity than its user name", Says: `"device"`,
			Device: caller{security: func(s *peer.Security, e lab.Errand) {
				if e.PSK {
					s.Identity = "device"
				}
			}},
		},
		{
			Breaks: "RMP-4.2-22", Name: "takes the password itself for the key", Says: "handshake",
			Device: caller{security: func(s *peer.Security, e lab.Errand) {
				if e.PSK && e.Form == lab.Raw {
					s.Key = []byte(e.Password)
				}
			}},
		},
		{
			Breaks: "RMP-4.2-23", Name: "takes the bytes of the hash for a key that is to be text", Says: "handshake",
			Device: caller{security: func(s *peer.Security, e lab.Errand) {
				if e.PSK && e.Form == lab.Hex {
					sum := sha256.Sum256([]byte(e.Password))
					s.Key = sum[:]
				}
			}},
		},
		{
			Breaks: "RMP-5-20", Name: "sends its request in clear as well", Says: "from device under test",
			Device: caller{first: func(m *coap.Message) []byte { return coap.Frame{Message: *m}.Bytes() }},
		},
	}
}
