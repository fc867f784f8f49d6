// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"

	"github.com/coapstone/coapstone/gateway/outbound/request"
	"github.com/coapstone/coapstone/gateway/secret"
)

// PSKForm is how a user's pre-shared key is made.
type PSKForm string

// The forms.
const (
	Raw      PSKForm = "raw"      // the 32 bytes of SHA-256(password); the default
	Hex      PSKForm = "hex"      // the 64 hexadecimal digits of it, as text
	Explicit PSKForm = "explicit" // a key of its own
)

// User is a user whose devices open DTLS sessions with a pre-shared key; the
// identity is the user's name.
type User struct {
	// Password is what the key is made from, unless it is explicit.
	Password secret.Text `json:"password,omitempty"`
	// PSKKey is how; "" means Raw.
	PSKKey PSKForm `json:"pskKey,omitempty"`
	// Key is the explicit key: its UTF-8 bytes, or the bytes behind the prefix
	// "hex:".
	Key secret.Text `json:"key,omitempty"`
}

// Check refuses a user from whom no key can be made.
func (u User) Check() error {
	switch u.PSKKey {
	case "", Raw, Hex:
		if u.Password == "" || u.Password == secret.Mask {
			return fmt.Errorf("password: it is missing, or the mask that is shown in its place: send the password itself")
		}
		if u.Key != "" {
			return fmt.Errorf(`key: it is only for the pskKey "explicit"; this one is made from the password`)
		}
	case Explicit:
		if _, err := request.Key(u.Key); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	default:
		return errors.New("pskKey: this is no form of a key: want raw, hex or explicit") // which may be the key itself
	}
	return nil
}

// Users keeps the users of the gateway. Its methods may be called at once.
type Users interface {
	// PutUser adds or replaces a user, which has been checked, and says whether
	// it is new.
	PutUser(name string, u User) (created bool, err error)
	// DeleteUser says whether there was one.
	DeleteUser(name string) bool
	// User is the user of this name.
	User(name string) (User, bool)
	// Users is all users by name.
	Users() map[string]User
}
