// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/reports/statement"
)

// certFolder is the folder of a certification.
type certFolder struct {
	dir    string
	resume bool
	// before is the journal as earlier sittings left it; nil without them.
	before *coapstone.Journal
}

// findFolder says whether the folder can be used. Nothing is made yet.
func findFolder(dir string, resume bool) (*certFolder, error) {
	f := &certFolder{dir: dir, resume: resume}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("--out: %w", err)
	}
	_, err = os.Stat(f.journal())
	began := err == nil
	switch {
	case resume && !began:
		return nil, usagef("--resume: there is nothing to go on with in %s: it has no journal; begin without --resume", dir)
	case !resume && began:
		return nil, usagef("--out %s: a certification was begun there: go on with --resume, or name another folder", dir)
	case !resume && len(entries) > 0:
		return nil, usagef("--out %s: the folder is not empty, and what is there would be taken for this target's: name another one", dir)
	}
	return f, nil
}

func (f *certFolder) journal() string {
	return filepath.Join(f.dir, reports.SensitiveDir, "journal.jsonl")
}

// look reads the journal of earlier sittings, and changes nothing.
func (f *certFolder) look(s coapstone.Sitting) (err error) {
	if !f.resume {
		return nil
	}
	if f.before, err = coapstone.ReadJournal(f.journal(), s); err != nil {
		return usagef("--resume: %w", err)
	}
	return nil
}

func (f *certFolder) judged() map[string]*reports.Scenario {
	if f.before == nil {
		return nil
	}
	return f.before.Judged
}

// misfits are those of this sitting and of those before it: what does not fit any
// more has been seen all the same.
func (f *certFolder) misfits(s coapstone.Sitting) []string {
	all := slices.Clone(s.Misfits)
	if f.before == nil {
		return all
	}
	for _, m := range f.before.Misfits() {
		if !slices.Contains(all, m) {
			all = append(all, m+" (in an earlier sitting)")
		}
	}
	return all
}

// open makes the folder, or goes on with it.
func (f *certFolder) open(s coapstone.Sitting) (*coapstone.Journal, error) {
	if f.resume {
		j, err := coapstone.ResumeJournal(f.journal(), s)
		if err != nil {
			return nil, environmentError{err}
		}
		return j, nil
	}
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return nil, usagef("--out: %w", err)
	}
	if err := reports.MakeSensitive(f.dir); err != nil {
		return nil, environmentError{err}
	}
	j, err := coapstone.CreateJournal(f.journal(), s)
	if err != nil {
		return nil, environmentError{err}
	}
	return j, nil
}

// sitting is what this sitting is of.
func (c *certification) sitting() (coapstone.Sitting, error) {
	suite, edition, err := coapstone.Digest(c.options)
	if err != nil {
		return coapstone.Sitting{}, err
	}
	redacted, err := c.target.Redacted()
	if err != nil {
		return coapstone.Sitting{}, environmentError{fmt.Errorf("the target file cannot be redacted: %w", err)}
	}
	sum := sha256.Sum256(redacted)
	return coapstone.Sitting{
		At: time.Now(), Suite: suite, Target: hex.EncodeToString(sum[:]), Program: ownDigest(),
		Role: string(c.options.Role), Edition: edition,
	}, nil
}

// write writes all that the folder holds, what is sensitive before the report
// is redacted, and says what became of the statement.
func (c *certification) write(ctx context.Context, r *reports.Report) (signed string, err error) {
	stale := filepath.Join(c.flags.out, statement.StatementFile)
	if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) { // it is of an earlier sitting
		return "", err
	}
	if err := reports.WriteSensitive(c.flags.out, r); err != nil {
		return "", err
	}
	reports.Redact(r, c.target.Secrets())
	if err := reports.WriteFiles(c.flags.out, r, sharedFormats()...); err != nil {
		return "", err
	}
	redacted, err := c.target.Redacted()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(c.flags.out, statement.TargetFile), redacted, 0o600); err != nil {
		return "", err
	}
	switch {
	case r.Partial:
		return "none: the run ended before its time; go on with --resume", nil
	case c.signer == nil:
		return "none: nothing is signed without --key; coapstone key signing --out signing.pem makes a key, and --resume --key signing.pem signs without running anything again", nil
	}
	err = statement.Write(ctx, c.flags.out, r, statement.Options{Key: c.signer, Version: r.Suite.Version, Declared: c.target.Declared()})
	return stale, err
}

// sharedFormats are the reports that may be handed on.
func sharedFormats() []reports.Format {
	formats := []reports.Format{reports.JSON, reports.JUnit}
	if html, err := reports.ParseFormat("html"); err == nil {
		formats = append(formats, html)
	}
	return formats
}

// factsOf is what the lab of a run says of itself.
func factsOf(r *reports.Report) []lab.Fact {
	var facts []lab.Fact
	for _, f := range r.Lab.Facts {
		facts = append(facts, lab.Fact(f))
	}
	return facts
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// oneLine is a text without its line feeds.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
