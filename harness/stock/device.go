// SPDX-License-Identifier: Apache-2.0

package stock

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/plgd-dev/go-coap/v3/udp/client"
)

// defaultSlowness is longer than ACK_TIMEOUT, so that only a separate response
// is in time.
const defaultSlowness = 3 * time.Second

// device is the resources.
type device struct {
	ctx     context.Context // ends with the server; slow answers run in it
	log     *slog.Logger
	slowFor time.Duration
	running sync.WaitGroup

	mu     sync.Mutex
	test   *representation
	closed bool
}

// representation is what a resource holds.
type representation struct {
	format  message.MediaType
	payload []byte
}

func newDevice(ctx context.Context, o Options) *device {
	d := &device{
		ctx: ctx, log: logger(o.Logger), slowFor: o.SlowFor,
		test: &representation{message.TextPlain, []byte("This is a test.")},
	}
	if d.slowFor == 0 {
		d.slowFor = defaultSlowness
	}
	return d
}

// links is /.well-known/core (RFC 6690).
const links = `</hello>;title="Says world",</test>;title="Keeps what is put there",` +
	`</echo>;title="Gives back what is sent",</slow>;title="Takes its time"`

// answer is what a resource says; nil is an answer that comes later.
type answer struct {
	code codes.Code
	rep  *representation
}

func (d *device) serve(w mux.ResponseWriter, r *mux.Message) {
	req, err := read(r.Message)
	if err != nil {
		d.log.WarnContext(r.Context(), "a request that cannot be read", "error", err)
		return
	}
	// Options and payload may hold credentials.
	d.log.InfoContext(r.Context(), "request", "message", req.String(), "path", req.path(), "from", w.Conn().RemoteAddr())
	a := d.answer(w, req, slices.Clone(r.Token()))
	if a == nil {
		return // go-coap acknowledges what is not answered
	}
	if a.rep == nil {
		err = w.SetResponse(a.code, message.TextPlain, nil)
	} else {
		err = w.SetResponse(a.code, a.rep.format, bytes.NewReader(a.rep.payload))
	}
	if err != nil {
		d.log.WarnContext(r.Context(), "an answer that cannot be set", "error", err)
	}
}

// understood is the critical options that the device acts on, or may ignore
// because it has one name, one port, no query and no other representation.
var understood = map[message.OptionID]bool{
	message.URIHost: true, message.URIPort: true, message.URIPath: true, message.URIQuery: true,
	message.Accept: true, message.Block1: true, message.Block2: true,
}

// refuse is the answer to a request with a critical option that the device does
// not understand, which go-coap leaves to its handlers (RFC 7252 §5.4.1), or that
// asks it to be a proxy (§5.10.2).
func refuse(req *Message) *answer {
	var a *answer
	for _, o := range req.Options {
		switch {
		case o.ID == message.ProxyURI || o.ID == message.ProxyScheme:
			return &answer{codes.ProxyingNotSupported, nil}
		case o.ID%2 == 1 && !understood[o.ID]:
			a = &answer{codes.BadOption, nil}
		}
	}
	return a
}

func (d *device) answer(w mux.ResponseWriter, req *Message, token message.Token) *answer {
	if a := refuse(req); a != nil {
		return a
	}
	switch req.path() {
	case "/.well-known/core":
		return only(req, codes.GET, &answer{codes.Content, &representation{message.AppLinkFormat, []byte(links)}})
	case "/hello":
		return only(req, codes.GET, &answer{codes.Content, text("world")})
	case "/echo":
		return echo(req)
	case "/test":
		return d.keep(req)
	case "/slow":
		if req.Code != codes.GET {
			return &answer{codes.MethodNotAllowed, nil}
		}
		if conn, ok := w.Conn().(*client.Conn); ok {
			d.answerLater(conn, req, token)
		}
		return nil
	default:
		return &answer{codes.NotFound, nil}
	}
}

func text(s string) *representation { return &representation{message.TextPlain, []byte(s)} }

func only(req *Message, method codes.Code, a *answer) *answer {
	if req.Code != method {
		return &answer{codes.MethodNotAllowed, nil}
	}
	return a
}

func sent(req *Message) *representation {
	format, err := req.Options.ContentFormat()
	if err != nil {
		format = message.AppOctets
	}
	return &representation{format, req.Payload}
}

func echo(req *Message) *answer {
	switch req.Code {
	case codes.GET:
		return &answer{codes.Content, text(req.path())}
	case codes.POST, codes.PUT:
		if len(req.Payload) == 0 {
			return &answer{codes.Changed, nil}
		}
		return &answer{codes.Changed, sent(req)}
	case codes.DELETE:
		return &answer{codes.Deleted, nil}
	default:
		return &answer{codes.MethodNotAllowed, nil}
	}
}

// keep is a resource that holds one representation (RFC 7252 §5.8).
func (d *device) keep(req *Message) *answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch req.Code {
	case codes.GET:
		if d.test == nil {
			return &answer{codes.NotFound, nil}
		}
		return &answer{codes.Content, d.test}
	case codes.PUT, codes.POST:
		a := &answer{codes.Changed, nil}
		if d.test == nil {
			a.code = codes.Created
		}
		d.test = sent(req)
		return a
	case codes.DELETE:
		d.test = nil
		return &answer{codes.Deleted, nil}
	default:
		return &answer{codes.MethodNotAllowed, nil}
	}
}

// answerLater sends a separate response once the time has passed. go-coap
// acknowledges a request whose handler sets nothing, and the handler must not
// wait: it holds up its peer's other requests.
func (d *device) answerLater(to *client.Conn, req *Message, token message.Token) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.running.Go(func() {
		timer := time.NewTimer(d.slowFor)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-d.ctx.Done():
			return
		case <-to.Done():
			return
		}
		ctx, cancel := context.WithTimeout(d.ctx, maxTransmitWait)
		defer cancel()
		m := to.AcquireMessage(ctx)
		defer to.ReleaseMessage(m)
		m.SetType(req.Type)
		m.SetMessageID(to.GetMessageID())
		m.SetCode(codes.Content)
		m.SetToken(token)
		m.SetContentFormat(message.TextPlain)
		m.SetBody(strings.NewReader("at last"))
		write := to.WriteMessage
		if req.Type == message.NonConfirmable {
			write = to.Session().WriteMessage // the other one makes a CON of it
		}
		if err := write(m); err != nil {
			d.log.WarnContext(ctx, "nobody acknowledged the slow answer", "error", err)
		}
	})
}

// close waits for the answers that are still to come; ctx has ended.
func (d *device) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.running.Wait()
}
