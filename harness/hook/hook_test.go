// SPDX-License-Identifier: Apache-2.0

package hook_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/target"
)

var update = flag.Bool("update", false, "write the golden files")

// patience bounds what should happen at once.
const patience = 30 * time.Second

// asProgram in the environment makes the test binary the hook's program.
const asProgram = "HOOK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(program(os.Args[1:]))
	}
	flag.Parse()
	os.Exit(m.Run())
}

// program is what the hook runs.
func program(args []string) int {
	switch args[0] {
	case "print":
		fmt.Fprintln(os.Stdout, strings.Join(args[1:], "|"))
		for _, name := range []string{"COAPSTONE_HOOK", "COAPSTONE_URL", "COAPSTONE_PROXY_URI"} {
			fmt.Fprintln(os.Stdout, name+"="+os.Getenv(name))
		}
		dir, _ := os.Getwd()
		fmt.Fprintln(os.Stdout, filepath.Base(dir))
	case "fail":
		for i := range 12 {
			fmt.Fprintln(os.Stderr, "line", i, args[1])
		}
		return 3
	case "flood":
		line := strings.Repeat("x", 99) + "\n"
		for range 100_000 {
			fmt.Fprint(os.Stdout, line)
		}
		fmt.Fprint(os.Stdout, "the end")
	case "parent": // starts a child that is told nothing, and ends
		return start("child", args[1])
	case "waiting-parent":
		if code := start("child", args[1]); code != 0 {
			return code
		}
		return hold("")
	case "harness": // runs a hook
		h := &target.Hook{Command: []string{os.Args[0], "child", args[1]}}
		if _, err := (&hook.Runner{}).Run(context.Background(), "trigger", h, nil); err != nil {
			return 1
		}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		return hold(args[1])
	case "child":
		return hold(args[1])
	}
	return 0
}

func start(args ...string) int {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stderr = os.Stderr // it holds the hook's pipe open
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return 1
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "connected\n" {
		return 1
	}
	fmt.Fprintln(os.Stdout, "the child is there")
	return 0
}

// hold connects to the test, and stays.
func hold(addr string) int {
	if addr != "" {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return 1
		}
		defer conn.Close()
	}
	fmt.Fprintln(os.Stdout, "connected")
	<-time.After(time.Hour)
	return 0
}

// me is the test binary as a hook's command.
func me(t *testing.T, args ...string) *target.Hook {
	t.Setenv(asProgram, "1")
	return &target.Hook{Command: append([]string{os.Args[0]}, args...)}
}

func vars() map[string]string {
	return map[string]string{
		"url": "coaps://192.0.2.1/coap2http", "proxy-uri": "https://platform.example.com/live/x?P_mode=TEST&AuthToken=aGVsbG86d29ybGQ%3D",
		"payload": `{"say": "a & b"}`, "password": "world", "token": "aGVsbG86d29ybGQ=",
	}
}

func TestAProgramGetsTheVariablesAsArgumentsAndInItsEnvironment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bench")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	r := &hook.Runner{Dir: dir}
	got, err := r.Run(t.Context(), "trigger", me(t, "print", "--to={url}", "{payload}", "{not a variable}", `{"json": 1}`, "$HOME; *"), vars())
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`--to=coaps://192.0.2.1/coap2http|{"say": "a & b"}|{not a variable}|{"json": 1}|$HOME; *`,
		"COAPSTONE_HOOK=trigger", "COAPSTONE_URL=coaps://192.0.2.1/coap2http",
		"COAPSTONE_PROXY_URI=https://platform.example.com/live/x?P_mode=TEST&AuthToken=•••", "bench", "",
	}, "\n")
	if diff := cmp.Diff(want, got.Output); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if got.Elapsed <= 0 {
		t.Error("no time elapsed")
	}
}

func TestARelativeProgramIsLookedForBesideTheTargetFile(t *testing.T) {
	dir := t.TempDir()
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "press")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	t.Setenv(asProgram, "1")
	if _, err := (&hook.Runner{Dir: dir}).Run(t.Context(), "trigger", &target.Hook{Command: []string{"./press", "print"}}, nil); err != nil {
		t.Error(err)
	}
}

