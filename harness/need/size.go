// SPDX-License-Identifier: Apache-2.0

package need

import (
	"flag"
	"os"
)

// SoakEnv is the environment variable that asks for the full size of tests whose
// size can be chosen: set it to 1. make soak does.
const SoakEnv = "COAPSTONE_SOAK"

// Soak says whether tests are to take their full size, whatever that takes.
func Soak() bool { return os.Getenv(SoakEnv) == "1" }

// Size is how much a test does: short with go test -short, full in a soak, and
// usual otherwise.
func Size[T any](short, usual, full T) T {
	switch f := flag.Lookup("test.short"); {
	case Soak():
		return full
	case f != nil && f.Value.String() == "true":
		return short
	default:
		return usual
	}
}
