// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/external"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// openFile opens the lab around the target of a file.
func openFile(t *testing.T, file string) lab.Lab {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "target.yaml")
	for n, text := range map[string]string{"target.yaml": file, "password": "open sesame\n"} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := target.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := external.Open(f)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return l
}

func enterLab(t *testing.T, l lab.Lab) lab.Stage {
	t.Helper()
	s, err := l.Stage(t.Context(), t.Name(), &trace.Log{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return s
}

// box is a socket of a device that a test plays by hand.
type box struct {
	t *testing.T
	*net.UDPConn
	to netip.AddrPort
}

func newBox(t *testing.T, from, to string) box {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return box{t, c, netip.MustParseAddrPort(to)}
}

func (b box) send(datagram []byte) {
	b.t.Helper()
	if _, err := b.WriteToUDPAddrPort(datagram, b.to); err != nil {
		b.t.Fatal(err)
	}
}

// hears is the next datagram within d; nil is none.
func (b box) hears(d time.Duration) *coap.Message {
	b.t.Helper()
	if err := b.SetReadDeadline(time.Now().Add(d)); err != nil {
		b.t.Fatal(err)
	}
	buf := make([]byte, 1500)
	n, err := b.Read(buf)
	if err != nil {
		return nil
	}
	m, err := coap.Decode(buf[:n])
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func numbered(id uint16) []byte {
	return coap.Frame{Message: coap.Message{Type: coap.Confirmable, Code: coap.GET, MessageID: id, Token: []byte{1}}}.Bytes()
}

// playGateway has a scripted peer listen in the stand.
func playGateway(t *testing.T, s lab.Stage) (lab.Stand, *peer.Server) {
	t.Helper()
	stand, err := s.GatewayStand(t.Context(), false, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := stand.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	server, err := peer.Listen(t.Context(), peer.Options{Local: stand.Local, Screen: stand.Screen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return stand, server
}

const answerIn, silenceFor = 5 * time.Second, 100 * time.Millisecond

func TestARequestBetweenTwoScenariosIsEndedAndJudgedInNone(t *testing.T) {
	s := enterLab(t, openFile(t, "name: X\nrole: device-client\nbench: {addresses: [127.0.92.1]}\ndevice: {coap: '127.0.92.2:5683'}\n"))
	device, other := newBox(t, "127.0.92.2:0", "127.0.92.1:5683"), newBox(t, "127.0.92.3:0", "127.0.92.1:5683")
	device.send(numbered(1))
	if m := device.hears(answerIn); m == nil || m.Type != coap.Acknowledgement || m.MessageID != 1 || m.Code != coap.Content {
		t.Errorf("the device between two scenarios got %v, want an acknowledgement with a response", m)
	}
	other.send(numbered(1))
	if m := other.hears(silenceFor); m != nil {
		t.Errorf("a stranger got %v, want nothing", m)
	}
	stand, server := playGateway(t, s)
	device.send(numbered(1))
	other.send(numbered(9))
	device.send(numbered(2))
	r, err := server.AwaitRequest(t.Context(), 1)
	if err != nil || r.Message.MessageID != 2 {
		t.Fatalf("got %v, %v; want the device's new request first", r, err)
	}
	select {
	case <-stand.Heard:
	default:
		t.Error("the device was not heard")
	}
}

func TestOnlyWhatAScenarioLeavesOpenIsKeptFromTheNext(t *testing.T) {
	s := enterLab(t, openFile(t, "name: X\nrole: device-client\nbench: {addresses: [127.0.92.4]}\n"))
	device := newBox(t, "127.0.92.5:0", "127.0.92.4:5683")
	stand, server := playGateway(t, s)
	device.send(numbered(1))
	device.send(numbered(2))
	r, err := server.AwaitRequest(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	open := lab.Sent{From: netip.MustParseAddrPort(device.LocalAddr().String()), Bytes: numbered(1)}
	if r.Message.MessageID == 1 {
		t.Fatal("the requests came in another order")
	}
	if err := stand.Leave([]lab.Sent{open}); err != nil {
		t.Fatal(err)
	}
	next, server := playGateway(t, s)
	device.send(numbered(1))
	device.send(numbered(2)) // a device that counts from the same id at each start
	r, err = server.AwaitRequest(t.Context(), 1)
	if err != nil || r.Message.MessageID != 2 {
		t.Errorf("got %v, %v; want the one that is not open", r, err)
	}
	if why := next.Unheard(); !strings.Contains(why, "copies of a request from before") {
		t.Errorf("got %q", why)
	}
}

func TestASessionThatIsOverIsNamed(t *testing.T) {
	s := enterLab(t, openFile(t, "name: X\nrole: device-client\nbench: {addresses: [127.0.92.6]}\n"+
		"users: {a: {password: {file: password}}}\ndevice: {coaps: '127.0.92.7:5684'}\n"))
	stand, err := s.GatewayStand(t.Context(), true, 0)
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddrPort("127.0.92.7:40000")
	if name := stand.Screen(from, append([]byte{23, 0xfe, 0xfd, 0, 1}, make([]byte, 20)...)); name == "" {
		t.Error("a record of an old session passes")
	}
	if why := stand.Unheard(); !strings.Contains(why, "session that is over") || !strings.Contains(why, "hooks.reset") {
		t.Errorf("got %q", why)
	}
	if name := stand.Screen(from, append([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1}, make([]byte, 8)...)); name != "" {
		t.Errorf("a ClientHello is kept away as %q", name)
	}
}

func TestADeviceThatCallsIsKnownByItsFile(t *testing.T) {
	s := enterLab(t, openFile(t, "name: X\nrole: device-client\nbench: {addresses: [127.0.92.8], ports: {coap: 6683}}\n"+
		"users: {a: {name: box, password: {file: password}}}\n"+
		"device: {calls: {url: 'coap://127.0.92.8:6683/coap2http', method: POST, user: a}}\nhooks: {trigger: {command: [press, '{payload}']}}\n"))
	c := s.DeviceCalling()
	got := c.Effective(lab.Errand{API: "http://a", Method: coap.GET, Payload: "told"})
	if got.API != "" || got.Method != coap.POST || got.Payload != "told" {
		t.Errorf("got %+v: want no API, since nobody knows it, POST, and the payload that the trigger tells", got)
	}
	u, err := s.User(t.Context(), "hello", "world", lab.Raw)
	if err != nil || u.Name != "box" {
		t.Errorf("got the user %q, %v; want the one that is burnt in", u.Name, err)
	}
	if _, err := s.GatewayStand(t.Context(), true, 0); verdict.Of(err) != verdict.NotApplicable {
		t.Errorf("over coaps: %v; want not-applicable", err)
	}
}

func TestNothingIsSentToWhereTheTargetFileDoesNotPoint(t *testing.T) {
	for role, file := range map[string]string{
		"a device":  "name: X\nrole: device-server\nbench: {addresses: [127.0.0.1]}\ndevice: {coaps: '127.0.92.9:5684', identity: a, key: {file: password}}\n",
		"a gateway": "name: X\nbench: {addresses: [127.0.0.1]}\ngateway: {coap: ['127.0.92.9:5683']}\n",
	} {
		t.Run(role, func(t *testing.T) {
			if role == "a gateway" {
				g, err := peer.Listen(t.Context(), peer.Options{Local: netip.MustParseAddrPort("127.0.92.9:5683")})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = g.Close() })
			}
			s := enterLab(t, openFile(t, file))
			for a, fine := range map[string]bool{"127.0.92.9": true, "127.0.92.10": false, "192.0.2.1": false, "::1": false} {
				if err := s.Guard(netip.MustParseAddr(a)); (err == nil) != fine {
					t.Errorf("%s: %v", a, err)
				}
			}
		})
	}
}

func TestADeviceThatWentAstrayIsResetBeforeItIsTriggeredAgain(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "reset")
	s := enterLab(t, openFile(t, "name: X\nrole: device-client\nbench: {addresses: [127.0.92.11], boot: 10ms}\n"+
		"users: {a: {password: {file: password}}}\ndevice: {coaps: '127.0.92.12:5684'}\n"+
		"hooks: {trigger: {command: ['test', '-e', '"+mark+"']}, reset: {command: [touch, '"+mark+"']}}\n"))
	call := func() lab.Report {
		wait, err := s.DeviceCalls(t.Context(), lab.Errand{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := wait()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := call(); r.Failure == "" {
		t.Error("the device was reset though nothing was wrong")
	}
	stand, err := s.GatewayStand(t.Context(), true, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := stand.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	stand.Screen(netip.MustParseAddrPort("127.0.92.12:40000"), append([]byte{23, 0xfe, 0xfd, 0, 1}, make([]byte, 20)...))
	if err := stand.Leave(nil); err != nil {
		t.Fatal(err)
	}
	if r := call(); r.Failure != "" {
		t.Errorf("the device was not reset: %s", r.Failure)
	}
}

func TestADeviceIsToldTheAddressUnderWhichItReachesTheBench(t *testing.T) {
	for file, want := range map[string]string{
		"bench: {addresses: ['127.0.92.15']}\n":                                                 "coap://127.0.92.15/coap2http",
		"bench: {addresses: ['127.0.92.15'], ports: {coap: 6683}}\n":                            "coap://127.0.92.15:6683/coap2http",
		"bench: {addresses: ['127.0.92.15'], reached: [203.0.113.5]}\n":                         "coap://203.0.113.5/coap2http",
		"bench: {addresses: ['::1']}\n":                                                         "coap://[::1]/coap2http",
		"bench: {addresses: ['127.0.92.15']}\ndevice: {calls: {url: 'coap://127.0.92.15/x'}}\n": "coap://127.0.92.15/x",
	} {
		t.Run(want, func(t *testing.T) {
			s := enterLab(t, openFile(t, "name: X\nrole: device-client\nhooks: {trigger: {command: [a, '{url}']}}\n"+file))
			stand, err := s.GatewayStand(t.Context(), false, 0)
			if err != nil || stand.URL != want {
				t.Errorf("got %q, %v", stand.URL, err)
			}
		})
	}
}

func TestTheZoneOfALinkLocalAddressIsTheBenchsOwn(t *testing.T) {
	s := enterLab(t, openFile(t, "name: X\nrole: device-server\nbench: {addresses: ['::1']}\ndevice: {coaps: '[fe80::1%eth0]:5684', identity: a, key: {file: password}}\n"))
	if err := s.Guard(netip.MustParseAddr("fe80::1%eth0")); err != nil {
		t.Error(err)
	}
	if err := s.Guard(netip.MustParseAddr("fe80::2%eth0")); err == nil {
		t.Error("another address passes")
	}
}
