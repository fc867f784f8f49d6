// SPDX-License-Identifier: Apache-2.0

package target

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/coapstone/coapstone/gateway/secret"
)

// resolve reads what the file names: secrets, roots, certificates. Paths become
// absolute or relative to the working folder.
func (f *File) resolve(name string, b []byte) error {
	for _, part := range []func(dir string) error{f.resolveUsers, f.resolveDevice, f.resolveGateway, f.resolveBench} {
		if err := part(filepath.Dir(name)); err != nil {
			return locate(name, b, err)
		}
	}
	return nil
}

func (f *File) resolveUsers(dir string) error {
	for _, n := range sorted(f.Users) {
		u, here := f.Users[n], path{"users", n}
		if err := u.Password.resolve(here.in("password"), dir); err != nil {
			return err
		}
		if err := u.Key.resolve(here.in("key"), dir); err != nil {
			return err
		}
		key, err := u.PSK()
		if err != nil {
			return &fault{path: here.in("key"), err: err}
		}
		if err := f.fitKey(here.in("key"), key); err != nil && u.PSKKey == "explicit" {
			return err
		}
	}
	return nil
}

// fitKey says whether the target's stack can hold a key.
func (f *File) fitKey(here path, key []byte) error {
	if limit := f.Limits.PSKKey; limit > 0 && len(key) > limit {
		return clash(here, path{"limits", "psk-key"}, "the key found there has %d bytes, and the target takes %d: give both a shorter one", len(key), limit)
	}
	return nil
}

func (f *File) resolveDevice(dir string) error {
	d, here := f.Device, path{"device"}
	if d == nil {
		return nil
	}
	if err := d.Key.resolve(here.in("key"), dir); err != nil {
		return err
	}
	key, err := d.PSK()
	if err != nil {
		return &fault{path: here.in("key"), err: err}
	}
	if err := f.fitKey(here.in("key"), key); err != nil {
		return err
	}
	d.Roots = beside(dir, d.Roots)
	if _, err := d.TrustStore(); err != nil {
		return &fault{path: here.in("roots"), err: err}
	}
	return nil
}

func (f *File) resolveGateway(dir string) error {
	g := f.Gateway
	if g == nil {
		return nil
	}
	g.Roots = beside(dir, g.Roots)
	if _, err := g.TrustStore(); err != nil {
		return &fault{path: path{"gateway", "roots"}, err: err}
	}
	return nil
}

func (f *File) resolveBench(dir string) error {
	f.Bench.PKI = beside(dir, f.Bench.PKI)
	c, here := f.Bench.Certificate, path{"bench", "certificate"}
	if c == nil {
		return nil
	}
	c.Chain, c.Key = beside(dir, c.Chain), beside(dir, c.Key)
	for _, part := range []struct{ key, file string }{{"chain", c.Chain}, {"key", c.Key}} {
		if _, err := os.Stat(part.file); err != nil {
			return at(here.in(part.key), "cannot read it: %w", err)
		}
	}
	pair, err := c.Load()
	if err != nil {
		return at(here, "chain and key do not fit: %w: want PEM, the leaf first, and the private key of that leaf", err)
	}
	if err := pair.Leaf.VerifyHostname(c.Host); err != nil {
		return at(here.in("host"), "the leaf in %s is not for it: %w", filepath.Base(c.Chain), err)
	}
	return nil
}

// Load reads the certificate with its key.
func (c *Certificate) Load() (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.Chain, c.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if pair.Leaf == nil {
		pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	return pair, err
}

func beside(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// resolve reads the secret.
func (s *Source) resolve(here path, dir string) error {
	switch {
	case s.Env != "":
		v, ok := os.LookupEnv(s.Env)
		if !ok {
			return at(here, "the variable %s is not set: export it, or name a file", s.Env)
		}
		s.value = secret.Text(v)
	case s.File != "":
		b, err := os.ReadFile(beside(dir, s.File))
		if err != nil {
			return at(here, "cannot read the secret: %w", err)
		}
		line, _, _ := strings.Cut(string(b), "\n")
		s.value = secret.Text(strings.TrimSuffix(line, "\r"))
	}
	if s.given() && s.value == "" {
		return at(here, "the secret found there is empty")
	}
	return nil
}

// TrustStore reads the roots that a device must trust. Nil means that none are
// named.
func (g *Gateway) TrustStore() (*x509.CertPool, error) { return trustStore(g.Roots) }

// TrustStore reads the roots that vouch for the device. Nil means that none are
// named.
func (d *Device) TrustStore() (*x509.CertPool, error) { return trustStore(d.Roots) }

func trustStore(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the roots: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate: want PEM (openssl x509 -inform der -in FILE converts DER)", file)
	}
	return pool, nil
}

// decodeKey is the bytes of a typed key: its UTF-8 bytes, or what follows "hex:".
func decodeKey(text string) ([]byte, error) {
	digits, isHex := strings.CutPrefix(text, "hex:")
	if !isHex {
		return []byte(text), nil
	}
	key, err := hex.DecodeString(digits)
	if err != nil {
		return nil, errors.New("the key behind hex: is not hexadecimal: want an even number of the digits 0 to 9 and a to f")
	}
	return key, nil
}
