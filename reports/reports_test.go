// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); go test -update writes it:\n%s", name, diff)
	}
}

var (
	start    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	device   = trace.End{Name: "device", Addr: netip.MustParseAddrPort("127.1.2.3:40001")}
	gateway  = trace.End{Name: "gateway", Addr: netip.MustParseAddrPort("127.1.2.1:5683")}
	secure   = trace.End{Name: "gateway", Addr: netip.MustParseAddrPort("127.1.2.1:5684")}
	platform = trace.End{Name: "platform", Addr: netip.MustParseAddrPort("127.1.2.1:8080")}
)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

func encode(t *testing.T, m *coap.Message) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func note(ms int, text string) trace.Event {
	return trace.Event{At: at(ms), Layer: trace.Note, Text: text}
}

func datagram(t *testing.T, ms int, from, to trace.End, m *coap.Message) trace.Event {
	return trace.Event{At: at(ms), Layer: trace.Datagram, From: from, To: to, Bytes: encode(t, m)}
}

// request is the document's own example of a call.
func request(uri string) *coap.Message {
	m := &coap.Message{Type: coap.Confirmable, Code: coap.GET, MessageID: 0x1a2b, Token: []byte{0x7d, 0x1f}}
	m.AddPath("coap2http")
	m.AddString(coap.ProxyURI, uri)
	return m
}

func response(code coap.Code, payload string) *coap.Message {
	m := &coap.Message{Type: coap.Acknowledgement, Code: code, MessageID: 0x1a2b, Token: []byte{0x7d, 0x1f}, Payload: []byte(payload)}
	if code.Class() == 2 {
		m.AddUint(coap.ContentFormat, uint32(coap.AppJSON))
	}
	return m
}

const uri = "http://platform.coapstone.test:8080/live/s0001/host/coapstone/service/orders?P_mode=TEST&AuthToken=aGVsbG86d29ybGQ="

func stepsOf(texts ...string) []*Step {
	var steps []*Step
	for i, text := range texts {
		keyword, rest, _ := strings.Cut(text, " ")
		steps = append(steps, &Step{
			Keyword: keyword, Text: rest, Line: 20 + i, Expression: rest, Status: Passed, StartedAt: at(i), Elapsed: time.Duration(i+1) * time.Millisecond,
		})
	}
	return steps
}

// forwarded is a scenario in which the gateway hands the AuthToken on.
func forwarded(t *testing.T) *Scenario {
	steps := stepsOf(`Given the user "hello" with the password "world"`, `And a Composite API "orders" that answers GET with 200`,
		`When the device sends a confirmable GET to "/coap2http" with the options`, `Then the device receives 2.05 Content`,
		`And the Composite API "orders" was called once, with the query "P_mode=TEST"`)
	steps[2].Table = [][]string{{"Proxy-Uri", "{orders}?P_mode=TEST&AuthToken={token of hello}"}}
	steps[4].Status = Failed
	var events []trace.Event
	for i, ms := range []int{0, 1, 4, 6, 19} {
		events = append(events, note(ms, steps[i].Keyword+" "+steps[i].Text))
	}
	events = append(events,
		datagram(t, 5, device, gateway, request(uri)),
		trace.Event{At: at(8), Layer: trace.HTTP, From: gateway, To: platform, HTTP: &trace.HTTPExchange{
			Method: "GET", URL: "/live/s0001/host/coapstone/service/orders?P_mode=TEST&AuthToken=aGVsbG86d29ybGQ=",
			RequestHeader: http.Header{"Authorization": {"Basic aGVsbG86d29ybGQ="}, "Accept": {"*/*"}, "User-Agent": {"x"}},
			Status:        200, ResponseHeader: http.Header{"Content-Type": {"application/json"}}, ResponseBody: []byte(`{"open": 3}`), Elapsed: 7 * time.Millisecond,
		}},
		datagram(t, 17, gateway, device, response(coap.Content, `{"open": 3}`)),
	)
	return &Scenario{
		ID: "s0001", Name: "The AuthToken does not travel on in the URL", Keyword: "Scenario", Feature: "The AuthToken authenticates the device's user",
		FeatureLine: 2, File: "inbound/authtoken.feature", Line: 19, Tags: []string{"@inbound", "@RMP-3.1-06", "@given:RMP-3.1-02"},
		Requirement: "RMP-3.1-06", Given: []string{"RMP-3.1-02"}, Verdict: verdict.Fail, Observed: verdict.Fail,
		Finding: &Finding{
			Expected: `one request with the query "P_mode=TEST"`, Got: `the query "P_mode=TEST&AuthToken=aGVsbG86d29ybGQ="`, Step: 4, At: at(21),
		},
		StartedAt: start, Elapsed: 23 * time.Millisecond, Steps: steps, Trace: sorted(events), Files: []string{"captures/s0001.pcapng"},
	}
}

