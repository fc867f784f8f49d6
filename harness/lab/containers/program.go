// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// command is the program that the image holds.
const command = "github.com/coapstone/coapstone/cmd/coapstone"

// program is the bytes of a static coapstone for Linux on this architecture
// ("amd64"): the given file, this very process's, or built from the sources.
func program(ctx context.Context, file, arch string) ([]byte, error) {
	if file != "" {
		if err := static(file, arch); err != nil {
			return nil, err
		}
		return os.ReadFile(file)
	}
	var why error
	if info, ok := debug.ReadBuildInfo(); ok && info.Path == command {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		if why = static(self, arch); why == nil {
			return os.ReadFile(self)
		}
	}
	b, err := build(ctx, arch)
	if err != nil && why != nil {
		return nil, fmt.Errorf("the image needs a static coapstone: install it with CGO_ENABLED=0 go install %s, or run it in a checkout with Go installed (%w; %w)", command, why, err)
	}
	return b, err
}

// static says whether the file runs alone in an image, and if not, why.
func static(file, arch string) error {
	f, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("%s is no program for Linux: %w", file, err)
	}
	defer f.Close()
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "386": elf.EM_386, "riscv64": elf.EM_RISCV}
	if want, ok := machines[arch]; ok && f.Machine != want {
		return fmt.Errorf("%s is for %s, and the Docker daemon runs %s", file, f.Machine, arch)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is linked dynamically: build it with CGO_ENABLED=0", file)
		}
	}
	return nil
}

// build compiles the program from the sources that this process was built from,
// if they are still there, or else from the module around the working folder.
func build(ctx context.Context, arch string) ([]byte, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("cannot build the program for the image: install Go and put it into PATH: %w", err)
	}
	dir, err := os.MkdirTemp("", "coapstone-image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "coapstone")
	cmd := exec.CommandContext(ctx, goTool, "build", "-trimpath", "-ldflags=-s -w", "-o", out, command)
	cmd.Dir = sources()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return nil, fmt.Errorf("cannot build the program for the image: %s: %w", first, err)
	}
	return os.ReadFile(out)
}

// sources is the folder of this package's sources, or "" where they are gone or
// their place was trimmed from the program.
func sources() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return ""
	}
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return filepath.Dir(file)
}
