// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"

	"github.com/coapstone/coapstone/gateway/secret"
)

// AuthToken is the name of the query parameter that carries the credentials of
// the platform: Base64(user name:password).
const AuthToken = "AuthToken"

// What is wrong with a token.
var (
	ErrNoToken    = errors.New("the query has no AuthToken")
	ErrManyTokens = errors.New("the query has more than one AuthToken")
	ErrBadToken   = errors.New("the AuthToken is not the Base64 of user:password")
)

// Credentials are a user name and a password.
type Credentials struct {
	User     string
	Password secret.Text
	// LineEnd says that the token held one line feed too many, as "echo" without
	// -n makes it and as the document prints it. It is no part of the password.
	LineEnd bool
}

// Basic is the value of an Authorization header (RFC 7617 §2).
func (c Credentials) Basic() secret.Text {
	return secret.Text("Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password.Reveal())))
}

// CutAuthToken cuts the AuthToken out of a query and reads it. The rest is the
// query byte for byte, without the parameter and the & beside it; ok is false
// when nothing was left of it, not even an empty argument.
//
// The value is Base64 with its padding, its characters + / = percent-encoded or
// as they are. Inside it, one line feed, or carriage return and line feed, at
// the end is dropped before the split at the first colon. No error repeats any
// part of the query.
func CutAuthToken(query string) (rest string, ok bool, c Credentials, err error) {
	var kept, tokens []string
	for argument := range strings.SplitSeq(query, "&") {
		// The name may be percent-encoded: it must not travel on like that either.
		name, value, _ := strings.Cut(argument, "=")
		if decoded, err := url.PathUnescape(name); err == nil && decoded == AuthToken {
			tokens = append(tokens, value)
		} else {
			kept = append(kept, argument)
		}
	}
	rest, ok = strings.Join(kept, "&"), len(kept) > 0
	switch len(tokens) {
	case 0:
		return rest, ok, c, ErrNoToken
	case 1:
		c, err = readToken(tokens[0])
		return rest, ok, c, err
	default:
		return rest, ok, c, ErrManyTokens
	}
}

func readToken(value string) (Credentials, error) {
	value, err := url.PathUnescape(value)
	if err != nil || strings.ContainsAny(value, "\r\n") { // which package base64 would skip
		return Credentials{}, ErrBadToken
	}
	b, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil {
		return Credentials{}, ErrBadToken
	}
	text := string(b)
	trimmed := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if !strings.HasSuffix(text, "\n") {
		trimmed = text
	}
	user, password, colon := strings.Cut(trimmed, ":")
	if !colon || strings.ContainsFunc(trimmed, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return Credentials{}, ErrBadToken // RFC 7617 §2: no control characters
	}
	return Credentials{User: user, Password: secret.Text(password), LineEnd: len(trimmed) != len(text)}, nil
}
