// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestEveryStockTargetIsReadAndSatisfiesTheSchema(t *testing.T) {
	s, stock := compiled(t), 0
	names, err := filepath.Glob("../../fixtures/targets/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte("\nbench:")) {
			continue // what a target is started with
		}
		stock++
		f, err := Open(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := validate(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := validate(s, redacted(t, f)); err != nil {
			t.Errorf("%s, redacted: %v", name, err)
		}
	}
	if stock == 0 {
		t.Error("no stock target found")
	}
}
