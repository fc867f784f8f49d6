// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/request"
	"github.com/coapstone/coapstone/gateway/secret"
)

// users is the PSK store: identities and keys. It keeps no password. The zero
// value is an empty one, and all methods may be called at once.
type users struct {
	mu    sync.RWMutex
	known map[string]user
}

type user struct {
	key   []byte
	shown api.User // with masks for the secrets
}

var _ api.Users = (*users)(nil)

// put adds a user of the configuration.
func (us *users) put(u User) (created bool, err error) {
	return us.PutUser(u.Name, api.User{Password: u.Password, PSKKey: u.PSKKey, Key: u.Key})
}

// PutUser implements api.Users.
func (us *users) PutUser(name string, u api.User) (created bool, err error) {
	if err := u.Check(); err != nil {
		return false, err
	}
	key, err := pskKey(u)
	if err != nil {
		return false, err
	}
	if u.PSKKey == "" {
		u.PSKKey = api.Raw
	}
	shown := api.User{PSKKey: u.PSKKey, Password: mask(u.Password), Key: mask(u.Key)}
	us.mu.Lock()
	defer us.mu.Unlock()
	_, existed := us.known[name]
	if us.known == nil {
		us.known = map[string]user{}
	}
	us.known[name] = user{key, shown}
	return !existed, nil
}

// pskKey is a user's pre-shared key: the document's derivation, its hexadecimal
// digits for devices that take text alone, or a key of the user's own.
func pskKey(u api.User) ([]byte, error) {
	sum := sha256.Sum256([]byte(u.Password.Reveal()))
	switch u.PSKKey {
	case api.Hex:
		return []byte(hex.EncodeToString(sum[:])), nil
	case api.Explicit:
		return request.Key(u.Key)
	default:
		return sum[:], nil
	}
}

func mask(t secret.Text) secret.Text { return secret.Text(t.String()) }

// DeleteUser implements api.Users. Sessions that the user has go on.
func (us *users) DeleteUser(name string) bool {
	us.mu.Lock()
	defer us.mu.Unlock()
	_, existed := us.known[name]
	delete(us.known, name)
	return existed
}

// User implements api.Users.
func (us *users) User(name string) (api.User, bool) {
	us.mu.RLock()
	defer us.mu.RUnlock()
	u, ok := us.known[name]
	return u.shown, ok
}

// Users implements api.Users.
func (us *users) Users() map[string]api.User {
	us.mu.RLock()
	defer us.mu.RUnlock()
	all := make(map[string]api.User, len(us.known))
	for name, u := range us.known {
		all[name] = u.shown
	}
	return all
}

// key is the pre-shared key of an identity, for the DTLS layer.
func (us *users) key(identity string) ([]byte, bool) {
	us.mu.RLock()
	defer us.mu.RUnlock()
	u, ok := us.known[identity]
	return u.key, ok
}
