// SPDX-License-Identifier: Apache-2.0

package coapstone_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone"
	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/lab/external"
	"github.com/coapstone/coapstone/harness/stock"
	"github.com/coapstone/coapstone/harness/target"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/reports"
)

// benchDevice is the variable that makes the test binary a device on a bench; it
// names the device's kind.
const benchDevice = "COAPSTONE_TEST_DEVICE"

// errandTimeout bounds what the device on the bench does.
const errandTimeout = 2 * time.Minute

// TestActAsADeviceOnABench is no test: it is what the trigger of the target files
// in this file runs.
func TestActAsADeviceOnABench(t *testing.T) {
	kind := os.Getenv(benchDevice)
	if kind == "" || os.Getenv("COAPSTONE_HOOK") != "trigger" {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), errandTimeout)
	defer cancel()
	c := stock.Caller{
		URL: os.Getenv("COAPSTONE_URL"), User: os.Getenv("COAPSTONE_USER"), Password: os.Getenv("COAPSTONE_PASSWORD"),
		PSK: os.Getenv("COAPSTONE_IDENTITY") != "", HexKey: len(os.Getenv("COAPSTONE_KEY")) == 64,
	}
	api, method, payload := os.Getenv("COAPSTONE_API"), codes.GET, os.Getenv("COAPSTONE_PAYLOAD")
	switch os.Getenv("COAPSTONE_METHOD") {
	case "PUT":
		method = codes.PUT
	case "POST":
		method = codes.POST
	case "DELETE":
		method = codes.DELETE
	}
	if kind != "told" { // its firmware: the URL, another user, another API
		c = stock.Caller{URL: kind, User: "box-7", Password: "open sesame", PSK: true}
		api, method, payload = burntAPI, codes.PUT, "21.5 degrees"
	}
	m, err := c.Call(ctx, method, api, payload)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(os.Stdout, "%d.%02d %s\n", m.Code>>5, m.Code&31, m.Payload)
}

const burntAPI = "https://platform.example.com/live/1/host/2/service/burnt-in?P_mode=LIVE"

// toldAll are the arguments of a trigger that tells the device everything; the
// device reads it in its environment.
const toldAll = "'--', '{url}', '{method}', '{proxy-uri}', '{payload}'"

// onBench runs the built-in suite against the target of a file, whose trigger has
// these further arguments.
func onBench(t *testing.T, tags, told, file string) (*reports.Report, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file = strings.ReplaceAll(file, "TRIGGER", fmt.Sprintf("{command: [%q, -test.run=^TestActAsADeviceOnABench$, %s], timeout: 15s}", os.Args[0], told))
	name := filepath.Join(dir, "target.yaml")
	if err := os.WriteFile(name, []byte("name: Box\nrole: device-client\n"+file), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := target.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return coapstone.Run(t.Context(), coapstone.Options{
		Lab: external.Open(f), Role: verdict.DeviceClient, Capabilities: f.Declared(), Workers: 1, Tags: tags, LagBudget: time.Minute,
	})
}

// faultsOfGoCoAP are the requirements that the stock device breaks: its waits do not
// double, and it may be gone before it has acknowledged a separate response.
const faultsOfGoCoAP = "RMP-3.1-52 RMP-3.1-58"

// verdicts counts them, and logs what is no pass.
func verdicts(t *testing.T, r *reports.Report) map[verdict.Verdict]int {
	t.Helper()
	count := map[verdict.Verdict]int{}
	for _, s := range r.Scenarios {
		if s.Requirement == "" || !strings.Contains(s.File, "client_") {
			continue
		}
		if s.Verdict == verdict.Fail && strings.Contains(faultsOfGoCoAP, s.Requirement) {
			continue
		}
		count[s.Verdict]++
		if s.Verdict != verdict.Pass && s.Finding != nil {
			t.Logf("%s %s: %s: %s", s.Requirement, s.Name, s.Verdict, s.Finding)
		}
	}
	return count
}

// freePort is a UDP port of an address.
func freePort(t *testing.T, addr string) uint16 {
	t.Helper()
	c, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return netip.MustParseAddrPort(c.LocalAddr().String()).Port()
}

const boundUser = "users: {hello: {password: {file: password}}}\n"

const quick = "@device and @client and not @full"

func TestADeviceOnABenchThatIsToldIsJudged(t *testing.T) {
	t.Setenv(benchDevice, "told")
	r, err := onBench(t, quick, toldAll, "bench: {addresses: [127.0.91.1]}\nhooks: {trigger: TRIGGER}\n"+
		"users: {hello: {password: {file: password}}}\ndeclares: {says: true}\n")
	if err != nil {
		t.Fatal(err)
	}
	got := verdicts(t, r)
	if got[verdict.Pass] < 15 || got[verdict.Inconclusive]+got[verdict.Error]+got[verdict.Fail] > 0 {
		t.Errorf("got %v", got)
	}
}

func TestADeviceOnABenchWithEverythingBurntInIsJudgedByThat(t *testing.T) {
	url := fmt.Sprintf("coaps://127.0.91.2:%d/coap2http", freePort(t, "127.0.91.2"))
	t.Setenv(benchDevice, url)
	r, err := onBench(t, quick, "--", "bench: {addresses: [127.0.91.2]}\nhooks: {trigger: TRIGGER}\n"+
		"users: {box: {name: box-7, password: {file: password}}}\n"+
		"device: {coap: '127.0.0.1:1', calls: {url: '"+url+"', api: '"+burntAPI+"', method: PUT, payload: 21.5 degrees, user: box}}\n"+
		"declares: {certificates: false}\n")
	if err != nil {
		t.Fatal(err)
	}
	got := verdicts(t, r)
	if got[verdict.Pass] < 10 || got[verdict.Inconclusive]+got[verdict.Error]+got[verdict.Fail] > 0 {
		t.Errorf("got %v", got)
	}
}

func TestADeviceOnABenchThatNeverSendsIsNeitherPassedNorFailed(t *testing.T) {
	t.Setenv(benchDevice, "coap://127.0.91.4:5683/elsewhere")
	r, err := onBench(t, "@RMP-3-20 or @RMP-3.1-57", "--", "bench: {addresses: [127.0.91.3]}\n"+boundUser+"hooks: {trigger: {command: ['true', '{url}', '{method}', '{proxy-uri}', '{payload}'], timeout: 1s}}\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Scenarios {
		if s.Requirement != "RMP-3-20" && s.Requirement != "RMP-3.1-57" {
			continue
		}
		if s.Verdict != verdict.Inconclusive || s.Finding == nil || !strings.Contains(s.Finding.String(), "127.0.91.3:5683/udp") || !strings.Contains(s.Finding.String(), "firewall") {
			t.Errorf("%s: %s, %v; want inconclusive, with where to look", s.Name, s.Verdict, s.Finding)
		}
	}
}

func TestABusyPortOfTheBenchIsAFaultOfTheEnvironment(t *testing.T) {
	c, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.91.5:5683")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, err = onBench(t, "@RMP-3-20", "--", "bench: {addresses: [127.0.91.5]}\n")
	if coapstone.ExitCode(err) != reports.ExitEnvironment || !strings.Contains(err.Error(), "another program listens there") {
		t.Errorf("exit %d, %v", coapstone.ExitCode(err), err)
	}
}

// noisy sends datagrams to the bench until the test ends.
func noisy(t *testing.T, from string, to netip.AddrPort, datagrams ...[]byte) {
	t.Helper()
	c, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", from)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			for _, b := range datagrams {
				if _, err := c.WriteTo(b, net.UDPAddrFromAddrPort(to)); err != nil && t.Context().Err() != nil {
					return
				}
			}
			if t.Context().Err() != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
}

