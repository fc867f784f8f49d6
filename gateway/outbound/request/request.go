// SPDX-License-Identifier: Apache-2.0

package request

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/secret"
)

// MaxPayload is the longest body of a request in bytes, 1 MiB: it goes out block
// by block (RFC 7959).
const MaxPayload = 1 << 20

// maxForced is the longest payload of an ACK or RST, to which no answer comes, so
// that there is no block-wise transfer (RFC 7252 §4.6).
const maxForced = 1024

// Request is what a call sends, and where to.
type Request struct {
	// Message has type, code, options and payload; message id and token are the
	// sender's to set.
	Message *coap.Message
	// Secure says that it goes over DTLS.
	Secure bool
	// Host is the name to resolve; "" when the URL names the address, Addr.
	Host string
	Addr netip.Addr
	Port uint16
	// PSK holds the credentials; nil with Secure means certificates.
	PSK *PSK
	// Timeout bounds the whole call. It is never more than MaxTimeout.
	Timeout time.Duration
}

// PSK is a pre-shared key as bytes, with its identity.
type PSK struct {
	Identity string
	Key      []byte
}

// String shows the identity alone.
func (p PSK) String() string { return p.Identity }

// GoString shows the identity alone.
func (p PSK) GoString() string { return fmt.Sprintf("request.PSK{Identity: %q}", p.Identity) }

// ServerName is what the device's certificate must be for: the host of the URL,
// or its address.
func (r *Request) ServerName() string {
	if r.Host != "" {
		return r.Host
	}
	return r.Addr.String()
}

// Awaited says whether an answer can come: not to an ACK or RST, which answer
// nothing and are answered by nothing (RFC 7252 Table 1).
func (r *Request) Awaited() bool {
	return r.Message.Type == coap.Confirmable || r.Message.Type == coap.NonConfirmable
}

// Build makes the request that the call describes.
func Build(p outbound.Provider, c outbound.Connector, call outbound.Call) (*Request, error) {
	environment, err := pick(p, c.Provider, call.Mode)
	if err != nil {
		return nil, err
	}
	v := variables{call.Variables, p.Variables}
	url, where, err := fullURL(environment, c, v)
	if err != nil {
		return nil, err
	}
	to, err := parseTarget(where, url)
	if err != nil {
		return nil, err
	}
	r := &Request{Secure: to.secure, Host: to.host, Addr: to.addr, Port: to.port}
	if r.PSK, err = credentials(environment.Authentication, to.secure); err != nil {
		return nil, err
	}
	parameters, err := readParameters(c.Parameters, v, true)
	if err != nil {
		return nil, err
	}
	r.Timeout = parameters.timeout
	if r.Message, err = message(c, v); err != nil {
		return nil, err
	}
	r.Message.Type = parameters.messageType
	if n := len(r.Message.Payload); n > maxForced && !r.Awaited() {
		return nil, refuse("body", "%d bytes long: at most %d fit into one message, and an %s is not answered, so that no further block can follow (RFC 7252 §4.6, RFC 7959 §2.5): use CON or NON", n, maxForced, r.Message.Type)
	}
	if parameters.proxyURI != "" {
		// Uri-* must not stand beside Proxy-Uri (RFC 7252 §5.10.2): of the
		// provider's URL, the proxy's host and port are what counts.
		r.Message.AddString(coap.ProxyURI, parameters.proxyURI)
	} else {
		to.addOptions(r.Message)
	}
	if problems := r.Message.CheckOptions(nil); len(problems) > 0 {
		return nil, refuse(where, "%s", problems[0])
	}
	return r, nil
}

// modes is the three environments, the default first.
var modes = []outbound.Mode{outbound.Live, outbound.Test, outbound.Acceptance}

func pick(p outbound.Provider, name string, mode outbound.Mode) (outbound.Environment, error) {
	if mode == "" {
		mode = outbound.Live
	}
	if !slices.Contains(modes, mode) {
		return outbound.Environment{}, refuse("mode", "%q is no environment: want TEST, ACCEPTANCE or LIVE, or none for LIVE", mode)
	}
	environment, ok := p.Environments[mode]
	if !ok {
		var has []string
		for _, m := range slices.Sorted(maps.Keys(p.Environments)) {
			has = append(has, string(m))
		}
		return environment, refuse("mode", "the provider %q has no %s environment, it has %s: add it to the provider, or call in another mode", name, mode, strings.Join(has, ", "))
	}
	return environment, nil
}

