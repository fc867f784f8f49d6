// SPDX-License-Identifier: Apache-2.0

package adversary_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Everything that a test starts must have ended with it: no goroutine that runs
// code of ours, and no descriptor, outlives the tests.
func TestMain(m *testing.M) {
	before := descriptors()
	code := m.Run()
	if left := eventually(leftovers); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines outlived the tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	if more := eventually(func() []string { return added(before, descriptors()) }); len(more) > 0 {
		fmt.Fprintf(os.Stderr, "descriptors outlived the tests: %s\n", strings.Join(more, ", "))
		code = 1
	}
	os.Exit(code)
}

// leakPatience is how long what has been closed may take to be gone.
const leakPatience = 5 * time.Second

// eventually asks until there is nothing left, or patience is at its end.
func eventually(left func() []string) []string {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(leakPatience); ; <-tick.C {
		if rest := left(); len(rest) == 0 || time.Now().After(end) {
			return rest
		}
	}
}

// leftovers is the stacks of goroutines with code of ours, or of the DTLS
// library, on them.
func leftovers() []string {
	buf := make([]byte, 8<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for i, g := range strings.Split(string(buf), "\n\n") {
		ours := strings.Contains(g, "coapstone/coapstone/") || strings.Contains(g, "pion/dtls")
		if i > 0 && ours && !strings.Contains(g, ".TestMain") {
			left = append(left, g)
		}
	}
	return left
}

// descriptors is what the process has open, where the system tells: sockets by
// their number, files by their name.
func descriptors() map[string]int {
	open := map[string]int{}
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		if name, err := os.Readlink(l); err == nil && strings.HasPrefix(name, "socket:") {
			open[name]++
		}
	}
	return open
}

func added(before, after map[string]int) []string {
	var more []string
	for name := range after {
		if before[name] == 0 {
			more = append(more, name)
		}
	}
	return more
}
