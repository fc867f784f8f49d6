// SPDX-License-Identifier: Apache-2.0

package request

import "fmt"

// Error is a provider, connector or call that makes no CoAP request. Every
// error of this package is one.
type Error struct {
	// Where is the part at fault, by its name in the API: "parameters.timeout".
	Where string
	// What is wrong, and what to do instead.
	What string
}

// Error is the part with what is wrong.
func (e *Error) Error() string { return e.Where + ": " + e.What }

func refuse(where, format string, args ...any) *Error {
	return &Error{where, fmt.Sprintf(format, args...)}
}
