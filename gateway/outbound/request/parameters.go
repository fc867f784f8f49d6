// SPDX-License-Identifier: Apache-2.0

package request

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/mapping"
)

// The advanced parameters of a connector. The document calls the second one
// proxi-URI and proxy-URI; it is one parameter.
const (
	MessageType = "message-type"
	ProxiURI    = "proxi-URI"
	ProxyURI    = "proxy-URI"
	Timeout     = "timeout"
)

// MaxTimeout is the default and the maximum of the parameter timeout.
const MaxTimeout = 30000 * time.Millisecond

// parameters are the advanced parameters, read.
type parameters struct {
	messageType coap.Type
	proxyURI    string // "" for none
	timeout     time.Duration
}

// readParameters fills in the variables of the advanced parameters and reads
// them. When it is not yet the call, those with variables are left alone.
func readParameters(given map[string]string, v variables, atCall bool) (parameters, error) {
	p := parameters{messageType: coap.Confirmable, timeout: MaxTimeout}
	proxyFrom := ""
	for _, name := range slices.Sorted(maps.Keys(given)) {
		where, value := "parameters."+name, given[name]
		var err error
		switch {
		case !slices.Contains([]string{MessageType, ProxiURI, ProxyURI, Timeout}, name):
			return p, refuse(where, "there is no such parameter: want %s, %s (or %s) or %s", MessageType, ProxiURI, ProxyURI, Timeout)
		case !atCall && hasVariables(value):
			if _, err := split(where, value); err != nil {
				return p, err
			}
			continue
		case name == ProxiURI || name == ProxyURI:
			value, err = v.expandURL(where, value)
		default:
			value, err = v.expand(where, value)
		}
		if err != nil {
			return p, err
		}
		switch name {
		case MessageType:
			p.messageType, err = readMessageType(where, value)
		case Timeout:
			p.timeout, err = readTimeout(where, value)
		default:
			if proxyFrom != "" && value != p.proxyURI {
				return p, refuse(where, "%s and %s are two names of one parameter and have different values: give one of them", ProxiURI, ProxyURI)
			}
			p.proxyURI, proxyFrom = value, name
			err = checkProxyURI(where, value)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func readMessageType(where, value string) (coap.Type, error) {
	for _, t := range []coap.Type{coap.Confirmable, coap.NonConfirmable, coap.Acknowledgement, coap.Reset} {
		if value == t.String() {
			return t, nil
		}
	}
	return 0, refuse(where, "%q is no message type: want CON, NON, ACK or RST", value)
}

// readTimeout reads whole milliseconds. More than the maximum is capped, not
// refused: the document's 30.000 is thirty thousand, with a thousands point.
func readTimeout(where, value string) (time.Duration, error) {
	if value == "" || strings.Trim(value, "0123456789") != "" || strings.Trim(value, "0") == "" {
		return 0, refuse(where, "%q is no timeout: want a whole number of milliseconds from 1 to 30000, written without a thousands point; default and maximum is 30000", value)
	}
	if ms, err := strconv.ParseInt(value, 10, 32); err == nil {
		return min(time.Duration(ms)*time.Millisecond, MaxTimeout), nil
	}
	return MaxTimeout, nil // it is too great for an integer
}

// checkProxyURI wants an absolute URI (RFC 7252 §5.10.2): it goes out byte for
// byte. Its value is not repeated, as it may carry an AuthToken.
func checkProxyURI(where, value string) error {
	if _, err := mapping.ParseURI(value); err != nil {
		return refuse(where, "%v: want one such as coap://host/path, without a fragment", err)
	}
	if d, _ := coap.ProxyURI.Definition(); len(value) > d.Max {
		return refuse(where, "%d bytes long, Proxy-Uri takes at most %d (RFC 7252 §5.10.2)", len(value), d.Max)
	}
	return nil
}
