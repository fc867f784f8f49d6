// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/lab/containers"
	"github.com/coapstone/coapstone/harness/lab/embedded"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// runFlags is the flags of run.
type runFlags struct {
	target, lab, profile, out string
	keylog                    string
	role                      string
	formats                   []string
	shard, expectations       string
	template                  bool
	options                   coapstone.Options
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [FEATURE…]",
		Short: "Run the suite and judge",
		Long: `Run the built-in suite, or these feature files, folders or file:line, against
the reference gateway or against a target, and judge what crossed the wire.

With --role device-client or device-server the stock device is judged instead of
the gateway: a device that calls, or one that is called. A target is judged in the
role that its file gives it.

Known failures stand in a file given by --expectations: they do not fail the run,
and one that no longer fails, or never ran, fails it with exit code 6, so that
the file stays true. What this run does not select is left alone. Each entry says:

  expectations:
    - requirement: RMP-3.1-06
      scenario: its name, or file:line  # or none: any that proves the requirement
      sentence: what the RFC or the document asks for, in our own words
      packet: what crosses the wire instead
      why: why that is accepted for now
      link: https://example.com/where/it/is/followed/up

Entries for what failed unexpectedly, ready to paste, follow the report when
--expectations or --expectations-template is given.

With --shard I/N a run is the I-th of N parts. A scenario stays in its part
whatever else is selected: its file, its name and its row decide.`,
		Example: `  coapstone run
  coapstone run --profile smoke
  coapstone run --tags '@inbound and not @dtls' --out reports
  coapstone run --lab containers
  coapstone run --role device-client
  coapstone run --target gateway.yaml --profile full --out reports
  coapstone run --target gateway.yaml --expectations known.yaml --edition 1
  coapstone run --shard 2/4 --out reports
  coapstone run my.feature my.feature:12`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			f.options.Paths = paths
			return runSuite(cmd, f)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.target, "target", "", "judge what this target `FILE` describes")
	fs.StringVar(&f.lab, "lab", "embedded", "where the reference gateway runs: `embedded|containers`")
	fs.StringVar(&f.role, "role", "", "judge what has this role: `gateway|device-client|device-server` (default gateway, or the target's)")
	fs.StringVar(&f.options.Tags, "tags", "", "select scenarios by a tag expression `EXPR`")
	fs.StringVar(&f.profile, "profile", "standard", "how much to run: `smoke|standard|full`")
	fs.IntVar(&f.options.Workers, "workers", 0, "how many scenarios run at once: `N` (0: 32)")
	fs.Uint64Var(&f.options.Seed, "seed", 0, "the order in which scenarios start: `N` (0: a new one)")
	fs.StringVar(&f.out, "out", "", "write report files into `DIR`")
	fs.StringSliceVar(&f.formats, "format", nil, "which report files: `LIST` of "+formatNames()+" (default all)")
	fs.StringVar(&f.keylog, "keylog", "", "append the keys of DTLS sessions to `FILE` as they are made, for Wireshark")
	fs.BoolVar(&f.options.DryRun, "dry-run", false, "look every step up and run nothing")
	fs.BoolVar(&f.options.FailFast, "fail-fast", false, "start nothing more after the first failure")
	fs.StringVar(&f.shard, "shard", "", "run one part of the selected scenarios: `I/N`")
	fs.StringVar(&f.options.Edition, "edition", "", "pin an edition `E` of the suite: later requirements do not apply (default the newest, "+coapstone.Edition+")")
	fs.StringVar(&f.expectations, "expectations", "", "known failures stand in this `FILE`")
	fs.BoolVar(&f.template, "expectations-template", false, "print entries for --expectations, of what failed unexpectedly")
	complete := func(values ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	_ = cmd.RegisterFlagCompletionFunc("lab", complete("embedded", "containers"))
	_ = cmd.RegisterFlagCompletionFunc("role", complete(string(verdict.Gateway), string(verdict.DeviceClient), string(verdict.DeviceServer)))
	_ = cmd.RegisterFlagCompletionFunc("profile", complete("smoke", "standard", "full"))
	_ = cmd.RegisterFlagCompletionFunc("format", complete(strings.Split(formatNames(), ", ")...))
	_ = cmd.MarkFlagFilename("target", "yaml", "yml")
	_ = cmd.MarkFlagFilename("expectations", "yaml", "yml")
	_ = cmd.MarkFlagDirname("out")
	return cmd
}

