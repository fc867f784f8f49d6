// SPDX-License-Identifier: Apache-2.0

package target

import (
	"fmt"
	"strconv"
	"strings"
)

// PortsPerScenario is how many devices and links of the harness may be in one
// scenario at once.
const PortsPerScenario = 4

// DevicePorts are the first and the last of the ports that the harness's devices
// may use; two zeros are any.
func (b *Bench) DevicePorts() (first, last uint16, err error) {
	if b.Devices == "" {
		return 0, 0, nil
	}
	low, high, ok := strings.Cut(b.Devices, "-")
	from, err1 := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	to, err2 := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	if !ok || err1 != nil || err2 != nil || from == 0 || to < from {
		return 0, 0, fmt.Errorf("%q: want a range of UDP ports, for example \"40000-40127\"", b.Devices)
	}
	if to-from+1 < PortsPerScenario {
		return 0, 0, fmt.Errorf("%q: want %d ports or more: so many devices can be in one scenario", b.Devices, PortsPerScenario)
	}
	return uint16(from), uint16(to), nil
}

// scenariosWithPorts is how many scenarios the ports are enough for; 0 is any.
func (b *Bench) scenariosWithPorts() int {
	first, last, err := b.DevicePorts()
	if err != nil || first == 0 {
		return 0
	}
	return (int(last-first) + 1) / PortsPerScenario
}
