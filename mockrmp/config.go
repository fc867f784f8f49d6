// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/coapstone/coapstone/internal/yamlplace"
)

// file is a configuration file as it is written (see the package's
// documentation).
type file struct {
	Listen struct {
		HTTP  string `yaml:"http"`
		HTTPS string `yaml:"https"`
		Admin string `yaml:"admin"`
	} `yaml:"listen"`
	TLS struct {
		Certificate string `yaml:"certificate"`
		Key         string `yaml:"key"`
	} `yaml:"tls"`
	Users        []User `yaml:"users"`
	APIs         []API  `yaml:"apis"`
	JournalBytes int    `yaml:"journalBytes"`
}

// ConfigError is what is wrong with a configuration file, and where.
type ConfigError struct {
	File         string
	Line, Column int    // from 1; 0 where the file as a whole is wrong
	Message      string // what is wrong, and what to do
	Err          error  // the cause, if there is one
}

// Error is "file:line:column: message".
func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Unwrap is the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// ParseConfig reads a configuration file. Name is its name, for errors and to
// find the files that it names, which are relative to its folder. Every error
// that it finds is a [*ConfigError].
func ParseConfig(name string, text []byte) (Config, error) {
	fail := func(err error) (Config, error) { return Config{}, err }
	tree, err := yamlplace.Parse(name, text)
	if err != nil {
		return fail(syntaxError(name, errors.Unwrap(err)))
	}
	docs := tree.Documents()
	if len(docs) > 1 {
		return fail(&ConfigError{File: name, Message: fmt.Sprintf("has %d YAML documents: want one", len(docs))})
	}
	scalars := &scalarCheck{file: name}
	for _, doc := range docs {
		ast.Walk(scalars, doc)
	}
	if scalars.err != nil {
		return fail(scalars.err)
	}
	var f file
	err = yamlplace.Decode(text, &f, yaml.CustomUnmarshaler(bodyFromYAML), yaml.CustomUnmarshaler(durationFromYAML))
	if err != nil {
		return fail(syntaxError(name, err))
	}
	c := Config{
		HTTP: f.Listen.HTTP, HTTPS: f.Listen.HTTPS, Admin: f.Listen.Admin,
		Users: f.Users, APIs: f.APIs, JournalBytes: f.JournalBytes,
	}
	wrong := func(field string, err error) (Config, error) {
		at := tree.Place(yamlplace.Path(field)...)
		if at == (yamlplace.Place{}) && strings.HasPrefix(field, "tls") {
			at = tree.Place("listen", "https") // which asks for it
		}
		return fail(&ConfigError{File: name, Line: at.Line, Column: at.Column, Message: err.Error(), Err: err})
	}
	for _, l := range []struct{ field, address string }{
		{"listen.http", c.HTTP}, {"listen.https", c.HTTPS}, {"listen.admin", c.Admin},
	} {
		if _, _, err := net.SplitHostPort(l.address); l.address != "" && err != nil {
			return wrong(l.field, fmt.Errorf("%s: %q: want an address with a port, such as 127.0.0.1:8080", l.field, l.address))
		}
	}
	if c.HTTP == "" && c.HTTPS == "" {
		return wrong("listen", errors.New("listen: give http, https or both an address, or nobody can call"))
	}
	for i, u := range c.Users {
		if err := u.Check(); err != nil {
			field := fmt.Sprintf("users[%d].", i)
			return wrong(field+fieldOf(err), fmt.Errorf("%s%w", field, err))
		}
	}
	for i, a := range c.APIs {
		if err := a.Check(); err != nil {
			field := fmt.Sprintf("apis[%d].", i)
			return wrong(field+fieldOf(err), fmt.Errorf("%s%w", field, err))
		}
	}
	if c.JournalBytes < 0 {
		return wrong("journalBytes", fmt.Errorf("journalBytes: %d: want a number of bytes, or leave it out", c.JournalBytes))
	}
	if c.HTTPS != "" || f.TLS.Certificate != "" || f.TLS.Key != "" {
		certificate, field, err := loadCertificate(filepath.Dir(name), f.TLS.Certificate, f.TLS.Key)
		if err != nil {
			return wrong(field, err)
		}
		c.Certificate = certificate
	}
	return c, nil
}

