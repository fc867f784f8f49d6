// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
)

// kind is how an answer is written into the file.
type kind int

const (
	text      kind = iota
	list           // of words
	number         // also true and false
	source         // of a secret
	hookLine       // a hook on one line
	statement      // capabilities
)

// kindOf is how the answer with this key is written.
func kindOf(key string) kind {
	last := key[strings.LastIndex(key, ".")+1:]
	switch {
	case key == "declares", key == "denies":
		return statement
	case strings.HasPrefix(key, "hooks.") && strings.Count(key, ".") == 1:
		return hookLine
	case slices.Contains([]string{"gateway.coap", "gateway.coaps", "bench.addresses", "bench.reached"}, key):
		return list
	case strings.HasPrefix(key, "users.") && (last == "password" || last == "key"), key == "device.key":
		return source
	case strings.HasPrefix(key, "limits."), strings.HasPrefix(key, "bench.ports."), key == "bench.exchanges", strings.HasPrefix(key, "declares."):
		return number
	}
	return text
}

// valid says what is wrong with an answer. What depends on others is seen when the
// file is read.
func (d *Draft) valid(key, value string) error {
	if strings.ContainsFunc(value, unicode.IsControl) || !utf8.ValidString(value) {
		return errors.New("want one line of text")
	}
	switch kindOf(key) {
	case list:
		return validList(key, words(value))
	case source:
		_, _, err := parseSource(value)
		return err
	case hookLine:
		_, err := parseHook(value)
		return err
	case statement:
		return d.validStatement(value)
	case number:
		if _, err := parseNumber(value); err != nil {
			return err
		}
		return nil
	case text:
	}
	return validText(key, value)
}

func validText(key, value string) error {
	switch key {
	case "role":
		if !slices.Contains([]verdict.Role{verdict.Gateway, verdict.DeviceClient, verdict.DeviceServer}, verdict.Role(value)) {
			return fmt.Errorf("%q: want gateway, device-server or device-client", value)
		}
	case "device.coap", "device.coaps":
		return validList(key, []string{value})
	case "users.hello.psk-key":
		if !slices.Contains([]string{"raw", "hex", "explicit"}, value) {
			return fmt.Errorf("%q: want raw, hex or explicit", value)
		}
	case "device.calls.method":
		if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE"}, value) {
			return fmt.Errorf("%q: want GET, PUT, POST or DELETE", value)
		}
	case "device.calls.url":
		return validURL(value, "coap", "coaps")
	case "device.calls.api", "gateway.api", "platform.admin", "platform.http", "platform.https":
		return validURL(value, "http", "https")
	case "bench.boot", "bench.pause":
		if _, err := time.ParseDuration(value); err != nil {
			return fmt.Errorf("%q: want a time span with its unit, for example 30s", value)
		}
	}
	if strings.HasPrefix(key, "device.resources.") && !strings.HasPrefix(value, "/") {
		return fmt.Errorf("%q: want a path, for example /temperature", value)
	}
	return nil
}

func validList(key string, all []string) error {
	ports := strings.HasSuffix(key, ".coap") || strings.HasSuffix(key, ".coaps")
	for _, s := range all {
		if _, err := netip.ParseAddrPort(s); ports && err != nil {
			return fmt.Errorf("%q: want an IP address with a port, for example 192.0.2.10:5684", s)
		}
		if _, err := netip.ParseAddr(s); !ports && err != nil {
			return fmt.Errorf("%q: want an IP address without a port, for example 192.0.2.20", s)
		}
	}
	return nil
}

func validURL(s string, schemes ...string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("%q: want a URL with the scheme %s and a host", s, strings.Join(schemes, " or "))
	}
	return nil
}

// validStatement says which name is no capability of the role.
func (d *Draft) validStatement(value string) error {
	var known []string
	for _, c := range target.Capabilities() {
		if d.Role() == "" || c.For(d.Role()) {
			known = append(known, c.Name)
		}
	}
	for _, name := range words(value) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%q: want of %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// parseSource reads where a secret is.
func parseSource(s string) (kind, name string, err error) {
	kind, name, ok := strings.Cut(s, ":")
	if !ok || kind != "env" && kind != "file" || name == "" {
		// What was typed may be the secret itself: it is not repeated.
		return "", "", errors.New("a secret does not stand in a target file: say where it is, env:NAME or file:PATH")
	}
	return kind, name, nil
}

func parseNumber(s string) (any, error) {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return n, nil
	}
	if b, err := strconv.ParseBool(s); err == nil {
		return b, nil
	}
	return nil, fmt.Errorf("%q: want a number, or true or false", s)
}

// hookParts is a hook on one line, taken apart: one of the three is set.
type hookParts struct {
	command []string
	url     string
	person  string
}

// parseHook reads a hook: a URL, a sentence behind "person:", or a command with
// its arguments, which quotes hold together.
func parseHook(s string) (hookParts, error) {
	if person, ok := strings.CutPrefix(s, "person:"); ok {
		if person = strings.TrimSpace(person); person == "" {
			return hookParts{}, errors.New("say behind person: what somebody is to do")
		}
		return hookParts{person: person}, nil
	}
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		if err := validURL(strings.NewReplacer("{", "", "}", "").Replace(s), "http", "https"); err != nil {
			return hookParts{}, err
		}
		return hookParts{url: s}, nil
	}
	command, err := split(s)
	if err == nil && len(command) == 0 {
		err = errors.New("want a command, a URL, or a sentence behind the word person")
	}
	return hookParts{command: command}, err
}

// split takes a command apart at its spaces. Quotes, single or double, hold a word
// together; nothing else means anything.
func split(s string) ([]string, error) {
	var all []string
	var word strings.Builder
	var quote rune
	open := false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, open = r, true
		case r == ' ' || r == '\t':
			if open || word.Len() > 0 {
				all = append(all, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c is not closed", quote)
	}
	if open || word.Len() > 0 {
		all = append(all, word.String())
	}
	return all, nil
}
