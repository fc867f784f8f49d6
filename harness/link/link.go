// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/trace"
)

// Options is a link.
type Options struct {
	// Listen is where devices send to; it must be a concrete address. The link
	// speaks to the target from the same one. Port 0 is any port. The zero
	// value is any port of 127.0.0.1, or of ::1 where the target is IPv6.
	Listen netip.AddrPort
	// Target is where the datagrams go. It must be given.
	Target netip.AddrPort
	// Seed decides what happens. Print it with the result: it repeats the run.
	Seed uint64
	// Up and Down are the conditions to begin with.
	Up, Down Conditions
	// Trace gets every datagram on the target's side of the link, marked Lost where
	// the link threw it away, and a note on every decision but to pass on. The other
	// side stands in the trace of the peers there.
	Trace *trace.Log
	// DeviceName and TargetName are the ends' names in the trace: "device" and
	// "gateway" when empty. The link's own is "link".
	DeviceName, TargetName string
	// TargetTraced says that the target is a peer with this trace, and the devices
	// are not: then the link records their side.
	TargetTraced bool
}

// Link is a relay at work. Its methods may be called at once.
type Link struct {
	options Options
	listen  *net.UDPConn
	local   netip.AddrPort
	queue   *queue
	end     context.CancelFunc
	running sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	conditions [2]Conditions
	cut        [2]bool
	flows      map[netip.AddrPort]*flow
	sockets    []*net.UDPConn // towards the target, those of old bindings too
}

// flow is one device's datagrams and the answers to them.
type flow struct {
	number int
	device netip.AddrPort
	socket *net.UDPConn // towards the target; changed by Rebind
	lanes  [2]lane
}

// lane is one direction of a flow.
type lane struct {
	index int       // the last datagram's; under the link's mu
	held  []*parcel // the queue's own
}

// parcel is one datagram under way.
type parcel struct {
	flow      *flow
	direction Direction
	index     int
	bytes     []byte
	// socket is the one towards the target: where it came in, or where it leaves;
	// a flow may have another one by the time it does.
	socket *net.UDPConn
	done   bool // it has left; the queue's own
}

// Open opens a link. It relays until Close, or until ctx ends.
func Open(ctx context.Context, o Options) (*Link, error) {
	if !o.Target.IsValid() || o.Target.Port() == 0 {
		return nil, fmt.Errorf("link: target %v: want an address with a port", o.Target)
	}
	o.Target = netip.AddrPortFrom(o.Target.Addr().Unmap(), o.Target.Port())
	if !o.Listen.IsValid() {
		o.Listen = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
		if o.Target.Addr().Is6() {
			o.Listen = netip.AddrPortFrom(netip.IPv6Loopback(), 0)
		}
	}
	if o.Listen.Addr().IsUnspecified() {
		return nil, fmt.Errorf("link: %v: want a concrete address, or answers may leave from another one", o.Listen)
	}
	for _, c := range []Conditions{o.Up, o.Down} {
		if err := c.Check(); err != nil {
			return nil, err
		}
	}
	if o.DeviceName == "" {
		o.DeviceName = "device"
	}
	if o.TargetName == "" {
		o.TargetName = "gateway"
	}
	packets, err := new(net.ListenConfig).ListenPacket(ctx, "udp", o.Listen.String())
	if err != nil {
		return nil, fmt.Errorf("link: cannot listen on %v: %w", o.Listen, err)
	}
	l := &Link{
		options: o, queue: newQueue(), conditions: [2]Conditions{o.Up, o.Down},
		flows: map[netip.AddrPort]*flow{}, listen: packets.(*net.UDPConn),
	}
	l.local = l.listen.LocalAddr().(*net.UDPAddr).AddrPort()
	ctx, l.end = context.WithCancel(ctx)
	l.running.Go(func() { l.queue.run(ctx) })
	l.running.Go(l.readDevices)
	l.running.Go(func() {
		<-ctx.Done()
		l.shut()
	})
	return l, nil
}

