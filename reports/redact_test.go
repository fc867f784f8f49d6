// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/trace"
	"github.com/coapstone/coapstone/harness/verdict"
)

// canaries are the secrets of a bench: a password with everything in it that is
// escaped somewhere, and a key of bytes.
func canaries() []secret.Text {
	return []secret.Text{`Tr0ub/4+d?&="\ é ü%2F`, secret.Text("\x00\xff\x80binary\x1bkey\xfe")}
}

// written is a secret in the ways in which it may get into a report, by what they
// are.
func written(s string) map[string]string {
	key := sha256.Sum256([]byte(s))
	digits := hex.EncodeToString(key[:])
	forms := map[string]string{
		"plain":           s,
		"query":           url.QueryEscape(s),
		"path":            url.PathEscape(s),
		"quoted":          strconv.Quote(s),
		"hex":             hex.EncodeToString([]byte(s)),
		"HEX":             strings.ToUpper(hex.EncodeToString([]byte(s))),
		"key":             string(key[:]),
		"key in hex":      digits,
		"key in Base64":   base64.StdEncoding.EncodeToString(key[:]),
		"key's digits":    base64.StdEncoding.EncodeToString([]byte(digits)),
		"with line feed":  base64.StdEncoding.EncodeToString([]byte("hello:" + s + "\n")),
		"all of it in %":  percent(s, "%02X"),
		"all of it in %x": percent(s, "%02x"),
	}
	for _, user := range []string{"", "a", "ab", "abc", "hello"} {
		pair := []byte(user + ":" + s)
		for name, e := range map[string]*base64.Encoding{"std": base64.StdEncoding, "url": base64.URLEncoding, "raw": base64.RawStdEncoding} {
			forms[name+" of "+user] = e.EncodeToString(pair)
			forms[name+" of "+user+" in a query"] = url.QueryEscape(e.EncodeToString(pair))
		}
	}
	return forms
}

func percent(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%"+format, c)
	}
	return b.String()
}

// leaks is what of a secret stands in a text; the pieces that it looks for hold
// nothing but bits of it.
func leaks(text []byte, s string) []string {
	var found []string
	look := func(what, piece string) {
		if len(piece) >= 8 && bytes.Contains(text, []byte(piece)) {
			found = append(found, fmt.Sprintf("%s %q", what, piece))
		}
	}
	key := sha256.Sum256([]byte(s))
	for name, b := range map[string][]byte{"secret": []byte(s), "key": key[:], "digits": []byte(hex.EncodeToString(key[:]))} {
		look(name, string(b))
		look(name+" in a query", url.QueryEscape(string(b)))
		look(name+" in HTML", html.EscapeString(string(b)))
		look(name+" in quotes", strings.Trim(strconv.Quote(string(b)), `"`))
		look(name+" in hex", hex.EncodeToString(b))
		look(name+" in HEX", strings.ToUpper(hex.EncodeToString(b)))
		for offset := range 3 {
			e := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), b...))
			piece := e[(offset*8+5)/6 : (offset+len(b))*8/6]
			look(name+" in Base64", piece)
			look(name+" in Base64 of URLs", strings.NewReplacer("+", "-", "/", "_").Replace(piece))
			look(name+" in Base64 in a query", url.QueryEscape(piece))
		}
	}
	return found
}

