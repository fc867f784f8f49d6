// SPDX-License-Identifier: Apache-2.0

package coapstone_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/need"
)

// moduleGraph is every module that ours is built with, with its version.
func moduleGraph(t *testing.T) map[string]string {
	t.Helper()
	goTool := need.Program(t, "go", "see https://go.dev/doc/install")
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), goTool, "list", "-m", "-f", "{{.Path}} {{.Version}}", "all")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	modules := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		modules[path] = version
	}
	return modules
}

// numbers is a version as numbers: [3 1 15].
func numbers(t *testing.T, version string) []int {
	t.Helper()
	release, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	var ns []int
	for s := range strings.SplitSeq(release, ".") {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("version %q: %v", version, err)
		}
		ns = append(ns, n)
	}
	return ns
}

// docs/adr/0002: v3 before v3.1.9 dies of one datagram, v2 is not maintained.
func TestDTLSIsVersion3AndSafe(t *testing.T) {
	const least = "v3.1.15"
	modules := moduleGraph(t)
	version, ok := modules["github.com/pion/dtls/v3"]
	if !ok {
		t.Fatal("github.com/pion/dtls/v3 is not in the module graph")
	}
	if slices.Compare(numbers(t, version), numbers(t, least)) < 0 {
		t.Errorf("github.com/pion/dtls/v3 is at %s, want %s or newer", version, least)
	}
	for _, old := range []string{"github.com/pion/dtls", "github.com/pion/dtls/v2"} {
		if version, ok := modules[old]; ok {
			t.Errorf("%s %s is in the module graph: `go mod why -m %s` says through whom", old, version, old)
		}
	}
}

func TestEveryDependencyHasItsReason(t *testing.T) {
	gomod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^(?:require )?\t?(\S+) v\S+( // indirect)?$`)
	required := map[string]bool{} // by module: needed by our own code
	for _, m := range line.FindAllSubmatch(gomod, -1) {
		required[string(m[1])] = len(m[2]) == 0
	}
	explained := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\S+)` \\| .*\\w.* \\|$").FindAllSubmatch(doc, -1) {
		module := string(m[1])
		explained[module] = true
		if _, ok := required[module]; !ok {
			t.Errorf("docs/dependencies.md explains %s, which is not in go.mod", module)
		}
	}
	for module, direct := range required {
		if direct && !explained[module] {
			t.Errorf("go.mod requires %s: say why in docs/dependencies.md", module)
		}
	}
}