// sorted is events as a trace hands them out.
func sorted(events []trace.Event) []trace.Event {
	var l trace.Log
	for _, e := range events {
		l.Add(e)
	}
	return l.Events()
}

// dtlsRecord is one DTLS record.
func dtlsRecord(contentType byte, epoch byte, body ...byte) []byte {
	b := []byte{contentType, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 1, byte(len(body) >> 8), byte(len(body))}
	return append(b, body...)
}

func serverHello(suite uint16) []byte {
	body := make([]byte, 12+2+32+1+2+1)
	body[0] = 2
	body[47], body[48] = byte(suite>>8), byte(suite)
	return dtlsRecord(22, 0, body...)
}

func secureDatagram(ms int, from, to trace.End, records ...[]byte) trace.Event {
	return trace.Event{At: at(ms), Layer: trace.Datagram, Secure: true, From: from, To: to, Bytes: bytes.Join(records, nil)}
}

// handshakeEvents is a handshake with a pre-shared key that goes well.
func handshakeEvents() []trace.Event {
	hello := dtlsRecord(22, 0, 1, 0, 0, 0)
	return []trace.Event{
		secureDatagram(1, device, secure, hello),
		secureDatagram(2, secure, device, dtlsRecord(22, 0, 3, 0)),
		secureDatagram(3, device, secure, hello),
		secureDatagram(4, secure, device, serverHello(0xc0a8), dtlsRecord(22, 0, 14)),
		secureDatagram(5, device, secure, dtlsRecord(22, 0, 16), dtlsRecord(20, 0, 1), dtlsRecord(22, 1, 9, 9, 9)),
		secureDatagram(6, secure, device, dtlsRecord(20, 0, 1), dtlsRecord(22, 1, 9, 9, 9)),
	}
}

// overDTLS is a slow answer in a DTLS session, with everything that can go
// differently on the wire.
func overDTLS(t *testing.T) *Scenario {
	inside := func(ms int, from, to trace.End, m *coap.Message) []trace.Event {
		return []trace.Event{
			secureDatagram(ms, from, to, dtlsRecord(23, 1, make([]byte, 40)...)),
			{At: at(ms), Layer: trace.CoAP, From: from, To: to, Bytes: encode(t, m)},
		}
	}
	steps := stepsOf(`When the device sends a confirmable GET to "/coap2http"`, `Then the device receives an empty acknowledgement`)
	events := append(handshakeEvents(), note(7, "When "+steps[0].Text))
	separate := &coap.Message{Type: coap.Confirmable, Code: coap.GatewayTimeout, MessageID: 0x0007, Token: []byte{0x7d, 0x1f}, Payload: []byte("the platform did not answer within 10 s")}
	events = append(events, inside(8, device, secure, request("http://p/slow"))...)
	events = append(events, inside(2300, device, secure, request("http://p/slow"))...)
	events = append(events, note(2301, "Then "+steps[1].Text))
	events = append(events, inside(2302, secure, device, &coap.Message{Type: coap.Acknowledgement, MessageID: 0x1a2b})...)
	events = append(events,
		trace.Event{At: at(12), Layer: trace.HTTP, From: secure, To: platform, HTTP: &trace.HTTPExchange{Method: "GET", URL: "http://p/slow", Fault: "never", Elapsed: 10 * time.Second}},
		trace.Event{At: at(2500), Layer: trace.Note, Text: "the gateway is restarted"},
		trace.Event{At: at(2600), Layer: trace.Datagram, From: device, To: gateway, Bytes: []byte{0x40, 1, 0, 1, 0xf1}, Illegal: true},
		trace.Event{At: at(2700), Layer: trace.Datagram, From: device, To: gateway, Bytes: []byte{0x40, 1}, Lost: true},
	)
	events = append(events, inside(12_020, secure, device, separate)...)
	return &Scenario{
		ID: "s0002", Name: "A slow platform", Keyword: "Scenario Outline", Feature: "Messages", FeatureLine: 1, File: "inbound/messages.feature", Line: 44,
		Row: []string{"delay = 10 s"}, Tags: []string{"@full"}, Verdict: verdict.Error, Observed: verdict.Fail,
		Finding:   &Finding{Reason: "the step broke", Cause: "panic: out of cheese", Stack: "steps.explode(...)\n\t/src/steps/x.go:12", Step: 1, At: at(12_021)},
		Notes:     []string{"fail before that: the harness was not scheduled for 1.2s, more than the 500ms it may, so it cannot blame the target"},
		StartedAt: start, Elapsed: 12 * time.Second, Lag: 1200 * time.Millisecond, Late: 1300 * time.Millisecond, Drops: 2, Steps: steps, Trace: sorted(events), Keys: []byte("CLIENT_RANDOM 00 11\n"),
	}
}