// leaky is a report with a text in every place where the wire, the bench or an
// operator can put one.
func leaky(t *testing.T, text string) *Report {
	r := run(t)
	r.Target, r.ExitReason = "lamp "+text, "failed: "+text
	r.Lab.Facts = append(r.Lab.Facts, Fact{"user", text})
	r.Levels = []Level{{Name: Core, Blocks: []string{"because of " + text}, Notes: []string{text}}}
	r.Unproven = []Unproven{{Why: text, Requirements: []string{"RMP-1-01"}}}
	r.Expectations = []*Expectation{{Expectation: verdict.Expectation{Requirement: "RMP-3.1-06", Packet: text, Why: text}, State: Stale, Reason: text}}
	s := r.Scenarios[0]
	s.Known = &verdict.Expectation{Requirement: "RMP-3.1-06", Packet: text}
	s.Row = []string{"password = " + text}
	s.Notes = []string{"a note on " + text}
	s.Finding = &Finding{Expected: "x" + text, Got: text + "y", Reason: text, Cause: "because: " + text, Stack: text, Step: 4, At: at(21)}
	s.Steps[0].Text, s.Steps[0].DocString = `the user "hello" with the password "`+text+`"`, text
	s.Steps[2].Table = [][]string{{"Proxy-Uri", text}}
	message := request("http://p/?a=" + text)
	message.Payload = []byte("payload " + text)
	s.Trace = append(s.Trace,
		note(30, "the console says "+text),
		datagram(t, 31, device, gateway, message),
		datagram(t, 32, device, gateway, &coap.Message{Code: coap.POST, Payload: []byte(text)}),
		trace.Event{At: at(33), Layer: trace.CoAP, From: device, To: secure, Bytes: encode(t, message)},
		trace.Event{At: at(34), Layer: trace.Datagram, From: device, To: gateway, Bytes: []byte("no message: " + text)},
		trace.Event{At: at(35), Layer: trace.HTTP, From: gateway, To: platform, HTTP: &trace.HTTPExchange{
			Method: "POST", URL: "/a?b=" + text, RequestHeader: http.Header{"X-Any": {text}, "X-" + text: {"a"}}, RequestBody: []byte(text),
			Status: 200, ResponseHeader: http.Header{"X-Other": {"is " + text}}, ResponseBody: []byte("<" + text + ">"),
		}},
	)
	return r
}

// artefacts is every file that may be handed on, and the text for a terminal.
func artefacts(t *testing.T, r *Report) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	var formats []Format
	for _, f := range Formats() {
		if f != Captures {
			formats = append(formats, f)
		}
	}
	if err := WriteFiles(dir, r, formats...); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if files[n.Name()], err = os.ReadFile(filepath.Join(dir, n.Name())); err != nil {
			t.Fatal(err)
		}
	}
	for name, write := range map[string]func(io.Writer, *Report) error{
		"terminal": func(w io.Writer, r *Report) error { return WriteText(w, r, TextOptions{Color: true}) },
		"template": WriteTemplate,
	} {
		var b bytes.Buffer
		if err := write(&b, r); err != nil {
			t.Fatal(err)
		}
		files[name] = b.Bytes()
	}
	return files
}

func TestNothingThatIsHandedOnHoldsASecret(t *testing.T) {
	for i, s := range canaries() {
		for name, text := range written(s.Reveal()) {
			t.Run(fmt.Sprintf("%d %s", i, name), func(t *testing.T) {
				r := leaky(t, text)
				var before []byte
				for _, b := range artefacts(t, r) {
					before = append(before, b...)
				}
				if !bytes.Contains(before, []byte("lamp ")) {
					t.Fatal("the canary stands nowhere")
				}
				Redact(r, canaries())
				// JSON has messages in Base64; they are looked at as they are.
				for _, s := range r.Scenarios {
					for _, e := range s.Trace {
						r.Scenarios[0].Notes = append(r.Scenarios[0].Notes, strconv.QuoteToASCII(string(e.Bytes)))
						if found := leaks(e.Bytes, canaries()[i].Reveal()); found != nil {
							t.Errorf("%s: %v", e.Layer, found)
						}
						if e.HTTP != nil {
							if found := leaks(append(e.HTTP.RequestBody, e.HTTP.ResponseBody...), canaries()[i].Reveal()); found != nil {
								t.Errorf("a body: %v", found)
							}
						}
					}
				}
				for file, b := range artefacts(t, r) {
					if found := leaks(b, s.Reveal()); found != nil {
						t.Errorf("%s: %v", file, found)
					}
				}
			})
		}
	}
}

// The test above must be able to fail.
func TestAReportThatIsNotRedactedLeaks(t *testing.T) {
	for i, s := range canaries() {
		for name, text := range written(s.Reveal()) {
			found := leaks([]byte(text), s.Reveal())
			if found == nil && name != "quoted" && !strings.HasPrefix(name, "all of it") && name != "path" {
				t.Errorf("%d %s: no leak seen in %q", i, name, text)
			}
		}
	}
}

