// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of an authority's directory. authorityFile is the authority: its
// four blocks are the certificate and the key of the root, then those of the
// intermediate. The others are copies for people and devices.
const (
	authorityFile    = "authority.pem"
	rootPEMFile      = "root.pem"
	rootDERFile      = "root.der"
	intermediateFile = "intermediate.pem"
)

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// Open is the authority that is kept in dir, made and written there if there is
// none yet. Processes that race for the first use get the same one: the
// authority is one file, put in its place in one go.
func Open(dir string) (*Authority, error) {
	path := filepath.Join(dir, authorityFile)
	a, err := load(path)
	if errors.Is(err, fs.ErrNotExist) {
		if a, err = Create(nil); err == nil {
			a, err = a.keep(dir, path)
		}
	}
	if err != nil {
		return nil, err
	}
	return a, a.copyOut(dir)
}

// keep puts a in its place, unless another process was faster: then that one's
// is returned.
func (a *Authority) keep(dir, path string) (*Authority, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("the directory of the test PKI: %w", err)
	}
	b, err := a.encode()
	if err != nil {
		return nil, err
	}
	temp, err := writeTemp(dir, b)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(temp) }()
	// A link, unlike a rename, does not replace what is there already.
	switch err := os.Link(temp, path); {
	case errors.Is(err, fs.ErrExist):
		return load(path)
	case err != nil:
		return nil, fmt.Errorf("keeping the test PKI: %w", err)
	}
	return a, nil
}

// writeTemp writes b to a file that nobody else can read.
func writeTemp(dir string, b []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("writing the test PKI: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("writing the test PKI: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// copyOut writes the copies that are missing or do not belong to a.
func (a *Authority) copyOut(dir string) error {
	for name, want := range map[string][]byte{
		rootPEMFile: a.RootPEM(), rootDERFile: a.RootDER(), intermediateFile: a.IntermediatePEM(),
	} {
		path := filepath.Join(dir, name)
		if have, err := os.ReadFile(path); err == nil && string(have) == string(want) {
			continue
		}
		temp, err := writeTemp(dir, want)
		if err != nil {
			return err
		}
		if err := os.Rename(temp, path); err != nil {
			return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(temp))
		}
	}
	return nil
}

func (a *Authority) encode() ([]byte, error) {
	var b []byte
	for _, each := range []authority{a.root, a.intermediate} {
		b = append(b, encodeCertificate(each.cert.Raw)...)
		der, err := x509.MarshalPKCS8PrivateKey(each.key)
		if err != nil {
			return nil, fmt.Errorf("the key of %s: %w", each.cert.Subject.CommonName, err)
		}
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der})...)
	}
	return b, nil
}

// load reads an authority back and checks that it holds together.
func load(path string) (*Authority, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the test PKI: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the test PKI: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && isPOSIX {
		return nil, fmt.Errorf("%s holds the keys of the test PKI and has the mode %04o, so that others can read it: "+
			"if they may have, delete it to get a new one; otherwise chmod 600 it", path, mode)
	}
	a := &Authority{rand: rand.Reader}
	broken := func(err error) error {
		return fmt.Errorf("%s: %w: delete it to get a new test PKI, which devices must then be given", path, err)
	}
	if b, err = a.root.decode(b, RootName); err != nil {
		return nil, broken(err)
	}
	if _, err = a.intermediate.decode(b, IntermediateName); err != nil {
		return nil, broken(err)
	}
	if err := a.intermediate.cert.CheckSignatureFrom(a.root.cert); err != nil {
		return nil, broken(err)
	}
	return a, nil
}

// decode reads a certificate and its key, and returns what stands behind them.
func (c *authority) decode(b []byte, name string) ([]byte, error) {
	block, b := pem.Decode(b)
	if block == nil || block.Type != pemCertificate {
		return nil, fmt.Errorf("the certificate of %s is missing", name)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the certificate of %s: %w", name, err)
	}
	block, b = pem.Decode(b)
	if block == nil || block.Type != pemKey {
		return nil, fmt.Errorf("the key of %s is missing", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the key of %s: %w", name, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("the key of %s is not that of its certificate", name)
	}
	c.cert, c.key = cert, key
	return b, nil
}