// refusedHandshake is a handshake that ends in an alert.
func refusedHandshake() *Scenario {
	steps := stepsOf(`When the device opens a DTLS session with the identity "hello" and the key "world"`, `Then the DTLS session is open`)
	return &Scenario{
		ID: "s0003", Name: "The identity and the key", Keyword: "Scenario", Feature: "Pre-shared keys", FeatureLine: 1, File: "encryption/psk.feature", Line: 9,
		Requirement: "RMP-4.2-02", Verdict: verdict.Inconclusive, Observed: verdict.Fail,
		Finding:   &Finding{Expected: "a session", Got: "the alert handshake_failure", Step: 0, At: at(30)},
		Notes:     []string{"it leans on RMP-4.2-01, which failed in s0009 (encryption/psk.feature:20): inconclusive until that is mended"},
		StartedAt: start, Elapsed: time.Second, Steps: steps,
		Trace: sorted([]trace.Event{
			note(0, "When "+steps[0].Text),
			secureDatagram(1, device, secure, dtlsRecord(22, 0, 1, 0, 0, 0)),
			secureDatagram(2, secure, device, dtlsRecord(22, 0, 3, 0)),
			secureDatagram(3, device, secure, dtlsRecord(22, 0, 1, 0, 0, 0)),
			secureDatagram(4, secure, device, dtlsRecord(21, 0, 2, 40)),
			secureDatagram(5, secure, device, []byte("no record")),
		}),
	}
}

// outbound is a connector's call to two devices at once.
func outbound(t *testing.T) *Scenario {
	one, two := trace.End{Name: "sensor", Addr: device.Addr}, trace.End{Name: "window", Addr: netip.MustParseAddrPort("127.1.2.4:5683")}
	get := func(id uint16, path string) *coap.Message {
		m := &coap.Message{Type: coap.NonConfirmable, Code: coap.PUT, MessageID: id, Token: []byte{1, 2, 3, 4, 5, 6, 7, 8}, Payload: bytes.Repeat([]byte("0123456789"), 30)}
		m.AddPath(path)
		return m
	}
	return &Scenario{
		ID: "s0004", Name: "Two devices", Keyword: "Scenario", Feature: "Connectors", FeatureLine: 1, File: "outbound/connector.feature", Line: 9,
		Requirement: "RMP-2.2.1-01", Verdict: verdict.Warning, Observed: verdict.Fail,
		Finding:   &Finding{Expected: "a request within 2 s", Got: "none\nbut these:\nPUT /window", Step: -1, At: at(30)},
		StartedAt: start, Elapsed: time.Second, Steps: stepsOf("When both connectors are called"),
		Trace: sorted([]trace.Event{
			{At: at(1), Layer: trace.HTTP, From: trace.End{Name: "application"}, To: gateway, HTTP: &trace.HTTPExchange{
				Method: "POST", URL: "/connectors/window/call", RequestHeader: http.Header{"Content-Type": {"application/json"}}, RequestBody: []byte(`{"mode": "TEST"}`),
				Status: 204, ResponseHeader: http.Header{"Coap-Code": {"2.04"}}, Elapsed: 9 * time.Millisecond,
			}},
			datagram(t, 3, gateway, two, get(1, "window")),
			datagram(t, 4, gateway, one, get(2, "temperature")),
			datagram(t, 9, two, gateway, &coap.Message{Type: coap.NonConfirmable, Code: coap.Changed, MessageID: 9, Token: []byte{1, 2, 3, 4, 5, 6, 7, 8}}),
		}),
	}
}

