// SPDX-License-Identifier: Apache-2.0

package pki

import "runtime"

// isPOSIX says whether file modes keep other users out.
const isPOSIX = runtime.GOOS != "windows"
