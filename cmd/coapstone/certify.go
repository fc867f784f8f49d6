// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
	"github.com/coapstone/coapstone/reports/statement"
)

// certifyFlags is the flags of certify.
type certifyFlags struct {
	target, out, key     string
	expectations, keylog string
	edition              string
	skip                 []string
	resume, template     bool
}

func newCertify() *cobra.Command {
	var f certifyFlags
	cmd := &cobra.Command{
		Use:   "certify --target FILE --out DIR",
		Short: "Judge a target by the whole suite, and sign what it reached",
		Long: `Check the bench, then run the profile full for the role of the target, and say
which levels it reached:

  Core     all MUSTs of the document for the role
  Secure   Core over coaps, with certificates or with pre-shared keys
  CoAP     all MUSTs of the RFCs whose capability is declared

A MUST that failed, that is inconclusive, that was left out, that is a known
failure or that no scenario could prove forfeits its level. Exit code 0 says that
Core is reached, and nothing else does.

DIR, which must not be there yet or be empty, gets report.json, report.html,
junit.xml, target.yaml (the target file without its secrets) and, with --key,
statement.json, signed. All that may be handed on. DIR/sensitive may not: it holds
captures with keys, and the journal.

A run that was interrupted, or killed, goes on with --resume, on the same target
file and with the same program: what is judged is not run again. What the harness
broke, what was inconclusive and what was skipped is.`,
		Example: `  coapstone certify --target lamp.yaml --out lamp
  coapstone certify --target lamp.yaml --out lamp --resume --key signing.pem
  coapstone certify --target lamp.yaml --out lamp --skip 'RMP-3.1-53=no time today'`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.prepare(cmd)
			if err != nil {
				return err
			}
			defer c.close()
			return c.run(cmd.Context())
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.target, "target", "", "the target `FILE`")
	fs.StringVar(&f.out, "out", "", "the folder `DIR` of the report and all that goes with it")
	fs.StringVar(&f.key, "key", "", "sign the statement with this private key, a PEM `FILE` (coapstone key signing makes one)")
	fs.BoolVar(&f.resume, "resume", false, "go on after an earlier sitting in DIR")
	fs.StringArrayVar(&f.skip, "skip", nil, "leave out a requirement, `ID=REASON`; may stand several times, and forfeits the level")
	fs.StringVar(&f.expectations, "expectations", "", "known failures stand in this `FILE`; they forfeit the level all the same")
	fs.BoolVar(&f.template, "expectations-template", false, "print entries for --expectations, of what failed unexpectedly")
	fs.StringVar(&f.edition, "edition", "", "pin an edition `E` of the suite (default the newest, "+coapstone.Edition+")")
	fs.StringVar(&f.keylog, "keylog", "", "append the keys of DTLS sessions to `FILE` as they are made, for Wireshark")
	_ = cmd.MarkFlagFilename("target", "yaml", "yml")
	_ = cmd.MarkFlagFilename("expectations", "yaml", "yml")
	_ = cmd.MarkFlagFilename("key", "pem")
	_ = cmd.MarkFlagDirname("out")
	return cmd
}

// certification is one sitting.
type certification struct {
	flags   certifyFlags
	cmd     *cobra.Command
	target  *target.File
	signer  *statement.Signer
	options coapstone.Options
	folder  *certFolder
	runner  *hook.Runner
	closers []io.Closer
}

func (c *certification) close() {
	for _, closer := range c.closers {
		_ = closer.Close()
	}
}

// prepare reads all that the flags name, and touches nothing.
func (f certifyFlags) prepare(cmd *cobra.Command) (*certification, error) {
	switch {
	case f.target == "":
		return nil, usagef("--target is missing: name the target file (coapstone target new writes one)")
	case f.out == "":
		return nil, usagef("--out is missing: name the folder for the report")
	}
	t, err := target.Open(f.target)
	if err != nil {
		return nil, usageError{err}
	}
	c := &certification{flags: f, cmd: cmd, target: t}
	c.options.Profile = coapstone.Full
	if err := (runFlags{expectations: f.expectations}).narrow(cmd, &c.options); err != nil {
		return nil, err
	}
	if c.options.Edition = f.edition; cmd.Flags().Changed("edition") && f.edition == "" {
		return nil, usagef("--edition: no edition is given: name one, or leave the flag away for the newest")
	}
	ofTarget(&c.options, t)
	if c.options.Skip, err = skips(f.skip); err != nil {
		return nil, err
	}
	if f.key != "" {
		if c.signer, err = readSigner(f.key); err != nil {
			return nil, err
		}
	}
	c.folder, err = findFolder(f.out, f.resume)
	return c, err
}

