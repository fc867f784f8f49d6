// SPDX-License-Identifier: Apache-2.0

//go:build unix

package coapstone

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps a second sitting away from the journal for as long as this one has
// it open. A crash gives it free.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errBusy
	}
	return err
}
