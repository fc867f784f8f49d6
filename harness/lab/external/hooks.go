// SPDX-License-Identifier: Apache-2.0

package external

import "context"

// console reads what the target has said; nil where the target file has no hook
// for that.
func (l *Lab) console() func(context.Context) (string, error) {
	h := l.target.Hooks.Console
	if h == nil {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		r, err := l.hooks.Run(ctx, "console", h, nil)
		return r.Output, err
	}
}
