// SPDX-License-Identifier: Apache-2.0

//go:build linux

package shelf_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coapstone/coapstone/harness/verdict"
)

// sitting is a run of the program that may be ended at any moment.
type sitting struct {
	cmd *exec.Cmd
	out *output
}

func begin(t *testing.T, dir string, words ...string) *sitting {
	t.Helper()
	s := &sitting{command(context.WithoutCancel(t.Context()), dir, words...), new(output)}
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it leaves behind is found
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		_ = s.cmd.Wait()
	})
	return s
}

// end sends a signal and waits for the end.
func (s *sitting) end(t *testing.T, signal os.Signal) int {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(readyTimeout):
		t.Fatalf("it did not end within %s of the signal; it said:\n%s", readyTimeout, s.out)
	}
	return s.cmd.ProcessState.ExitCode()
}

// clean says what a run has left behind: processes of its group, sockets at an
// address. Whatever stays is a defect.
func clean(t *testing.T, s *sitting, addr string) {
	t.Helper()
	if err := syscall.Kill(-s.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("a process of its group is left: %v", err)
	}
	for _, table := range []string{"/proc/net/udp", "/proc/net/tcp"} {
		b, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], hexAddr(t, addr)+":") && f[3] != "06" { // TIME_WAIT
				t.Errorf("%s: a socket is left: %s", table, line)
			}
		}
	}
}

// at is the processes that work in a folder, as hooks do in that of the target
// file.
func at(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(link string) bool {
		cwd, err := os.Readlink(link)
		return err != nil || cwd != dir
	})
}

func TestAnInterruptedRunLeavesNoHookBehind(t *testing.T) {
	t.Parallel()
	dir := shelf(t)
	b, err := os.ReadFile(filepath.Join(dir, "go-coap-client.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const bench = "127.77.12.1"
	text := strings.ReplaceAll(string(b), "127.77.6.1", bench)
	if err := os.WriteFile(filepath.Join(dir, "target.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, moment := range []string{" 1/", " 4/", "12/"} {
		s := begin(t, dir, "coapstone", "run", "--target", "target.yaml", "--out", "out")
		s.out.await(t, moment)
		if code := s.end(t, os.Interrupt); code != 3 {
			t.Errorf("interrupted at %q: exit code %d, want 3; it said:\n%s", moment, code, s.out)
		}
		clean(t, s, bench)
		if left := at(t, dir); len(left) > 0 {
			t.Errorf("interrupted at %q: processes are left: %v", moment, left)
		}
		if r := read(t, filepath.Join(dir, "out")); !r.Partial {
			t.Errorf("interrupted at %q: the report does not say so", moment)
		}
	}
}

// hexAddr is an IPv4 address as /proc/net has it, on a little-endian machine.
func hexAddr(t *testing.T, addr string) string {
	t.Helper()
	var s string
	for part := range strings.SplitSeq(addr, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatal(err)
		}
		h := strconv.FormatInt(int64(n), 16)
		s = strings.ToUpper(strings.Repeat("0", 2-len(h))+h) + s
	}
	return s
}

// The moments at which a run is ended: behind a word that it says.
var moments = []string{"coapstone-starts", "opening the lab", " 1/", " 3/", "12/", "20/"}

// deviceAt puts a device under test at an address of the test's own.
func deviceAt(t *testing.T, dir, bench, addr string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "go-coap-server.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("127.77.1.1", bench, "127.77.1.2", addr).Replace(string(b))
	if err := os.WriteFile(filepath.Join(dir, "target.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir, nil, "coap ", "coapstone", "device", "server", "--listen", addr+":5683")
	start(t, dir, nil, "coaps", "coapstone", "device", "server", "--listen", addr+":5684", "--identity", "door-7", "--key-file", "door-7.key")
}

func TestAnInterruptedRunLeavesAPartialReportAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := shelf(t)
	const bench = "127.77.10.1"
	deviceAt(t, dir, bench, "127.77.10.2")
	for i, words := range [][]string{{"run"}, {"certify"}} {
		for j, moment := range moments {
			out := "out-" + strconv.Itoa(i) + "-" + strconv.Itoa(j)
			s := begin(t, dir, append([]string{"coapstone"}, append(words, "--target", "target.yaml", "--out", out)...)...)
			if j > 0 {
				s.out.await(t, moment)
			}
			code := s.end(t, os.Interrupt)
			// A signal that comes before the program can listen to it ends it at once: -1.
			if code != 3 && !(j == 0 && code == -1) {
				t.Errorf("%s, interrupted at %q: exit code %d, want 3; it said:\n%s", words[0], moment, code, s.out)
			}
			clean(t, s, bench)
			if _, err := os.Stat(filepath.Join(dir, out, "report.json")); errors.Is(err, os.ErrNotExist) {
				if j > 1 {
					t.Errorf("%s, interrupted at %q: no report; it said:\n%s", words[0], moment, s.out)
				}
				continue
			}
			r := read(t, filepath.Join(dir, out))
			if !r.Partial || r.ExitCode != 3 {
				t.Errorf("%s, interrupted at %q: partial %t, exit code %d", words[0], moment, r.Partial, r.ExitCode)
			}
			for _, l := range r.Levels {
				if l.Reached {
					t.Errorf("%s, interrupted at %q: level %s is reached", words[0], moment, l.Name)
				}
			}
		}
	}
}

func TestAKilledCertificationGoesOn(t *testing.T) {
	t.Parallel()
	dir := shelf(t)
	const bench = "127.77.11.1"
	deviceAt(t, dir, bench, "127.77.11.2")
	words := []string{"coapstone", "certify", "--target", "target.yaml", "--out", "out"}
	for _, moment := range []string{"opening the lab", " 1/", " 3/", " 2/", " 5/"} {
		s := begin(t, dir, words...)
		s.out.await(t, moment)
		if code := s.end(t, os.Kill); code != -1 {
			t.Fatalf("killed at %q: exit code %d; it said:\n%s", moment, code, s.out)
		}
		clean(t, s, bench)
		if words[len(words)-1] != "--resume" {
			words = append(words, "--resume")
		}
		if _, err := os.Stat(filepath.Join(dir, "out", "sensitive", "journal.jsonl")); err != nil {
			t.Errorf("killed at %q: %v", moment, err)
		}
	}
	resumed := invoke(t, dir, words...)
	whole := invoke(t, dir, "coapstone", "certify", "--target", "target.yaml", "--out", "whole")
	if resumed.code != whole.code {
		t.Errorf("in sittings it ends with %d, at a stretch with %d:\n%v", resumed.code, whole.code, resumed)
	}
	a, b := read(t, filepath.Join(dir, "out")), read(t, filepath.Join(dir, "whole"))
	if a.Partial || len(a.Scenarios) != len(b.Scenarios) {
		t.Fatalf("partial %t, %d scenarios and %d", a.Partial, len(a.Scenarios), len(b.Scenarios))
	}
	got := map[string]verdict.Verdict{}
	for _, s := range a.Scenarios {
		got[s.Location()] = s.Verdict
	}
	for _, s := range b.Scenarios {
		if got[s.Location()] != s.Verdict {
			t.Errorf("%s: %s in sittings, %s at a stretch", s.Location(), got[s.Location()], s.Verdict)
		}
	}
}
