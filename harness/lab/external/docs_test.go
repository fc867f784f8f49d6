// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"os"
	"strings"
	"testing"

	"github.com/coapstone/coapstone/harness/target"
)

func TestTheGuideToForeignGatewaysHasATargetFileThatCanBeRead(t *testing.T) {
	const guide = "../../../docs/foreign-gateway.md"
	b, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("%s has no example", guide)
	}
	f, err := target.Parse("foreign-gateway.md", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if f.Gateway.Proxy == "" || f.Bench.Devices == "" || f.Platform.Admin != "" {
		t.Errorf("the example leaves out what the guide speaks of: %+v", f)
	}
}
