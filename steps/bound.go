// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
)

// An external target binds a feature's user to one that exists there, with
// another name, password or key. What a feature writes out, a token or an identity
// with its key, is then nobody's: what it proves of a user that exists, it would
// prove of one that does not.

// otherwise says whether a user has other credentials than the feature gives it.
func otherwise(u lab.User, name, password string, form lab.PSKForm) bool {
	sum := sha256.Sum256([]byte(password))
	key := sum[:]
	if form == lab.Hex {
		key = []byte(hex.EncodeToString(key))
	}
	return u.Name != name || u.Password != password || u.Identity != name || !bytes.Equal(u.Key, key)
}

// tokenBegins is how every AuthToken of name and password begins, with a line end
// behind the password or without.
func tokenBegins(name, password string) string {
	plain := name + ":" + password
	return base64.StdEncoding.EncodeToString([]byte(plain[:len(plain)/3*3]))
}

// asWritten is nil unless one of the identities is that of a user who is bound to
// another one.
func (w *World) asWritten(identities ...string) error {
	for _, name := range identities {
		if _, ok := w.bound[name]; ok {
			return notAsWritten(name)
		}
	}
	return nil
}

// tokensAsWritten is nil unless the text holds the token of a user who is bound to
// another one.
func (w *World) tokensAsWritten(text string) error {
	for name, begins := range w.bound {
		if len(begins) > 0 && strings.Contains(text, begins) && !strings.HasPrefix(w.users[name].Token, begins) {
			return notAsWritten(name)
		}
	}
	return nil
}

func notAsWritten(name string) error {
	return verdict.DoesNotApply("the scenario writes out the credentials of %q, and the target file binds that user to other ones: bind it to a user with the name, the password and the key of the feature", name)
}

// foreignAPI is nil unless the request would call a Composite API that exists
// already with another method than the scenario has seen it answer to: what it does
// then nobody knows, and it may be no test.
func (w *World) foreignAPI(m *coap.Message) error {
	to, _ := m.Get(coap.ProxyURI)
	for name, api := range w.apis {
		if !api.bound.Existing || m.Code.Name() == api.spec.Method {
			continue
		}
		path := api.bound.URL
		if u, err := url.Parse(path); err == nil && u.Path != "" {
			path = u.Path
		}
		if strings.Contains(string(to), path) || strings.Contains(m.Path(), path) {
			return verdict.DoesNotApply("the Composite API %q exists already, and nobody knows what it does with %s: the mock platform does (platform in the target file)", name, m.Code.Name())
		}
	}
	return nil
}
