// SPDX-License-Identifier: Apache-2.0

package udp_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/fixtures"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// atTheHandler is the hostile datagrams that are good messages: what to do with
// them is the handler's decision. Here it answers 2.05 to all that reach it.
var atTheHandler = map[string]string{
	"M54": "host that is not allowed", "M55": "scheme", "M56": "scheme",
	"M57": "dots", "M58": "slash", "M59": "CR LF", "M60": "NUL", "M61": "UTF-8",
	"M62": "Hop-Limit", "M75": "Content-Format", "M76": "Accept",
}

// blockwise is the ones about Block1 and Block2, which are not recognised as long
// as bodies are not put together from blocks.
var blockwise = map[string]bool{
	"M63": true, "M64": true, "M65": true, "M66": true, "M67": true, "M68": true, "M69": true,
}

func TestHostileDatagrams(t *testing.T) {
	datagrams, err := fixtures.HostileCoAP()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{}
	_, addr := serve(t, "127.0.0.1:0", endpoint.Options{Handler: s})
	for _, c := range datagrams {
		t.Run(c.ID+" "+c.Name, func(t *testing.T) {
			d := newDevice(t, addr)
			d.send(c.Bytes)
			// A ping behind it on the same path: what comes before its answer is
			// all that the datagram got. It also shows that the endpoint lives.
			ping := coap.Message{MessageID: 0xfffe}
			d.say(ping)
			var got []*coap.Message
			for waits := expectsAnswer(c); ; {
				m := d.must("answer to the ping")
				if m.Type == coap.Reset && m.MessageID == ping.MessageID {
					if !waits || len(got) > 0 {
						break
					}
					got = append(got, d.must("answer to the datagram")) // a handler is slower than a ping
					break
				}
				got = append(got, m)
			}
			calls := s.requests()
			judge(t, c, got, calls)
		})
	}
}

// expectsAnswer says whether the datagram is one to answer by a handler.
func expectsAnswer(c fixtures.Datagram) bool {
	switch wanted(c) {
	case "", "RST", "NON or nothing":
		return false
	}
	return true
}

// wanted reads what is required of the message layer.
func wanted(c fixtures.Datagram) string {
	switch {
	case blockwise[c.ID]:
		return "4.02"
	case atTheHandler[c.ID] != "":
		return "2.05"
	case c.ID == "M38":
		return "NON or nothing"
	case c.ID == "M70":
		return "2.05" // twelve hundred elective options
	case strings.HasPrefix(c.Required, "RST"):
		return "RST"
	case strings.Contains(c.Required, "ignored"):
		return "2.05"
	case strings.HasPrefix(c.Required, "4.") || strings.HasPrefix(c.Required, "2.") || strings.HasPrefix(c.Required, "5."):
		return c.Required[:4]
	default:
		return ""
	}
}

func judge(t *testing.T, c fixtures.Datagram, got []*coap.Message, calls []string) {
	t.Helper()
	want := wanted(c)
	if want == "" || want == "NON or nothing" && len(got) == 0 {
		if len(got) != 0 || len(calls) != 0 {
			t.Errorf("want it ignored (%s, %s): got %v, calls %v", c.Required, c.Clause, got, calls)
		}
		return
	}
	if len(got) != 1 {
		t.Fatalf("want %s (%s): got %d messages: %v", want, c.Clause, len(got), got)
	}
	m, id := got[0], binary.BigEndian.Uint16(c.Bytes[2:])
	confirmable := c.Bytes[0]>>4&3 == byte(coap.Confirmable)
	switch {
	case want == "RST":
		if m.Type != coap.Reset || m.MessageID != id || !m.Empty() || len(calls) != 0 {
			t.Errorf("want a Reset of %#04x (%s): got %v, calls %v", id, c.Clause, m, calls)
		}
		return
	case want == "NON or nothing":
		want = "4.02"
	}
	if m.Code.Dotted() != want {
		t.Errorf("want %s (%s): got %v", want, c.Clause, m)
	}
	if confirmable != (m.Type == coap.Acknowledgement) || confirmable && m.MessageID != id {
		t.Errorf("want it piggybacked to a CON, in a NON to a NON (%s): got %v", c.Clause, m)
	}
	if handled := want == "2.05" || want == "4.05"; handled != (len(calls) == 1) {
		t.Errorf("the handler saw %v", calls)
	}
}
