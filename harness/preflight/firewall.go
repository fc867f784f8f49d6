// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"net/netip"
)

// inRule is the rule that lets datagrams of a device in, in words and, each on a
// line of its own, for the usual programs. An invalid from is any address.
func inRule(from netip.Addr, to netip.AddrPort) string {
	family, tables := families(to)
	device, saddr, source, ufw := "the device", "", "", ""
	if from.IsValid() {
		device = from.String()
		saddr, source, ufw = fmt.Sprintf("saddr %s %s ", from, family), fmt.Sprintf("-s %s ", from), fmt.Sprintf("from %s ", from)
	}
	return fmt.Sprintf("allow udp from %s to %s port %d, in one of these ways or another:\n"+
		"  nft insert rule inet filter input %s %sdaddr %s udp dport %d accept\n"+
		"  %s -I INPUT -p udp %s-d %s --dport %d -j ACCEPT\n"+
		"  ufw allow in proto udp %sto %s port %d",
		device, to.Addr(), to.Port(),
		family, saddr, to.Addr(), to.Port(),
		tables, source, to.Addr(), to.Port(),
		ufw, to.Addr(), to.Port())
}

// answerRule is the rule that lets in what the target answers.
func answerRule(from netip.AddrPort, to netip.Addr) string {
	family, tables := families(from)
	return fmt.Sprintf("allow udp from %s port %d to %s, in one of these ways or another:\n"+
		"  nft insert rule inet filter input %s saddr %s udp sport %d accept\n"+
		"  %s -I INPUT -p udp -s %s --sport %d -j ACCEPT\n"+
		"  ufw allow in proto udp from %s port %d to %s",
		from.Addr(), from.Port(), to, family, from.Addr(), from.Port(), tables, from.Addr(), from.Port(), from.Addr(), from.Port(), to)
}

// outRule is the rule that lets datagrams out to the target.
func outRule(from netip.Addr, to netip.AddrPort) string {
	family, tables := families(to)
	return fmt.Sprintf("allow udp from %s to %s port %d, in one of these ways or another:\n"+
		"  nft insert rule inet filter output %s daddr %s udp dport %d accept\n"+
		"  %s -I OUTPUT -p udp -d %s --dport %d -j ACCEPT",
		from, to.Addr(), to.Port(), family, to.Addr(), to.Port(), tables, to.Addr(), to.Port())
}

// families are the words for the address's family in nft and for iptables.
func families(a netip.AddrPort) (nft, tables string) {
	if a.Addr().Is6() {
		return "ip6", "ip6tables"
	}
	return "ip", "iptables"
}
