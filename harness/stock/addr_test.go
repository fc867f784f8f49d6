// SPDX-License-Identifier: Apache-2.0

package stock_test

import "net/netip"

var (
	peerAddr  = netip.MustParseAddrPort("127.0.0.1:0")
	peerAddrs = []netip.Addr{peerAddr.Addr()}
)
