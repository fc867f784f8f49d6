// SPDX-License-Identifier: Apache-2.0

package shelf_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/need"
)

// What a new user may need, from the first command to the verified statement.
const (
	readmeTime = 5 * time.Minute
	guideTime  = 30 * time.Minute
)

func TestTheREADMECertifiesLibcoapsServer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("it has the device at an address of 127.0.0.0/8 of its own: run it on Linux")
	}
	need.Program(t, "coap-server-openssl", libcoap)
	dir, begun := t.TempDir(), time.Now()
	follow(t, dir, []string{"bash"}, steps(section(t, "../../README.md", "## Certify a device")), "127.0.0.1", "127.77.9.2")
	if took := time.Since(begun); took > readmeTime {
		t.Errorf("it took %s, want %s at most", took, readmeTime)
	}
	if _, err := os.Stat(filepath.Join(dir, "lamp", "statement.json")); err != nil {
		t.Error(err)
	}
}

// root is a shell of root's: network namespaces and firewalls are root's alone.
func root(t *testing.T) []string {
	t.Helper()
	for _, p := range []string{"ip", "nft"} {
		need.Program(t, p, "apt-get install iproute2 nftables")
	}
	desk := "DESK=shelf" + strconv.Itoa(os.Getpid())
	path := "PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")
	if os.Geteuid() == 0 {
		return []string{"env", desk, path, "bash"}
	}

	if err := exec.Command("sudo", "-n", "true").Run(); err != nil {
		t.Skip("the stubborn device has network namespaces and a firewall: run the tests as root, or let sudo ask for no password")
	}
	return []string{"sudo", "-n", "env", desk, path, "bash"}
}

func TestTheGuideCertifiesTheStubbornDevice(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the stubborn device has a network namespace: run it on Linux")
	}
	shell := root(t)
	dir, begun := repository(t), time.Now()
	t.Cleanup(func() {
		down := append(append([]string{}, shell...), "-c", "sh fixtures/targets/stubborn.sh down")

		cmd := exec.Command(down[0], down[1:]...)
		cmd.Dir = dir
		_ = cmd.Run() // where the guide took it away already, it says so
	})
	follow(t, dir, shell, steps(section(t, "../../docs/vendor-guide.md", "## The stubborn device, from the box to the statement")))
	if took := time.Since(begun); took > guideTime {
		t.Errorf("it took %s, want %s at most", took, guideTime)
	}
	golden(t, "stubborn.result.txt", summary(read(t, filepath.Join(dir, "desk", "out"))))
}

func TestAGuideIsReadAsItIsWritten(t *testing.T) {
	text := "x\n```console\n$ a \\\n  b\none\n\ntwo\n$ c\n```\n```yaml\n$ no\n```\n```console\n$ d\n```\n"
	want := []step{{"a \\\n  b", []string{"one", "two"}}, {"c", nil}, {"d", nil}}
	if d := cmp.Diff(want, steps(text), cmp.AllowUnexported(step{})); d != "" {
		t.Error(d)
	}
}

func TestWhatAGuideSaysIsHeldAgainstWhatIsPrinted(t *testing.T) {
	said := "✓ one (3 ms)\ntwo\nthree\n"
	for want, missing := range map[string]string{
		"✓ one (20 ms)\ntwo\nthree": "",
		"✓ one (3 ms)":              "",
		"…\nthree":                  "",
		"two\nthree":                "two",
		"✓ one (3 ms)\nthree":       "three",
		"…\nfour":                   "four",
	} {
		if got := differs(strings.Split(want, "\n"), said); got != missing {
			t.Errorf("%q: missing %q, want %q", want, got, missing)
		}
	}
}
