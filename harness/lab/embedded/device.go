// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/stage"
	"github.com/coapstone/coapstone/harness/stock"
)

// slowness is how long the slow resource of the stock device takes.
const slowness = 500 * time.Millisecond

// stockDevice is the stock device in this process as the device under test.
type stockDevice struct {
	logger *slog.Logger
}

// About is what it is.
func (stockDevice) About() string { return "stock device (go-coap), in process" }

// Call calls a Composite API.
func (d stockDevice) Call(ctx context.Context, e lab.Errand) (lab.Report, error) {
	c := stock.Caller{
		URL: e.URL, User: e.User, Password: e.Password, PSK: e.PSK, HexKey: e.Form == lab.Hex,
		Roots: e.Roots, ServerName: e.ServerName, Logger: d.logger,
	}
	m, err := c.Call(ctx, codes.Code(e.Method), e.API, e.Payload)
	if err != nil {
		return lab.Report{Known: true, Failure: err.Error()}, nil //nolint:nilerr // the errand failed, not the lab
	}
	return lab.Report{Known: true, Code: coap.Code(m.Code), Payload: m.Payload}, nil //nolint:gosec // a code is a byte
}

// Serve serves coap and coaps.
func (d stockDevice) Serve(ctx context.Context, s lab.Serving) (lab.Served, func() error, error) {
	ctx = context.WithoutCancel(ctx) // it lives until stop
	plain, err := stock.Serve(ctx, stock.Options{Addr: s.CoAP.String(), SlowFor: slowness, Logger: d.logger})
	if err != nil {
		return lab.Served{}, nil, err
	}
	secure, err := stock.Serve(ctx, stock.Options{
		Addr: s.CoAPS.String(), SlowFor: slowness, Logger: d.logger,
		Security: &stock.Security{Identity: s.Identity, Key: s.Key, Certificates: []tls.Certificate{s.Certificate}},
	})
	if err != nil {
		return lab.Served{}, nil, errors.Join(err, plain.Close())
	}
	return lab.Served{
		CoAP: plain.Addr(), CoAPS: secure.Addr(),
		DefaultPorts: true, Name: stage.TestedName, Roots: s.Roots, Identity: s.Identity, Key: s.Key,
		Resources: map[lab.Resource]string{lab.Readable: "/hello", lab.Stored: "/test", lab.Slow: "/slow"},
	}, func() error { return errors.Join(plain.Close(), secure.Close()) }, nil
}
