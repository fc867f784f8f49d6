// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Client is a device that sends. It does nothing by itself: no
// acknowledgement, no repetition; Exchange alone behaves as a conformant
// client. Its methods may be called at once.
type Client struct {
	remote  netip.AddrPort
	local   netip.AddrPort
	timing  Timing
	ids     *ids
	inbox   *inbox
	carrier carrier
	session Session
	shut    func() error
	done    sync.WaitGroup
	closing sync.Once
	closed  error

	mu    sync.Mutex
	acked map[uint16]bool // message ids of responses that Exchange acknowledged
}

// carrier takes the bytes of one message to the other end.
type carrier interface {
	send(b []byte, illegal bool) error
}

type plainCarrier struct {
	wire   *wire
	remote netip.AddrPort
}

func (p plainCarrier) send(b []byte, illegal bool) error { return p.wire.write(b, p.remote, illegal) }

// Dial opens a socket, and with Security a DTLS session over it. ctx bounds
// that alone; the client lives until Close. A handshake that fails is a
// *HandshakeError.
func Dial(ctx context.Context, remote netip.AddrPort, o Options) (*Client, error) {
	o, remote = o.withDefaults(), unmap(remote)
	if err := o.allowed(remote); err != nil {
		return nil, err
	}
	if !o.Local.Addr().IsValid() || o.Local.Addr().IsUnspecified() {
		local, err := localFor(ctx, remote)
		if err != nil {
			return nil, fmt.Errorf("a socket towards the %s: %w", o.Remote, err)
		}
		o.Local = netip.AddrPortFrom(local, o.Local.Port())
	}
	w, err := openWire(ctx, o)
	if err != nil {
		return nil, err
	}
	c := newClient(o, plainCarrier{w, remote})
	c.remote, c.local, c.shut = remote, w.local, w.close
	if o.Security == nil {
		c.done.Go(func() { c.readPlain(w) })
		return c, nil
	}
	if err := c.secure(ctx, w, o); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return c, nil
}

func newClient(o Options, via carrier) *Client {
	return &Client{
		timing: o.Timing, ids: newIDs(o.Seed), inbox: newInbox(o.Remote), carrier: via,
		acked: map[uint16]bool{}, shut: func() error { return nil },
	}
}

func (c *Client) secure(ctx context.Context, w *wire, o Options) error {
	seen := new(observer)
	p := &clientPacketConn{UDPConn: w.conn, wire: w, remote: c.remote, seen: seen}
	conn, err := dtls.ClientWithOptions(p, net.UDPAddrFromAddrPort(c.remote), o.Security.clientOptions(c.remote, o.Trace)...)
	if err != nil {
		return fmt.Errorf("DTLS of the %s: %w", o.Name, err)
	}
	if c.session, err = shake(ctx, conn, w, c.remote, seen, o.Security); err != nil {
		return errors.Join(err, ignoreClosed(conn.Close()))
	}
	if o.Security.hasPSK() {
		c.session.Identity = o.Security.Identity // pion keeps the server's hint here
	}
	c.carrier, c.shut = &secureCarrier{w, c.remote, conn}, func() error {
		return errors.Join(ignoreClosed(conn.Close()), w.close())
	}
	c.done.Go(func() { c.readSecure(w, conn) })
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// clientPacketConn is the socket as pion sees it: one remote end, everything
// recorded and observed.
type clientPacketConn struct {
	*net.UDPConn
	wire   *wire
	remote netip.AddrPort
	seen   *observer
}

// ReadFrom reads the next datagram of the remote end.
func (p *clientPacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, _, err := p.wire.read(b)
		if err != nil {
			return 0, nil, err
		}
		if from == p.remote {
			p.seen.see(b[:n], false)
			return n, net.UDPAddrFromAddrPort(from), nil
		}
	}
}

// Close closes the socket.
func (p *clientPacketConn) Close() error { return p.wire.close() }

// WriteTo sends to the remote end, whatever address it is given.
func (p *clientPacketConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.seen.see(b, true)
	return len(b), p.wire.write(b, p.remote, false)
}

func (c *Client) readPlain(w *wire) {
	b := make([]byte, maxDatagram)
	for {
		n, from, at, err := w.read(b)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				c.inbox.end(fmt.Errorf("the socket failed: %w", err))
			}
			return
		}
		c.deliver(b[:n], from, at)
	}
}

