// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/harness/credential"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
)

// Placeholders in the text of a step:
//
//	{orders}                  the URL of the Composite API or of the device "orders"
//	{host of sensor}          the host of the device "sensor", without a port
//	{address of sensor}       the host and the port of it
//	{token of hello}          the AuthToken of the user "hello"
//	{escaped token of hello}  the same, percent-encoded
//	{tool's token of hello}   the same, as the token tool prints it
//	{password of hello}       the password of the user "hello"
//	{key of hello}            the pre-shared key, in hexadecimal digits
//	{Base64 of "a:b"}         the Base64 form of any text
//	{1000 letters}            so many letters x
//
// Braces with anything else between them, such as JSON, stand for themselves,
// and so do the variables of a connector: ${name}.
var placeholder = regexp.MustCompile(`\$?\{(?:(token of|escaped token of|tool's token of|password of|key of|host of|address of) ([^{}]+)|(Base64 of) ("(?:[^"\\]|\\.)*")|([0-9]{1,4}) letters|([A-Za-z][\w-]*))\}`)

// expand replaces the placeholders in s.
func (w *World) expand(s string) (string, error) {
	var failed error
	out := placeholder.ReplaceAllStringFunc(s, func(whole string) string {
		if strings.HasPrefix(whole, "$") || failed != nil {
			return whole
		}
		m := placeholder.FindStringSubmatch(whole)
		if n, err := strconv.Atoi(m[5]); err == nil {
			return strings.Repeat("x", n)
		}
		value, err := w.resolve(m[1]+m[3], m[2]+m[4], m[6])
		if err != nil {
			failed = fmt.Errorf("%s: %w", whole, err)
		}
		return value
	})
	if failed == nil {
		failed = w.tokensAsWritten(out)
	}
	return out, failed
}

func (w *World) resolve(what, of, name string) (string, error) {
	switch what {
	case "token of", "escaped token of", "tool's token of", "password of", "key of":
		u, ok := w.users[of]
		if !ok {
			return "", notNamed("user", of, maps.Keys(w.users))
		}
		return credentialOf(u, what)
	case "Base64 of":
		text, err := strconv.Unquote(of)
		if err != nil {
			return "", verdict.Broken(err, "the text of %s", of)
		}
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	case "host of", "address of":
		d, err := w.servedDevice(of)
		if err != nil {
			return "", err
		}
		if what == "address of" {
			return d.addr.String(), nil
		}
		return d.host(), nil
	}
	if api, ok := w.apis[name]; ok {
		return api.bound.URL, nil
	}
	if d, ok := w.served[name]; ok {
		return d.url(), nil
	}
	return "", notNamed("Composite API or device", name, slices.Values(append(slices.Collect(maps.Keys(w.apis)), slices.Collect(maps.Keys(w.served))...)))
}

// credentialOf is what a placeholder asks of a user.
func credentialOf(u lab.User, what string) (string, error) {
	switch what {
	case "escaped token of":
		return url.QueryEscape(u.Token), nil
	case "tool's token of":
		token, err := credential.AuthToken(u.Name, u.Password)
		if err != nil {
			return "", verdict.Broken(err, "the token tool")
		}
		return token, nil
	case "password of":
		return u.Password, nil
	case "key of":
		return hex.EncodeToString(u.Key), nil
	default:
		return u.Token, nil
	}
}

// notNamed is the error for a name that no step has introduced.
func notNamed(what, name string, have func(func(string) bool)) error {
	known := slices.Sorted(have)
	if len(known) == 0 {
		return verdict.Broken(nil, "no %s is called %q: a Given must introduce it first", what, name)
	}
	return verdict.Broken(nil, "no %s is called %q: the scenario has %s", what, name, strings.Join(known, ", "))
}
