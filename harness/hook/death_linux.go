// SPDX-License-Identifier: Apache-2.0

package hook

import "syscall"

// dieWithUs has the kernel end the program should the harness be killed. It goes by
// the thread that has started the program, which must live as long.
func dieWithUs(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