// run is a report with a bit of everything.
func run(t *testing.T) *Report {
	passed := &Scenario{
		ID: "s0005", Name: "pass", Keyword: "Scenario", Feature: "Connectors", FeatureLine: 1, File: "outbound/connector.feature", Line: 30,
		Verdict: verdict.Pass, Observed: verdict.Pass, StartedAt: start, Elapsed: time.Millisecond, Steps: stepsOf(`Given nothing`),
	}
	passed.Steps[0].HasDocString, passed.Steps[0].DocString, passed.Steps[0].DocType = true, `{"a": 1}`, "json"
	excused := func(id string, v verdict.Verdict, reason string) *Scenario {
		return &Scenario{
			ID: id, Name: "excused " + id, Keyword: "Scenario", Feature: "Connectors", FeatureLine: 1, File: "outbound/connector.feature", Line: 40,
			Verdict: v, Observed: v, Finding: &Finding{Reason: reason, Step: -1}, Steps: []*Step{{Keyword: "Given", Text: "nothing", Line: 41, Status: NotRun}},
		}
	}
	req := func(id, section, text string, level verdict.Level, v verdict.Verdict, scenarios ...string) *Requirement {
		return &Requirement{
			Requirement: &verdict.Requirement{ID: id, Section: section, Text: text, Level: level, Binds: []verdict.Role{verdict.Gateway}, Since: "1", Source: "Using CoAP with RunMyProcess"},
			Verdict:     v, Scenarios: scenarios,
		}
	}
	return &Report{
		Schema: Schema, Suite: Suite{Name: "Coapstone", Version: "v0.1.0", Edition: "1", Digest: "sha256:00"}, Lab: Lab{Kind: "embedded", Facts: []Fact{{"gateway", "127.1.2.1:5683"}}},
		Role: verdict.Gateway, Target: "reference gateway", Profile: "standard", Seed: 7, Workers: 32, StartedAt: start, Elapsed: 12_345 * time.Millisecond,
		Scenarios: []*Scenario{
			forwarded(t), overDTLS(t), refusedHandshake(), outbound(t), passed,
			excused("s0006", verdict.Skipped, "the device is on loan"), excused("s0007", verdict.NotApplicable, "it binds device-server, the target is a gateway"),
			excused("s0008", verdict.Skipped, "the device is on loan"),
		},
		Requirements: []*Requirement{
			req("RMP-3.1-06", "3.1", "The AuthToken does not travel on in the URL of the HTTP call.", verdict.Must, verdict.Fail, "s0001"),
			req("RMP-4.2-02", "4.2", "The identity is the user's name, the key is the SHA-256 hash of the password.", verdict.Profile, verdict.Inconclusive, "s0003"),
			req("RMP-2.2.1-01", "2.2.1", "The method of the connector is the method of the request.", verdict.Should, verdict.Warning, "s0004"),
		},
		Untested: []string{"RMP-1-01", "RMP-1-02"},
		Counts: Counts{
			Scenarios:    8,
			ByVerdict:    Tally{verdict.Fail: 1, verdict.Error: 1, verdict.Inconclusive: 1, verdict.Warning: 1, verdict.Pass: 1, verdict.Skipped: 2, verdict.NotApplicable: 1},
			Requirements: 3, RequirementsByVerdict: Tally{verdict.Fail: 1, verdict.Inconclusive: 1, verdict.Warning: 1},
		},
		ExitCode: ExitFailed, ExitReason: "failed: RMP-3.1-06",
	}
}

func TestText(t *testing.T) {
	for name, o := range map[string]TextOptions{"text": {Dir: "coapstone-report"}, "text80": {Width: 80}, "text160": {Width: 160}, "colour": {Color: true}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteText(&b, run(t), o); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".golden", b.Bytes())
		})
	}
}

