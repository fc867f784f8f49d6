// SPDX-License-Identifier: Apache-2.0

package stubborn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// fingerTimeout bounds one press, as seen from the finger and from the button.
const fingerTimeout = 5 * time.Second

// What a finger can do, and what the device answers.
const (
	press = "press"
	reset = "reset"
	done  = "ok"
)

// Button is the device's button, and its reset pin: a socket in the file system,
// which a network namespace does not hide and a firewall does not guard.
type Button struct {
	device  *Device
	l       net.Listener
	running sync.WaitGroup
}

// Wire wires a button to the device, as the socket path.
func Wire(ctx context.Context, d *Device, path string) (*Button, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("the button %s: %w", path, err)
	}
	b := &Button{device: d, l: l}
	b.running.Go(func() { //nolint:contextcheck // what a press begins outlives it
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.serve(conn)
		}
	})
	return b, nil
}

// serve takes one press: a button has room for one finger.
func (b *Button) serve(conn net.Conn) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(fingerTimeout)); err != nil {
		return
	}
	line, err := bufio.NewReader(io.LimitReader(conn, 100)).ReadString('\n')
	if err != nil {
		return
	}
	answer := done
	switch strings.TrimSpace(line) {
	case press:
		if err := b.device.Press(); err != nil {
			answer = err.Error()
		}
	case reset:
		b.device.Reset()
	default:
		answer = "want press or reset"
	}
	_, _ = fmt.Fprintln(conn, answer)
}

// Close takes the button away.
func (b *Button) Close() error {
	err := b.l.Close()
	b.running.Wait()
	return err
}

// Press presses the button at path. ErrBusy is that the device did not notice.
func Press(ctx context.Context, path string) error { return touch(ctx, path, press) }

// Reset pulls the reset pin at path.
func Reset(ctx context.Context, path string) error { return touch(ctx, path, reset) }

func touch(ctx context.Context, path, what string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("no device has its button at %s: %w", path, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(fingerTimeout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(conn, what); err != nil {
		return fmt.Errorf("the button %s: %w", path, err)
	}
	answer, err := bufio.NewReader(io.LimitReader(conn, 100)).ReadString('\n')
	switch answer = strings.TrimSpace(answer); {
	case err != nil:
		return fmt.Errorf("the button %s does not react: %w", path, err)
	case answer == ErrBusy.Error():
		return ErrBusy
	case answer != done:
		return errors.New(answer)
	}
	return nil
}
