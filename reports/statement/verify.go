// SPDX-License-Identifier: Apache-2.0

package statement

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	v0 "github.com/in-toto/attestation/go/predicates/test_result/v0"
	v1 "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/coapstone/coapstone/reports"
)

// most is the longest statement that is read. One of a thousand requirements has
// a hundredth of it.
const most = 16 << 20

// Verified is a statement whose signatures and digests hold.
type Verified struct {
	// File is the statement's own.
	File string
	// Signers are the keys that signed it, as they were given.
	Signers []*Key
	// Files are those that it covers, and Uncovered the others beside them.
	Files, Uncovered []string
	// Result is PASSED, WARNED or FAILED; Passed, Warned and Failed are the
	// requirements with these.
	Result                 string
	Passed, Warned, Failed []string
	Claims                 Claims
	Product                Product
	Program                Program
	Suite                  reports.Suite

	digests map[string]string // by file, as they were signed for
}

// Verify checks a statement, which is a file or stands in a folder as
// statement.json: that each of its signatures is by one of the keys, that every
// file that it names stands beside it and is the one that was signed for, and
// that it says what the report says. An error is one of the Err values when the
// statement is at fault; a file that cannot be read is none of them.
func Verify(ctx context.Context, name string, keys []*Key) (*Verified, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, StatementFile)
	}
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	v := &Verified{File: name}
	st, err := v.open(ctx, text, keys)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := v.checkDigests(root, st.GetSubject()); err != nil {
		return nil, err
	}
	if err := v.compare(root); err != nil {
		return nil, err
	}
	return v, v.lookAround(root)
}

// readFile reads a statement; what is no file, or too long, is not read.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, &unverified{ErrForm, name, fmt.Sprintf("it is no file of at most %d MiB", most>>20), "name the statement.json of a certified run"}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// open checks the envelope and takes the statement out of it.
func (v *Verified) open(ctx context.Context, text []byte, keys []*Key) (*v1.Statement, error) {
	const askAgain = "ask whoever signed it for an unchanged copy"
	var envelope dsse.Envelope
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&envelope); err != nil {
		return nil, &unverified{ErrForm, v.File, "it is no DSSE envelope: " + err.Error(), "name the statement.json of a certified run; if this is one, " + askAgain}
	}
	if envelope.PayloadType != PayloadType {
		return nil, &unverified{ErrForm, v.File, fmt.Sprintf("its payload type is %q, want %q", envelope.PayloadType, PayloadType), askAgain}
	}
	payload, err := v.checkSignatures(ctx, &envelope, keys)
	if err != nil {
		return nil, err
	}
	if again, err := rewritten(&envelope, payload); err != nil || !bytes.Equal(again, text) {
		return nil, &unverified{ErrForm, v.File, "what is signed holds, but the file around it was changed or written by another program", askAgain}
	}
	st := new(v1.Statement)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(payload, st); err != nil {
		return nil, &unverified{ErrForm, v.File, "it is signed, but no in-toto statement: " + err.Error(), askAgain}
	}
	if err := v.read(st); err != nil {
		return nil, &unverified{ErrForm, v.File, "it is signed, but no test result of coapstone's: " + err.Error(), "a newer coapstone may know it"}
	}
	return st, nil
}

// rewritten is the envelope as Write writes it. What is signed is the payload
// alone, and Base64 can be written in several ways: the rest of the file is held to
// the letter, so that there is nothing in it that could be changed unseen.
func rewritten(e *dsse.Envelope, payload []byte) ([]byte, error) {
	c := dsse.Envelope{PayloadType: e.PayloadType, Payload: base64.StdEncoding.EncodeToString(payload)}
	for _, s := range e.Signatures {
		sig, err := base64.StdEncoding.DecodeString(s.Sig)
		if err != nil {
			return nil, err
		}
		c.Signatures = append(c.Signatures, dsse.Signature{KeyID: s.KeyID, Sig: base64.StdEncoding.EncodeToString(sig)})
	}
	return canonical(&c)
}

