// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// owner names the process that a container belongs to, so that a sweep leaves
// alone what another one still uses: host, process id and, on Linux, when the
// process began, because ids come again.
func owner() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), began(os.Getpid()))
}

// orphaned says whether the process of that name is gone. A process of another
// host cannot be asked and counts as alive.
func orphaned(owner string) bool {
	parts := strings.Split(owner, "/")
	host, _ := os.Hostname()
	if len(parts) != 3 || parts[0] != host {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	defer func() { _ = p.Release() }()
	if err := p.Signal(syscall.Signal(0)); err != nil && !os.IsPermission(err) {
		return true
	}
	return began(pid) != parts[2]
}

// began is when a process began, in clock ticks since the machine's start; ""
// where that cannot be told, and for one that is dead and that its parent has
// not been to see yet.
func began(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The command may hold spaces and stands in parentheses; the first field
	// behind them is state, the 20th starttime (proc_pid_stat(5)).
	_, rest, ok := strings.Cut(string(b), ") ")
	if fields := strings.Fields(rest); ok && len(fields) > 19 && fields[0] != "Z" {
		return fields[19]
	}
	return ""
}
