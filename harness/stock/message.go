// SPDX-License-Identifier: Apache-2.0

package stock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
)

// Message is a request or a response in go-coap's own terms. The zero value is
// an Empty confirmable message.
type Message struct {
	Type    message.Type
	Code    codes.Code
	Options message.Options
	Payload []byte
}

// String is the message on one line, without its payload: "ACK 2.05 Content, 5
// bytes".
func (m *Message) String() string {
	kind := [...]string{"CON", "NON", "ACK", "RST"}
	name := fmt.Sprint(m.Type)
	if m.Type >= 0 && int(m.Type) < len(kind) {
		name = kind[m.Type]
	}
	code := m.Code.String()
	if m.Code > codes.DELETE {
		code = fmt.Sprintf("%d.%02d %s", m.Code>>5, m.Code&31, code)
	}
	return fmt.Sprintf("%s %s, %d bytes", name, code, len(m.Payload))
}

// path is the Uri-Path as a person reads it.
func (m *Message) path() string {
	var segments []string
	for _, o := range m.Options {
		if o.ID == message.URIPath {
			segments = append(segments, string(o.Value))
		}
	}
	return "/" + strings.Join(segments, "/")
}

// isRequest says whether m may be a request: a method (RFC 7252 §3) in a CON or
// a NON (Table 1).
func isRequest(t message.Type, c codes.Code) bool {
	return c != codes.Empty && c>>5 == 0 && (t == message.Confirmable || t == message.NonConfirmable)
}

// fill writes m into a message of go-coap's pool.
func (m *Message) fill(into *pool.Message) {
	into.SetType(m.Type)
	into.SetCode(m.Code)
	for _, o := range m.Options {
		into.AddOptionBytes(o.ID, o.Value)
	}
	if len(m.Payload) > 0 {
		into.SetBody(bytes.NewReader(m.Payload))
	}
}

// read copies a message of go-coap's pool, where it goes back to afterwards.
func read(from *pool.Message) (*Message, error) {
	m := &Message{Type: from.Type(), Code: from.Code()}
	for _, o := range from.Options() {
		m.Options = append(m.Options, message.Option{ID: o.ID, Value: slices.Clone(o.Value)})
	}
	if body := from.Body(); body != nil {
		_, err := body.Seek(0, io.SeekStart)
		payload, readErr := io.ReadAll(body)
		if err = errors.Join(err, readErr); err != nil {
			return nil, fmt.Errorf("the payload: %w", err)
		}
		m.Payload = payload
	}
	return m, nil
}