// checkSignatures wants every signature to be by one of the keys.
func (v *Verified) checkSignatures(ctx context.Context, e *dsse.Envelope, keys []*Key) ([]byte, error) {
	if len(keys) == 0 {
		return nil, &unverified{ErrUnknownSigner, v.File, "no key was given", "name with --key the public key of whoever's word you take"}
	}
	if len(e.Signatures) == 0 {
		return nil, &unverified{ErrSignature, v.File, "there is none", "ask for a signed copy"}
	}
	verifiers := make([]dsse.Verifier, len(keys))
	given := make([]string, len(keys))
	for i, k := range keys {
		verifiers[i] = k.key
		given[i] = fmt.Sprintf("%s (%s)", k.Fingerprint(), k.Name)
	}
	for _, s := range e.Signatures {
		if s.KeyID != "" && !slices.ContainsFunc(keys, func(k *Key) bool { return k.Fingerprint() == s.KeyID }) {
			return nil, &unverified{
				ErrUnknownSigner, v.File, fmt.Sprintf("it names the key %q, given is %s", s.KeyID, strings.Join(given, ", ")),
				"if you take that signer's word, name the public key with --key",
			}
		}
	}
	ev, err := dsse.NewEnvelopeVerifier(verifiers...)
	if err != nil {
		return nil, err
	}
	accepted, payload, err := ev.VerifyAndDecode(ctx, e)
	if err != nil || len(accepted) != len(e.Signatures) {
		return nil, &unverified{
			ErrSignature, v.File, fmt.Sprintf("%d of %d signatures are by %s", len(accepted), len(e.Signatures), strings.Join(given, ", ")),
			"the statement was changed after it was signed, or somebody else signed it: do not rely on it",
		}
	}
	for _, a := range accepted {
		i := slices.IndexFunc(keys, func(k *Key) bool { return k.Fingerprint() == a.KeyID })
		v.Signers = append(v.Signers, keys[i])
	}
	return payload, nil
}

// read takes the statement apart.
func (v *Verified) read(st *v1.Statement) error {
	if err := st.Validate(); err != nil {
		return err
	}
	if st.GetPredicateType() != PredicateType {
		return fmt.Errorf("its predicate type is %q, want %q", st.GetPredicateType(), PredicateType)
	}
	text, err := json.Marshal(st.GetPredicate().AsMap())
	if err != nil {
		return err
	}
	predicate := new(v0.TestResult)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, predicate); err != nil {
		return err
	}
	v.Result, v.Passed, v.Warned, v.Failed = predicate.GetResult(), predicate.GetPassedTests(), predicate.GetWarnedTests(), predicate.GetFailedTests()
	for _, s := range st.GetSubject() {
		if s.GetName() == ReportFile {
			if err := annotated(s, &v.Claims); err != nil {
				return err
			}
		}
	}
	if v.Claims.Format != format {
		return fmt.Errorf("what it says of %s has format %d, known is %d", ReportFile, v.Claims.Format, format)
	}
	return v.readConfiguration(predicate.GetConfiguration())
}

func (v *Verified) readConfiguration(all []*v1.ResourceDescriptor) error {
	var suite edition
	known := map[string]any{suiteName: &suite, programName: &v.Program, targetName: &v.Product}
	for _, d := range all {
		to, ok := known[d.GetName()]
		if !ok {
			continue
		}
		delete(known, d.GetName())
		digest := d.GetDigest()[string(v1.AlgorithmSHA256)]
		if !isDigest(digest) {
			return fmt.Errorf("the %s has no SHA-256 digest", d.GetName())
		}
		if err := annotated(d, to); err != nil {
			return err
		}
		switch d.GetName() {
		case programName:
			v.Program.Digest = digest
		case suiteName:
			v.Suite = reports.Suite{Name: suite.Name, Version: suite.Version, Edition: suite.Edition, Digest: "sha256:" + digest}
		}
	}
	for name := range known {
		return fmt.Errorf("its configuration does not name the %s", name)
	}
	return nil
}

const askForFile = "put the file back that was signed for, or ask for the whole folder again"