func TestASecretGoesWholeAndNothingElse(t *testing.T) {
	for _, tc := range []struct{ name, secret, text, want string }{
		{"alone", "sesame", "sesame", "•••"},
		{"in a text", "sesame", "open sesame, please", "open •••, please"},
		{"twice", "sesame", "sesamesesame sesame", "••• •••"},
		{"short, alone", "abc", "abc", "•••"},
		{"short, in a text", "abc", "the abc", "the abc"},
		{"in Base64 of its own", "sesame", "c2VzYW1l!", "•••!"},
		{"in Base64 behind six bytes", "sesame", "Basic aGVsbG86c2VzYW1l", "Basic aGVsbG86•••"},
		{"in Base64 behind two bytes, with padding", "sesame", "Basic YTpzZXNhbWU=", "Basic YT•••"},
		{"in Base64 behind four bytes", "sesame", "Basic YWJjOnNlc2FtZQ==.", "Basic YWJjO•••."},
		{"in Base64, with padding escaped", "sesame", "t=YTpzZXNhbWU%3D&a=b", "t=YT•••&a=b"},
		{"in Base64, with more behind it", "sesame", "YTpzZXNhbWUK", "YT•••K"},
		{"in hex", "sesame", "0x736573616d65ff", "0x•••ff"},
		{"percent-encoded in part", "se same", "a=s%65+same&b", "a=•••&b"},
		{"with what looks like an escape in it", "a%25x", "is a%25x.", "is •••."},
		{"with what looks like an escape in it, escaped", "a%25x", "is a%2525x.", "is •••."},
		{"quoted", `se"sa\me`, `"se\"sa\\me"`, `"•••"`},
		{"a pre-shared key", "world", "key 486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7", "key •••"},
		{"an AuthToken of anybody", "sesame", "a?AuthToken=eDp5&b=c", "a?AuthToken=•••&b=c"},
		{"a placeholder", "sesame", "a?AuthToken={token of hello}", "a?AuthToken={token of hello}"},
		{"none", "sesame", "nothing here, Sesame", "nothing here, Sesame"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := &masker{finder: newFinder([]secret.Text{secret.Text(tc.secret)})}
			if got := m.text(tc.text); got != tc.want {
				t.Errorf("%q became %q, want %q", tc.text, got, tc.want)
			}
			if m.hit != (tc.text != tc.want) {
				t.Errorf("hit is %t", m.hit)
			}
		})
	}
}

