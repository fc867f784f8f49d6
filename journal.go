// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/reports"
)

// journalVersion is the version of the shape of a journal's lines.
const journalVersion = 1

// Sitting is one of the runs that together judge a target. All of a journal must
// be of the same suite, target and program, or their verdicts say nothing
// together.
type Sitting struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	// Suite, Target and Program are digests.
	Suite   string `json:"suite"`
	Target  string `json:"target"`
	Program string `json:"program,omitempty"`
	// Role and Edition are what is judged, and by which edition.
	Role    string `json:"role"`
	Edition string `json:"edition"`
	// Misfits are where the target did not fit its conformance statement when this
	// sitting began. Sittings need not agree on them.
	Misfits []string `json:"misfits,omitempty"`
}

// ErrJournal is a journal that is not there, that is there, or that is of
// something else.
var ErrJournal = errors.New("journal")

// errBusy is a journal that another sitting has open.
var errBusy = fmt.Errorf("%w: another sitting has it open: wait for its end, or end it", ErrJournal)

// Journal keeps what a run has judged, a line for each scenario, so that another
// sitting can go on after it, even when this one is killed. It holds traces and
// the keys of sessions: it is for the operator alone.
type Journal struct {
	// Sittings are those before this one.
	Sittings []Sitting
	// Judged are the scenarios that they have judged, by Place.
	Judged map[string]*reports.Scenario
	// Facts are what the lab said of itself.
	Facts []lab.Fact

	mu   sync.Mutex
	file *os.File
}

// journalLine is one line: one of the three.
type journalLine struct {
	Sitting  *Sitting          `json:"sitting,omitempty"`
	Lab      []lab.Fact        `json:"lab,omitempty"`
	Place    string            `json:"place,omitempty"`
	Scenario *reports.Scenario `json:"scenario,omitempty"`
	// Keys is the key log, which the scenario keeps to itself.
	Keys []byte `json:"keys,omitempty"`
}

// CreateJournal begins a journal. There must be none at name.
func CreateJournal(name string, s Sitting) (*Journal, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("%w: %s is there already: go on with --resume, or name another folder", ErrJournal, name)
	case err != nil:
		return nil, err
	}
	j := &Journal{file: f, Judged: map[string]*reports.Scenario{}}
	err = lock(f)
	if err == nil {
		err = j.begin(s)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, syncFolder(filepath.Dir(name))
}

// ReadJournal reads the journal at name as it is, and changes nothing. It refuses
// what ResumeJournal refuses. Nothing can be recorded in it.
func ReadJournal(name string, s Sitting) (*Journal, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	j := &Journal{Judged: map[string]*reports.Scenario{}}
	if _, err := j.read(name, b); err != nil {
		return nil, err
	}
	return j, j.fits(name, s)
}

