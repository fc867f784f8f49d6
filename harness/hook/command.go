// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	// grace is how long a program has to end by itself when it is told to.
	grace = 2 * time.Second
	// lastWords is how long its output is read after its end. A process that has
	// left the group may hold the pipe open.
	lastWords = time.Second
)

// command runs the hook's program.
func (o *occasion) command(ctx context.Context) (string, error) {
	cmd, err := o.build(ctx)
	if err != nil {
		return "", err
	}
	out, err := runGroup(cmd)
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, ctx.Err()
	case cmd.Process == nil:
		return "", fmt.Errorf("%s cannot be started: a relative program is looked for in the folder of the target file: %w", o.words(), err)
	}
	return out, fmt.Errorf("%s failed: %w: run it by hand in the folder of the target file, or mend hooks.%s%s", o.words(), err, o.name, saying(o.blot(out)))
}

// words is the command as the target file has it: without any values.
func (o *occasion) words() string { return visible(o.blot(strings.Join(o.hook.Command, " "))) }

// build makes the command.
func (o *occasion) build(ctx context.Context) (*exec.Cmd, error) {
	words := o.hook.Command
	if len(words) == 0 || words[0] == "" || variable.MatchString(words[0]) {
		return nil, fmt.Errorf("its command names no program: write one out as the first item of hooks.%s.command", o.name)
	}
	program := words[0]
	if !filepath.IsAbs(program) && filepath.Base(program) != program {
		abs, err := filepath.Abs(filepath.Join(o.Dir, program))
		if err != nil {
			return nil, err
		}
		program = abs
	}
	var args []string
	for _, word := range words[1:] {
		arg, err := o.expand(word, asText)
		if err != nil {
			return nil, err
		}
		if strings.Contains(arg, "\x00") {
			return nil, fmt.Errorf("%q holds a byte 0 here, which no argument can: use another hook for such payloads", o.blot(word))
		}
		args = append(args, arg)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = o.Dir
	cmd.Env = append(os.Environ(), o.environ()...)
	cmd.WaitDelay = grace
	return cmd, nil
}

// runGroup runs a command in a process group of its own, and returns its output
// when nothing of the group is left.
func runGroup(cmd *exec.Cmd) (string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	cmd.Stdout, cmd.Stderr = w, w
	ownGroup(cmd)
	runtime.LockOSThread() // dieWithUs asks for it
	defer runtime.UnlockOSThread()
	err = cmd.Start()
	if cerr := w.Close(); err != nil || cerr != nil {
		return "", errors.Join(err, cerr, r.Close())
	}
	output := make(chan string, 1)
	go func() {
		out, _ := drain(r) // its end is no error, whichever comes
		output <- out
	}()
	err = cmd.Wait()
	endGroup(cmd) // what it left behind
	if r.SetReadDeadline(time.Now().Add(lastWords)) != nil {
		_ = r.Close()
	}
	out := <-output
	_ = r.Close()
	return out, err
}
