// SPDX-License-Identifier: Apache-2.0

package call

import (
	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

// Location is where the device says that it created a resource, as an absolute
// CoAP URL (RFC 7252 §5.10.7, §6.5); "" if it does not say.
func (r *Result) Location() string {
	if r.Response == nil || r.Response.Code != coap.Created || r.Request.Message.Has(coap.ProxyURI) {
		return "" // behind a proxy the location is not relative to this remote
	}
	path, query := r.Response.All(coap.LocationPath), r.Response.All(coap.LocationQuery)
	if len(path) == 0 && len(query) == 0 {
		return ""
	}
	var created coap.Message
	if r.Request.Host != "" {
		created.AddString(coap.URIHost, r.Request.Host)
	}
	for _, segment := range path {
		created.Add(coap.URIPath, segment)
	}
	for _, argument := range query {
		created.Add(coap.URIQuery, argument)
	}
	scheme := "coap"
	if r.Request.Secure {
		scheme = "coaps"
	}
	url, err := mapping.ComposeURI(scheme, &created, r.Remote, r.Request.Secure)
	if err != nil {
		return "" // a segment of dots: what the device says names nothing
	}
	return url.String()
}
