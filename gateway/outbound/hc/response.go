// SPDX-License-Identifier: Apache-2.0

package hc

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/outbound/call"
)

// write maps the device's response (RFC 7252 §10.2, RFC 8075 §6, §7).
func (h *handler) write(w http.ResponseWriter, r *http.Request, result *call.Result) {
	response, method := result.Response, result.Request.Message.Code
	status := mapping.StatusFromCode(response.Code, method, len(response.Payload) > 0)
	if response.Code == coap.Valid && !result.Request.Message.Has(coap.ETag) {
		status = http.StatusBadGateway // nothing was asked that a 2.03 would answer
	}
	_, wild, _ := mapping.EntityTags(r.Header.Values("If-None-Match"))
	if response.Code == coap.Content && method == coap.GET && wild {
		status = http.StatusNotModified // RFC 9110 §13.1.2: there is a representation
	}
	header := w.Header()
	header.Set(api.CodeHeader, response.Code.Dotted())
	header.Set("X-Content-Type-Options", "nosniff")
	if method == coap.GET && (response.Code == coap.Content || response.Code == coap.Valid) {
		header.Set("Cache-Control", mapping.CacheControl(response, result.Request.Secure))
		if len(response.All(coap.ETag)) > 0 {
			header.Set("ETag", mapping.EntityTag(response.All(coap.ETag)[0]))
		}
	}
	if s := mapping.RetryAfterOf(response); s != "" {
		header.Set("Retry-After", s)
	}
	if location := h.location(r, result); location != "" {
		header.Set("Location", location)
	}
	body := response.Payload
	if status == http.StatusNoContent || status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	if len(body) > 0 {
		header.Set("Content-Type", mapping.ContentTypeOf(response))
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		body = nil
	}
	if response.Code == coap.MethodNotAllowed && writeWithReason(w, r, status, "CoAP server returned 4.05 Method Not Allowed", body) {
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// location is where the device created a resource, as the URL under which this
// client reaches it (RFC 7252 §10.2.4).
func (h *handler) location(r *http.Request, result *call.Result) string {
	url := result.Location()
	if url == "" || forward(r) {
		return url
	}
	u, err := mapping.ParseURI(url)
	if err != nil {
		return ""
	}
	return Path + h.template.Pack(u)
}

// reasonTimeout bounds the writing of a response past net/http.
const reasonTimeout = 10 * time.Second

// writeWithReason writes a response with a reason phrase of its own, which
// RFC 8075 §7 note 7 wants and net/http does not write. It says false where
// there is no reason phrase to write, as in HTTP/2.
func writeWithReason(w http.ResponseWriter, r *http.Request, status int, reason string, body []byte) bool {
	if r.ProtoMajor != 1 {
		return false
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(reasonTimeout))
	header := w.Header().Clone()
	header.Set("Connection", "close")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + reason + "\r\n")
	_ = header.Write(&b)
	b.WriteString("\r\n")
	b.Write(body)
	_, _ = conn.Write(b.Bytes())
	return true
}

// Link is the link to the proxy in CoRE Link Format, with the attribute hct when
// the template is not the default (RFC 8075 §5.5). On the CoAP side it needs the
// HTTP origin as anchor; on the HTTP side that is "".
func Link(template, anchor string) string {
	link := "<" + Path + `>`
	if anchor != "" {
		link += `;anchor="` + anchor + `"`
	}
	link += `;rt="core.hc"`
	if template != "" && template != DefaultTemplate {
		link += `;hct="` + template + `"`
	}
	return link
}

// discover answers /.well-known/core with the one link that there is, when the
// query asks for it (RFC 6690 §4.1).
func (h *handler) discover(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		api.WriteProblem(w, http.StatusMethodNotAllowed, "%s is not for %s", r.Method, wellKnown)
		return
	}
	w.Header().Set("Content-Type", "application/link-format")
	if selects(r.URL.Query(), map[string]string{"rt": "core.hc", "href": Path, "hct": h.Template}) {
		_, _ = w.Write([]byte(Link(h.Template, "")))
	}
}

// selects says whether a filter takes a link with these attributes: one value
// each, with a wildcard at its end perhaps.
func selects(query map[string][]string, attributes map[string]string) bool {
	for name, values := range query {
		has, known := attributes[name]
		for _, v := range values {
			prefix, wild := strings.CutSuffix(v, "*")
			if !known || has != v && !(wild && strings.HasPrefix(has, prefix)) {
				return false
			}
		}
	}
	return true
}
