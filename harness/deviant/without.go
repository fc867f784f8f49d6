// SPDX-License-Identifier: Apache-2.0

package deviant

// Without is the requirements that have no deviant, by id, with the reason. It is
// not to grow: a requirement without a deviant is one of which nobody knows whether
// its scenarios can fail.
func Without() map[string]string {
	return map[string]string{
		"RMP-4.2-09": "the token tool is a program and no gateway: it has tests of its own, and a gateway that does not take its token breaks RMP-3.1-05",
	}
}
