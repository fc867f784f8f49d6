// SPDX-License-Identifier: Apache-2.0

package stock

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// maxProxyURI is the longest Proxy-Uri (RFC 7252 Table 4).
const maxProxyURI = 1034

// Caller is the stock device as a caller of Composite APIs: what it sends, it
// makes of a user's name and password.
type Caller struct {
	// URL is where a gateway takes messages: "coaps://192.0.2.1/coap2http".
	URL string
	// User and Password are the credentials on the platform.
	User, Password string
	// PSK asks for a pre-shared key over coaps, made of the credentials; HexKey
	// takes the digits of the hash for it instead of its bytes.
	PSK, HexKey bool
	// Roots is the trust store, ServerName what the gateway's certificate must be
	// for; empty is the host of the URL. Both are for coaps without PSK.
	Roots      *x509.CertPool
	ServerName string
	// Logger takes the errors of go-coap; nil is nowhere.
	Logger *slog.Logger
}

// Call calls the Composite API at a URL and waits for the response until ctx
// ends. A payload is UTF-8 text.
func (c *Caller) Call(ctx context.Context, method codes.Code, api, payload string) (*Message, error) {
	uri := c.proxyURI(api)
	if len(uri) > maxProxyURI {
		return nil, fmt.Errorf("the Proxy-Uri of %d bytes is too long: %d are the most (RFC 7252 Table 4)", len(uri), maxProxyURI)
	}
	req := &Message{Code: method, Payload: []byte(payload)}
	req.Options = append(req.Options, message.Option{ID: message.ProxyURI, Value: []byte(uri)})
	if payload != "" {
		req.Options = append(req.Options, message.Option{ID: message.ContentFormat}) // 0: text/plain, UTF-8
	}
	return Do(ctx, c.URL, req, c.security(), c.Logger)
}

// proxyURI is the URL of the Composite API with the AuthToken.
func (c *Caller) proxyURI(api string) string {
	separator := "?"
	if strings.Contains(api, "?") {
		separator = "&"
	}
	return api + separator + "AuthToken=" + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))
}

func (c *Caller) security() *Security {
	switch {
	case !strings.HasPrefix(c.URL, "coaps:"):
		return nil
	case !c.PSK:
		return &Security{Roots: c.Roots, ServerName: c.ServerName}
	}
	sum := sha256.Sum256([]byte(c.Password))
	key := sum[:]
	if c.HexKey {
		key = []byte(hex.EncodeToString(key))
	}
	return &Security{Identity: c.User, Key: key}
}
