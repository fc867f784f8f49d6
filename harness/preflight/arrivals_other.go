// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package preflight

// watchArrivals is nil: only Linux is asked.
func watchArrivals() *arrivals { return nil }
