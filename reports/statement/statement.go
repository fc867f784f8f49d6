// SPDX-License-Identifier: Apache-2.0

package statement

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	v0 "github.com/in-toto/attestation/go/predicates/test_result/v0"
	v1 "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/coapstone/coapstone/reports"
)

// The files of a certified run that a statement names, and its own.
const (
	StatementFile = "statement.json"
	ReportFile    = "report.json"
	TargetFile    = "target.yaml"
)

// The types of a statement.
const (
	// PayloadType is that of the envelope.
	PayloadType = "application/vnd.in-toto+json"
	// PredicateType is that of the statement in it.
	PredicateType = "https://in-toto.io/attestation/test-result/v0.1"
)

// The names of the descriptors in a predicate's configuration.
const (
	suiteName   = "suite"
	programName = "program"
	targetName  = "target"
)

// annotation is the key of what is ours in a descriptor's annotations.
const annotation = "coapstone"

// Program is the program that made a report.
type Program struct {
	Version string `json:"version"`
	// Digest is the SHA-256 of its binary, in hex.
	Digest string `json:"-"`
}

// subject is a file, and the SHA-256 of it in hex.
type subject struct{ name, digest string }

// content is all that a statement is made of.
type content struct {
	subjects []subject
	report   *reports.Report
	program  Program
	product  *Product
	target   string // the digest of the target file
}

// payload is the in-toto statement as JSON, the same for the same content.
func (c *content) payload() ([]byte, error) {
	claims, tests := claimsOf(c.report)
	st := &v1.Statement{Type: v1.StatementTypeUri, PredicateType: PredicateType}
	for _, s := range c.subjects {
		d := &v1.ResourceDescriptor{Name: s.name, Digest: sha256Set(s.digest)}
		if s.name == ReportFile {
			if err := annotate(d, claims); err != nil {
				return nil, err
			}
		}
		st.Subject = append(st.Subject, d)
	}
	suite, ok := strings.CutPrefix(c.report.Suite.Digest, "sha256:")
	if !ok {
		return nil, fmt.Errorf("%s: suite digest %q: want sha256:…", ReportFile, c.report.Suite.Digest)
	}
	predicate := &v0.TestResult{Result: result(claims, tests), PassedTests: tests.passed, WarnedTests: tests.warned, FailedTests: tests.failed}
	for _, of := range []struct {
		name, digest string
		said         any
	}{
		{suiteName, suite, edition{c.report.Suite.Name, c.report.Suite.Version, c.report.Suite.Edition}},
		{programName, c.program.Digest, c.program},
		{targetName, c.target, c.product},
	} {
		d := &v1.ResourceDescriptor{Name: of.name, Digest: sha256Set(of.digest)}
		if err := annotate(d, of.said); err != nil {
			return nil, err
		}
		if err := d.Validate(); err != nil {
			return nil, fmt.Errorf("the digest of the %s: %w", of.name, err)
		}
		predicate.Configuration = append(predicate.Configuration, d)
	}
	b, err := protojson.Marshal(predicate)
	if err != nil {
		return nil, err
	}
	st.Predicate = new(structpb.Struct)
	if err := protojson.Unmarshal(b, st.Predicate); err != nil {
		return nil, err
	}
	if err := st.Validate(); err != nil {
		return nil, err
	}
	return stable(st)
}

// edition is what is said of the suite.
type edition struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Edition string `json:"edition"`
}

func sha256Set(digest string) map[string]string {
	return map[string]string{string(v1.AlgorithmSHA256): digest}
}

// annotate puts what is ours into a descriptor.
func annotate(d *v1.ResourceDescriptor, said any) error {
	b, err := json.Marshal(said)
	if err != nil {
		return err
	}
	value := new(structpb.Struct)
	if err := protojson.Unmarshal(b, value); err != nil {
		return err
	}
	d.Annotations = &structpb.Struct{Fields: map[string]*structpb.Value{annotation: structpb.NewStructValue(value)}}
	return nil
}

// annotated reads what annotate wrote.
func annotated(d *v1.ResourceDescriptor, to any) error {
	value, ok := d.GetAnnotations().GetFields()[annotation]
	if !ok {
		return fmt.Errorf("the descriptor %q has no annotation %q", d.GetName(), annotation)
	}
	b, err := json.Marshal(value.AsInterface())
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fmt.Errorf("the annotation of %q: %w", d.GetName(), err)
	}
	return nil
}

// stable is a message as JSON without the spaces that protojson strews in on
// purpose.
func stable(m proto.Message) ([]byte, error) {
	b, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// isDigest says whether a text is a SHA-256 in hex.
func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}