func TestCredentialsGoFromTheirPlacesWhoeversTheyAre(t *testing.T) {
	r := run(t)
	Redact(r, nil)
	for name, b := range artefacts(t, r) {
		for _, token := range []string{"aGVsbG86d29ybGQ", base64.StdEncoding.EncodeToString([]byte("AuthToken=aGVsbG86d29ybGQ="))[4:20]} {
			if bytes.Contains(b, []byte(token)) {
				t.Errorf("%s holds %s", name, token)
			}
		}
	}
	s := r.Scenarios[0]
	if got, want := s.Finding.Got, `the query "P_mode=TEST&AuthToken=•••"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := s.Steps[2].Table[0][1], "{orders}?P_mode=TEST&AuthToken={token of hello}"; got != want {
		t.Errorf("the feature's own text is %s, want %s", got, want)
	}
}

func TestAMaskedMessageStillDecodes(t *testing.T) {
	for _, s := range canaries() {
		r := leaky(t, s.Reveal())
		before := leaky(t, s.Reveal()).Scenarios[0].Trace
		Redact(r, canaries())
		for i, e := range r.Scenarios[0].Trace {
			if len(e.Bytes) != len(before[i].Bytes) {
				t.Fatalf("%d bytes became %d", len(before[i].Bytes), len(e.Bytes))
			}
			want, err := coap.Decode(before[i].Bytes)
			if err != nil {
				continue
			}
			got, err := coap.Decode(e.Bytes)
			if err != nil {
				t.Fatalf("a masked message: %v", err)
			}
			got.Payload, want.Payload = nil, nil
			for k := range want.Options {
				if len(got.Options[k].Value) != len(want.Options[k].Value) || got.Options[k].Number != want.Options[k].Number {
					t.Errorf("option %v became %v", want.Options[k], got.Options[k])
				}
				got.Options[k].Value, want.Options[k].Value = nil, nil
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("more than the secret was masked (-want +got):\n%s", d)
			}
		}
		if n := r.Scenarios[0].Notes; len(n) != 2 || n[1] != redactedNote {
			t.Errorf("notes %q: want one that says that something is masked", n)
		}
	}
}

func TestAReportWithoutSecretsStaysAsItIs(t *testing.T) {
	r := run(t)
	r.Scenarios = r.Scenarios[1:]
	var want, got bytes.Buffer
	if err := WriteJSON(&want, r); err != nil {
		t.Fatal(err)
	}
	Redact(r, canaries())
	if err := WriteJSON(&got, r); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), got.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestRedactChangesNothingThatOthersHold(t *testing.T) {
	text := canaries()[0].Reveal()
	r := leaky(t, text)
	held := *r
	Redact(r, canaries())
	var got, want bytes.Buffer
	if err := WriteJSON(&got, &held); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(&want, leaky(t, text)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), got.String()); d != "" {
		t.Errorf("the report that somebody else holds changed (-want +got):\n%s", d)
	}
}

func TestWhatIsTheSuitesOwnStaysWhateverASecretIs(t *testing.T) {
	r := run(t)
	Redact(r, []secret.Text{"RMP-3.1-06", "inbound/authtoken.feature", "pass", "gateway", "CON", "Fail", "x"})
	if s := r.Scenarios[0]; s.Requirement != "RMP-3.1-06" || s.File != "inbound/authtoken.feature" || s.Verdict != verdict.Fail || r.Role != verdict.Gateway {
		t.Errorf("got %s, %s, %s, %s", s.Requirement, s.File, s.Verdict, r.Role)
	}
	if r.Requirements[0].ID != "RMP-3.1-06" {
		t.Errorf("the requirement is called %s", r.Requirements[0].ID)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("secret", []byte("the secret in %73ecret and c2VjcmV0"))
	f.Add("%2F%", []byte(`%252F% \%2F%`))
	f.Add("\xff\x00\xffa", []byte("/wD/YQ=="))
	f.Fuzz(func(t *testing.T, s string, b []byte) {
		if len(s) > 64 || len(b) > 4096 {
			return
		}
		m := &masker{finder: newFinder([]secret.Text{secret.Text(s)})}
		masked := m.bytes(b)
		if len(masked) != len(b) {
			t.Fatalf("%d bytes became %d", len(b), len(masked))
		}
		// What the mask is written with may stand beside a mask, and make a secret of it.
		if len(s) >= shortestForm && !strings.Contains(s, "*") && bytes.Contains(masked, []byte(s)) {
			t.Errorf("%q still holds %q", masked, s)
		}
		if text := m.text(string(b)); len(s) >= shortestForm && utf8.ValidString(s) && !strings.Contains(s, "•") && strings.Contains(text, s) {
			t.Errorf("%q still holds %q", text, s)
		}
	})
}

// A report of a thousand scenarios, against a bench of ten secrets.
func BenchmarkRedact(b *testing.B) {
	var secrets []secret.Text
	for i := range 10 {
		secrets = append(secrets, secret.Text(fmt.Sprintf("secret number %d", i)))
	}
	m := request("http://p/?a=b&AuthToken=aGVsbG86d29ybGQ=")
	m.Payload = bytes.Repeat([]byte("0123456789"), 20)
	message, err := m.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	events := make([]trace.Event, 20)
	for i := range events {
		events[i] = trace.Event{At: at(i), Layer: trace.CoAP, From: device, To: secure, Bytes: message}
	}
	for b.Loop() {
		r := &Report{}
		for range 1000 {
			r.Scenarios = append(r.Scenarios, &Scenario{Name: "a scenario", Trace: events})
		}
		Redact(r, secrets)
	}
}
