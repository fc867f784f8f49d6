// SPDX-License-Identifier: Apache-2.0

// Package secret is text that must not be seen: passwords, keys, tokens.
//
// It knows nothing of what the secrets are for, and no way to print one but
// Text.Reveal.
package secret
