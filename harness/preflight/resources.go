// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/target"
)

// exchangeTimeout bounds one exchange: a slow resource may take its time, and a
// datagram may be lost.
const exchangeTimeout = 30 * time.Second

// resources looks at the resource map of a device.
func (c *check) resources(ctx context.Context) {
	d := c.t.Device
	for _, r := range []struct {
		name, capability string
		look             func(context.Context, *peer.Client, string) outcome
	}{
		{"readable", "", c.readable},
		{"stored", "stored-resource", c.stored},
		{"slow", "slow-resource", slow},
	} {
		path := d.Resource(r.name)
		if path == "" {
			continue
		}
		c.about(r.capability)
		c.step(ctx, "resource "+r.name+" "+path, func(ctx context.Context) outcome {
			return c.inExchange(ctx, func(ctx context.Context, client *peer.Client) outcome { return r.look(ctx, client, path) })
		})
	}
	c.others(ctx)
	if path := d.Resource("readable"); path != "" {
		c.optional(ctx, "block-wise", path, func(m *coap.Message) { m.AddUint(coap.Block2, 0) }, coap.Block2)
		c.optional(ctx, "observe", path, func(m *coap.Message) { m.AddUint(coap.Observe, 0) }, coap.Observe)
	}
}

// others looks whether the resources that scenarios ask for by other names are
// there.
func (c *check) others(ctx context.Context) {
	for _, use := range target.Resources() {
		resource := c.t.Device.Resources[use.Name]
		if slices.Contains([]string{"readable", "stored", "slow"}, use.Name) || !resource.Allows("GET") || !slices.Contains(use.Methods, "GET") {
			continue
		}
		c.step(ctx, "resource "+use.Name+" "+resource.Path, func(ctx context.Context) outcome {
			return c.inExchange(ctx, func(ctx context.Context, client *peer.Client) outcome {
				out, err := client.Exchange(ctx, request(coap.GET, resource.Path, ""))
				switch {
				case err != nil:
					return unlike(use.Name, "an answer to GET", err)
				case out.Response.Code.Class() != 2:
					return unlike(use.Name, "GET to be answered with success", out.Response.Code)
				}
				return well("GET is answered with %s", out.Response.Code)
			})
		})
	}
}

// inExchange opens a client to the device, in the way that has worked, and closes
// it.
func (c *check) inExchange(ctx context.Context, do func(context.Context, *peer.Client) outcome) outcome {
	if c.answering == nil {
		return skipped("nothing answers")
	}
	c.pause(ctx)
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	client, err := peer.Dial(ctx, c.answering.at, peer.Options{
		Name: "bench", Remote: "device", Local: netip.AddrPortFrom(c.local(c.answering.at), 0), Security: c.door,
	})
	if err != nil {
		return blocked("look whether the device is still there", "it answered before, and does not now: %v", err)
	}
	defer func() { _ = client.Close() }()
	return do(ctx, client)
}

// request is one for a path.
func request(code coap.Code, path, payload string) *coap.Message {
	m := &coap.Message{Type: coap.Confirmable, Code: code}
	m.AddPath(path)
	if payload != "" {
		m.AddUint(coap.ContentFormat, 0)
		m.Payload = []byte(payload)
	}
	return m
}

// unlike is the outcome when a resource is not what it is said to be good for.
func unlike(name, wanted string, got any) outcome {
	return untrue(fmt.Sprintf("correct the path or the methods of device.resources.%s, or write absent for it", name), "want %s, got %v", wanted, got)
}

// readable wants the same text each time.
func (c *check) readable(ctx context.Context, client *peer.Client, path string) outcome {
	const wanted = "2.05 Content with the same text each time"
	var first []byte
	for i := range 2 {
		out, err := client.Exchange(ctx, request(coap.GET, path, ""))
		switch {
		case err != nil:
			return unlike("readable", wanted, err)
		case out.Response.Code != coap.Content:
			return unlike("readable", wanted, out.Response.Code)
		case i == 0:
			first = out.Response.Payload
		case !bytes.Equal(first, out.Response.Payload):
			return unlike("readable", wanted, "another text the second time")
		}
	}
	return well("2.05 Content with %s, twice the same", octets(len(first)))
}

