// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone/harness/stock"
)

func newDevice() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "device",
		Short: "Play a device, to try things by hand",
		Long: `Play a device, to try things by hand. The stock device is go-coap's client or
server: another stack than the gateway's. The stubborn device is what stands on a
vendor's desk. Neither judges anything.`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDeviceClient(), newDeviceServer(), newDeviceStubborn(), newDevicePress())
	return cmd
}

// deviceSecurity is the flags about DTLS. Keys come from files: an argument
// would show in the process list.
type deviceSecurity struct {
	identity, keyFile          string
	certificate, privateKey    string
	roots, serverName, logFile string
}

func (d *deviceSecurity) pskFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.identity, "identity", "", "the PSK identity `NAME`")
	cmd.Flags().StringVar(&d.keyFile, "key-file", "", "the `FILE` whose first line is the PSK key: text, or hex digits behind hex:")
	cmd.Flags().StringVar(&d.logFile, "key-log", "", "append the secrets of DTLS sessions to `FILE`: it opens recordings of them")
}

// security is what the flags say; nil without any.
func (d *deviceSecurity) security() (_ *stock.Security, done func(), err error) {
	s := &stock.Security{Identity: d.identity, ServerName: d.serverName}
	done = func() {}
	if (d.identity == "") != (d.keyFile == "") {
		return nil, done, usagef("--identity and --key-file go together")
	}
	if d.keyFile != "" {
		if s.Key, err = readKey(d.keyFile); err != nil {
			return nil, done, err
		}
	}
	if (d.certificate == "") != (d.privateKey == "") {
		return nil, done, usagef("--certificate and --private-key go together")
	}
	if d.certificate != "" {
		c, err := tls.LoadX509KeyPair(d.certificate, d.privateKey)
		if err != nil {
			return nil, done, usagef("cannot use the certificate %s with the key %s: %w", d.certificate, d.privateKey, err)
		}
		s.Certificates = []tls.Certificate{c}
	}
	if d.roots != "" {
		b, err := os.ReadFile(d.roots)
		if err != nil {
			return nil, done, usagef("cannot read the roots: %w", err)
		}
		s.Roots = x509.NewCertPool()
		if !s.Roots.AppendCertsFromPEM(b) {
			return nil, done, usagef("%s holds no certificate: want PEM", d.roots)
		}
	}
	if s.Identity == "" && s.Certificates == nil && s.Roots == nil {
		return nil, done, nil
	}
	if d.logFile != "" {
		f, err := os.OpenFile(d.logFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, done, usagef("cannot write the key log: %w", err)
		}
		s.KeyLog, done = f, func() { _ = f.Close() }
	}
	return s, done, nil
}

func readKey(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("cannot read the key: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimSuffix(line, "\r")
	digits, isHex := strings.CutPrefix(line, "hex:")
	if !isHex {
		return []byte(line), nil
	}
	key, err := hex.DecodeString(digits)
	if err != nil {
		return nil, usagef("%s: what stands behind hex: is not hexadecimal", file)
	}
	return key, nil
}

// clientFlags is the flags of device client.
type clientFlags struct {
	deviceSecurity
	nonConfirmable bool
	proxyURI       string
	payload        string
	format, accept int
	timeout        time.Duration
	verbose        bool
}

func newDeviceClient() *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "client METHOD URL",
		Short: "Send one request and print the response",
		Long: `Send one request and print the response: its type and code to the standard
error, its payload to the standard output.`,
		Example: `  coapstone device client GET coap://127.0.0.1/hello
  coapstone device client POST coap://127.0.0.1/echo --payload 21.5
  coapstone device client GET coaps://127.0.0.1/coap2http --identity hello --key-file hello.key \
      --proxy-uri "http://127.0.0.1:8080/live/acme/host/plant/service/orders?P_mode=TEST&AuthToken=$(coapstone key authtoken hello < password.txt)"`,
		Args: exactly("METHOD: GET, POST, PUT or DELETE", "URL, as in coap://127.0.0.1/hello"),
		RunE: func(cmd *cobra.Command, args []string) error { return callDevice(cmd, f, args[0], args[1]) },
	}
	fs := cmd.Flags()
	fs.BoolVar(&f.nonConfirmable, "non", false, "send the request non-confirmable")
	fs.StringVar(&f.proxyURI, "proxy-uri", "", "the option Proxy-Uri: `URI`")
	fs.StringVar(&f.payload, "payload", "", "the payload `TEXT`; @FILE is a file, @- the standard input")
	fs.IntVar(&f.format, "content-format", -1, "the option Content-Format: `N`")
	fs.IntVar(&f.accept, "accept", -1, "the option Accept: `N`")
	for _, name := range []string{"content-format", "accept"} {
		fs.Lookup(name).DefValue = "0" // -1 means that the option is absent: not worth a word in the help
	}
	fs.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long to wait for the response")
	f.pskFlags(cmd)
	fs.StringVar(&f.roots, "roots", "", "trust the certificates in this PEM `FILE`")
	fs.StringVar(&f.serverName, "server-name", "", "the `NAME` that the certificate must be for, instead of the URL's host")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "log more")
	return cmd
}