func TestLaddersKeepTheirWidth(t *testing.T) {
	for _, width := range []int{80, 100, 120, 200} {
		var b bytes.Buffer
		if err := WriteText(&b, run(t), TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		for l := range strings.SplitSeq(b.String(), "\n") {
			if n := utf8.RuneCountInString(l); n > width && strings.Contains(l, "│") {
				t.Errorf("width %d: a line of %d columns: %s", width, n, l)
			}
		}
	}
}

func TestNothingOfAPasswordIsPrinted(t *testing.T) {
	var b bytes.Buffer
	s := forwarded(t)
	s.Trace = s.Trace[len(s.Trace)-3:] // without the token in the URIs
	for i := range s.Trace {
		if s.Trace[i].HTTP != nil {
			s.Trace[i].HTTP.URL = "/"
		} else {
			s.Trace[i].Bytes = encode(t, request("http://p/"))
		}
	}
	s.Finding.Got = ""
	if err := WriteFailure(&b, run(t), s, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "Basic hello:•••") || strings.Contains(b.String(), "aGVsbG86d29ybGQ=") {
		t.Errorf("want the name of the user alone:\n%s", b.String())
	}
}

func TestALongLadderIsCut(t *testing.T) {
	s := forwarded(t)
	for i := range 500 {
		s.Trace = append(s.Trace, datagram(t, 30+i, device, gateway, &coap.Message{MessageID: uint16(i)}))
	}
	lines := ladder(s, 120)
	if len(lines) > 130 {
		t.Errorf("%d lines", len(lines))
	}
	var found bool
	for _, l := range lines {
		found = found || strings.Contains(l.render(false), "more are left out here")
	}
	if !found {
		t.Error("the ladder does not say that it is cut")
	}
}

func TestAnEmptyTraceHasNoLadder(t *testing.T) {
	if lines := ladder(&Scenario{Trace: []trace.Event{note(0, "Given nothing")}, Finding: &Finding{Step: -1, At: at(1)}}, 120); lines != nil {
		t.Errorf("%d lines, want none", len(lines))
	}
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJUnit(&b, run(t)); err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", b.Bytes())

	// As a reader that only knows the common elements sees it.
	var read struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Cases []struct {
				Failure []struct{} `xml:"failure"`
				Error   []struct{} `xml:"error"`
				Skipped []struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	var cases, failures, errs, skipped int
	for _, s := range read.Suites {
		for _, c := range s.Cases {
			cases++
			failures += len(c.Failure)
			errs += len(c.Error)
			skipped += len(c.Skipped)
		}
	}
	if diff := cmp.Diff([]int{8, 1, 2, 3}, []int{cases, failures, errs, skipped}); diff != "" {
		t.Errorf("cases, failures, errors, skipped (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{cases, failures, errs, skipped}, []int{read.Tests, read.Failures, read.Errors, read.Skipped}); diff != "" {
		t.Errorf("the attributes do not add up (-elements +attributes):\n%s", diff)
	}
}

func TestJUnitHoldsWhateverCrossedTheWire(t *testing.T) {
	r := run(t)
	r.Scenarios[0].Finding.Got = "a\x00b\x1b[31m\xff]]>&<\ufffe"
	r.Scenarios[0].Row = []string{"\x01"}
	var b bytes.Buffer
	if err := WriteJUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(&b)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCucumber(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCucumber(&b, run(t)); err != nil {
		t.Fatal(err)
	}
	golden(t, "cucumber.json", b.Bytes())
}

func TestJSONHoldsNoTLSKeys(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, run(t)); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", b.Bytes())
	if strings.Contains(b.String(), "CLIENT_RANDOM") {
		t.Error("a TLS key stands in report.json")
	}
	read, err := ReadJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := WriteJSON(&again, read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), again.String()); diff != "" {
		t.Errorf("read and written it is another (-want +got):\n%s", diff)
	}
}

func TestAReportOfAnotherSchemaIsRefused(t *testing.T) {
	for _, text := range []string{"", "{", `{"schema": 2}`, `{}`} {
		if _, err := ReadJSON(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestFilesOfARun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	stale := filepath.Join(dir, "captures", "s9999.pcapng")
	if err := os.MkdirAll(filepath.Dir(stale), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t)
	if err := WriteFiles(dir, r, Formats()...); err != nil {
		t.Fatal(err)
	}
	var names []string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"captures/s0001.pcapng", "captures/s0002.pcapng", "captures/s0003.pcapng", "captures/s0004.pcapng", "cucumber.json", "junit.xml", "report.html", "report.json", "report.txt"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"captures/s0002.pcapng"}, r.Scenarios[1].Files); diff != "" {
		t.Errorf("files of s0002 (-want +got):\n%s", diff)
	}
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil || !json.Valid(b) {
		t.Errorf("report.json: %v, valid %t", err, json.Valid(b))
	}
	if err := WriteFiles(dir, r, "pdf"); err == nil {
		t.Error("an unknown format was taken")
	}
}

func TestRecordsTakeAnything(t *testing.T) {
	for n := range 40 {
		for _, r := range records(bytes.Repeat([]byte{22}, n)) {
			_ = r.String()
			r.suite()
		}
	}
	if _, ok := (record{22, 0, append([]byte{2}, make([]byte, 46)...)}).suite(); ok {
		t.Error("a cipher suite was read behind the end")
	}
}