// ResumeJournal goes on with the journal at name. A last line that was cut short
// by a crash is left out. It refuses one of another suite, target or program.
func ResumeJournal(name string, s Sitting) (*Journal, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: there is nothing to resume at %s: begin without --resume", ErrJournal, name)
	case err != nil:
		return nil, err
	}
	j := &Journal{file: f, Judged: map[string]*reports.Scenario{}}
	err = lock(f)
	if err == nil {
		err = j.mend(name)
	}
	if err == nil {
		err = j.fits(name, s)
	}
	if err == nil {
		err = j.begin(s)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// mend reads the file, and cuts a torn line off it.
func (j *Journal) mend(name string) error {
	b, err := io.ReadAll(j.file)
	if err != nil {
		return err
	}
	whole, err := j.read(name, b)
	if err != nil || whole == len(b) {
		return err
	}
	return j.file.Truncate(int64(whole))
}

// read reads the lines, and says how many bytes of whole ones there are.
func (j *Journal) read(name string, b []byte) (whole int, err error) {
	whole = bytes.LastIndexByte(b, '\n') + 1
	n := 0
	for line := range bytes.Lines(b[:whole]) {
		n++
		var l journalLine
		if err := json.Unmarshal(line, &l); err != nil {
			return 0, fmt.Errorf("%w: %s:%d: cannot be read, and it is not a last line that was cut short: %w; begin again in another folder", ErrJournal, name, n, err)
		}
		j.take(&l)
	}
	if len(j.Sittings) == 0 {
		return 0, fmt.Errorf("%w: %s holds no sitting: begin again in another folder", ErrJournal, name)
	}
	return whole, nil
}

// take remembers a line. A scenario that was judged twice, since it was run again,
// is as it was the last time.
func (j *Journal) take(l *journalLine) {
	switch {
	case l.Sitting != nil:
		j.Sittings = append(j.Sittings, *l.Sitting)
	case l.Lab != nil:
		j.Facts = l.Lab
	case l.Scenario != nil:
		l.Scenario.Keys = l.Keys
		j.Judged[l.Place] = l.Scenario
	}
}

// fits says what differs between this sitting and those before it.
func (j *Journal) fits(name string, s Sitting) error {
	for _, was := range j.Sittings {
		for _, d := range []struct{ what, was, is, next string }{
			{"shape", fmt.Sprint(was.Version), fmt.Sprint(journalVersion), "use the program that began it"},
			{"suite", was.Suite, s.Suite, "use the program that began it"},
			{"program", was.Program, s.Program, "use the program that began it"},
			{"edition", was.Edition, s.Edition, "name the same --edition"},
			{"role", was.Role, s.Role, "give the target file the same role"},
			{"target file", was.Target, s.Target, "put the target file back as it was"},
		} {
			if d.was != d.is {
				return fmt.Errorf("%w: %s is of another %s (%s, now %s): %s, or begin again in another folder", ErrJournal, name, d.what, d.was, d.is, d.next)
			}
		}
	}
	return nil
}

func (j *Journal) begin(s Sitting) error {
	s.Version = journalVersion
	return j.write(&journalLine{Sitting: &s})
}

// Lab keeps what the lab said of itself.
func (j *Journal) Lab(facts []lab.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	return j.write(&journalLine{Lab: facts})
}

// Record keeps a scenario with its verdict: when it returns, a crash does not
// lose it.
func (j *Journal) Record(s *reports.Scenario) error {
	return j.write(&journalLine{Place: Place(s), Scenario: s, Keys: s.Keys})
}

func (j *Journal) write(l *journalLine) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(b, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}

// Close ends the sitting.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file.Close()
}

// syncFolder makes sure that a file that was made in a folder stays there.
func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	_ = d.Sync() // not every system can
	return d.Close()
}

// Misfits are those of all sittings so far, each once.
func (j *Journal) Misfits() []string {
	var all []string
	for _, s := range j.Sittings {
		for _, m := range s.Misfits {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// Complete fills in a report what this sitting alone did not see: what the lab
// said of itself, if there was nothing left to open it for, how many sittings
// there were, and how long they took from the first to the last.
func (j *Journal) Complete(r *reports.Report) {
	if r.Lab.Kind == "" {
		for _, f := range j.Facts {
			r.Lab.Facts = append(r.Lab.Facts, reports.Fact(f))
			if f.Name == "lab" {
				r.Lab.Kind = f.Value
			}
		}
	}
	if len(j.Sittings) > 0 {
		end := r.StartedAt.Add(r.Elapsed)
		r.StartedAt = j.Sittings[0].At
		r.Elapsed = end.Sub(r.StartedAt)
		r.Lab.Facts = append(r.Lab.Facts,
			reports.Fact{Name: "sittings", Value: strconv.Itoa(len(j.Sittings) + 1)},
			reports.Fact{Name: "begun", Value: j.Sittings[0].At.UTC().Format(time.RFC3339)})
	}
}

// Digest is the digest of the features and the catalogue that a run with these
// options uses, and the edition that it is of.
func Digest(o Options) (digest, edition string, err error) {
	r, err := prepare(o)
	if err != nil {
		return "", "", err
	}
	return r.plan.digest, r.opts.Edition, nil
}
