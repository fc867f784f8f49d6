// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coapstone/coapstone/reports"
)

// service is a running program that serves.
type service struct {
	cmd   *exec.Cmd
	lines chan string // of its standard output
	log   bytes.Buffer
}

// serve starts the program; it is killed at the end of the test if need be.
func serve(t *testing.T, dir string, args ...string) *service {
	t.Helper()
	s := &service{cmd: exec.CommandContext(t.Context(), program, args...), lines: make(chan string, 100)}
	s.cmd.Dir = dir
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for in := bufio.NewScanner(out); in.Scan(); {
			s.lines <- in.Text()
		}
		close(s.lines)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-read
		_ = s.cmd.Wait()
	})
	return s
}

// at is the address that the program says for what it serves: "coap".
func (s *service) at(t *testing.T, what string) string {
	t.Helper()
	timeout := time.After(runTimeout)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				t.Fatalf("it ended without serving %s; it said:\n%s", what, &s.log)
			}
			if name, addr, _ := strings.Cut(line, " "); name == what {
				return strings.TrimSpace(addr)
			}
		case <-timeout:
			t.Fatalf("it does not say where it serves %s", what)
		}
	}
}

// interrupt ends the program as Ctrl-C does and returns its exit code.
func (s *service) interrupt(t *testing.T) int {
	t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(runTimeout, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	for range s.lines { // to the end
	}
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPlatformGatewayAndDeviceWorkTogetherByHand(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "password", "world\n")
	token := strings.TrimSpace(invoke(t, dir, "world\n", nil, "key", "authtoken", "hello").stdout)
	if token != "aGVsbG86d29ybGQ=" {
		t.Errorf("the AuthToken is %q", token)
	}
	key := strings.TrimSpace(invoke(t, dir, "world", nil, "key", "psk").stdout)
	write(t, dir, "key", "hex:"+key+"\n")

	write(t, dir, "m.yaml", `
listen: {http: 127.0.0.1:0}
users: [{name: hello, password: world}]
apis: [{customer: a, host: b, service: c, method: POST, answers: [{contentType: text/plain, body: taken}]}]
`)
	platform := serve(t, dir, "mockrmp", "--config", "m.yaml")
	origin := "http://" + platform.at(t, "http")

	write(t, dir, "g.yaml", `
listen: {coap: ["127.0.0.1:0"], coaps: ["127.0.0.1:0"], api: "127.0.0.1:0"}
platform: {allow: ["`+origin+`"]}
users: [{name: hello, password: world}]
`)
	gateway := serve(t, dir, "gateway", "--config", "g.yaml", "--key-log", "keys")
	plain, secure := gateway.at(t, "coap"), gateway.at(t, "coaps")

	uri := origin + "/live/a/host/b/service/c?P_mode=TEST&AuthToken=" + token
	for _, args := range [][]string{
		{"coap://" + plain + "/coap2http"},
		{"coap://" + plain + "/coap2http", "--non"},
		{"coaps://" + secure + "/coap2http", "--identity", "hello", "--key-file", "key"},
	} {
		args = append([]string{"device", "client", "POST", "--proxy-uri", uri, "--payload", "21.5", "--content-format", "0"}, args...)
		r := invoke(t, dir, "", nil, args...)
		if r.code != 0 || r.stdout != "taken" || !strings.Contains(r.stderr, "2.04") {
			t.Errorf("%s: %v", args, r)
		}
	}
	for name, s := range map[string]*service{"gateway": gateway, "mockrmp": platform} {
		if code := s.interrupt(t); code != 0 {
			t.Errorf("%s ends with %d when it is interrupted; it said:\n%s", name, code, &s.log)
		}
		if strings.Contains(s.log.String(), token) {
			t.Errorf("the AuthToken stands in the log of %s", name)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "keys")); err != nil || !bytes.HasPrefix(b, []byte("CLIENT_RANDOM ")) {
		t.Errorf("the key log is %d bytes, %v; want that of one session", len(b), err)
	}
}

func TestStockServerServesTheStockClient(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "key", "secret\n")
	for scheme, credentials := range map[string][]string{"coap": nil, "coaps": {"--identity", "a", "--key-file", "key"}} {
		server := serve(t, dir, append([]string{"device", "server", "--listen", "127.0.0.1:0"}, credentials...)...)
		url := scheme + "://" + server.at(t, scheme) + "/echo"
		r := invoke(t, dir, "21.5", nil, append([]string{"device", "client", "POST", url, "--payload", "@-"}, credentials...)...)
		if r.code != 0 || r.stdout != "21.5" {
			t.Errorf("%s: %v", url, r)
		}
		if code := server.interrupt(t); code != 0 {
			t.Errorf("the server ends with %d; it said:\n%s", code, &server.log)
		}
	}
}

const oneScenario = `Feature: X
  @RMP-3-01
  Scenario: Y
    Given the user "hello" with the password "world"
`