// checkDigests recomputes those of the files.
func (v *Verified) checkDigests(root *os.Root, subjects []*v1.ResourceDescriptor) error {
	v.digests = map[string]string{}
	for _, s := range subjects {
		name := s.GetName()
		file := filepath.Join(root.Name(), filepath.FromSlash(name))
		want := s.GetDigest()[string(v1.AlgorithmSHA256)]
		if !isDigest(want) {
			return &unverified{ErrForm, v.File, fmt.Sprintf("it has no SHA-256 digest for %q", name), "a newer coapstone may know it"}
		}
		got, err := digestIn(root, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &unverified{ErrDigest, file, "it is missing", askForFile}
		case err != nil:
			return &unverified{ErrDigest, file, "it cannot be read: " + err.Error(), askForFile}
		case got != want:
			return &unverified{ErrDigest, file, fmt.Sprintf("expected sha256:%s, got sha256:%s", want, got), askForFile}
		}
		v.digests[name] = want
		v.Files = append(v.Files, name)
	}
	for _, name := range []string{ReportFile, TargetFile} {
		if !slices.Contains(v.Files, name) {
			return &unverified{ErrForm, v.File, "it does not cover " + name, "ask whoever signed it for a whole one"}
		}
	}
	return nil
}

// compare holds what the statement says against the report and the target file,
// which are the ones that were signed for.
func (v *Verified) compare(root *os.Root) error {
	const next = "whoever signed it signed something false, or another edition of coapstone wrote it: ask them"
	file := filepath.Join(root.Name(), ReportFile)
	text, err := v.signed(root, ReportFile)
	if err != nil {
		return err
	}
	r, err := reports.ReadJSON(bytes.NewReader(text))
	if err != nil {
		return &unverified{ErrClaim, file, err.Error(), next}
	}
	claims, tests := claimsOf(r)
	for _, of := range []struct {
		what          string
		said, follows any
	}{
		{"the result", v.Result, result(claims, tests)},
		{"what passed", v.Passed, tests.passed},
		{"what passed with a warning", v.Warned, tests.warned},
		{"what failed", v.Failed, tests.failed},
		{"the suite", v.Suite, r.Suite},
		{"levels, role, time or what was not tested", v.Claims, *claims},
	} {
		if !alike(of.said, of.follows) {
			return &unverified{ErrClaim, file, "they differ in " + of.what, next}
		}
	}
	return v.compareTarget(root, next)
}

// signed is the text of a file, which is still the one that was signed for.
func (v *Verified) signed(root *os.Root, name string) ([]byte, error) {
	text, err := root.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if got, err := digest(bytes.NewReader(text)); err != nil || got != v.digests[name] {
		return nil, &unverified{ErrDigest, filepath.Join(root.Name(), name), "it changed while it was read", askForFile}
	}
	return text, nil
}

func (v *Verified) compareTarget(root *os.Root, next string) error {
	file := filepath.Join(root.Name(), TargetFile)
	text, err := v.signed(root, TargetFile)
	if err != nil {
		return err
	}
	p, err := productOf(file, text)
	if err != nil {
		return &unverified{ErrClaim, file, err.Error(), next}
	}
	if p.Declared = v.Product.Declared; !reflect.DeepEqual(*p, v.Product) {
		return &unverified{ErrClaim, file, fmt.Sprintf("it is of %q, the statement of %q", p, &v.Product), next}
	}
	return nil
}

// alike says whether two values are the same as JSON.
func alike(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && (bytes.Equal(x, y) || reflect.ValueOf(a).Kind() == reflect.Slice && reflect.ValueOf(a).Len() == 0 && reflect.ValueOf(b).Len() == 0)
}

// lookAround names the files that stand beside the statement and are not its own.
func (v *Verified) lookAround(root *os.Root) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	own := filepath.Base(v.File)
	for _, e := range entries {
		switch name := e.Name(); {
		case name == own, slices.Contains(v.Files, name):
		case e.IsDir():
			if !slices.ContainsFunc(v.Files, func(f string) bool { return strings.HasPrefix(f, name+"/") }) {
				v.Uncovered = append(v.Uncovered, name+"/")
			}
		default:
			v.Uncovered = append(v.Uncovered, name)
		}
	}
	return nil
}
