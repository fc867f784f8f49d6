// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/deviant"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// defaultReport is where the report of the last run is looked for.
var defaultReport = filepath.Join("out", "report.json")

// featuresFromDocs is the way from docs/requirements.md to the features.
const featuresFromDocs = "../features"

// requirementsFlags is the flags of requirements.
type requirementsFlags struct {
	format, report, role, section string
}

func newRequirements() *cobra.Command {
	var f requirementsFlags
	cmd := &cobra.Command{
		Use:   "requirements [ID…]",
		Short: "List the requirements and what proves them",
		Long: `List the requirements of the catalogue: the scenarios that prove each, with file
and line; the deviants, gateways and devices with one fault, that the suite has
been seen to turn red for it; and what the last run said. A MUST without a
deviant is not yet trusted. The counts stand at the end.

With ids, all that is known of these is shown. An id may leave off its end:
RMP-3.1 is all of that section, RMP all of that source.

Verdicts come from --report, or from out/report.json where there is one.`,
		Example: `  coapstone requirements
  coapstone requirements RMP-3.1-05
  coapstone requirements --section 3.1 --role gateway
  coapstone run --out out; coapstone requirements RMP
  coapstone requirements --format json --report reports/report.json`,
		RunE: func(cmd *cobra.Command, ids []string) error { return listRequirements(cmd, f, ids) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.format, "format", "text", "how to write them: `text|json|markdown`")
	fs.StringVar(&f.report, "report", "", "take the verdicts from this report `FILE` (default "+defaultReport+", if there)")
	fs.StringVar(&f.role, "role", "", "only those that bind this `ROLE`: gateway, device-client or device-server")
	fs.StringVar(&f.section, "section", "", "only those of this section `S` of their source, and of sections below it")
	complete := func(values ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	_ = cmd.RegisterFlagCompletionFunc("format", complete("text", "json", "markdown"))
	_ = cmd.RegisterFlagCompletionFunc("role", complete(string(verdict.Gateway), string(verdict.DeviceClient), string(verdict.DeviceServer)))
	_ = cmd.MarkFlagFilename("report", "json")
	return cmd
}

func listRequirements(cmd *cobra.Command, f requirementsFlags, ids []string) error {
	if !slices.Contains([]string{"text", "json", "markdown"}, f.format) {
		return usagef("--format %q: want text, json or markdown", f.format)
	}
	if roles := []string{"", string(verdict.Gateway), string(verdict.DeviceClient), string(verdict.DeviceServer)}; !slices.Contains(roles, f.role) {
		return usagef("--role %q: want gateway, device-client or device-server", f.role)
	}
	c, err := coverage()
	if err != nil {
		return err
	}
	if err := f.addVerdicts(c); err != nil {
		return err
	}
	if err := f.selected(c, ids); err != nil {
		return err
	}
	c.Count()
	out := cmd.OutOrStdout()
	width, _ := terminal(out)
	switch {
	case f.format == "json":
		err = reports.WriteCoverageJSON(out, c)
	case f.format == "markdown":
		err = reports.WriteCoverageMarkdown(out, c, featuresFromDocs)
	case len(ids) > 0:
		err = reports.WriteCoverageDetails(out, c, textOptions(cmd, ""))
	default:
		err = reports.WriteCoverageText(out, c, width)
	}
	if err != nil {
		return environmentError{err}
	}
	return nil
}

// coverage is that of the built-in suite, with the deviants.
func coverage() (*reports.Coverage, error) {
	c, err := coapstone.Coverage(coapstone.Options{})
	if err != nil {
		return nil, err
	}
	for _, d := range deviant.All() {
		c.AddDeviant(d.Breaks, reports.CoveredDeviant{Name: d.Name, Also: d.Also})
	}
	return c, nil
}

// addVerdicts enters those of the report that is asked for, or of the last run.
func (f requirementsFlags) addVerdicts(c *reports.Coverage) error {
	name := f.report
	if name == "" {
		name = defaultReport
	}
	file, err := os.Open(name)
	switch {
	case f.report == "" && errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usagef("cannot read the report: %w", err)
	}
	defer file.Close()
	r, err := reports.ReadJSON(file)
	if err != nil {
		return usagef("%s: %w: want the report.json of a run", name, err)
	}
	if r.DryRun {
		return nil // nothing was judged
	}
	c.AddVerdicts(filepath.ToSlash(name), r)
	return nil
}

// selected leaves in c what ids and flags ask for.
func (f requirementsFlags) selected(c *reports.Coverage, ids []string) error {
	for _, id := range ids {
		if !slices.ContainsFunc(c.Requirements, func(r *reports.CoveredRequirement) bool { return below(r.ID, id, "-") }) {
			return usagef("%s: there is no such requirement: coapstone requirements lists them all", id)
		}
	}
	c.Select(func(r *reports.CoveredRequirement) bool {
		return (len(ids) == 0 || slices.ContainsFunc(ids, func(id string) bool { return below(r.ID, id, "-") })) &&
			(f.role == "" || slices.Contains(r.Binds, verdict.Role(f.role))) &&
			(f.section == "" || below(r.Section, f.section, "."))
	})
	if len(c.Requirements) == 0 {
		return nothingError{errors.New("no requirement is selected: leave out --role or --section, or an id")}
	}
	return nil
}

// below says whether name is top, or continues it behind a separator.
func below(name, top, separator string) bool {
	return name == top || strings.HasPrefix(name, strings.TrimSuffix(top, separator)+separator)
}

// nothingError is a selection that leaves nothing.
type nothingError struct{ error }

func (e nothingError) ExitCode() int { return exitNothingRan }
func (e nothingError) Unwrap() error { return e.error }