func TestWhatAHookLeavesBehindIsGone(t *testing.T) {
	for name, parent := range map[string]string{"of a program that ends": "parent", "of a program that is ended": "waiting-parent", "the program, though it does not want to": "stubborn"} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			gone := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					gone <- err
					return
				}
				if parent != "parent" {
					cancel() // it stands: now end it
				}
				_, _ = conn.Read(make([]byte, 1)) // until the process is gone
				gone <- conn.Close()
			}()
			begin := time.Now()
			_, err = (&hook.Runner{}).Run(ctx, "trigger", me(t, parent, l.Addr().String()), nil)
			if parent == "parent" {
				if err != nil {
					t.Fatal(err)
				}
			} else if !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v, want that of the context", err)
			}
			select {
			case <-gone:
			case <-time.After(patience):
				t.Fatal("the process is still there")
			}
			if took := time.Since(begin); took > patience {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestALongOutputIsReadToItsEndAndItsEndKept(t *testing.T) {
	got, err := (&hook.Runner{}).Run(t.Context(), "console", me(t, "flood"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Output); n > 64<<10 || n < 60<<10 || !strings.HasPrefix(got.Output, "xxx") || !strings.HasSuffix(got.Output, "x\nthe end") {
		t.Errorf("%d bytes: %.20q…", n, got.Output)
	}
}

func TestErrorsTellTheNextStepAndNoSecret(t *testing.T) {
	t.Setenv(asProgram, "1")
	self := os.Args[0]
	tests := []struct {
		name string
		hook *target.Hook
		is   error
	}{
		{name: "none", is: hook.ErrNone},
		{name: "nothing to do", hook: &target.Hook{}},
		{name: "two things to do", hook: &target.Hook{Command: []string{"x"}, Person: "press"}},
		{name: "it fails", hook: &target.Hook{Command: []string{self, "fail", "{password} hunter2"}}},
		{name: "it is not there", hook: &target.Hook{Command: []string{"./no-such-program"}}},
		{name: "no program", hook: &target.Hook{Command: []string{}}},
		{name: "a program out of a variable", hook: &target.Hook{Command: []string{"{payload}"}}},
		{name: "a variable without a value", hook: &target.Hook{Command: []string{self, "print", "{key}"}}},
		{name: "a byte 0", hook: &target.Hook{Command: []string{self, "print", "{zero}"}}},
		{name: "too late", hook: &target.Hook{Command: []string{self, "waiting-parent", ""}, Timeout: target.Duration(time.Second)}, is: context.DeadlineExceeded},
		{name: "a person, and nobody there", hook: &target.Hook{Person: "press the button"}, is: hook.ErrNobody},
		{name: "no URL", hook: &target.Hook{HTTP: &target.HTTPCall{URL: "relay/on"}}},
		{name: "a space in a URL", hook: &target.Hook{HTTP: &target.HTTPCall{URL: "http://192.0.2.1/relay 1/{payload}"}}},
		{name: "a host out of a variable", hook: &target.Hook{HTTP: &target.HTTPCall{URL: "http://{payload}/on"}}},
	}
	var b strings.Builder
	for _, tt := range tests {
		v := vars()
		v["zero"] = "a\x00b"
		r := &hook.Runner{Secrets: []secret.Text{"hunter2"}}
		_, err := r.Run(t.Context(), "trigger", tt.hook, v)
		if err == nil {
			t.Errorf("%s: no error", tt.name)
			continue
		}
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %v is not %v", tt.name, err, tt.is)
		}
		fmt.Fprintf(&b, "%s:\n  %s\n\n", tt.name, strings.ReplaceAll(strings.ReplaceAll(err.Error(), self, "SELF"), mustAbs(t, "no-such-program"), "DIR/no-such-program"))
	}
	for _, s := range []string{"world", "hunter2", "aGVsbG86d29ybGQ"} {
		if strings.Contains(b.String(), s) {
			t.Errorf("the secret %q stands in an error", s)
		}
	}
	golden(t, "errors.golden", b.String())
}

func mustAbs(t *testing.T, name string) string {
	t.Helper()
	abs, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func TestWhoWantsToKnowIsToldThatAHookStarts(t *testing.T) {
	var told []string
	r := &hook.Runner{Started: func(name string, h *target.Hook) { told = append(told, name+" "+h.Command[1]) }}
	if _, err := r.Run(t.Context(), "reset", me(t, "print"), nil); err != nil {
		t.Fatal(err)
	}
	_, _ = r.Run(t.Context(), "none", nil, nil)
	if diff := cmp.Diff([]string{"reset print"}, told); diff != "" {
		t.Error(diff)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test -update writes it:\n%s", name, diff)
	}
}

func TestAHookDiesWithAHarnessThatIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only the kernel of Linux does that")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv(asProgram, "1")
	harness := exec.Command(os.Args[0], "harness", l.Addr().String())
	if err := harness.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := harness.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = harness.Wait()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the hook is still there")
	}
}
