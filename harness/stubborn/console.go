// SPDX-License-Identifier: Apache-2.0

package stubborn

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// console is where the device says what it does. It has no clock: its lines begin
// with the seconds since it booted.
type console struct {
	mu   sync.Mutex
	w    io.Writer
	boot time.Time
}

func (c *console) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.w == nil {
		return
	}
	_, _ = fmt.Fprintf(c.w, "[%8.3f] %s\n", time.Since(c.boot).Seconds(), fmt.Sprintf(format, args...))
}

func (c *console) booted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.boot = time.Now()
}
