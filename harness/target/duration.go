// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bytes"
	"fmt"
	"time"
)

// Duration is a time span, written as Go writes them: "30s", "1m30s".
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 || bytes.HasPrefix(b, []byte("-")) {
		return fmt.Errorf("%q: want a time span with its unit, for example 30s or 1m30s", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Or is the span, or otherwise where none is given.
func (d Duration) Or(otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return time.Duration(d)
}