// skips reads ID=REASON.
func skips(flags []string) (map[string]string, error) {
	all := map[string]string{}
	for _, s := range flags {
		id, reason, ok := strings.Cut(s, "=")
		if id = strings.TrimSpace(id); !ok || id == "" || strings.TrimSpace(reason) == "" {
			return nil, usagef("--skip %q: want ID=REASON, for example 'RMP-3.1-53=no time today'", s)
		}
		all[id] = strings.TrimSpace(reason)
	}
	return all, nil
}

func readSigner(name string) (*statement.Signer, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, usagef("--key: %w", err)
	}
	var passphrase func() ([]byte, error)
	if phrase, ok := os.LookupEnv("COSIGN_PASSWORD"); ok {
		passphrase = func() ([]byte, error) { return []byte(phrase), nil }
	}
	signer, err := statement.ParseSigner(name, text, passphrase)
	if err != nil {
		return nil, usagef("--key: %w", err)
	}
	return signer, nil
}

// run is the sitting: the plan, the check of the bench, the suite, the report.
func (c *certification) run(ctx context.Context) error {
	sitting, err := c.sitting()
	if err != nil {
		return err
	}
	if err := c.folder.look(sitting); err != nil {
		return err
	}
	c.options.Judged = c.folder.judged()
	if c.flags.keylog != "" {
		log, err := openKeyLog(c.flags.keylog)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, log)
		c.options.KeyLog = log
	}
	plan, err := c.showPlan()
	if err != nil {
		return err
	}
	runner, closeRunner := hooksOf(c.target)
	defer closeRunner()
	c.runner = runner
	c.options.Certify = &reports.Certify{PSK: pskNotes(c.target)}
	if plan.Scenarios > 0 { // else the target need not be there any more
		if sitting.Misfits, err = c.preflight(ctx); err != nil {
			return err
		}
	}
	c.options.Certify.Misfits = c.folder.misfits(sitting)
	return c.judge(ctx, sitting)
}

// judge runs the suite, and writes what came of it.
func (c *certification) judge(ctx context.Context, sitting coapstone.Sitting) error {
	journal, err := c.folder.open(sitting)
	if err != nil {
		return err
	}
	c.closers = append(c.closers, journal)
	live := newProgress(c.cmd.ErrOrStderr())
	live.tellLeft = true
	var labErr error
	c.options.Record = journal.Record
	c.options.Observer = func(e coapstone.Event) {
		if e.Kind == coapstone.LabOpened {
			labErr = journal.Lab(factsOf(e.Report))
		}
		live.observe(e)
	}
	c.options.Lab = openTarget(c.target, c.runner)
	report, runErr := coapstone.Run(ctx, c.options)
	live.end()
	if report == nil {
		return runErr
	}
	journal.Complete(report)
	if labErr != nil {
		labErr = environmentError{fmt.Errorf("the journal could not be kept: %w", labErr)}
	}
	if err := errors.Join(runErr, labErr, c.hand(context.WithoutCancel(ctx), report)); err != nil {
		return err
	}
	if report.ExitCode != exitConformant {
		return exitStatus(report.ExitCode)
	}
	return nil
}

// hand writes the report into the folder and onto the standard output.
func (c *certification) hand(ctx context.Context, r *reports.Report) error {
	signed, err := c.write(ctx, r)
	if err != nil {
		return environmentError{fmt.Errorf("cannot write into --out %s: %w", c.flags.out, err)}
	}
	out := c.cmd.OutOrStdout()
	if err := reports.WriteText(out, r, textOptions(c.cmd, c.flags.out)); err != nil {
		return environmentError{err}
	}
	if c.flags.template || c.flags.expectations != "" {
		if err := writeTemplate(c.cmd, r); err != nil {
			return environmentError{err}
		}
	}
	_, err = fmt.Fprintf(out, "%-14s%s\n", "statement", signed)
	return err
}

// pskNotes says what the pre-shared keys are worth that are used.
func pskNotes(t *target.File) []string {
	var notes []string
	if t.Role == verdict.DeviceServer {
		key, err := t.Device.PSK()
		if err == nil && key != nil {
			notes = append(notes, fmt.Sprintf("the pre-shared key of the device is its own, of %d bytes: it is not derived from a password", len(key)))
		}
		return notes
	}
	for _, name := range sortedKeys(t.Users) {
		u := t.Users[name]
		if u.PSKKey == "explicit" {
			notes = append(notes, fmt.Sprintf("the pre-shared key of %q is given explicitly: it is not derived from the password, as the document has it", u.Name))
			continue
		}
		notes = append(notes, statement.Weakness(u.Name, statement.PasswordBits(u.Password.Value(), u.Name, name, t.Vendor, t.Name)))
	}
	return notes
}