func TestNoiseOnTheBenchIsNotTheDevice(t *testing.T) {
	t.Setenv(benchDevice, "told")
	other := coap.Message{Type: coap.Confirmable, Code: coap.PUT, MessageID: 7, Token: []byte{7}}
	other.AddPath("/elsewhere")
	b, err := other.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort("127.0.91.6:5683")
	noisy(t, "127.0.91.7:0", to, b, []byte("\xff\xff garbage"), nil)
	r, err := onBench(t, "(@RMP-3-20 or @RMP-3.1-50 or @RMP-3.1-51) and not @full", toldAll,
		boundUser+"bench: {addresses: [127.0.91.6]}\nhooks: {trigger: TRIGGER}\ndevice: {coap: '127.0.0.1:5683'}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(t, r); got[verdict.Pass] < 3 || len(got) != 1 {
		t.Errorf("got %v, want every one passed that is selected", got)
	}
}

const aFew = "(@RMP-3-20 or @RMP-3.1-50 or @RMP-3.1-55 or @RMP-3.1-57)"

func TestADeviceOnABenchThatIsNotWhatItsFileSaysFails(t *testing.T) {
	const url = "coap://127.0.91.8/elsewhere"
	t.Setenv(benchDevice, url)
	r, err := onBench(t, aFew, "--", boundUser+"bench: {addresses: [127.0.91.8]}\nhooks: {trigger: TRIGGER}\n"+
		"device: {calls: {url: 'coap://127.0.91.8/coap2http', api: 'https://platform.example.com/other', method: GET, user: hello}}\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Scenarios {
		if strings.Contains(aFew, s.Requirement) && s.Requirement != "" && s.Verdict != verdict.NotApplicable && s.Observed < verdict.Warning {
			t.Errorf("%s %s: %s, want a failure", s.Requirement, s.Name, s.Verdict)
		}
	}
}

func TestADeviceOnABenchThatSpeaksNothingButDTLSIsJudgedOverThat(t *testing.T) {
	t.Setenv(benchDevice, "told")
	r, err := onBench(t, aFew, toldAll, boundUser+"bench: {addresses: [127.0.91.10]}\nhooks: {trigger: TRIGGER}\ndeclares: {coap: false, told: true}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(t, r); got[verdict.Pass] < 9 || got[verdict.Fail]+got[verdict.Inconclusive]+got[verdict.Error] > 0 {
		t.Errorf("got %v, want all passed", got)
	}
}

func TestADeviceOnABenchThatNobodyTriggersIsJudgedByWhatItSends(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c := stock.Caller{URL: "coap://127.0.91.9/coap2http", User: "hello", Password: "open sesame"}
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			_, _ = c.Call(ctx, codes.GET, burntAPI, "")
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	r, err := onBench(t, aFew, "--", boundUser+"bench: {addresses: [127.0.91.9]}\n"+
		"device: {calls: {url: 'coap://127.0.91.9/coap2http', api: '"+burntAPI+"', method: GET, user: hello}}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(t, r); got[verdict.Pass] != 4 || got[verdict.Inconclusive]+got[verdict.Fail]+got[verdict.Error] > 0 {
		t.Errorf("got %v, want all that need no special request passed", got)
	}
}
