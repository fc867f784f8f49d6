// SPDX-License-Identifier: Apache-2.0

package verdict_test

import (
	"testing"

	"github.com/coapstone/coapstone/harness/verdict"
)

func FuzzLoadCatalogue(f *testing.F) {
	f.Add("source: S\nrequirements: [{id: A-1-01, section: '1', text: One., binds: [gateway]}]\n")
	f.Add("source: S\nrequirements: !!binary aGVsbG8=\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := catalogue(map[string]string{"a.yaml": text})
		if err != nil {
			return
		}
		for _, r := range c.All() {
			if got, ok := c.Get(r.ID); !ok || got != r || r.Text == "" || len(r.Binds) == 0 {
				t.Errorf("accepted %+v", r)
			}
		}
	})
}

func FuzzParseExpectations(f *testing.F) {
	f.Add("expectations:" + goodEntry)
	f.Add("expectations: !!binary aGVsbG8=\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := verdict.ParseExpectations("f.yaml", []byte(text))
		if err != nil {
			return
		}
		for _, e := range all {
			if e.Requirement == "" || e.Why == "" || e.Link == "" || e.At == "" {
				t.Errorf("accepted %+v", e)
			}
		}
	})
}
