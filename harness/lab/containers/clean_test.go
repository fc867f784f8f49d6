// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/coapstone/coapstone/harness/need"
)

// cleanTimeout bounds coapstone clean.
const cleanTimeout = time.Minute

// ofProcess is the names of what the labs of a process made.
func ofProcess(t *testing.T, pid int) (names []string) {
	t.Helper()
	cli, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cli.Close() }()
	ours := make(client.Filters).Add("label", ownerLabel)
	theirs := func(labels map[string]string) bool {
		return strings.Contains(labels[ownerLabel], fmt.Sprintf("/%d/", pid))
	}
	cs, err := cli.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cs.Items {
		if theirs(c.Labels) {
			names = append(names, "container "+name(c.Names, c.ID))
		}
	}
	ns, err := cli.NetworkList(t.Context(), client.NetworkListOptions{Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range ns.Items {
		if theirs(n.Labels) {
			names = append(names, "network "+n.Name)
		}
	}
	return names
}

// The program cannot clean up after itself when it is killed outright: clean does.
func TestCleanTakesWhatAKilledRunLeft(t *testing.T) {
	need.Docker(t)
	b, err := build(t.Context(), runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "coapstone")
	if err := os.WriteFile(program, b, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "run", "--lab", "containers", "--profile", "full", "--tags", "@full")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { // Not before clean: a process that nobody has been to see is gone, too.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	killed := false
	var said strings.Builder
	for in := bufio.NewScanner(stderr); in.Scan(); {
		said.WriteString(in.Text() + "\n")
		if strings.Contains(in.Text(), "lab is open") { // and scenarios begin that wait 30 s
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			killed = true
		}
	}
	if !killed {
		t.Fatalf("the run ended by itself; it said:\n%s", &said)
	}
	left := ofProcess(t, cmd.Process.Pid)
	if len(left) != 3 {
		t.Fatalf("a killed run leaves %q, want two containers and a network", left)
	}
	cleaning, stop := context.WithTimeout(t.Context(), cleanTimeout)
	defer stop()
	out, err := exec.CommandContext(cleaning, program, "clean").CombinedOutput()
	if err != nil {
		t.Errorf("clean: %v\n%s", err, out)
	}
	for _, what := range left {
		if !strings.Contains(string(out), "removed "+what+"\n") {
			t.Errorf("clean does not say that it removed %s:\n%s", what, out)
		}
	}
	if left := ofProcess(t, cmd.Process.Pid); len(left) > 0 {
		t.Errorf("clean leaves %q", left)
	}
}
