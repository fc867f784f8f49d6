// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/target"
)

// calls is what the device has burnt in.
func (c *check) calls() target.Calls {
	if c.t.Device == nil {
		return target.Calls{}
	}
	return c.t.Device.Calls
}

// host is the name, or the address, under which the device looks for the gateway.
func (c *check) host(at netip.AddrPort) string {
	if u, err := url.Parse(c.calls().URL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	if cert := c.t.Bench.Certificate; cert != nil {
		return cert.Host
	}
	return c.t.Bench.ReachedAs(at.Addr()).String()
}

// url is where the device's messages go.
func (c *check) url(h *hearing) string {
	if burnt := c.calls().URL; burnt != "" || len(h.at) == 0 {
		return burnt
	}
	host, port := c.host(h.at[0]), h.at[0].Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if usual := map[string]uint16{"coap": 5683, "coaps": 5684}[h.scheme]; port != usual {
		host = fmt.Sprintf("%s:%d", host, port)
	}
	return h.scheme + "://" + host + "/coap2http"
}

// user is the one that the device is: the burnt-in one, or the first that is
// bound.
func (c *check) user() *target.User {
	if u := c.t.Users[c.calls().User]; u != nil {
		return u
	}
	for _, name := range slices.Sorted(maps.Keys(c.t.Users)) {
		return c.t.Users[name]
	}
	return nil
}

// api is the Composite API that the device is told to call; what answers it is
// the bench.
func (c *check) api() string {
	if burnt := c.calls().API; burnt != "" {
		return burnt
	}
	for _, name := range slices.Sorted(maps.Keys(c.t.APIs)) {
		return c.t.APIs[name]
	}
	return "http://platform.invalid/live/1/host/1/service/1"
}

// variables are those of the trigger, as the lab has them: identity and key are
// empty where the device is not to use them.
func (c *check) variables(h *hearing) map[string]string {
	calls := c.calls()
	vars := map[string]string{
		"url": c.url(h), "api": c.api(), "method": orText(calls.Method, "GET"), "payload": calls.Payload,
		"user": "", "password": "", "token": "", "identity": "", "key": "",
	}
	vars["proxy-uri"] = vars["api"]
	u := c.user()
	if u == nil {
		return vars
	}
	vars["user"], vars["password"], vars["token"] = u.Name, u.Password.Value().Reveal(), u.AuthToken().Reveal()
	separator := "?"
	if strings.Contains(vars["api"], "?") {
		separator = "&"
	}
	vars["proxy-uri"] += separator + "AuthToken=" + vars["token"]
	key, err := u.PSK()
	if err == nil && (h.with == "psk" || h.with == "" && h.scheme == "coaps" && c.declared["psk"]) {
		vars["identity"], vars["key"] = u.Name, keyText(key)
	}
	return vars
}

// keyText is a key as a provider's is typed: text, or bytes in hex behind "hex:".
func keyText(key []byte) string {
	for _, b := range key {
		if b < ' ' || b > '~' {
			return "hex:" + hex.EncodeToString(key)
		}
	}
	return string(key)
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// shown is the certificate that the bench shows as the gateway.
func (c *check) shown(h *hearing) ([]tls.Certificate, error) {
	if given := c.t.Bench.Certificate; given != nil && !h.expired {
		cert, err := given.Load()
		if err != nil {
			return nil, fmt.Errorf("bench.certificate: %w", err)
		}
		return []tls.Certificate{cert}, nil
	}
	if c.t.Bench.PKI == "" {
		return nil, nil
	}
	authority, err := pki.Open(c.t.Bench.PKI)
	if err != nil {
		return nil, fmt.Errorf("bench.pki: %w", err)
	}
	leaf := pki.Leaf{}
	if h.expired {
		leaf = pki.ExpiredFor()
	}
	for _, ipv6 := range []bool{false, true} {
		at := c.t.Bench.Listen(h.scheme, ipv6)
		if !at.IsValid() {
			continue
		}
		leaf.Addrs = append(leaf.Addrs, c.t.Bench.ReachedAs(at.Addr()))
		if host := c.host(at); !isAddress(host) && !slices.Contains(leaf.Names, host) {
			leaf.Names = append(leaf.Names, host)
		}
	}
	cert, err := authority.Issue(leaf)
	if err != nil {
		return nil, err
	}
	return []tls.Certificate{cert}, nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// pkiThere says whether a PKI is kept in the folder already.
func pkiThere(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "root.pem"))
	return err == nil
}