func (c *Client) readSecure(w *wire, conn *dtls.Conn) {
	b := make([]byte, maxDatagram)
	for {
		n, err := conn.Read(b)
		if err != nil {
			c.inbox.end(ending(w.remote, err))
			return
		}
		at := time.Now()
		w.inner(at, b[:n], c.remote, false, false)
		c.deliver(b[:n], c.remote, at)
	}
}

func (c *Client) deliver(b []byte, from netip.AddrPort, at time.Time) {
	raw := append([]byte(nil), b...)
	m, fault := decode(raw)
	r := &Received{Message: m, Raw: raw, Fault: fault, At: at, From: from, Stray: from != c.remote, Session: c.session}
	if fault == nil && !r.Stray && m.Type == coap.Confirmable && c.wasAcked(m.MessageID) {
		// Our acknowledgement was lost: the copy gets it again (RFC 7252 §4.2).
		_ = c.sendEmpty(coap.Acknowledgement, m.MessageID)
	}
	c.inbox.put(r)
}

// Local is the client's own address.
func (c *Client) Local() netip.AddrPort { return c.local }

// Remote is the address it talks to.
func (c *Client) Remote() netip.AddrPort { return c.remote }

// Session is what the DTLS handshake settled; zero over UDP.
func (c *Client) Session() Session { return c.session }

// CipherSuite is the negotiated cipher suite by its IANA name, "" over UDP.
func (c *Client) CipherSuite() string { return c.session.CipherSuite }

// NextMessageID is a message id that this client has not used in its last 65534.
func (c *Client) NextMessageID() uint16 { return c.ids.messageID() }

// NewToken is n random bytes; n may be illegal.
func (c *Client) NewToken(n int) []byte { return c.ids.token(n) }

// Send sends a frame as it stands. The trace marks it illegal when its bytes
// are no legal message.
func (c *Client) Send(f coap.Frame, opts ...SendOption) error {
	b := f.Bytes()
	s := sending{}
	for _, o := range opts {
		o(&s)
	}
	if s.illegal == nil {
		return c.SendBytes(b, isIllegal(b))
	}
	return c.SendBytes(b, *s.illegal)
}

// SendBytes sends one datagram, or one DTLS record, of these bytes.
func (c *Client) SendBytes(b []byte, illegal bool) error {
	c.inbox.sent(time.Now())
	if err := c.carrier.send(b, illegal); err != nil {
		return verdict.Broken(err, "sending %d bytes to %s", len(b), c.remote)
	}
	return nil
}

func (c *Client) sendEmpty(t coap.Type, id uint16) error {
	return c.Send(coap.Frame{Message: coap.Message{Type: t, MessageID: id}})
}

// Ack acknowledges a confirmable message that came in.
func (c *Client) Ack(r *Received) error {
	return c.sendEmpty(coap.Acknowledgement, r.Message.MessageID)
}

// Reset rejects a message that came in.
func (c *Client) Reset(r *Received) error { return c.sendEmpty(coap.Reset, r.Message.MessageID) }

// Await is the first message that matches, came or comes in, and that nobody
// has taken yet. what is a noun phrase for the finding: "an empty ACK with
// message id 0x1234". When ctx's deadline passes, or the other end closes the
// session, the error is a *verdict.Finding with the verdict Fail that says what
// came instead.
func (c *Client) Await(ctx context.Context, what string, match func(*Received) bool) (*Received, error) {
	return c.inbox.await(ctx, what, match)
}

// Silence waits for d and fails when something that matches comes, or has come
// and was not taken.
func (c *Client) Silence(ctx context.Context, d time.Duration, match func(*Received) bool) error {
	return c.inbox.silence(ctx, d, match)
}

// Received is a copy of everything that came in so far.
func (c *Client) Received() []Received { return c.inbox.received() }

// Close ends the DTLS session with close_notify and closes the socket. It waits
// until nothing of the client is running any more.
func (c *Client) Close() error {
	c.closing.Do(func() {
		c.inbox.end(errClosed)
		c.closed = c.shut()
		c.done.Wait()
	})
	return c.closed
}
