// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/coapstone/coapstone/gateway/mapping"
	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/call"
)

// CodeHeader is the response header that holds the CoAP code of the device's
// response: "4.04". The gateway's own answers never carry it.
const CodeHeader = "CoAP-Code"

// call has the connector called and hands the device's response on.
func (o Options) call(w http.ResponseWriter, r *http.Request) {
	var c outbound.Call
	if p := readJSON(w, r, &c, true); p != nil {
		p.write(w)
		return
	}
	name := r.PathValue("name")
	connector, ok := o.Store.Connector(name)
	if !ok {
		problem(http.StatusNotFound, "there is no connector %q", name).write(w)
		return
	}
	provider, ok := o.Store.Provider(connector.Provider)
	if !ok {
		problem(http.StatusNotFound, "there is no provider %q, which the connector %q needs", connector.Provider, name).write(w)
		return
	}
	result, err := o.Caller.Do(r.Context(), provider, connector, c)
	var failure *call.Error
	switch {
	case errors.As(err, &failure):
		WriteFailure(w, fmt.Sprintf("connector %q: ", name), failure)
	case err != nil:
		problem(http.StatusInternalServerError, "connector %q: %v", name, err).write(w)
	case result.Response == nil:
		writeJSON(w, http.StatusAccepted, sentOnly(result))
	default:
		writeResponse(w, result)
	}
}

// Sent is the body of 202: the message went out, and nothing comes back.
type Sent struct {
	// Sent is the message type, ACK or RST.
	Sent   string `json:"sent"`
	Detail string `json:"detail"`
}

func sentOnly(result *call.Result) Sent {
	messageType := result.Request.Message.Type.String()
	return Sent{messageType, fmt.Sprintf("the message was sent as %s; no answer is awaited, since RFC 7252 Table 1 knows requests as CON and NON only", messageType)}
}

// writeResponse maps a CoAP response to an HTTP one (RFC 8075 §6, §7).
func writeResponse(w http.ResponseWriter, result *call.Result) {
	response, h := result.Response, w.Header()
	status := mapping.StatusFromCode(response.Code, result.Request.Message.Code, len(response.Payload) > 0)
	h.Set(CodeHeader, response.Code.Dotted())
	h.Set("X-Content-Type-Options", "nosniff") // the payload is the device's
	if s := mapping.RetryAfterOf(response); s != "" {
		h.Set("Retry-After", s)
	}
	if location := result.Location(); location != "" {
		h.Set("Location", location)
	}
	bodyless := status == http.StatusNoContent || status == http.StatusNotModified
	if len(response.Payload) > 0 && !bodyless {
		h.Set("Content-Type", mapping.ContentTypeOf(response))
	}
	w.WriteHeader(status)
	if !bodyless {
		_, _ = w.Write(response.Payload)
	}
}
