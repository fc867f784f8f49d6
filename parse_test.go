// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever a file holds, parsing it ends in scenarios or in problems, and each
// scenario is the same when the others are left out.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.feature")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("# language: de\r\nFunktionalität: x\r\n  Szenariogrundriss: <a>\r\n    Angenommen <a>\r\n    Beispiele:\r\n      | a |\r\n      | 1 |\r\n      | 2 |\r\n"))
	f.Add([]byte("Feature: x\n Rule: a\n Rule: b\n  Example: c\n   * d\n   \"\"\"\n   Rule: e\n   \"\"\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, problems := parse(&source{name: "a.feature", text: text})
		if doc == nil && len(problems) == 0 {
			t.Fatal("neither scenarios nor problems")
		}
		if doc == nil || len(problems) > 0 { // then nothing is run
			return
		}
		for _, p := range doc.scenarios {
			alone, problems := parse(&source{name: "a.feature", text: p.isolated()})
			if len(problems) > 0 || len(alone.scenarios) != 1 {
				t.Fatalf("alone: %v\n%s", problems, p.isolated())
			}
			if diff := cmp.Diff(p.scenario, alone.scenarios[0].scenario); diff != "" {
				t.Fatalf("not the same alone (-want +got):\n%s", diff)
			}
		}
	})
}
