// SPDX-License-Identifier: Apache-2.0

package stubborn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/credential"
)

// MaxKey is the longest pre-shared key that the device's stack takes, in bytes.
const MaxKey = 16

// maxProxyURI is the longest Proxy-Uri (RFC 7252 Table 4).
const maxProxyURI = 1034

// Options is what is burnt into a device.
type Options struct {
	// URL is where its messages go: "coaps://192.0.2.1/coap2http". The host is an
	// address: the device resolves no names.
	URL string
	// API is the URL of the Composite API with its query, without the AuthToken.
	API string
	// Method is GET when zero. Payload is UTF-8 text.
	Method  coap.Code
	Payload string
	// User and Password are its credentials on the platform. The user's name is its
	// PSK identity as well.
	User     string
	Password secret.Text
	// Key is its pre-shared key, of MaxKey bytes at most. It must be there for coaps.
	Key secret.Text
	// Local is the address that it sends from; the zero Addr leaves that to the
	// system.
	Local netip.Addr
	// Boot is how long it takes to be back after a reset. The button does nothing
	// meanwhile.
	Boot time.Duration
	// Console takes what the device says; nil is nowhere.
	Console io.Writer
}

// Device is one device.
type Device struct {
	o       Options
	to      destination
	request *coap.Message // without message id and token
	console console

	mu      sync.Mutex
	busy    bool
	abandon context.CancelFunc // ends what it is doing
	running sync.WaitGroup
}

// ErrBusy says that the button was pressed while the device was at something
// else, and did nothing.
var ErrBusy = errors.New("busy")

// New makes a device, which waits for its button.
func New(o Options) (*Device, error) {
	to, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	switch {
	case len(o.Key) > MaxKey:
		return nil, fmt.Errorf("the key has %d bytes: this device's stack takes %d at most; "+
			"give the user an explicit key of that length", len(o.Key), MaxKey)
	case to.secure && o.Key == "":
		return nil, errors.New("coaps needs a key: this device has no certificates")
	}
	token, err := credential.AuthToken(o.User, o.Password.Reveal())
	if err != nil {
		return nil, err
	}
	d := &Device{o: o, to: to, console: console{w: o.Console, boot: time.Now()}}
	if d.request, err = request(o, to.path, token); err != nil {
		return nil, err
	}
	d.say("booted, for %s as %s", o.URL, o.User)
	return d, nil
}

// request is the one request that the device knows.
func request(o Options, path, token string) (*coap.Message, error) {
	separator := "?"
	if strings.Contains(o.API, "?") {
		separator = "&"
	}
	uri := o.API + separator + "AuthToken=" + token
	if len(uri) > maxProxyURI {
		return nil, fmt.Errorf("the Proxy-Uri has %d bytes: %d are the most (RFC 7252 Table 4)", len(uri), maxProxyURI)
	}
	m := &coap.Message{Type: coap.Confirmable, Code: o.Method}
	if m.Code == 0 {
		m.Code = coap.GET
	}
	m.AddPath(path)
	m.AddString(coap.ProxyURI, uri)
	if o.Payload != "" {
		m.AddUint(coap.ContentFormat, 0) // text/plain, UTF-8
		m.Payload = []byte(o.Payload)
	}
	return m, nil
}

// Press presses the button: the device sends its request. It returns at once. A
// device that is at something else does not notice: ErrBusy.
func (d *Device) Press() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy {
		d.say("busy: the button does nothing")
		return ErrBusy
	}
	d.begin(func(ctx context.Context) {
		resp, err := d.call(ctx)
		if err != nil {
			d.say("gave up: %v", err)
			return
		}
		d.say("received %s %q", resp.Code, resp.Payload)
	})
	return nil
}

// Reset restarts the device: it forgets what it was doing, and boots.
func (d *Device) Reset() {
	d.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy {
		return // somebody was quicker, and the device is fresh already
	}
	d.begin(func(ctx context.Context) {
		t := time.NewTimer(d.o.Boot)
		defer t.Stop()
		select {
		case <-t.C:
			d.console.booted()
			d.say("booted, for %s as %s", d.o.URL, d.o.User)
		case <-ctx.Done():
		}
	})
}

// begin has the device do something until it is done or abandoned; mu is held.
func (d *Device) begin(do func(context.Context)) {
	ctx, abandon := context.WithCancel(context.Background())
	d.busy, d.abandon = true, abandon
	d.running.Go(func() {
		defer abandon()
		do(ctx)
		d.mu.Lock()
		d.busy = false
		d.mu.Unlock()
	})
}

// Close has the device abandon what it is doing, and waits until it has.
func (d *Device) Close() {
	d.mu.Lock()
	if d.abandon != nil {
		d.abandon()
	}
	d.mu.Unlock()
	d.running.Wait()
}

// Wait waits until the device has done what it is doing.
func (d *Device) Wait() { d.running.Wait() }

func (d *Device) say(format string, args ...any) { d.console.say(format, args...) }
