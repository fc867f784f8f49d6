// SPDX-License-Identifier: Apache-2.0

package features_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/features"
)

// Scenarios share the users of a lab by their names: those that give one name
// different passwords, or forms of the key, wait for each other, up to the time
// of a step. Rows of an outline are left out.
func TestAUserHasOnePasswordEverywhere(t *testing.T) {
	user := regexp.MustCompile(`the user ("[^"<>]+") (with the password "[^"<>]*".*)`)
	seen := map[string]string{}
	err := fs.WalkDir(features.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".feature") {
			return err
		}
		b, err := fs.ReadFile(features.FS, path)
		for _, m := range user.FindAllStringSubmatch(string(b), -1) {
			name, account := m[1], strings.TrimSpace(m[2])
			if before, ok := seen[name]; ok && before != account {
				t.Errorf("%s: the user %s %s, elsewhere %s: take another name", path, name, account, before)
			}
			seen[name] = account
		}
		return err
	})
	if err != nil || len(seen) < 3 {
		t.Fatalf("%d users (%v)", len(seen), err)
	}
}