// Addr is where devices send to.
func (l *Link) Addr() netip.AddrPort { return l.local }

// Set changes the conditions of one direction. Datagrams under way keep theirs;
// First begins anew only for flows that are new.
func (l *Link) Set(d Direction, c Conditions) error {
	if err := c.Check(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conditions[d] = c
	return nil
}

// Cut throws away everything in these directions, in both when none is named,
// until Mend.
func (l *Link) Cut(directions ...Direction) { l.setCut(true, directions) }

// Mend ends Cut.
func (l *Link) Mend(directions ...Direction) { l.setCut(false, directions) }

func (l *Link) setCut(cut bool, directions []Direction) {
	if len(directions) == 0 {
		directions = []Direction{Up, Down}
	}
	what := "mended"
	if cut {
		what = "cut"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range directions {
		l.cut[d] = cut
		l.options.Trace.Note(fmt.Sprintf("link: %s, %s", d, what))
	}
}

// Rebind gives every flow a new source port towards the target, as a NAT does
// that has forgotten its bindings. What still comes to the old ports is lost.
func (l *Link) Rebind(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.flows {
		old := f.socket.LocalAddr()
		if err := l.bind(ctx, f); err != nil {
			return err
		}
		l.options.Trace.Note(fmt.Sprintf("link: flow %d comes from %v now, no more from %v", f.number, f.socket.LocalAddr(), old))
	}
	return nil
}

// Close ends the link. What is still under way is lost.
func (l *Link) Close() {
	l.end()
	l.running.Wait()
}

func (l *Link) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.listen.Close()
	for _, s := range l.sockets {
		_ = s.Close()
	}
}

// readDevices takes in what devices send.
func (l *Link) readDevices() {
	buf := make([]byte, 1<<16)
	for {
		n, device, err := l.listen.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			continue // an ICMP error of an earlier datagram
		}
		device = netip.AddrPortFrom(device.Addr().Unmap(), device.Port())
		if f := l.flow(device); f != nil {
			l.receive(f, nil, Up, buf[:n])
		}
	}
}

// flow is the device's flow; nil when the link cannot or must not open one.
func (l *Link) flow(device netip.AddrPort) *flow {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.flows[device]
	if f == nil {
		f = &flow{number: len(l.flows) + 1, device: device}
		// The bind takes no time, and ends nothing but itself.
		if err := l.bind(context.Background(), f); err != nil {
			l.options.Trace.Note(err.Error())
			return nil
		}
		l.flows[device] = f
	}
	return f
}

// bind opens a socket for f towards the target. The caller holds mu.
func (l *Link) bind(ctx context.Context, f *flow) error {
	if l.closed {
		return net.ErrClosed
	}
	dialer := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(l.local.Addr(), 0))}
	c, err := dialer.DialContext(ctx, "udp", l.options.Target.String())
	if err != nil {
		return fmt.Errorf("link: no socket towards the target: %w", err)
	}
	f.socket = c.(*net.UDPConn)
	l.sockets = append(l.sockets, f.socket)
	l.running.Go(func() { l.readTarget(f, c.(*net.UDPConn)) })
	return nil
}

// readTarget takes in what the target sends to one source port.
func (l *Link) readTarget(f *flow, socket *net.UDPConn) {
	buf := make([]byte, 1<<16)
	for {
		n, err := socket.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			continue // nobody listens there: the datagram before it was lost, no more
		}
		l.receive(f, socket, Down, buf[:n])
	}
}

