// SPDX-License-Identifier: Apache-2.0

package stubborn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"

	"github.com/coapstone/coapstone/coap"
)

// handshakeTimeout is how long the device tries to open a session.
const handshakeTimeout = 30 * time.Second

// destination is the URL that is burnt in.
type destination struct {
	secure bool
	addr   netip.AddrPort
	path   string
}

func parseURL(raw string) (destination, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return destination{}, fmt.Errorf("URL %q: %w", raw, err)
	}
	d := destination{secure: u.Scheme == "coaps", path: u.Path}
	port := uint64(coap.DefaultPort)
	if d.secure {
		port = coap.DefaultSecurePort
	}
	if u.Scheme != "coap" && !d.secure {
		return destination{}, fmt.Errorf("URL %q: want coaps://ADDRESS/coap2http, or coap for testing", raw)
	}
	if u.Port() != "" {
		if port, err = strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
			return destination{}, fmt.Errorf("URL %q: want a port from 1 to 65535", raw)
		}
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return destination{}, fmt.Errorf("URL %q: the device resolves no names: give an address, as in coaps://192.0.2.1/coap2http", raw)
	}
	d.addr = netip.AddrPortFrom(addr, uint16(port))
	return d, nil
}

// dial connects, and makes the session for coaps.
func (d *Device) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	if d.o.Local.IsValid() {
		dialer.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(d.o.Local, 0))
	}
	raw, err := dialer.DialContext(ctx, "udp", d.to.addr.String())
	if err != nil || !d.to.secure {
		return raw, err
	}
	conn, err := dtls.ClientWithOptions(dtlsnet.PacketConnFromConn(raw), raw.RemoteAddr(),
		dtls.WithCipherSuites(dtls.TLS_PSK_WITH_AES_128_CCM_8),
		dtls.WithPSK(func([]byte) ([]byte, error) { return []byte(d.o.Key.Reveal()), nil }),
		dtls.WithPSKIdentityHint([]byte(d.o.User)),
		dtls.WithExtendedMasterSecret(dtls.DisableExtendedMasterSecret),
	)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("no session: %w", err)
	}
	return conn, nil
}
