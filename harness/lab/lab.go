// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"
	"time"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/mockrmp"
)

// Kind is one of the three kinds of lab.
type Kind string

// The kinds.
const (
	Embedded   Kind = "embedded"
	Containers Kind = "containers"
	External   Kind = "external"
)

// Lab is a gateway, a platform and room for devices.
type Lab interface {
	Kind() Kind
	// About is what a report says of the lab: addresses, versions, the image's
	// digest.
	About() []Fact
	// Stage makes room for one scenario. The id is unique in the run; everything
	// that the scenario names is made fresh under it.
	Stage(ctx context.Context, id string, log *trace.Log) (Stage, error)
	// Close takes everything down. Nothing of the lab is left running.
	Close(ctx context.Context) error
}

// Patient is a lab whose target may take its time: somebody has to be asked, or it
// has to wake up.
type Patient interface {
	// Patience is what a step may take beyond its usual time.
	Patience() time.Duration
}

// Opener opens a lab. It returns when the gateway has answered a CoAP ping.
type Opener func(ctx context.Context) (Lab, error)

// Fact is a name with a value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Gateway is where the implementation under test is reached.
type Gateway struct {
	// CoAP and CoAPS are its addresses, IPv4 before IPv6. CoAP is empty when it
	// does not serve plain CoAP.
	CoAP, CoAPS []netip.AddrPort
	// DefaultPorts says whether the first of each uses the default port.
	DefaultPorts bool
	// Name is the host name that its certificate is for.
	Name string
	// Roots is what a device's trust store must hold to accept its certificate.
	Roots *x509.CertPool
}

// User is a user as a device and the platform know it.
type User struct {
	Name, Password string
	// Token is the AuthToken: Base64(name:password).
	Token string
	// Identity and Key are the PSK credentials, the key as raw bytes.
	Identity string
	Key      []byte
}

// PSKForm is the form of a user's pre-shared key.
type PSKForm string

// The forms. The zero value is Raw.
const (
	Raw PSKForm = "raw" // the 32 bytes of SHA-256(password)
	Hex PSKForm = "hex" // the 64 hex digits of it, as text
)

// CompositeAPI is a Composite API as the gateway reaches it.
type CompositeAPI struct {
	Name string
	// URL is its address without any query.
	URL string
	// Existing says that it is the target's own: it is called as a scenario puts it
	// up, and in no other way.
	Existing bool
}

// Result is what the caller of a connector got.
type Result struct {
	Status  int
	Header  http.Header
	Body    []byte
	Elapsed time.Duration
	// Proxied says that the call went through an HTTP-to-CoAP proxy (RFC 8075): it
	// knows no connectors, and nobody asks it to tell its own errors from a device's,
	// to name what it refuses or to give up in time.
	Proxied bool
}

// Stage is one scenario's part of a lab. Its methods return a *verdict.Finding
// where the lab cannot do what is asked, and any other error for a fault of
// the harness.
type Stage interface {
	Gateway() Gateway
	Trace() *trace.Log

	// User makes the user known to the platform and to the gateway. On an
	// external target it is bound to one that exists there.
	User(ctx context.Context, name, password string, form PSKForm) (User, error)
	// CompositeAPI puts up a Composite API, or changes it; the stage fills in
	// customer, host and service from the name. Only the stage's own users may
	// call it unless api says otherwise.
	CompositeAPI(ctx context.Context, name string, api mockrmp.API) (CompositeAPI, error)
	// SecureCompositeAPI is the same over HTTPS.
	SecureCompositeAPI(ctx context.Context, name string, api mockrmp.API) (CompositeAPI, error)
	// Requests is what reached the named Composite API so far, once at least n
	// have been answered or ctx has ended. All that reached the stage's part of the
	// platform, matched or not, is under the name "".
	Requests(ctx context.Context, name string, n int) ([]mockrmp.Request, error)

	// Provider and Connector configure the gateway; Call has it call a
	// connector, as an application on the platform would. A configuration that
	// the gateway refuses comes as a *Refused error.
	Provider(ctx context.Context, name string, p outbound.Provider) error
	Connector(ctx context.Context, name string, c outbound.Connector) error
	Call(ctx context.Context, connector string, c outbound.Call) (Result, error)

	// Guard is an error for an address to which nothing may be sent: a target's lab
	// sends to its target alone.
	Guard(to netip.Addr) error
	// ClientAddr is an address for a device that calls: its own for every call
	// of this method where the platform allows. ipv6 asks for the other family.
	ClientAddr(ctx context.Context, ipv6 bool) (netip.Addr, error)
	// ServerAddr is an address at which the gateway reaches a device, held for
	// the stage until it is closed; port 0 is any port.
	ServerAddr(ctx context.Context, port uint16, ipv6 bool) (netip.AddrPort, error)
	// NamedServerAddr is the same for a device that the gateway knows by a host
	// name, which comes with the address. The name is not the device's alone: the
	// port tells devices apart.
	NamedServerAddr(ctx context.Context, port uint16) (host string, addr netip.AddrPort, err error)
	// DeviceCertificate issues a certificate for a device that the gateway calls,
	// signed by what the gateway trusts unless the leaf says otherwise.
	DeviceCertificate(leaf pki.Leaf) (tls.Certificate, error)

	// DeviceCalling is what is known beforehand of the device under test that calls,
	// and GatewayStand where the harness plays the gateway for it: over coaps if secure,
	// on this port or on any (0) where the device can be told.
	DeviceCalling() Calling
	GatewayStand(ctx context.Context, secure bool, port uint16) (Stand, error)
	// DeviceCalls has the device under test begin an errand; wait waits until that
	// is done or given up, or until ctx ends.
	DeviceCalls(ctx context.Context, e Errand) (wait func() (Report, error), err error)
	// DeviceServes has the device under test serve until the stage is closed; all
	// calls are about the same device.
	DeviceServes(ctx context.Context) (Served, error)

	// Restart stops the gateway and starts it again at the same address. Only
	// for scenarios with a lab of their own.
	Restart(ctx context.Context) error
	// SecureOnly restarts the gateway with a configuration that does not name
	// plain CoAP. Only for scenarios with a lab of their own.
	SecureOnly(ctx context.Context) error
	// Console is what the gateway has said so far, all of it, to whoever runs it.
	Console(ctx context.Context) (string, error)

	// Close removes what the stage made. An unmatched request on the stage's
	// part of the platform is its error, as a *verdict.Finding.
	Close(ctx context.Context) error
}

// Refused is a configuration that the gateway refused, with its problem details.
type Refused struct{ Result Result }

// Error is the status and the body.
func (r *Refused) Error() string {
	return "the gateway refused the configuration: " + http.StatusText(r.Result.Status) + ": " + string(r.Result.Body)
}