// fullURL is the URL of the call with its variables filled in, and where it comes from.
func fullURL(environment outbound.Environment, c outbound.Connector, v variables) (url, where string, err error) {
	if c.DynamicEndpoint != "" {
		url, err = v.expandURL("dynamicEndpoint", c.DynamicEndpoint)
		return url, "dynamicEndpoint", err
	}
	base, err := v.expandURL("the provider's url", environment.URL)
	if err != nil {
		return "", "", err
	}
	part, err := v.expandPart("url", c.URL)
	if err != nil {
		return "", "", err
	}
	url, err = join("url", base, part)
	return url, "url", err
}

// message is the method, the media types and the body of a connector.
func message(c outbound.Connector, v variables) (*coap.Message, error) {
	m := new(coap.Message)
	texts := map[string]string{"method": c.Method, "accept": c.Accept, "content": c.Content, "body": c.Body}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		text, err := v.expand(name, texts[name])
		if err != nil {
			return nil, err
		}
		texts[name] = text
	}
	var err error
	if m.Code, err = readMethod(texts["method"]); err != nil {
		return nil, err
	}
	if format, ok, err := readMediaType("accept", texts["accept"]); err != nil {
		return nil, err
	} else if ok {
		m.AddUint(coap.Accept, uint32(format))
	}
	format, ok, err := readMediaType("content", texts["content"])
	if err != nil {
		return nil, err
	}
	m.Payload = []byte(texts["body"])
	if err := checkBody(m.Code, len(m.Payload)); err != nil {
		return nil, err
	}
	if ok && len(m.Payload) > 0 { // the option says what the payload is (RFC 7252 §5.10.3)
		m.AddUint(coap.ContentFormat, uint32(format))
	}
	return m, nil
}

func readMethod(method string) (coap.Code, error) {
	for _, code := range []coap.Code{coap.GET, coap.POST, coap.PUT, coap.DELETE} {
		if method == code.String() {
			return code, nil
		}
	}
	return 0, refuse("method", "%q is no method: want GET, POST, PUT or DELETE", method)
}

// readMediaType is the Content-Format of a media type; ok is false where none
// was asked for.
func readMediaType(where, mediaType string) (format coap.Format, ok bool, err error) {
	if mediaType == "" || where == "accept" && mediaType == "*/*" {
		return 0, false, nil
	}
	format, known := mapping.FormatFromContentType(mediaType)
	if !known {
		return 0, false, refuse(where, "the media type %q has no CoAP Content-Format (RFC 7252 §12.3): want one that has, such as application/json or text/plain (text goes out as UTF-8)", mediaType)
	}
	return format, true, nil
}

func checkBody(method coap.Code, length int) error {
	if length > 0 && (method == coap.GET || method == coap.DELETE) {
		return refuse("body", "a %s carries no payload (RFC 7252 §5.5, §5.8): take the body away, or use POST or PUT", method)
	}
	if length > MaxPayload {
		return refuse("body", "%d bytes long: %d are the most", length, MaxPayload)
	}
	return nil
}

// credentials is the key as bytes.
func credentials(a *outbound.Authentication, secure bool) (*PSK, error) {
	if a == nil {
		return nil, nil
	}
	if !secure {
		return nil, refuse("authentication", "coap has no authentication scheme, the request would go out unencrypted: use coaps, or take the authentication away")
	}
	key, err := Key(a.Key)
	if err != nil {
		return nil, refuse("authentication.key", "%s", err)
	}
	return &PSK{a.Identity, key}, nil
}

// Key is a typed key as bytes: the bytes behind the prefix "hex:", else the
// UTF-8 bytes of the text. An error never shows any of it.
func Key(typed secret.Text) ([]byte, error) {
	digits, isHex := strings.CutPrefix(typed.Reveal(), "hex:")
	switch {
	case typed == "", isHex && digits == "":
		return nil, fmt.Errorf("the key is empty: want text, or hex: and hexadecimal digits")
	case typed == secret.Mask:
		return nil, fmt.Errorf("the key is the mask that is shown in its place: send the key itself")
	case !isHex:
		return []byte(typed.Reveal()), nil
	}
	key, err := hex.DecodeString(digits)
	if err != nil { // its text would show a part of the key
		return nil, fmt.Errorf("behind hex: stands an odd number of digits, or something that is no hexadecimal digit")
	}
	return key, nil
}
