// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/harness/verdict"
)

// certified is run as a certification sees it.
func certified(t *testing.T) *Report {
	r := run(t)
	r.Levels = []Level{
		{Name: Core, Blocks: []string{"RMP-3.1-06 failed", "RMP-1-01 is untested: no scenario of this run stands for it", "the run ended before its time"}},
		{Name: Secure, Blocks: []string{"Core is not reached"}, Notes: []string{"over coaps with pre-shared keys"}},
		{Name: CoAP, Reached: true},
	}
	r.Partial = true
	r.Requirements = append(r.Requirements, &Requirement{
		Requirement: &verdict.Requirement{ID: "RMP-2.2.1-20", Section: "2.2.1", Text: "A device answers GET.", Level: verdict.Must, Source: "Using CoAP with RunMyProcess"},
		Scenarios:   []string{"s0007"},
	})
	r.Unproven = []Unproven{{Why: "the platform has no journal", Requirements: []string{"RMP-2.2.1-01"}}}
	return r
}

func page(t *testing.T, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// elements are those of a page, in its order.
func elements(t *testing.T, page []byte) iter.Seq[*html.Node] {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(*html.Node) bool) {
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && !yield(n) {
				return
			}
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// textOf is the text in an element.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func TestHTML(t *testing.T) { golden(t, "report.html", page(t, certified(t))) }

func TestAPageOfNothingIsAPage(t *testing.T) {
	for _, r := range []*Report{{}, {DryRun: true, Scenarios: []*Scenario{{ID: "s0001"}}}, {Requirements: []*Requirement{{Requirement: &verdict.Requirement{ID: "RMP-1-01"}, Scenarios: []string{"s0042"}}}}} {
		page(t, r)
	}
}

func TestAPageNeedsNothingElse(t *testing.T) {
	b := page(t, certified(t))
	for n := range elements(t, b) {
		if slices.Contains([]string{"script", "link", "img", "iframe", "object", "embed", "form", "base", "svg", "video", "audio"}, n.Data) {
			t.Errorf("there is a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
	for _, s := range []string{"url(", "@import", "</style"} {
		if strings.Contains(htmlStyle, s) {
			t.Errorf("the style holds %s", s)
		}
	}
	if !strings.Contains(string(b), `content="default-src &#39;none&#39;;`) && !strings.Contains(string(b), `content="default-src 'none';`) {
		t.Error("the page does not forbid itself the network")
	}
}

func TestEachLinkOfAPageLeadsSomewhereAndEachIDStandsOnce(t *testing.T) {
	ids, links := map[string]int{}, []string{}
	for n := range elements(t, page(t, certified(t))) {
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		if to, ok := strings.CutPrefix(attr(n, "href"), "#"); ok {
			links = append(links, to)
		}
		for id := range strings.FieldsSeq(attr(n, "aria-labelledby")) {
			links = append(links, id)
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("the id %s stands %d times", id, n)
		}
	}
	for _, to := range links {
		if ids[to] == 0 {
			t.Errorf("a link leads to #%s, which is not there", to)
		}
	}
	for _, id := range []string{"RMP-3.1-06", "RMP-4.2-02", "RMP-1-01", "s0001", "s0002", "s0007", "s0008", "RMP-2.2.1-20"} {
		if ids[id] == 0 {
			t.Errorf("there is no #%s", id)
		}
	}
}

func TestHeadingsAndLandmarksOfAPage(t *testing.T) {
	count := map[string]int{}
	last := 0
	for n := range elements(t, page(t, certified(t))) {
		count[n.Data]++
		if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
			level := int(n.Data[1] - '0')
			if level > last+1 {
				t.Errorf("<%s>%s follows a heading of level %d", n.Data, textOf(n), last)
			}
			last = level
		}
		if n.Data == "html" && attr(n, "lang") != "en" {
			t.Error("the page does not say its language")
		}
	}
	for _, tag := range []string{"h1", "header", "main", "nav", "footer", "title"} {
		if count[tag] != 1 {
			t.Errorf("there are %d <%s>, want 1", count[tag], tag)
		}
	}
}

func TestWhatFailedIsUnfoldedWithItsLadder(t *testing.T) {
	r := certified(t)
	open := map[string]bool{}
	ladders := 0
	for n := range elements(t, page(t, r)) {
		if n.Data == "details" {
			open[attr(n.Parent, "id")] = slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "open" })
		}
		if attr(n, "class") == "ladder" {
			ladders++
			var want strings.Builder
			for _, l := range ladder(r.Scenarios[0], htmlLadder) {
				want.WriteString(l.render(false) + "\n")
			}
			if ladders == 1 {
				if diff := cmp.Diff(want.String(), textOf(n)); diff != "" {
					t.Errorf("the ladder is another one than in the text (-want +got):\n%s", diff)
				}
			}
		}
	}
	want := map[string]bool{"RMP-3.1-06": true, "RMP-4.2-02": false, "RMP-2.2.1-01": false, "": false} // the last is of those that do not apply
	if diff := cmp.Diff(want, open); diff != "" {
		t.Errorf("unfolded (-want +got):\n%s", diff)
	}
	if ladders != 4 {
		t.Errorf("there are %d ladders, want 4", ladders)
	}
}

func TestWhatComesFromTheWireIsText(t *testing.T) {
	const evil = `</pre></title></style><script>alert(1)</script><img src=x onerror=alert(2)>"'` + "`&{{.}}\x00\u202e"
	r := certified(t)
	r.Target, r.ExitReason, r.Tags, r.Profile, r.Role = evil, evil, evil, evil, evil
	r.Suite = Suite{evil, evil, evil, evil}
	r.Lab = Lab{Kind: evil, Facts: []Fact{{evil, evil}}}
	r.Untested = append(r.Untested, evil)
	r.Unproven = []Unproven{{evil, []string{evil}}}
	r.Levels = append(r.Levels, Level{Name: evil, Blocks: []string{evil}, Notes: []string{evil}})
	r.Expectations = []*Expectation{{State: evil, Reason: evil}}
	q := r.Requirements[0]
	q.ID, q.Text, q.Section, q.Source, q.Reason, q.Level = evil, evil, evil, evil, evil, evil
	away := r.Requirements[len(r.Requirements)-1]
	away.ID, away.Text, away.Reason = evil, evil, evil
	s := r.Scenarios[0]
	s.Name, s.File, s.Row, s.Notes, s.Files = evil, evil, []string{evil}, []string{evil}, []string{evil, "javascript:alert(3)"}
	s.Known = &verdict.Expectation{Why: evil, Link: "javascript:alert(4)"}
	s.Finding.Expected, s.Finding.Got, s.Finding.Cause, s.Finding.Stack = evil, evil, evil, evil
	st := s.Steps[2]
	st.Keyword, st.Text, st.Table, st.HasDocString, st.DocString, st.Status = evil, evil, [][]string{{evil}}, true, evil, evil
	m := request("http://p/" + evil)
	m.Payload = []byte(evil)
	hostile := datagram(t, 5, device, gateway, m)
	hostile.From.Name = evil
	s.Trace = append(s.Trace, hostile)
	for i := range s.Trace {
		if s.Trace[i].HTTP != nil {
			x := *s.Trace[i].HTTP
			x.URL, x.Method = evil, evil
			s.Trace[i].HTTP = &x
		}
		if s.Trace[i].Text != "" {
			s.Trace[i].Text = evil
		}
	}
	b := page(t, r)
	if bytes.ContainsRune(b, '\u202e') {
		t.Error("the page holds a character that turns the text around")
	}
	for n := range elements(t, b) {
		if n.Data == "script" || n.Data == "img" {
			t.Fatalf("there is a <%s> in <%s id=%q class=%q>", n.Data, n.Parent.Data, attr(n.Parent, "id"), attr(n.Parent, "class"))
		}
		for _, a := range n.Attr {
			if a.Key == "onerror" || a.Key == "href" && strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
}

func TestColoursCanBeRead(t *testing.T) {
	for i, block := range regexp.MustCompile(`:root \{([^}]*--paper[^}]*)\}`).FindAllStringSubmatch(htmlStyle, -1) {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--(\w+): (#[0-9a-f]{6});`).FindAllStringSubmatch(block[1], -1) {
			colours[m[1]] = m[2]
		}
		for _, fore := range []string{"ink", "faint", "link", "good", "warn", "bad", "mute"} {
			for _, back := range []string{"paper", "sheet"} {
				if got := contrast(t, colours[fore], colours[back]); got < 4.5 {
					t.Errorf("palette %d: %s on %s has a contrast of %.2f, want 4.5 (WCAG 2.2 §1.4.3)", i, fore, back, got)
				}
			}
		}
	}
}

// contrast is that of two colours (WCAG 2.2).
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) != 7 {
		t.Fatalf("no colour: %q", colour)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		if c := float64(n) / 255; c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}

func TestAThousandScenariosAreNoBurden(t *testing.T) {
	r := certified(t)
	template := r.Scenarios
	r.Scenarios, r.Requirements = nil, nil
	for i := range 1000 {
		s := *template[i%4] // all of them with something to tell
		s.ID = fmt.Sprintf("s%04d", i)
		id := fmt.Sprintf("RFC7252-%d-%02d", i/100+1, i%100)
		s.Requirement = id
		for range 10 {
			s.Trace = append(s.Trace, datagram(t, 30, device, gateway, &coap.Message{Type: coap.Confirmable, Code: coap.GET, MessageID: uint16(i), Payload: bytes.Repeat([]byte("x"), 160)}))
		}
		r.Scenarios = append(r.Scenarios, &s)
		r.Requirements = append(r.Requirements, &Requirement{
			Requirement: &verdict.Requirement{ID: id, Section: strconv.Itoa(i/100 + 1), Source: "RFC 7252", Text: "Something holds.", Level: verdict.Must},
			Verdict:     s.Verdict, Scenarios: []string{s.ID},
		})
	}
	begin := time.Now()
	b := page(t, r)
	took := time.Since(begin)
	t.Logf("1000 scenarios that all failed: %.1f MB in %s", float64(len(b))/1e6, took.Round(time.Millisecond))
	if len(b) > 10<<20 {
		t.Errorf("the page takes %d bytes, want 10 MiB at most", len(b))
	}
	if took > 20*time.Second { // a second on a machine of its own
		t.Errorf("it took %s", took)
	}
}
