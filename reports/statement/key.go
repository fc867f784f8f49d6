// SPDX-License-Identifier: Apache-2.0

package statement

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"
)

// Kind is a kind of key.
type Kind string

// The kinds.
const (
	ECDSAP256 Kind = "ecdsa-p256" // ECDSA on P-256, over SHA-256: cosign's own
	Ed25519   Kind = "ed25519"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{ECDSAP256, Ed25519} }

// howToMakeOne is the next step of whoever has no usable key.
const howToMakeOne = "`coapstone key signing --out FILE` makes one"

// Signer is an operator's private key.
type Signer struct {
	key  dsse.SignerVerifier
	kind Kind
}

// Key is the public key of somebody whose word is taken.
type Key struct {
	// Name says where it came from; the file's name, when ParseKey read it.
	Name string

	key  dsse.SignerVerifier
	kind Kind
}

// Kind is what kind of key it is.
func (k *Key) Kind() Kind { return k.kind }

// Fingerprint names the key for people and in envelopes: "SHA256:" and Base64,
// as ssh-keygen -l prints it.
func (k *Key) Fingerprint() string { return fingerprint(k.key) }

// Fingerprint is that of its public half.
func (s *Signer) Fingerprint() string { return fingerprint(s.key) }

// Kind is what kind of key it is.
func (s *Signer) Kind() Kind { return s.kind }

// Key is its public half.
func (s *Signer) Key() *Key { return &Key{Name: "the signer's own key", key: s.key, kind: s.kind} }

func fingerprint(k dsse.SignerVerifier) string {
	id, err := k.KeyID()
	if err != nil {
		return "" // never: load has set it
	}
	return id
}

// ParseSigner reads a private key in PEM: PKCS#8, SEC 1, or cosign's encrypted
// form, for which it asks for the passphrase. A nil passphrase is none to be had.
// name is that of the file, for errors.
func ParseSigner(name string, text []byte, passphrase func() ([]byte, error)) (*Signer, error) {
	block, err := onlyKey(name, text)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(block.Type, "ENCRYPTED ") {
		if block, err = decrypt(name, block, passphrase); err != nil {
			return nil, err
		}
	}
	k, kind, private, err := load(name, block)
	if err != nil {
		return nil, err
	}
	if !private {
		return nil, fmt.Errorf("%s: this is a public key: signing needs the private one that belongs to it", name)
	}
	return &Signer{key: k, kind: kind}, nil
}

// ParseKey reads a public key in PEM: PKIX. name is that of the file.
func ParseKey(name string, text []byte) (*Key, error) {
	block, err := onlyKey(name, text)
	if err != nil {
		return nil, err
	}
	if strings.Contains(block.Type, "PRIVATE KEY") {
		return nil, fmt.Errorf("%s: this is a private key, and should be with its owner alone: verify with the public one that belongs to it", name)
	}
	k, kind, _, err := load(name, block)
	if err != nil {
		return nil, err
	}
	return &Key{Name: name, key: k, kind: kind}, nil
}

// onlyKey is the one key of a PEM file.
func onlyKey(name string, text []byte) (*pem.Block, error) {
	var found *pem.Block
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type == "EC PARAMETERS" { // what openssl ecparam -genkey puts before the key
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s: there is more than one PEM block (%s, %s): leave the key alone in it", name, found.Type, block.Type)
		}
		found = block
	}
	if found == nil {
		return nil, fmt.Errorf("%s: there is no key in it: want PEM, \"-----BEGIN …\"; %s", name, howToMakeOne)
	}
	return found, nil
}

// decrypt opens cosign's form of a private key.
func decrypt(name string, block *pem.Block, passphrase func() ([]byte, error)) (*pem.Block, error) {
	if block.Type != "ENCRYPTED SIGSTORE PRIVATE KEY" && block.Type != "ENCRYPTED COSIGN PRIVATE KEY" {
		return nil, fmt.Errorf("%s: %s: of encrypted keys only cosign's can be read: `openssl pkey -in %s -out PLAIN.pem` takes the encryption off",
			name, strings.ToLower(block.Type), name)
	}
	if passphrase == nil {
		return nil, fmt.Errorf("%s: the key is encrypted, and there is no passphrase: give one in COSIGN_PASSWORD", name)
	}
	phrase, err := passphrase()
	if err != nil {
		return nil, fmt.Errorf("%s: the key is encrypted: %w", name, err)
	}
	der, err := encrypted.Decrypt(block.Bytes, phrase)
	if err != nil {
		return nil, fmt.Errorf("%s: the key cannot be decrypted: is the passphrase right? (%w)", name, err)
	}
	return &pem.Block{Type: signerverifier.PrivateKeyPEM, Bytes: der}, nil
}

// load is a key of a PEM block, and whether its private half is there.
func load(name string, block *pem.Block) (k dsse.SignerVerifier, kind Kind, private bool, err error) {
	lib, err := signerverifier.LoadKey(pem.EncodeToMemory(block))
	if err != nil {
		return nil, "", false, fmt.Errorf("%s: %s: want an ECDSA key on P-256 or an Ed25519 key; %s (%w)", name, strings.ToLower(block.Type), howToMakeOne, err)
	}
	private = lib.KeyVal.Private != ""
	open := func() (dsse.SignerVerifier, error) { return signerverifier.NewED25519SignerVerifierFromSSLibKey(lib) }
	switch lib.KeyType {
	case signerverifier.ECDSAKeyType:
		kind = ECDSAP256
		open = func() (dsse.SignerVerifier, error) { return signerverifier.NewECDSASignerVerifierFromSSLibKey(lib) }
	case signerverifier.ED25519KeyType:
		kind = Ed25519
	default:
		return nil, "", false, fmt.Errorf("%s: a key of the type %s: want ECDSA on P-256 or Ed25519; %s", name, lib.KeyType, howToMakeOne)
	}
	if k, err = open(); err != nil {
		return nil, "", false, fmt.Errorf("%s: %w", name, err)
	}
	if public, ok := k.Public().(*ecdsa.PublicKey); ok && public.Curve != elliptic.P256() {
		return nil, "", false, fmt.Errorf("%s: an ECDSA key on %s: want one on P-256; %s", name, public.Curve.Params().Name, howToMakeOne)
	}
	// The library's own default id is of a form that nobody else prints. This one
	// is its dsse package's, which is what cosign compares an envelope's with.
	if lib.KeyID, err = dsse.SHA256KeyID(k.Public()); err != nil {
		return nil, "", false, fmt.Errorf("%s: %w", name, err)
	}
	k, err = open()
	return k, kind, private, err
}

// Generate makes a key pair: the private key as PKCS#8, the public one as PKIX,
// both in PEM.
func Generate(kind Kind) (private, public []byte, err error) {
	var secret crypto.Signer
	switch kind {
	case ECDSAP256:
		secret, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case Ed25519:
		_, secret, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, nil, fmt.Errorf("type %q: want one of %v", kind, Kinds())
	}
	if err != nil {
		return nil, nil, err
	}
	secretDER, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return nil, nil, err
	}
	publicDER, err := x509.MarshalPKIXPublicKey(secret.Public())
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	if err := pem.Encode(&b, &pem.Block{Type: signerverifier.PrivateKeyPEM, Bytes: secretDER}); err != nil {
		return nil, nil, err
	}
	return b.Bytes(), pem.EncodeToMemory(&pem.Block{Type: signerverifier.PublicKeyPEM, Bytes: publicDER}), nil
}
