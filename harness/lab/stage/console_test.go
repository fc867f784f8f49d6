// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"fmt"
	"strings"
	"testing"
)

func TestARecorderKeepsTheBeginningAndTheLatest(t *testing.T) {
	var r Recorder
	line := strings.Repeat("x", 1000)
	lines := 2 * (consoleHead + consoleTail) / len(line)
	for i := range lines {
		if _, err := fmt.Fprintf(&r, "<%d>%s\n", i, line); err != nil {
			t.Fatal(err)
		}
	}
	text := r.Text()
	for _, i := range []int{0, 1, lines * 3 / 4, lines - 1} {
		if !strings.Contains(text, fmt.Sprintf("<%d>", i)) {
			t.Errorf("line %d of %d is gone", i, lines)
		}
	}
	if len(text) > consoleHead+consoleTail {
		t.Errorf("%d bytes are kept", len(text))
	}
}
