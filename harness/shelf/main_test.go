// SPDX-License-Identifier: Apache-2.0

package shelf_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the results of the targets")

// bin is the folder of the built program: what a user has in PATH.
var bin string

// abreast is how many tests run at once: they wait, each for targets of its own.
const abreast = "6"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", abreast); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "coapstone-shelf-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		bin = dir

		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "coapstone"), "../../cmd/coapstone").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build the program: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// The timeouts of these tests.
const (
	runTimeout   = 8 * time.Minute  // one run of the program: the profile full repeats for 93 s, more than once
	readyTimeout = 20 * time.Second // until what serves says so
	lastOutput   = 2 * time.Second  // for the output of what was killed
)

// fixtures is where the target files are.
const fixtures = "../../fixtures/targets"

// shelf is a copy of the target files, for one test. Addresses of 127.0.0.0/8 are
// Linux's alone.
func shelf(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the target files name addresses of 127.0.0.0/8 that only Linux has without being told: run it on Linux")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(fixtures)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// environment is that of every process here.
func environment(extra ...string) []string {
	return append(append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH")), extra...)
}

// result is what a run of a command gave.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("-- stdout --\n%s-- stderr --\n%s-- exit code %d --\n", r.stdout, r.stderr, r.code)
}

// invoke runs a command in dir to its end.
func invoke(t *testing.T, dir string, words ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	cmd := command(ctx, dir, words...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s did not end; it said:\n%s%s", strings.Join(words, " "), &stdout, &stderr)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func command(ctx context.Context, dir string, words ...string) *exec.Cmd {
	name := words[0]
	if name == "coapstone" {
		name = filepath.Join(bin, name)
	}
	cmd := exec.CommandContext(ctx, name, words[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, environment(), lastOutput
	return cmd
}

// output is what a process that runs has said so far.
type output struct {
	mu    sync.Mutex
	b     bytes.Buffer
	grown chan struct{} // closed when there is more
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.grown != nil {
		close(o.grown)
		o.grown = nil
	}
	return o.b.Write(b)
}

func (o *output) String() string {
	s, _ := o.more()
	return s
}

func (o *output) more() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.grown == nil {
		o.grown = make(chan struct{})
	}
	return o.b.String(), o.grown
}

// await waits until the process has said the text.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(readyTimeout)
	for {
		said, grown := o.more()
		if strings.Contains(said, text) {
			return
		}
		select {
		case <-grown:
		case <-timeout:
			t.Fatalf("it does not say %q; it said:\n%s", text, said)
		}
	}
}

// start starts a process that is killed at the end of the test, and ready when it
// has said a word; "" waits for nothing.
func start(t *testing.T, dir string, env []string, ready string, words ...string) *output {
	t.Helper()
	cmd := command(context.WithoutCancel(t.Context()), dir, words...)
	cmd.Env = environment(env...)
	out := new(output)
	cmd.Stdout, cmd.Stderr = out, out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if ready != "" {
		out.await(t, ready)
	}
	return out
}

var _ io.Writer = (*output)(nil)

// golden compares what a target got with the file beside its target file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join(fixtures, name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; go test -update accepts it)\n%s", file, d)
	}
}
