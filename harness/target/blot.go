// SPDX-License-Identifier: Apache-2.0

package target

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/gateway/secret"
)

// shortest is how long a secret, or a form of it, must be to be looked for within
// a text: shorter ones would be found everywhere.
const shortest = 4

// blotter blots secrets out of texts: those that it knows, in every usual form,
// and what by its place looks like one.
type blotter struct {
	exact []string
	forms *strings.Replacer
}

func newBlotter(secrets []secret.Text) *blotter {
	b := &blotter{}
	var all []string
	for _, s := range secrets {
		plain := s.Reveal()
		b.exact = append(b.exact, plain)
		all = append(all, plain, url.QueryEscape(plain), url.PathEscape(plain),
			hex.EncodeToString([]byte(plain)), strings.ToUpper(hex.EncodeToString([]byte(plain))))
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			all = append(all, e.EncodeToString([]byte(plain)))
		}
	}
	// Of two that begin alike the longer one is to go.
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, form := range slices.Compact(all) {
		if len(form) >= shortest {
			pairs = append(pairs, form, secret.Mask)
		}
	}
	b.forms = strings.NewReplacer(pairs...)
	return b
}

// known blots out the secrets that are known.
func (b *blotter) known(s string) string {
	if s != "" && slices.Contains(b.exact, s) {
		return secret.Mask
	}
	return b.forms.Replace(s)
}

func (b *blotter) all(m map[string]string) map[string]string {
	r := map[string]string{}
	for k, v := range m {
		r[k] = b.url(v)
	}
	return r
}

// url is a text without the secrets that are known. A URL stays one: where a password
// such as coap or 5683 would leave none, its scheme, a port and an address are kept.
func (b *blotter) url(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !slices.Contains([]string{"http", "https", "coap", "coaps"}, strings.ToLower(scheme)) {
		return b.known(s)
	}
	if whole := b.known(rest); sameHost(rest, whole) {
		return scheme + "://" + whole
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#{"); i >= 0 {
		end = i
	}
	return scheme + "://" + b.authority(rest[:end]) + b.known(rest[end:])
}

// sameHost says whether what is left of a URL behind its scheme still has a port
// and, where it had one, its address.
func sameHost(before, after string) bool {
	host := func(s string) (string, bool) {
		s, _, _ = strings.Cut(variable.ReplaceAllString(strings.ReplaceAll(s, secret.Mask, "x"), "x"), "{")
		u, err := url.Parse("http://" + s)
		if err != nil {
			return "", false
		}
		return u.Hostname(), true
	}
	was, _ := host(before)
	is, ok := host(after)
	_, err := netip.ParseAddr(was)
	return ok && (err != nil || was == is)
}

var port = regexp.MustCompile(`:[0-9]{1,5}$`)

func (b *blotter) authority(s string) string {
	user, host, found := strings.Cut(s, "@")
	if !found {
		user, host = "", s
	} else {
		user = b.known(user) + "@"
	}
	number := port.FindString(host)
	host = strings.TrimSuffix(host, number)
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil {
		host = b.known(host)
	}
	return user + host + number
}

// What names a secret. In a sentence for a person fewer words do: "press the key:"
// is no secret.
const (
	markers       = `pass|pwd|secret|token|key|psk|auth|cred|cookie|session|signature|sig\b`
	spokenMarkers = `password|passwd|passphrase|secret|token|pin\b`
	markedValue   = `("(?:[^"\\]|\\.)*"|'[^']*'|\{[a-z][a-z0-9-]*\}|["']?[^\s&,;"'}]+)`
	around        = `[\w-]*`
	between       = `["']?\s*[=:]\s*`
)

var (
	userInfo      = regexp.MustCompile(`(://)([^/?#\s@"']+)@`)
	authorization = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization\s*:\s*)([^"'\r\n]+)`)
	named         = regexp.MustCompile(`(?i)(` + around + `(?:` + markers + `)` + around + between + `)` + markedValue)
	spoken        = regexp.MustCompile(`(?i)(\b(?:` + spokenMarkers + `)` + between + `)` + markedValue)
	flagged       = regexp.MustCompile(`(?i)((?:^|\s)(?:-[uk]|--[\w-]*(?:user|` + markers + `)[\w-]*)\s+)` + markedValue)
	flagAlone     = regexp.MustCompile(`(?i)^(?:-[uk]|--[\w-]*(?:user|` + markers + `)[\w-]*)$`)
)

// guessed blots out what is known, and what stands where secrets stand: before the
// @ of a URL, behind a word such as password or token.
func (b *blotter) guessed(s string) string {
	s = blotUserInfo(b.url(s))
	s = authorization.ReplaceAllStringFunc(s, func(m string) string {
		at := authorization.FindStringSubmatch(m)
		return at[1] + credentials(at[2])
	})
	return blotValues(named, s)
}

// told is guessed for a sentence to a person.
func (b *blotter) told(s string) string { return blotValues(spoken, blotUserInfo(b.known(s))) }

// argument is guessed for an argument of a program, behind the one before it.
func (b *blotter) argument(before, s string) string {
	if s != "" && flagAlone.MatchString(before) {
		return blotValue(s)
	}
	return blotValues(flagged, b.guessed(s))
}

// header is the value of a header field: shown where the field is known to hold no
// secret, or where only variables stand there.
func (b *blotter) header(name, value string) string {
	switch strings.ToLower(name) {
	case "accept", "accept-charset", "accept-language", "cache-control", "content-type", "user-agent":
		return b.known(value)
	}
	return credentials(value)
}

// scheme is the name of a way to authenticate, in front of what is secret.
var scheme = regexp.MustCompile(`(?i)^(basic|bearer|digest|token|apikey)\s+`)

// credentials is the value of a header field, without what is secret in it.
func credentials(value string) string {
	if variable.ReplaceAllString(scheme.ReplaceAllString(value, ""), "") == "" {
		return value
	}
	return secret.Mask
}

func blotUserInfo(s string) string {
	return userInfo.ReplaceAllStringFunc(s, func(m string) string {
		if variable.ReplaceAllString(m, "") == "://:@" || variable.ReplaceAllString(m, "") == "://@" {
			return m
		}
		return "://" + secret.Mask + "@"
	})
}

// blotValues blots out the second group of each match.
func blotValues(re *regexp.Regexp, s string) string {
	return re.ReplaceAllStringFunc(s, func(m string) string {
		at := re.FindStringSubmatch(m)
		return at[1] + blotValue(at[2])
	})
}

// blotValue is the mask, between quotes where there were some; a value that is
// variables alone stays.
func blotValue(s string) string {
	bare := strings.Trim(s, `"'`)
	if variable.ReplaceAllString(bare, "") == "" {
		return s
	}
	if q := s[0]; len(s) > 1 && (q == '"' || q == '\'') && s[len(s)-1] == q {
		return string(q) + secret.Mask + string(q)
	}
	return secret.Mask
}