// stored wants what is put to be given back, and to go away.
func (c *check) stored(ctx context.Context, client *peer.Client, path string) outcome {
	const text = "coapstone"
	allowed := c.t.Device.Resources["stored"]
	steps := []struct {
		method string
		code   coap.Code
		text   string
		wanted []coap.Code
	}{
		{"PUT", coap.PUT, text, []coap.Code{coap.Created, coap.Changed}},
		{"GET", coap.GET, "", []coap.Code{coap.Content}},
		{"DELETE", coap.DELETE, "", []coap.Code{coap.Deleted}},
	}
	done := 0
	for _, s := range steps {
		if !allowed.Allows(s.method) {
			continue
		}
		wanted := fmt.Sprintf("%s to be answered with %s", s.method, oneOf(s.wanted))
		out, err := client.Exchange(ctx, request(s.code, path, s.text))
		switch {
		case err != nil:
			return unlike("stored", wanted, err)
		case !slices.Contains(s.wanted, out.Response.Code):
			return unlike("stored", wanted, out.Response.Code)
		case s.method == "GET" && allowed.Allows("PUT") && string(out.Response.Payload) != text:
			return unlike("stored", "what was put before", octets(len(out.Response.Payload))+" of something else")
		}
		done++
	}
	return well("methods tried, and answered as they should be: %d", done)
}

func oneOf(codes []coap.Code) string {
	var names []string
	for _, c := range codes {
		names = append(names, c.String())
	}
	return strings.Join(names, " or ")
}

// slow wants a separate response (RFC 7252 §5.2.2).
func slow(ctx context.Context, client *peer.Client, path string) outcome {
	const wanted = "an empty acknowledgement, and 2.05 Content behind it"
	out, err := client.Exchange(ctx, request(coap.GET, path, ""))
	switch {
	case err != nil:
		return unlike("slow", wanted, err)
	case out.Response.Code != coap.Content:
		return unlike("slow", wanted, out.Response.Code)
	case !out.Separate:
		return unlike("slow", wanted, "the response in the acknowledgement, after "+brief(out.RTT))
	}
	return well("2.05 Content in a separate response, after %s", brief(out.RTT))
}

// optional looks whether the device does what an option of a GET asks for: then
// the response has that option too.
func (c *check) optional(ctx context.Context, capability, path string, ask func(*coap.Message), option coap.OptionNumber) {
	c.about(capability)
	c.step(ctx, capability, func(ctx context.Context) outcome {
		return c.inExchange(ctx, func(ctx context.Context, client *peer.Client) outcome {
			m := request(coap.GET, path, "")
			ask(m)
			out, err := client.Exchange(ctx, m)
			switch {
			case err != nil:
				return skipped("no response to a GET of %s that asks for it: %v", path, err)
			case out.Response.Code != coap.Content:
				return skipped("a GET of %s that asks for it is answered with %s", path, out.Response.Code)
			}
			does := out.Response.Has(option)
			if does && option == coap.Observe {
				c.forget(ctx, client, out.Request)
			}
			return c.fits(capability, path, does)
		})
	})
}

// forget ends an observation (RFC 7641 §3.6).
func (c *check) forget(ctx context.Context, client *peer.Client, observed *coap.Message) {
	m := observed.Clone()
	m.MessageID = 0
	m.Remove(coap.Observe)
	m.AddUint(coap.Observe, 1)
	_, _ = client.Exchange(ctx, m) // what cannot be ended ends with the session
}

// fits compares the statement with what one resource showed.
func (c *check) fits(capability, path string, does bool) outcome {
	switch {
	case does && c.denied(capability):
		return untrue(fmt.Sprintf("write %s: true under declares", capability), "denies %s, and does it for %s", capability, path)
	case does && !c.declared[capability]:
		return well("not declared, and done all the same: write %s: true under declares to have it judged", capability)
	case does:
		return well("done for %s", path)
	case c.declared[capability]:
		return untrue(fmt.Sprintf("write %s: false under declares, or name a resource under device.resources.readable that has it", capability),
			"declares %s, and does not do it for %s", capability, path)
	default:
		return well("not declared, and not done for %s", path)
	}
}