// receive decides what happens to a datagram. One from the target has the
// socket that it came to.
func (l *Link) receive(f *flow, socket *net.UDPConn, d Direction, b []byte) {
	now := time.Now()
	lost := ""
	l.mu.Lock()
	lane := &f.lanes[d]
	lane.index++
	p := &parcel{flow: f, direction: d, index: lane.index, bytes: slices.Clone(b), socket: socket}
	if socket == nil {
		p.socket = f.socket
	}
	c := l.conditions[d]
	fate := c.Fate(l.options.Seed, f.number, d, p.index)
	switch {
	case p.socket != f.socket:
		lost = fmt.Sprintf("lost, as it came to the old port %v", socket.LocalAddr())
	case l.cut[d]:
		lost = "lost, as the link is cut"
	case fate.Lose:
		lost = fate.String()
	}
	l.mu.Unlock()

	if lost != "" {
		l.record(p, now, true)
		l.note(p, lost)
		return
	}
	if fate != (Fate{}) {
		l.note(p, fate.String())
	}
	if l.arrives(d) {
		l.record(p, now, false)
	}
	due := now.Add(fate.Delay)
	if fate.HoldBack {
		l.queue.at(due, func(bool) { lane.held = append(lane.held, p) })
		l.queue.at(due.Add(c.hold()), func(ended bool) { l.release(lane, p, ended) })
	} else {
		l.queue.at(due, func(ended bool) {
			l.send(p, ended)
			held := lane.held
			lane.held = nil
			for _, h := range held {
				l.release(lane, h, ended)
			}
		})
	}
	if fate.Twice {
		l.queue.at(due, func(ended bool) { l.send(p, ended) })
	}
}

// release sends a datagram that was held back, unless it has left already.
func (l *Link) release(lane *lane, p *parcel, ended bool) {
	if p.done {
		return
	}
	p.done = true
	lane.held = slices.DeleteFunc(lane.held, func(h *parcel) bool { return h == p })
	l.send(p, ended)
}

// send passes a datagram on, or says that the link has ended before. What the
// network does not take is lost, as on any network.
func (l *Link) send(p *parcel, ended bool) {
	if p.direction == Up {
		l.mu.Lock()
		p.socket = p.flow.socket
		l.mu.Unlock()
	}
	if !l.arrives(p.direction) {
		l.record(p, time.Now(), ended)
	}
	if ended {
		l.note(p, "lost, as the link was closed")
		return
	}
	if p.direction == Down {
		_, _ = l.listen.WriteToUDPAddrPort(p.bytes, p.flow.device)
		return
	}
	_, _ = p.socket.Write(p.bytes)
}

// arrives says whether the side that is recorded is the one at which datagrams
// of this direction arrive; otherwise they leave there.
func (l *Link) arrives(d Direction) bool { return (d == Down) != l.options.TargetTraced }

// record puts a datagram into the trace as it is on the recorded side.
func (l *Link) record(p *parcel, at time.Time, lost bool) {
	if l.options.Trace == nil {
		return
	}
	far := trace.End{Name: l.options.TargetName, Addr: l.options.Target}
	near := trace.End{Name: "link"}
	if l.options.TargetTraced {
		far = trace.End{Name: l.options.DeviceName, Addr: p.flow.device}
		near.Addr = l.local
	} else {
		near.Addr = p.socket.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	e := trace.Event{At: at, Layer: trace.Datagram, From: near, To: far, Bytes: p.bytes, Lost: lost}
	e.Secure = isDTLS(p.bytes)
	if l.arrives(p.direction) {
		e.From, e.To = far, near
	} else if !e.Secure {
		// It comes from a peer of the harness, which alone sends illegal bytes on purpose.
		_, err := coap.Decode(p.bytes)
		e.Illegal = err != nil
	}
	l.options.Trace.Add(e)
}

// isDTLS says whether a datagram begins with a record of DTLS 1.0 or 1.2
// (RFC 6347 §4.1).
func isDTLS(b []byte) bool {
	return len(b) >= 13 && b[0] >= 20 && b[0] <= 25 && b[1] == 0xfe && (b[2] == 0xfd || b[2] == 0xff)
}

// note says in the trace what happens to a datagram.
func (l *Link) note(p *parcel, what string) {
	l.options.Trace.Note(fmt.Sprintf("link: datagram %d %s of flow %d: %s (seed %d)", p.index, p.direction, p.flow.number, what, l.options.Seed))
}