func callDevice(cmd *cobra.Command, f clientFlags, method, to string) error {
	req, err := f.request(cmd, method)
	if err != nil {
		return err
	}
	if u, err := url.Parse(to); err != nil || u.Host == "" || (u.Scheme != "coap" && u.Scheme != "coaps") {
		return usagef("%q: want a coap or coaps URL, such as coap://127.0.0.1/hello", to)
	}
	security, done, err := f.security()
	if err != nil {
		return err
	}
	defer done()
	if strings.HasPrefix(to, "coaps:") && security == nil {
		return usagef("%s: coaps needs --identity with --key-file, or --roots", to)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	log := logger(cmd, f.verbose)
	if !f.verbose {
		log = nil
	}
	resp, err := stock.Do(ctx, to, req, security, log)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return environmentError{fmt.Errorf("%s: no response within %s", to, f.timeout)}
	case err != nil:
		return environmentError{err}
	}
	_, _ = fmt.Fprintln(cmd.ErrOrStderr(), resp)
	_, err = cmd.OutOrStdout().Write(resp.Payload)
	return err
}

// request is the request that the flags describe.
func (f clientFlags) request(cmd *cobra.Command, method string) (*stock.Message, error) {
	methods := map[string]codes.Code{"GET": codes.GET, "POST": codes.POST, "PUT": codes.PUT, "DELETE": codes.DELETE}
	code, ok := methods[strings.ToUpper(method)]
	if !ok {
		return nil, usagef("method %q: want GET, POST, PUT or DELETE", method)
	}
	m := &stock.Message{Type: message.Confirmable, Code: code}
	if f.nonConfirmable {
		m.Type = message.NonConfirmable
	}
	for _, o := range []struct {
		id    message.OptionID
		flag  string
		value int
	}{{message.ContentFormat, "content-format", f.format}, {message.Accept, "accept", f.accept}} {
		if o.value < -1 || o.value > 0xffff {
			return nil, usagef("--%s %d: want 0 to 65535", o.flag, o.value)
		}
		if o.value >= 0 {
			m.Options = append(m.Options, message.Option{ID: o.id, Value: shortUint(uint16(o.value))})
		}
	}
	if f.proxyURI != "" {
		m.Options = append(m.Options, message.Option{ID: message.ProxyURI, Value: []byte(f.proxyURI)})
	}
	var err error
	m.Payload, err = f.readPayload(cmd.InOrStdin())
	return m, err
}

// shortUint is a number of up to two bytes as an option has it (RFC 7252 §3.2).
func shortUint(n uint16) []byte {
	return bytes.TrimLeft(binary.BigEndian.AppendUint16(nil, n), "\x00")
}

func (f clientFlags) readPayload(stdin io.Reader) ([]byte, error) {
	name, isFile := strings.CutPrefix(f.payload, "@")
	var b []byte
	var err error
	switch {
	case !isFile:
		return []byte(f.payload), nil
	case name == "-":
		b, err = io.ReadAll(stdin)
	default:
		b, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, usagef("cannot read the payload: %w", err)
	}
	return b, nil
}

func newDeviceServer() *cobra.Command {
	var security deviceSecurity
	var o stock.Options
	var verbose bool
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serve /hello, /test, /echo and /slow",
		Long: `Serve /hello, /test, /echo and /slow over coap, or over coaps when a key or a
certificate is given, until it is interrupted.`,
		Example: `  coapstone device server
  coapstone device server --listen 127.0.0.1:5684 --identity gateway --key-file gateway.key
  coapstone device server --listen 127.0.0.1:5684 --certificate device.pem --private-key device.key`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, done, err := security.security()
			if err != nil {
				return err
			}
			defer done()
			o.Security, o.Logger = s, logger(cmd, verbose)
			return serveDevice(cmd, o)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.Addr, "listen", "127.0.0.1:5683", "listen on `ADDR`")
	fs.DurationVar(&o.SlowFor, "slow-for", 3*time.Second, "how long /slow takes")
	security.pskFlags(cmd)
	fs.StringVar(&security.certificate, "certificate", "", "show this certificate chain, a PEM `FILE`")
	fs.StringVar(&security.privateKey, "private-key", "", "its private key, a PEM `FILE`")
	fs.BoolVarP(&verbose, "verbose", "v", false, "log more")
	return cmd
}

func serveDevice(cmd *cobra.Command, o stock.Options) error {
	ctx := cmd.Context()
	s, err := stock.Serve(context.WithoutCancel(ctx), o)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return environmentError{fmt.Errorf("cannot serve on %s: another program uses the port: stop that, or give another address with --listen", o.Addr)}
	case err != nil:
		return environmentError{err}
	}
	scheme := "coap"
	if o.Security != nil {
		scheme = "coaps"
	}
	bound(cmd, scheme, s.Addr())
	failed := make(chan error, 1)
	go func() { failed <- s.Wait() }()
	return untilDone(ctx, failed, func(context.Context) error { return s.Close() })
}
