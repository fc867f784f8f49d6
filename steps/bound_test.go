// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

func user(name, password string) lab.User {
	sum := sha256.Sum256([]byte(password))
	return lab.User{
		Name: name, Password: password, Identity: name, Key: sum[:],
		Token: base64.StdEncoding.EncodeToString([]byte(name + ":" + password)),
	}
}

func TestAUserIsOtherwiseWhereAnyCredentialIs(t *testing.T) {
	texty := user("hello", "world")
	texty.Key = []byte(hex.EncodeToString(texty.Key))
	explicit := user("hello", "world")
	explicit.Key = []byte("0123456789abcdef")
	identified := user("hello", "world")
	identified.Identity = "device-17"
	for _, tt := range []struct {
		name string
		u    lab.User
		form lab.PSKForm
		want bool
	}{
		{"as the feature has it", user("hello", "world"), lab.Raw, false},
		{"in hex, as asked", texty, lab.Hex, false},
		{"in hex, not asked", texty, lab.Raw, true},
		{"an explicit key", explicit, lab.Raw, true},
		{"another name", user("device-17", "world"), lab.Raw, true},
		{"another password", user("hello", "sesame"), lab.Raw, true},
		{"another identity", identified, lab.Raw, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := otherwise(tt.u, "hello", "world", tt.form); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestCredentialsThatAFeatureWritesOutAreNobodysOnceTheUserIsBound(t *testing.T) {
	bound := NewWorld(nil)
	bound.users["hello"] = user("device-17", "sesame")
	bound.bound["hello"] = tokenBegins("hello", "world")
	fresh := NewWorld(nil)
	fresh.users["hello"] = user("hello", "world")
	for _, tt := range []struct {
		name string
		do   func(*World) error
		want bool // that it does not apply where the user is bound
	}{
		{"the right token", func(w *World) error { _, err := w.expand("http://h/?AuthToken=aGVsbG86d29ybGQ="); return err }, true},
		{"the printed token", func(w *World) error { _, err := w.expand("http://h/?AuthToken=aGVsbG86d29ybGQK"); return err }, true},
		{"its own token", func(w *World) error { _, err := w.expand("http://h/?AuthToken={token of hello}"); return err }, false},
		{"a wrong password", func(w *World) error { _, err := w.expand(`http://h/?AuthToken={Base64 of "hello:wrong"}`); return err }, false},
		{"the identity", func(w *World) error { return w.asWritten("olleh", "hello") }, true},
		{"nobody's identity", func(w *World) error { return w.asWritten("nobody") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(fresh); err != nil {
				t.Errorf("of a user as the feature has it: %v", err)
			}
			if err := tt.do(bound); (verdict.Of(err) == verdict.NotApplicable) != tt.want || !tt.want && err != nil {
				t.Errorf("of a bound user: %v", err)
			}
		})
	}
}

func TestACompositeAPIOfTheTargetsOwnIsCalledInOneWayAlone(t *testing.T) {
	for _, tt := range []struct {
		name     string
		existing bool
		method   coap.Code
		uri      string
		want     verdict.Verdict
	}{
		{"as it was seen", true, coap.GET, "http://h/orders?x", verdict.Pass},
		{"with another method", true, coap.DELETE, "http://h/orders?x", verdict.NotApplicable},
		{"another one", true, coap.DELETE, "http://h/stock", verdict.Pass},
		{"of the mock platform", false, coap.DELETE, "http://h/orders?x", verdict.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := NewWorld(nil)
			w.apis["orders"] = &compositeAPI{spec: mockrmp.API{Method: "GET"}, bound: lab.CompositeAPI{URL: "http://h/orders", Existing: tt.existing}}
			m := &coap.Message{Code: tt.method}
			m.AddString(coap.ProxyURI, tt.uri)
			if err := w.foreignAPI(m); verdict.Of(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
