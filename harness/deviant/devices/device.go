// SPDX-License-Identifier: Apache-2.0

package devices

import "github.com/coapstone/coapstone/harness/lab"

// Device is a device that is right in all but one point. The fields mean what they
// mean in deviant.Deviant.
type Device struct {
	Name, Breaks, Says string
	Also               []string
	Full               bool
	// Device does it.
	Device lab.DeviceUnderTest
}