func TestRunWritesTheReports(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x.feature", oneScenario)
	r := invoke(t, dir, "", nil, "run", "x.feature", "--out", "out")
	if r.code != 0 || !strings.Contains(r.stdout, "1 pass") || !strings.Contains(r.stderr, "1/1  pass") {
		t.Fatal(r)
	}
	f, err := os.Open(filepath.Join(dir, "out", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	report, err := reports.ReadJSON(f)
	if err != nil || len(report.Scenarios) != 1 || report.Lab.Kind != "embedded" {
		t.Errorf("report.json: %v, %+v", err, report)
	}
	b, err := os.ReadFile(filepath.Join(dir, "out", "junit.xml"))
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("junit.xml: %v", err)
		}
	}
	b, err = os.ReadFile(filepath.Join(dir, "out", "cucumber.json"))
	if err != nil || !json.Valid(b) {
		t.Errorf("cucumber.json: %v, valid: %v", err, json.Valid(b))
	}
}

const oneFailure = `Feature: X
  @RMP-3-01
  Scenario: A path that is not there
    When the device sends a confirmable GET to "/nowhere"
    Then the device receives 2.05 Content
`

func TestAKnownFailureIsPastedAndGoesStale(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x.feature", oneFailure)
	if r := invoke(t, dir, "", nil, "run", "x.feature"); r.code != exitFailed || strings.Contains(r.stdout, "CHANGE ME") {
		t.Fatalf("without being asked, want exit code 4 and no template: %v", r)
	}
	r := invoke(t, dir, "", nil, "run", "x.feature", "--expectations-template")
	_, template, ok := strings.Cut(r.stdout, "\n# Known failures")
	if r.code != exitFailed || !ok {
		t.Fatalf("want exit code 4 and a template: %v", r)
	}
	template = "# Known failures" + template
	write(t, dir, "known.yaml", template)
	if r := invoke(t, dir, "", nil, "run", "x.feature", "--expectations", "known.yaml"); r.code != exitUsage || !strings.Contains(r.stderr, `known.yaml:7:10: why is still "CHANGE ME"`) {
		t.Errorf("a template left as it is: %v", r)
	}
	template = strings.NewReplacer("why: CHANGE ME", "why: It is on loan.", "link: CHANGE ME", "link: https://example.com/7").Replace(template)
	write(t, dir, "known.yaml", template)
	r = invoke(t, dir, "", nil, "run", "x.feature", "--expectations", "known.yaml", "--out", "out")
	if r.code != 0 || !strings.Contains(r.stdout, "KNOWN FAIL  RMP-3-01") || !strings.Contains(r.stdout, "It is on loan.") ||
		strings.Contains(r.stdout, "CHANGE ME") || !strings.Contains(r.stderr, "1/1  known fail") {
		t.Errorf("a known failure: %v", r)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "out", "junit.xml")); err != nil || !strings.Contains(string(b), "known fail: It is on loan. (https://example.com/7)") {
		t.Errorf("junit.xml: %v\n%s", err, b)
	}
	write(t, dir, "x.feature", strings.Replace(oneFailure, "2.05 Content", "4.04 Not Found", 1))
	r = invoke(t, dir, "", nil, "run", "x.feature", "--expectations", "known.yaml")
	if r.code != exitStale || !strings.Contains(r.stdout, "STALE  known.yaml:3:5  RMP-3-01, A path that is not there") {
		t.Errorf("a stale expectation: %v", r)
	}
}

func TestOneShardRunsTheScenario(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x.feature", oneScenario)
	passed := 0
	for _, shard := range []string{"1/3", "2/3", "3/3"} {
		r := invoke(t, dir, "", nil, "run", "x.feature", "--shard", shard)
		if r.code != 0 {
			t.Errorf("shard %s: %v", shard, r)
		}
		passed += strings.Count(r.stdout, "1: 1 pass\nrequirements")
	}
	if passed != 1 {
		t.Errorf("the scenario ran in %d shards, want one", passed)
	}
}

func TestAFormatChoosesTheFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x.feature", oneScenario)
	if r := invoke(t, dir, "", nil, "run", "x.feature", "--out", "out", "--format", "junit"); r.code != 0 {
		t.Fatal(r)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "out"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "junit.xml" {
		t.Errorf("got %v, %v; want junit.xml alone", entries, err)
	}
}

func TestAnInterruptedRunEndsAtOnceAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program, "run", "--profile", "full", "--tags", "@full", "--out", "out")
	cmd.Dir = dir
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	var interrupted time.Time
	for in := bufio.NewScanner(stderr); in.Scan(); {
		said.WriteString(in.Text() + "\n")
		if strings.Contains(in.Text(), "lab is open") { // and scenarios that wait 30 s begin
			interrupted = time.Now()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if interrupted.IsZero() || time.Since(interrupted) > 15*time.Second {
		t.Errorf("it took %s to end", time.Since(interrupted))
	}
	if code := cmd.ProcessState.ExitCode(); code != exitEnvironment || !strings.Contains(said.String(), "interrupted") {
		t.Errorf("exit code %d, want %d; it said:\n%s", code, exitEnvironment, &said)
	}
	if _, err := os.Stat(filepath.Join(dir, "out", "report.json")); err != nil {
		t.Errorf("what was seen until then is not reported: %v", err)
	}
}
