// SPDX-License-Identifier: Apache-2.0

package statement

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/coapstone/coapstone/reports"
)

// Options is what a statement needs beside the report.
type Options struct {
	// Key signs it.
	Key *Signer
	// Version is that of the program, and Binary its file; the running one when
	// empty.
	Version, Binary string
	// Declared are the capabilities that the target declares.
	Declared []string
	// Files are further files of the folder that the statement covers, with
	// slashes. Those of Shared that are there are covered in any case.
	Files []string
}

// Shared are the files of a certified run that may be handed on. The first two
// must be there.
func Shared() []string {
	return []string{ReportFile, TargetFile, "report.html", "junit.xml", "cucumber.json", "report.txt", "expectations.yaml"}
}

// Write signs what stands in a folder: report.json, which must be r, target.yaml,
// which must be redacted, and the other shared files that are there. It writes
// statement.json, as a whole or not at all.
func Write(ctx context.Context, dir string, r *reports.Report, o Options) error {
	if o.Key == nil {
		return fmt.Errorf("no key to sign with: %s", howToMakeOne)
	}
	c, err := gather(dir, r, &o)
	if err != nil {
		return err
	}
	payload, err := c.payload()
	if err != nil {
		return err
	}
	signer, err := dsse.NewEnvelopeSigner(o.Key.key)
	if err != nil {
		return err
	}
	envelope, err := signer.SignPayload(ctx, PayloadType, payload)
	if err != nil {
		return fmt.Errorf("cannot sign the statement: %w", err)
	}
	text, err := canonical(envelope)
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, StatementFile), text)
}

// gather reads the folder.
func gather(dir string, r *reports.Report, o *Options) (*content, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	c := &content{report: r, program: Program{Version: o.Version}}
	if err := sameReport(root, r); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, ReportFile), err)
	}
	target, err := root.ReadFile(TargetFile)
	if err != nil {
		return nil, fmt.Errorf("a statement needs the redacted target file beside the report: %w", err)
	}
	if c.product, err = productOf(filepath.Join(dir, TargetFile), target); err != nil {
		return nil, err
	}
	c.product.Declared = slices.Sorted(slices.Values(o.Declared))
	for i, name := range slices.Concat(Shared(), o.Files) {
		optional := i >= 2 && i < len(Shared())
		if strings.HasPrefix(path.Clean(name), reports.SensitiveDir+"/") {
			return nil, fmt.Errorf("cannot sign for %s: it is sensitive, and handed on to nobody", filepath.Join(dir, name))
		}
		digest, err := digestIn(root, name)
		switch {
		case optional && errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("cannot sign for %s: %w", filepath.Join(dir, name), err)
		}
		c.subjects = append(c.subjects, subject{name, digest})
		if name == TargetFile {
			c.target = digest
		}
	}
	c.program.Digest, err = binaryDigest(o.Binary)
	return c, err
}

// sameReport makes sure that what is signed is what was written.
func sameReport(root *os.Root, r *reports.Report) error {
	got, err := root.ReadFile(ReportFile)
	if err != nil {
		return err
	}
	var want bytes.Buffer
	if err := reports.WriteJSON(&want, r); err != nil {
		return err
	}
	if !bytes.Equal(got, want.Bytes()) {
		return errors.New("it is not the report that is to be signed: write the report's files first, then the statement, and change nothing in between")
	}
	return nil
}

// binaryDigest is the digest of the program.
func binaryDigest(name string) (string, error) {
	if name == "" {
		var err error
		if name, err = os.Executable(); err != nil {
			return "", fmt.Errorf("cannot find the running program: %w", err)
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("cannot read the program: %w", err)
	}
	defer f.Close()
	return digest(f)
}

// digestIn is the digest of a file of the folder. It follows no link out of it,
// and opens nothing but files.
func digestIn(root *os.Root, name string) (string, error) {
	info, err := root.Stat(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is no file")
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	return digest(f)
}

func digest(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// canonical is an envelope in the one form in which it is written and accepted.
func canonical(e *dsse.Envelope) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(e)
	return b.Bytes(), err
}

// replace writes a file beside the old one and puts it in its place.
func replace(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