// loadCertificate reads both halves: each a file, or the PEM text itself.
func loadCertificate(dir, certificate, key string) (_ *tls.Certificate, field string, err error) {
	read := func(field, value string) ([]byte, error) {
		switch {
		case value == "":
			return nil, fmt.Errorf("%s: is missing: https needs a certificate and its key, as files or as PEM text", field)
		case strings.HasPrefix(value, "-----BEGIN"):
			return []byte(value), nil
		case !filepath.IsAbs(value):
			value = filepath.Join(dir, value)
		}
		b, err := os.ReadFile(value)
		if err != nil {
			return nil, fmt.Errorf("%s: cannot be read: %w", field, err)
		}
		return b, nil
	}
	certPEM, err := read("tls.certificate", certificate)
	if err != nil {
		return nil, "tls.certificate", err
	}
	keyPEM, err := read("tls.key", key)
	if err != nil {
		return nil, "tls.key", err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, "tls", fmt.Errorf("tls: certificate and key do not fit together: want a PEM chain and its private key: %w", err)
	}
	return &pair, "", nil
}

// scalarCheck looks at the values that the decoder would read wrongly, or
// without saying where: bodies and delays.
type scalarCheck struct {
	file   string
	bodies []ast.Node // those that may be !!binary
	err    error      // the first
}

// Visit looks at one node.
func (c *scalarCheck) Visit(node ast.Node) ast.Visitor {
	if c.err != nil {
		return nil
	}
	switch n := node.(type) {
	case *ast.MappingValueNode:
		switch n.Key.String() {
		case "body":
			c.bodies = append(c.bodies, n.Value)
			if _, err := scalar(n.Value); err != nil {
				c.wrong(n.Value, fmt.Errorf("body: %w", err))
			}
		case "delay":
			text, err := scalar(n.Value)
			if err == nil {
				_, err = delay(text)
			}
			if err != nil {
				c.wrong(n.Value, fmt.Errorf("delay: %w", err))
			}
		}
	case *ast.TagNode:
		if n.Start.Value == binaryTag && !slices.Contains(c.bodies, ast.Node(n)) {
			c.wrong(n, errors.New("!!binary: only a body can be given in Base64"))
		}
	}
	return c
}

func (c *scalarCheck) wrong(node ast.Node, err error) {
	p := node.GetToken().Position
	c.err = &ConfigError{File: c.file, Line: p.Line, Column: p.Column, Message: err.Error(), Err: err}
}

const binaryTag = "!!binary"

// scalar is a single value as text, with !!binary decoded.
func scalar(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.TagNode:
		text, err := scalar(n.Value)
		if err != nil || n.Start.Value != binaryTag {
			return text, err
		}
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return "", fmt.Errorf("want Base64 after !!binary: %w", err)
		}
		return string(b), nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.NullNode:
		return "", nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	case *ast.AnchorNode:
		return scalar(n.Value)
	case *ast.AliasNode:
		return "", errors.New("want the value itself, not an alias")
	}
	return "", errors.New("want a single value: text, or !!binary and Base64")
}

// delay reads a duration. A bare number would be nanoseconds to Go, and
// milliseconds to whoever wrote it.
func delay(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || text == "0" {
		return 0, fmt.Errorf("%q: want a duration with its unit, such as 500ms or 3s", text)
	}
	return d, nil
}

func bodyFromYAML(body *[]byte, raw []byte) error {
	text, err := scalarText(raw)
	*body = []byte(text)
	return err
}

func durationFromYAML(d *time.Duration, raw []byte) error {
	text, err := scalarText(raw)
	if err != nil {
		return err
	}
	*d, err = delay(text)
	return err
}

func scalarText(raw []byte) (string, error) {
	tree, err := yamlplace.Parse("", raw)
	if err != nil {
		return "", err
	}
	docs := tree.Documents()
	if len(docs) != 1 {
		return "", nil
	}
	return scalar(docs[0])
}

// syntaxError puts the file's name and the place in front of the decoder's error.
func syntaxError(name string, err error) *ConfigError {
	at, what := yamlplace.Located(err)
	var kind *yaml.TypeError
	if errors.As(err, &kind) {
		what = fmt.Sprintf("want %s here, not %s", kindName(kind.DstType), kindName(kind.SrcType))
	}
	var shape *yaml.UnexpectedNodeTypeError
	if errors.As(err, &shape) {
		what = fmt.Sprintf("want a %s here, not a %s", shape.Expected.YAMLName(), shape.Actual.YAMLName())
	}
	return &ConfigError{File: name, Line: at.Line, Column: at.Column, Message: what, Err: err}
}

// kindName is a type as the writer of a file knows it.
func kindName(t reflect.Type) string {
	if t == nil {
		return "nothing"
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	}
	return "a number"
}

// fieldOf is the field that a Check's error begins with.
func fieldOf(err error) string {
	field, _, _ := strings.Cut(err.Error(), ": ")
	return field
}