func formatNames() string {
	var names []string
	for _, f := range reports.Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

func runSuite(cmd *cobra.Command, f runFlags) error {
	formats, err := f.parseFormats()
	if err != nil {
		return err
	}
	o := f.options
	o.Profile = coapstone.Profile(f.profile)
	if err := f.narrow(cmd, &o); err != nil {
		return err
	}
	where, err := f.where(cmd, &o)
	if err != nil {
		return err
	}
	defer where.end()
	o.Lab = where.open
	if f.keylog != "" {
		log, err := openKeyLog(f.keylog)
		if err != nil {
			return err
		}
		defer log.Close()
		o.KeyLog = log
	}
	live := newProgress(cmd.ErrOrStderr())
	o.Observer = live.observe
	report, runErr := coapstone.Run(cmd.Context(), o)
	live.end()
	if report == nil {
		return runErr
	}
	if err := errors.Join(runErr, f.finish(cmd, report, formats, where.secrets, runErr == nil)); err != nil {
		return err
	}
	if report.ExitCode != exitConformant {
		return exitStatus(report.ExitCode)
	}
	return nil
}

// finish writes the report, what is the operator's alone before it is redacted.
func (f runFlags) finish(cmd *cobra.Command, report *reports.Report, formats []reports.Format, secrets []secret.Text, whole bool) error {
	var errs []error
	failed := func(err error) {
		if err != nil {
			errs = append(errs, environmentError{err})
		}
	}
	intoFolder := func(formats ...reports.Format) {
		if f.out == "" || len(formats) == 0 || len(errs) > 0 { // the folder has been complained about
			return
		}
		if err := reports.WriteFiles(f.out, report, formats...); err != nil {
			failed(fmt.Errorf("cannot write the report into --out %s: %w", f.out, err))
		}
	}
	if i := slices.Index(formats, reports.Captures); i >= 0 {
		formats = slices.Delete(slices.Clone(formats), i, i+1)
		intoFolder(reports.Captures)
	}
	if len(secrets) > 0 {
		reports.Redact(report, secrets)
	}
	intoFolder(formats...)
	if whole || slices.ContainsFunc(report.Scenarios, (*reports.Scenario).Ran) {
		failed(reports.WriteText(cmd.OutOrStdout(), report, textOptions(cmd, f.out)))
	}
	if whole && (f.template || f.expectations != "") {
		failed(writeTemplate(cmd, report))
	}
	return errors.Join(errs...)
}

// narrow fills in o what the flags say of shards, editions and known failures.
func (f runFlags) narrow(cmd *cobra.Command, o *coapstone.Options) (err error) {
	if cmd.Flags().Changed("shard") {
		if o.Shard, err = coapstone.ParseShard(f.shard); err != nil {
			return err
		}
	}
	if cmd.Flags().Changed("edition") && o.Edition == "" {
		return usagef("--edition: no edition is given: name one, or leave the flag away for the newest")
	}
	if cmd.Flags().Changed("expectations") {
		b, err := os.ReadFile(f.expectations)
		if err != nil {
			return usagef("cannot read the expectations: %w", err)
		}
		if o.Expectations, err = verdict.ParseExpectations(f.expectations, b); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// writeTemplate prints, apart from the report, entries for an expectations file.
func writeTemplate(cmd *cobra.Command, r *reports.Report) error {
	var b strings.Builder
	if err := reports.WriteTemplate(&b, r); err != nil || b.Len() == 0 {
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "\n%s", &b)
	return err
}

// place is where a run is made.
type place struct {
	open lab.Opener
	// secrets are those of a real target.
	secrets []secret.Text
	// end gives back what was opened for it.
	end func()
}

// where is the lab that the flags ask for; a target fills in o what it says.
func (f runFlags) where(cmd *cobra.Command, o *coapstone.Options) (*place, error) {
	o.Role = verdict.Role(f.role)
	p := &place{end: func() {}}
	switch kind := lab.Kind(f.lab); {
	case f.target != "":
		if cmd.Flags().Changed("lab") {
			return nil, usagef("--lab and --target exclude each other: a target is its own lab")
		}
		t, err := target.Open(f.target)
		if err != nil {
			return nil, usageError{err}
		}
		if f.role != "" && o.Role != t.Role {
			return nil, usagef("--role %s: the target file %s says role: %s", f.role, f.target, t.Role)
		}
		ofTarget(o, t)
		hooks, end := hooksOf(t)
		return &place{open: openTarget(t, hooks), secrets: t.Secrets(), end: end}, nil
	case kind == lab.Embedded:
		p.open = embedded.Open(embedded.Options{})
	case kind == lab.Containers:
		p.open = containers.Open(containers.Options{})
	case kind == lab.External:
		return nil, usagef("--lab external: name the target instead: --target FILE")
	default:
		return nil, usagef("--lab %q: want embedded or containers", f.lab)
	}
	return p, nil
}

func (f runFlags) parseFormats() ([]reports.Format, error) {
	if len(f.formats) > 0 && f.out == "" {
		return nil, usagef("--format needs a folder to write to: give --out DIR")
	}
	if len(f.formats) == 0 {
		return reports.Formats(), nil
	}
	var formats []reports.Format
	for _, name := range f.formats {
		format, err := reports.ParseFormat(strings.TrimSpace(name))
		if err != nil {
			return nil, usagef("--%w", err)
		}
		formats = append(formats, format)
	}
	return formats, nil
}

// textOptions fits the report to the standard output.
func textOptions(cmd *cobra.Command, dir string) reports.TextOptions {
	o := reports.TextOptions{Dir: dir}
	if width, ok := terminal(cmd.OutOrStdout()); ok {
		o.Width, o.Color = width, colorful()
	}
	return o
}

// terminal says whether w is a terminal, and how wide it is.
func terminal(w any) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return width, err == nil
}

// colorful says whether a terminal may have colours (no-color.org).
func colorful() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }
