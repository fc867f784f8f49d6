// SPDX-License-Identifier: Apache-2.0

package stock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	coapdtls "github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/pkg/runner/periodic"
	coapudp "github.com/plgd-dev/go-coap/v3/udp"
	"github.com/plgd-dev/go-coap/v3/udp/client"
)

// The default ports of coap and coaps (RFC 7252 §6.1, §6.2).
const (
	defaultPort       = 5683
	defaultSecurePort = 5684
)

// ErrReset says that the other end rejected the request with a Reset.
var ErrReset = errors.New("the request was answered with a Reset")

// maxTransmitWait is how long a client waits when ctx has no deadline: the
// longest that a confirmable message can go unanswered (RFC 7252 §4.8.2).
const maxTransmitWait = 93 * time.Second

// tick is how often go-coap looks for what it must repeat; its own is 4 s.
const tick = 100 * time.Millisecond

// Do sends one request to a coap or coaps URL and waits for its response until
// ctx ends. Path and query of the URL become Uri-Path and Uri-Query, a host
// name becomes Uri-Host (RFC 7252 §6.4); type, code, the other options and the
// payload are those of req, and message id and token are go-coap's. security is
// needed for coaps. Errors of go-coap go to log, nil is nowhere.
func Do(ctx context.Context, rawURL string, req *Message, security *Security, log *slog.Logger) (*Message, error) {
	to, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if !isRequest(req.Type, req.Code) {
		return nil, fmt.Errorf("%s: the stock device sends requests, in CON or NON", req)
	}
	if to.secure && security == nil {
		return nil, fmt.Errorf("%s: coaps needs a PSK identity and key, or the roots to trust", rawURL)
	}
	ctx, cancel := context.WithTimeout(ctx, maxTransmitWait)
	defer cancel()
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	conn, err := to.dial(ctx, security, abort, logger(log))
	if err != nil {
		return nil, err
	}
	resp, err := exchange(ctx, conn, to.request(req))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	closeErr := conn.Close()
	<-conn.Done()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Code, rawURL, err)
	}
	return resp, closeErr
}

func exchange(ctx context.Context, conn *client.Conn, m *Message) (*Message, error) {
	token, err := message.GetToken()
	if err != nil {
		return nil, fmt.Errorf("a token: %w", err)
	}
	out := conn.AcquireMessage(ctx)
	defer conn.ReleaseMessage(out)
	m.fill(out)
	out.SetToken(token)
	in, err := conn.Do(out)
	if err != nil {
		return nil, err
	}
	defer conn.ReleaseMessage(in)
	return read(in)
}

// target is where a URL leads.
type target struct {
	secure  bool
	host    string
	address string
	options message.Options
}

func parseURL(raw string) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, fmt.Errorf("URL %q: %w", raw, err)
	}
	port := defaultPort
	switch strings.ToLower(u.Scheme) {
	case "coap":
	case "coaps":
		port = defaultSecurePort
	default:
		return target{}, fmt.Errorf("URL %q: want coap://host/path or coaps://host/path", raw)
	}
	if u.Hostname() == "" || u.Fragment != "" || u.User != nil {
		return target{}, fmt.Errorf("URL %q: want a host, and neither user nor fragment (RFC 7252 §6.1)", raw)
	}
	t := target{secure: port == defaultSecurePort, host: u.Hostname()}
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil || port < 1 || port > 65535 {
			return target{}, fmt.Errorf("URL %q: want a port from 1 to 65535", raw)
		}
	}
	t.address = net.JoinHostPort(t.host, strconv.Itoa(port))
	if net.ParseIP(strings.SplitN(t.host, "%", 2)[0]) == nil {
		t.options = append(t.options, message.Option{ID: message.URIHost, Value: []byte(strings.ToLower(t.host))})
	}
	if path := strings.TrimPrefix(u.EscapedPath(), "/"); path != "" {
		if err := t.split(message.URIPath, path, "/", url.PathUnescape); err != nil {
			return target{}, fmt.Errorf("URL %q: %w", raw, err)
		}
	}
	if u.RawQuery != "" {
		// Not QueryUnescape: in a coap URL a plus sign is a plus sign.
		if err := t.split(message.URIQuery, u.RawQuery, "&", url.PathUnescape); err != nil {
			return target{}, fmt.Errorf("URL %q: %w", raw, err)
		}
	}
	return t, nil
}

func (t *target) split(id message.OptionID, s, separator string, unescape func(string) (string, error)) error {
	for part := range strings.SplitSeq(s, separator) {
		value, err := unescape(part)
		if err != nil {
			return err
		}
		if len(value) > 255 {
			return fmt.Errorf("a %s of %d bytes: 255 are the most", optionNames[id], len(value))
		}
		t.options = append(t.options, message.Option{ID: id, Value: []byte(value)})
	}
	return nil
}

// request is req with the options that the URL stands for.
func (t *target) request(req *Message) *Message {
	m := *req
	m.Options = append(slices.Clone(t.options), req.Options...)
	return &m
}

var optionNames = map[message.OptionID]string{message.URIPath: "Uri-Path", message.URIQuery: "Uri-Query"}

// dial connects. go-coap shakes hands in its first read, without any limit of
// time: the handshake is made here, within ctx.
func (t *target) dial(ctx context.Context, security *Security, abort context.CancelCauseFunc, log *slog.Logger) (*client.Conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "udp", t.address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.address, err)
	}
	opts := []coapudp.Option{
		options.WithContext(ctx),
		options.WithCloseSocket(),
		options.WithPeriodicRunner(periodic.New(ctx.Done(), tick)),
		options.WithErrors(func(err error) { log.DebugContext(ctx, "go-coap client", "error", err) }),
		monitorOption(func(m *pool.Message) {
			if m.Type() == message.Reset {
				abort(ErrReset)
			}
		}),
	}
	if !t.secure {
		udp, ok := raw.(*net.UDPConn)
		if !ok {
			return nil, errors.Join(fmt.Errorf("%s: a socket of the type %T", t.address, raw), raw.Close())
		}
		return coapudp.Client(udp, opts...), nil
	}
	conn, err := dtls.ClientWithOptions(dtlsnet.PacketConnFromConn(raw), raw.RemoteAddr(), security.clientOptions(t.host)...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("DTLS with %s: %w", t.address, err), raw.Close())
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("DTLS with %s: %w", t.address, err)
	}
	return coapdtls.Client(conn, opts...), nil
}

// monitorOption sees every message that comes to a client; go-coap has such an
// option for servers alone.
type monitorOption func(*pool.Message)

// UDPClientApply sets the monitor.
func (o monitorOption) UDPClientApply(cfg *client.Config) {
	cfg.RequestMonitor = func(_ *client.Conn, m *pool.Message) (drop bool, err error) {
		o(m)
		return false, nil
	}
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
