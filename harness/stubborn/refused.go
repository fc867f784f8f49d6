// SPDX-License-Identifier: Apache-2.0

package stubborn

import "syscall"

// errRefused is what a connected socket says after an ICMP "port unreachable".
const errRefused = syscall.ECONNREFUSED
