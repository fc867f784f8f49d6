// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

func inRequestSteps() []Step {
	return []Step{
		{
			Expression: `the device sends a {type} {method} to {string} with Proxy-Scheme and the Uri options of {string}`,
			Doc:        "A request whose target stands in the options Proxy-Scheme, Uri-Host, Uri-Port, Uri-Path and Uri-Query (RFC 7252 §5.10.2) instead of Proxy-Uri. The first path is one more, before the target's; it may be empty.",
			Example:    `When the device sends a confirmable GET to "" with Proxy-Scheme and the Uri options of "{orders}?P_mode=TEST&AuthToken={token of hello}"`,
			Run: func(ctx context.Context, w *World, a Args) error {
				text, err := w.expand(a.String(3))
				if err != nil {
					return err
				}
				rows, err := uriOptions(text)
				if err != nil {
					return err
				}
				return w.request(ctx, a.Type(0), a.Method(1), a.String(2), rows)
			},
		},
	}
}

// uriOptions takes an http or https URI apart as RFC 7252 §6.4 does with a coap
// one, and writes it as rows of an options table.
func uriOptions(text string) ([][]string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, verdict.Broken(err, "the URI of the step: want an absolute one")
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	rows := [][]string{
		{coap.ProxyScheme.String(), u.Scheme},
		{coap.URIHost.String(), host},
	}
	port := u.Port()
	if port == "" { // the default of the request's own scheme, coap, would be another one
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	rows = append(rows, []string{coap.URIPort.String(), port})
	for segment := range strings.SplitSeq(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return nil, verdict.Broken(err, "the path of the step's URI")
		}
		rows = append(rows, []string{coap.URIPath.String(), decoded})
	}
	if u.RawQuery == "" {
		return rows, nil
	}
	for argument := range strings.SplitSeq(u.RawQuery, "&") {
		decoded, err := url.PathUnescape(argument)
		if err != nil {
			return nil, verdict.Broken(err, "the query of the step's URI")
		}
		rows = append(rows, []string{coap.URIQuery.String(), decoded})
	}
	return rows, nil
}

// Placeholders of option values alone.
const ownURI = "{gateway}"

var filler = regexp.MustCompile(`\{filler to ([0-9]+) bytes\}`)

// cell is the text of an option's value with its placeholders replaced, the
// filler last, when the length of the others is known.
func (w *World) cell(s string) (string, error) {
	if strings.Contains(s, ownURI) {
		own, err := w.gatewayURI()
		if err != nil {
			return "", err
		}
		s = strings.ReplaceAll(s, ownURI, own)
	}
	s, err := w.expand(s)
	if err != nil {
		return "", err
	}
	return fill(s)
}

// gatewayURI is the coap URI of the gateway, as the device reaches it.
func (w *World) gatewayURI() (string, error) {
	for _, a := range w.Stage.Gateway().CoAP {
		if a.Addr().Is6() == w.device.ipv6 {
			return "coap://" + a.String(), nil
		}
	}
	return "", verdict.DoesNotApply("the gateway does not serve coap over %s", family(w.device.ipv6))
}

// fill replaces the one filler in s.
func fill(s string) (string, error) {
	at := filler.FindStringSubmatchIndex(s)
	if at == nil {
		return s, nil
	}
	before, after := s[:at[0]], s[at[1]:]
	n, err := strconv.Atoi(s[at[2]:at[3]])
	if missing := n - len(before) - len(after); err == nil && missing > 0 && !filler.MatchString(after) {
		return before + strings.Repeat("x", missing) + after, nil
	}
	return "", verdict.Broken(err, "a filler to %s bytes beside %d bytes: want one filler, and room for it", s[at[2]:at[3]], len(before)+len(after))
}
