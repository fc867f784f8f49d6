// SPDX-License-Identifier: Apache-2.0

package stock

import (
	dtlsserver "github.com/plgd-dev/go-coap/v3/dtls/server"
	"github.com/plgd-dev/go-coap/v3/net/responsewriter"
	"github.com/plgd-dev/go-coap/v3/udp/client"
	udpserver "github.com/plgd-dev/go-coap/v3/udp/server"
)

// Short names for go-coap's types.
type (
	coapUDPOption  = udpserver.Option
	coapDTLSOption = dtlsserver.Option
	responseWriter = responsewriter.ResponseWriter[*client.Conn]
)
