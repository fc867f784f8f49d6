// SPDX-License-Identifier: Apache-2.0

package deviant

import (
	"slices"

	"github.com/coapstone/coapstone/harness/deviant/devices"
	"github.com/coapstone/coapstone/harness/lab/embedded"
	"github.com/coapstone/coapstone/harness/verdict"
)

// deviceDeviants are devices, as embedded.Options.Device, that are wrong in what
// the document asks of a device.
func deviceDeviants() []Deviant {
	return slices.Concat(
		deviantDevices(verdict.DeviceClient, devices.Calling()),
		deviantDevices(verdict.DeviceServer, devices.Called()),
	)
}

func deviantDevices(role verdict.Role, table []devices.Device) []Deviant {
	var all []Deviant
	for _, d := range table {
		all = append(all, Deviant{
			Name: d.Name, Breaks: d.Breaks, Says: d.Says, Also: d.Also, Full: d.Full, Role: role,
			made: func() embedded.Options { return embedded.Options{Device: d.Device} },
		})
	}
	return all
}
