// SPDX-License-Identifier: Apache-2.0

package need

import "testing"

func TestASoakTakesTheFullSize(t *testing.T) {
	t.Setenv(SoakEnv, "1")
	if got := Size("short", "usual", "full"); got != "full" {
		t.Errorf("got %s, want full", got)
	}
	t.Setenv(SoakEnv, "")
	want := "usual"
	if testing.Short() {
		want = "short"
	}
	if got := Size("short", "usual", "full"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
