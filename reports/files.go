// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/harness/trace"
)

// Format is a kind of file that a run can be written to.
type Format string

// The formats.
const (
	JSON     Format = "json"     // report.json
	JUnit    Format = "junit"    // junit.xml
	Cucumber Format = "cucumber" // cucumber.json
	Pretty   Format = "pretty"   // report.txt
	HTML     Format = "html"     // report.html
	Captures Format = "captures" // captures/*.pcapng, one for each scenario
)

// Formats is every format.
func Formats() []Format { return []Format{JSON, JUnit, Cucumber, Pretty, HTML, Captures} }

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	if f := Format(s); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("format %q: want one of %s", s, strings.Join(formatNames(), ", "))
}

func formatNames() []string {
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return names
}

// WriteFiles writes a run to a folder, which it makes if need be. With captures
// among the formats, each scenario's Files name its capture afterwards.
func WriteFiles(dir string, r *Report, formats ...Format) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if slices.Contains(formats, Captures) {
		if err := writeCaptures(dir, captureDir, r); err != nil {
			return err
		}
	}
	for _, f := range formats {
		var err error
		switch f {
		case JSON:
			err = writeFile(filepath.Join(dir, "report.json"), func(w io.Writer) error { return WriteJSON(w, r) })
		case JUnit:
			err = writeFile(filepath.Join(dir, "junit.xml"), func(w io.Writer) error { return WriteJUnit(w, r) })
		case Cucumber:
			err = writeFile(filepath.Join(dir, "cucumber.json"), func(w io.Writer) error { return WriteCucumber(w, r) })
		case Pretty:
			err = writeFile(filepath.Join(dir, "report.txt"), func(w io.Writer) error { return WriteText(w, r, TextOptions{}) })
		case HTML:
			err = writeFile(filepath.Join(dir, "report.html"), func(w io.Writer) error { return WriteHTML(w, r) })
		case Captures:
		default:
			_, err = ParseFormat(string(f))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// captureDir is where captures stand, in the folder of the report.
const captureDir = "captures"

// writeCaptures writes a capture for each scenario that put datagrams on the wire
// into the folder called within, which is in dir.
func writeCaptures(dir, within string, r *Report) error {
	folder := filepath.Join(dir, filepath.FromSlash(within))
	if err := os.RemoveAll(folder); err != nil { // those of an earlier run would mislead
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, s := range r.Scenarios {
		if !slices.ContainsFunc(s.Trace, func(e trace.Event) bool { return e.Layer == trace.Datagram }) {
			continue
		}
		name := path.Join(within, s.ID+".pcapng")
		err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), func(w io.Writer) error { return WriteCapture(w, s.Trace, s.Keys) })
		if err != nil {
			return err
		}
		if !slices.Contains(s.Files, name) {
			s.Files = append(s.Files, name)
		}
	}
	return nil
}

// writeFile writes a file for its owner alone: captures hold keys and traces
// hold credentials of users under test. It is there as a whole or not at all,
// whenever the program is ended.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return fmt.Errorf("%s: %w", name, errors.Join(closeWith(f, err), os.Remove(f.Name())))
	}
	if err := f.Close(); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// closeWith closes f on the way out with err.
func closeWith(f io.Closer, err error) error {
	if cerr := f.Close(); cerr != nil {
		return fmt.Errorf("%w; %w", err, cerr)
	}
	return err
}
