// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coapstone/coapstone/harness/verdict"
)

// There is no one schema of JUnit's files; these are the elements that Jenkins,
// GitLab and GitHub's reporters read.
type (
	junitSuites struct {
		XMLName  xml.Name      `xml:"testsuites"`
		Name     string        `xml:"name,attr"`
		Tests    int           `xml:"tests,attr"`
		Failures int           `xml:"failures,attr"`
		Errors   int           `xml:"errors,attr"`
		Skipped  int           `xml:"skipped,attr"`
		Time     string        `xml:"time,attr"`
		Suites   []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		File       string          `xml:"file,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties junitProperties `xml:"properties"`
		Cases      []junitCase     `xml:"testcase"`

		elapsed time.Duration
	}
	junitProperties struct {
		Property []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		ClassName  string           `xml:"classname,attr"`
		Name       string           `xml:"name,attr"`
		File       string           `xml:"file,attr"`
		Line       int              `xml:"line,attr"`
		Time       string           `xml:"time,attr"`
		Properties *junitProperties `xml:"properties,omitempty"`
		Failure    *junitProblem    `xml:"failure,omitempty"`
		Error      *junitProblem    `xml:"error,omitempty"`
		Skipped    *junitSkipped    `xml:"skipped,omitempty"`
		SystemOut  string           `xml:"system-out,omitempty"`
	}
	junitProblem struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// WriteJUnit writes the run as JUnit XML: a suite for each feature, a case for
// each scenario. A fail is a failure; error and inconclusive are errors, so that
// nothing unjudged looks green; skipped, not-applicable and known failures are
// skipped, with the reason. A warning passes, and says so in its output. Each
// stale expectation is a failure, in a suite of their own.
func WriteJUnit(w io.Writer, r *Report) error {
	all := junitSuites{Name: r.Suite.Name, Time: seconds(r.Elapsed)}
	byFile := map[string]*junitSuite{}
	for _, s := range r.Scenarios {
		suite := byFile[s.File]
		if suite == nil {
			suite = &junitSuite{Name: s.Feature, File: s.File, Timestamp: r.StartedAt.UTC().Format("2006-01-02T15:04:05")}
			suite.Properties.Property = []junitProperty{
				{"suite", r.Suite.Name + " " + r.Suite.Version + ", edition " + r.Suite.Edition},
				{"digest", r.Suite.Digest},
				{"target", r.Target},
				{"lab", r.Lab.Kind},
				{"profile", r.Profile},
				{"seed", fmt.Sprint(r.Seed)},
			}
			byFile[s.File] = suite
			all.Suites = append(all.Suites, suite)
		}
		c, err := junitCaseOf(r, s)
		if err != nil {
			return err
		}
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		suite.elapsed += s.Elapsed
		suite.Time = seconds(suite.elapsed)
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	if s := junitStale(r); s.Tests > 0 {
		all.Suites = append(all.Suites, s)
	}
	for _, s := range all.Suites {
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// junitStale is a case for each stale expectation.
func junitStale(r *Report) *junitSuite {
	suite := &junitSuite{Name: "Expectations of known failures", Time: seconds(0), Timestamp: r.StartedAt.UTC().Format("2006-01-02T15:04:05")}
	for _, e := range r.Expectations {
		if e.State != Stale {
			continue
		}
		reason := xmlText(e.At + ": " + e.Reason)
		suite.Cases = append(suite.Cases, junitCase{
			ClassName: "expectations", Name: xmlText(e.Expectation.String()), Time: seconds(0),
			Failure: &junitProblem{Type: string(Stale), Message: reason, Text: reason},
		})
		suite.Tests++
		suite.Failures++
	}
	return suite
}

func junitCaseOf(r *Report, s *Scenario) (junitCase, error) {
	c := junitCase{
		ClassName: strings.ReplaceAll(strings.TrimSuffix(s.File, ".feature"), "/", "."),
		Name:      xmlText(s.Title()), File: s.File, Line: s.Line, Time: seconds(s.Elapsed),
	}
	if s.Requirement != "" {
		c.Properties = &junitProperties{[]junitProperty{{"requirement", s.Requirement}, {"verdict", s.Verdict.String()}}}
		c.Name = s.Requirement + " " + c.Name
	}
	if s.Verdict == verdict.Pass {
		return c, nil
	}
	message := xmlText(s.Finding.String())
	if s.Known != nil {
		c.Skipped = &junitSkipped{fmt.Sprintf("known %s: %s (%s): %s", s.Verdict, xmlText(s.Known.Why), xmlText(s.Known.Link), message)}
		return c, nil
	}
	if s.Verdict == verdict.Skipped || s.Verdict == verdict.NotApplicable {
		c.Skipped = &junitSkipped{s.Verdict.String() + ": " + message}
		return c, nil
	}
	var b strings.Builder
	if err := WriteFailure(&b, r, s, TextOptions{}); err != nil {
		return c, err
	}
	full := xmlText(b.String())
	problem := &junitProblem{Type: s.Verdict.String(), Message: message, Text: "\n" + full}
	switch s.Verdict {
	case verdict.Fail:
		c.Failure = problem
	case verdict.Error, verdict.Inconclusive:
		c.Error = problem
	default:
		c.SystemOut = "\n" + full
	}
	return c, nil
}

// xmlText is text without the characters that XML 1.0 cannot hold.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
			return '?'
		}
		return r
	}, s)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
