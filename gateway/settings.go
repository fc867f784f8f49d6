// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/gateway/inbound"
	"github.com/coapstone/coapstone/gateway/outbound/store"
)

// settings is a configuration that was checked and read: addresses as
// addresses, certificates as certificates.
type settings struct {
	coap, coaps []bind
	api, admin  *bind
	certificate *tls.Certificate
	trust       *x509.CertPool        // never nil
	roots       *x509.CertPool        // nil means the system's
	networks    []netip.Prefix        // where the platform may be besides
	hosts       map[string]netip.Addr // names in lower case
	users       *users
	store       *store.Store
}

// settings checks the configuration and reads what it names. An error is a
// *fault.
func (c *Config) settings() (*settings, error) {
	s := &settings{users: &users{}, store: &store.Store{}}
	for _, read := range []func(*settings) error{
		c.readListen, c.readDTLS, c.readPools, c.readPlatform, c.readHosts, c.readUsers, c.readOutbound, c.readProbing, c.readHC,
	} {
		if err := read(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (c *Config) readListen(s *settings) error {
	if len(c.Listen.CoAP)+len(c.Listen.CoAPS) == 0 {
		return at("listen").because(`there is no address for coap or coaps: give one, for example coaps: [":5684"]`)
	}
	for i, a := range c.Listen.CoAP {
		b, err := parseBind(a, "listen", "coap", index(i))
		if err != nil {
			return err
		}
		s.coap = append(s.coap, b)
	}
	for i, a := range c.Listen.CoAPS {
		b, err := parseBind(a, "listen", "coaps", index(i))
		if err != nil {
			return err
		}
		s.coaps = append(s.coaps, b)
	}
	if c.Listen.API != "" {
		b, err := parseBind(c.Listen.API, "listen", "api")
		if err != nil {
			return err
		}
		s.api = &b
	}
	if c.Listen.Admin != "" {
		b, err := parseBind(c.Listen.Admin, "listen", "admin")
		if err != nil {
			return err
		}
		s.admin = &b
	}
	for i, name := range c.Names {
		if name == "" || strings.ContainsAny(name, ":/?#[]@ ") {
			return at("names", index(i)).because("%q is no host name: want one such as coap.example.com, without scheme and port", name)
		}
	}
	return nil
}

func index(i int) string { return fmt.Sprintf("[%d]", i) }

func (c *Config) readDTLS(s *settings) error {
	if c.DTLS == (DTLS{}) {
		return nil
	}
	if c.DTLS.Certificate == "" {
		return at("dtls", "certificate").because("it is missing: a key needs its certificate")
	}
	if c.DTLS.Key == "" {
		return at("dtls", "key").because("it is missing: a certificate needs its key")
	}
	certificate, err := c.readPEM(c.DTLS.Certificate)
	if err != nil {
		return at("dtls", "certificate").because("%w", err)
	}
	key, err := c.readPEM(c.DTLS.Key.Reveal())
	if err != nil {
		return at("dtls", "key").because("%w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return at("dtls", "certificate").because("certificate and key cannot be used: %w: give PEM with the chain, leaf first, and the leaf's key", err)
	}
	if public, ok := pair.Leaf.PublicKey.(*ecdsa.PublicKey); !ok || public.Curve != elliptic.P256() {
		return at("dtls", "certificate").because("the leaf has a key of another kind: TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 needs ECDSA on P-256 (RFC 7252 §9.1.3.2)")
	}
	s.certificate = &pair
	return nil
}

func (c *Config) readPools(s *settings) (err error) {
	if s.trust, err = c.readPool(c.Trust, "trust"); err != nil {
		return err
	}
	if len(c.Platform.Roots) > 0 {
		s.roots, err = c.readPool(c.Platform.Roots, "platform", "roots")
	}
	return err
}

func (c *Config) readPool(values []string, path ...string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for i, v := range values {
		where := at(append(slices.Clone(path), index(i))...)
		rest, err := c.readPEM(v)
		if err != nil {
			return nil, where.because("%w", err)
		}
		found := false
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if block.Type != "CERTIFICATE" {
				continue
			}
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, where.because("a certificate in it cannot be read: %w", err)
			}
			pool.AddCert(certificate)
			found = true
		}
		if !found {
			return nil, where.because("there is no certificate in it: want PEM with BEGIN CERTIFICATE")
		}
	}
	return pool, nil
}

// readPEM is PEM text that stands in the configuration, or in a file.
func (c *Config) readPEM(v string) ([]byte, error) {
	if strings.Contains(v, "-----BEGIN") {
		return []byte(v), nil
	}
	if !filepath.IsAbs(v) {
		v = filepath.Join(c.dir, v)
	}
	b, err := os.ReadFile(v)
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err // the name may be a key in another form than PEM
	}
	if err != nil {
		return nil, fmt.Errorf("neither PEM text nor a file that can be read: %w", err)
	}
	return b, nil
}

func (c *Config) readPlatform(s *settings) error {
	for i, origin := range c.Platform.Allow {
		if err := inbound.CheckOrigin(origin); err != nil {
			return at("platform", "allow", index(i)).because("%w", err)
		}
	}
	for i, n := range c.Platform.Networks {
		prefix, err := netip.ParsePrefix(n)
		if err != nil {
			return at("platform", "networks", index(i)).because("%q is no network: want an address with its prefix's length, such as 10.0.0.0/8", n)
		}
		s.networks = append(s.networks, prefix.Masked())
	}
	if c.Platform.Timeout < 0 {
		return at("platform", "timeout").because("it is negative: want a duration such as 30s")
	}
	return nil
}

func (c *Config) readHosts(s *settings) error {
	s.hosts = map[string]netip.Addr{}
	for _, name := range slices.Sorted(maps.Keys(c.Hosts)) {
		addr, err := netip.ParseAddr(c.Hosts[name])
		if err != nil {
			return at("hosts", name).because("%q is no IP address", c.Hosts[name])
		}
		s.hosts[strings.ToLower(name)] = addr
	}
	return nil
}

func (c *Config) readUsers(s *settings) error {
	for i, u := range c.Users {
		if u.Name == "" {
			return at("users", index(i)).because("the name is missing")
		}
		created, err := s.users.put(u)
		switch {
		case err != nil:
			return at("users", index(i)).because("%w", err)
		case !created:
			return at("users", index(i)).because("there are two users %q", u.Name)
		}
	}
	return nil
}

func (c *Config) readOutbound(s *settings) error {
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		if _, err := s.store.PutProvider(name, c.Providers[name]); err != nil {
			return at("providers", name).because("%w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Connectors)) {
		if _, err := s.store.PutConnector(name, c.Connectors[name]); err != nil {
			return at("connectors", name).because("%w", err)
		}
		provider := c.Connectors[name].Provider
		if _, ok := c.Providers[provider]; !ok {
			return at("connectors", name, "provider").because("there is no provider %q", provider)
		}
	}
	return nil
}

func (c *Config) readProbing(*settings) error {
	if c.ProbingRate < 0 {
		return at("probing-rate").because("it is negative: want bytes a second, such as 1 (RFC 7252 §4.8)")
	}
	return nil
}

// host is the address that the configuration gives a name.
func (s *settings) host(name string) (netip.Addr, bool) {
	addr, ok := s.hosts[strings.ToLower(name)]
	return addr, ok
}
