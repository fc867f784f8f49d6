// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/features"
)

// source is one feature file and what of it was asked for.
type source struct {
	name string
	text []byte
	// lines are what was asked for in it; none means all.
	lines []int
}

// readSources reads the files that the options name, each once, sorted by name.
func readSources(o *Options) ([]*source, error) {
	r := sourceReader{byName: map[string]*source{}}
	switch {
	case o.Features != nil:
		r.open, r.walk = fsReader(o.Features)
	case len(o.Paths) == 0:
		r.open, r.walk = fsReader(features.FS)
	default:
		r.open, r.walk = os.ReadFile, filepath.WalkDir
	}
	paths := o.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, p := range paths {
		if err := r.add(p); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(r.all, func(a, b *source) int { return strings.Compare(a.name, b.name) })
	return r.all, nil
}

func fsReader(fsys fs.FS) (func(string) ([]byte, error), func(string, fs.WalkDirFunc) error) {
	return func(name string) ([]byte, error) { return fs.ReadFile(fsys, path.Clean(name)) },
		func(root string, fn fs.WalkDirFunc) error { return fs.WalkDir(fsys, path.Clean(root), fn) }
}

type sourceReader struct {
	open   func(string) ([]byte, error)
	walk   func(string, fs.WalkDirFunc) error
	all    []*source
	byName map[string]*source
}

// add reads a file, a folder, or a file:line.
func (r *sourceReader) add(p string) error {
	root, line := p, 0
	if i := strings.LastIndexByte(p, ':'); i > 0 {
		if n, err := strconv.Atoi(p[i+1:]); err == nil {
			root, line = p[:i], n
		}
	}
	err := r.walk(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && line != 0:
			return usage("%s: a line of a folder: name a file", p)
		case d.IsDir() || name != root && !strings.HasSuffix(name, ".feature"):
			return nil
		}
		return r.read(name, line)
	})
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return usage("%s: there is no such file or folder", p)
	case errors.Is(err, fs.ErrPermission):
		return &UsageError{fmt.Errorf("%s: may not be read: %w", p, err)}
	}
	return err
}

func (r *sourceReader) read(name string, line int) error {
	s, ok := r.byName[name]
	if !ok {
		text, err := r.open(name)
		if err != nil {
			return err
		}
		s = &source{name: name, text: text}
		r.byName[name] = s
		r.all = append(r.all, s)
	}
	switch {
	case line == 0:
		s.lines = nil
	case !ok || s.lines != nil:
		s.lines = append(s.lines, line)
	}
	return nil
}

// digest is over what a run used: the features that it read, and the
// catalogue that it judged by.
func digest(sources []*source, o *Options) string {
	h := sha256.New()
	put := func(name string, text []byte) {
		fmt.Fprintf(h, "%d %s %d\n", len(name), name, len(text))
		h.Write(text)
	}
	for _, s := range sources {
		put(s.name, s.text)
	}
	for _, r := range o.Catalogue.All() {
		put(r.ID, fmt.Appendf(nil, "%s %s %s %v %s %s %s %s", r.Reference(), r.Level, r.Text, r.Binds, r.Capability, r.Since, r.Note, r.Untested))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
