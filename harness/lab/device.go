// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"time"

	"github.com/coapstone/coapstone/coap"
)

// DeviceUnderTest is the implementation under test where that is a device. A
// lab has the stock device, or what the target file describes.
type DeviceUnderTest interface {
	// About is what the device is, for a report.
	About() string
	// Call has it do an errand, and returns when that is done or given up, or when
	// ctx ends. The error is a *verdict.Finding where the device cannot be told,
	// or a fault of the harness; what went wrong with the errand stands in the
	// report.
	Call(ctx context.Context, e Errand) (Report, error)
	// Serve has it serve until stop is called.
	Serve(ctx context.Context, s Serving) (served Served, stop func() error, err error)
}

// Errand is what a device under test is told to do: to call a Composite API
// through a gateway.
type Errand struct {
	// URL is where its messages go: "coaps://192.0.2.1/coap2http". The default
	// port is not spelled out.
	URL string
	// ServerName is the host name that the gateway's certificate must be for, and
	// Roots is the device's trust store.
	ServerName string
	Roots      *x509.CertPool
	// PSK asks for a pre-shared key over coaps; else there are certificates. Form
	// is the form of the key.
	PSK  bool
	Form PSKForm
	// User and Password are the device's credentials on the platform. It makes the
	// AuthToken and the pre-shared key of them by itself.
	User, Password string
	// API is the URL of the Composite API with its query, without the AuthToken.
	API string
	// Method and Payload are the request's; the payload is UTF-8 text.
	Method  coap.Code
	Payload string
}

// Calling is what is known beforehand of a device under test that calls. The
// zero value can be told everything.
type Calling struct {
	// URL, API, Method and Payload are burnt in; the zero values where they are not.
	URL, API, Payload string
	Method            coap.Code
	// Untold are what it cannot be told: what is burnt in, and what nobody knows.
	Untold Parts
	// Secure says that it speaks coaps alone, and NoPSK that it has no pre-shared keys.
	Secure, NoPSK bool
	// Elsewhere says that it is a device of its own, which goes on when a scenario has
	// ended and takes its time.
	Elsewhere bool
	// Patience is how long its first datagram may take after the trigger.
	Patience time.Duration
}

// Parts are parts of an errand.
type Parts struct{ URL, API, Method, Payload bool }

// Effective is the errand that the device will do: what is burnt in goes before
// what it is to be told, and what nobody knows is empty.
func (c Calling) Effective(e Errand) Errand {
	if c.Untold.API {
		e.API = c.API
	}
	if c.Untold.Method {
		e.Method = c.Method
	}
	if c.Untold.Payload {
		e.Payload = c.Payload
	}
	return e
}

// Stand is where the harness plays the gateway for a device under test that
// calls.
type Stand struct {
	// Local is the address to listen at; port 0 is any.
	Local netip.AddrPort
	// URL is where the device's messages go. Where it is empty it is made of the
	// address that was bound.
	URL string
	// Reached is the address under which the device reaches Local, for a certificate.
	Reached netip.Addr
	// Certificate is the bench's own, for the name in the device; nil: one is issued.
	Certificate *tls.Certificate
	// Screen names the datagrams that are not to be judged, as in peer.Options.
	Screen func(netip.AddrPort, []byte) string
	// Heard is closed at the first datagram of the device; nil: nobody waits for that.
	Heard <-chan struct{}
	// Unheard says why nothing of the device may have come, and what to do.
	Unheard func() string
	// Take leaves the address to who plays the gateway, and Leave takes it back: open
	// are requests that the scenario has not answered. They may be nil.
	Take  func(ctx context.Context) error
	Leave func(open []Sent) error
}

// Sent is a datagram that a device has sent.
type Sent struct {
	From  netip.AddrPort
	Bytes []byte
}

// Caller is a device under test of which something is known beforehand, or which
// needs a place of its own to call.
type Caller interface {
	DeviceUnderTest
	// Calling is what is known of it.
	Calling() Calling
	// Stand is where the harness plays the gateway for it.
	Stand(ctx context.Context, secure bool) (Stand, error)
	// User is the user of that name as the device has it.
	User(name, password string, form PSKForm) (User, error)
}

// Report is what a device under test says of its errand.
type Report struct {
	// Known says whether the device can say anything at all.
	Known bool
	// Said is what it says in words of its own; where it is not empty it goes before
	// Code and Payload.
	Said string
	// Code and Payload are the response that it took.
	Code    coap.Code
	Payload []byte
	// Failure is why there was none, in the device's words.
	Failure string
}

// Serving is how a device under test is to serve, where it can be told.
type Serving struct {
	CoAP, CoAPS netip.AddrPort
	// Certificate is what it shows, and Roots what vouches for that; Identity and Key
	// are the pre-shared key that it takes.
	Certificate tls.Certificate
	Roots       *x509.CertPool
	Identity    string
	Key         []byte
}

// Served is a device under test that is called.
type Served struct {
	// CoAP and CoAPS are its addresses; the zero AddrPort where it does not serve
	// that scheme.
	CoAP, CoAPS netip.AddrPort
	// DefaultPorts says that it was left to the device which ports it uses, or that
	// it was given the default ones.
	DefaultPorts bool
	// Name is the host name that its certificate is for, Roots what a connector
	// must trust to accept it.
	Name  string
	Roots *x509.CertPool
	// Identity and Key are the pre-shared key that it takes.
	Identity string
	Key      []byte
	// Resources are its resources' paths, by what they are good for.
	Resources map[Resource]string
}

// Resource is what a resource of a device under test is good for.
type Resource string

// The resources that scenarios need.
const (
	// Readable answers GET with 2.05 and the same text each time.
	Readable Resource = "readable"
	// Stored takes PUT, gives that back to GET, and goes away with DELETE. The code
	// tells whether a PUT has made it (2.01) or changed it (2.04).
	Stored Resource = "stored"
	// Slow answers GET in a separate response.
	Slow Resource = "slow"
)
