// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"net/url"
	"testing"
)

func TestSlugsNeedNoEscapingAndStayApart(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"orders", "Orders", "the orders", "the-orders", "the/orders", "../orders", "", "ü", "ö", "-", "%2F"} {
		s := slug(name)
		if s == "" || url.PathEscape(s) != s {
			t.Errorf("slug(%q) = %q: not one segment of a path as it stands", name, s)
		}
		if other, twice := seen[s]; twice {
			t.Errorf("slug(%q) = slug(%q) = %q", name, other, s)
		}
		seen[s] = name
	}
	if got := slug("orders"); got != "orders" {
		t.Errorf("a plain name becomes %q", got)
	}
}
