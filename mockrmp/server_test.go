// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// bench is a platform at work and its client.
type bench struct {
	*testing.T
	ctx    context.Context
	server *Server
	admin  *Client
	http   *http.Client
}

func newBench(t *testing.T, c Config) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	c.HTTP, c.Admin = "127.0.0.1:0", "127.0.0.1:0"
	s, err := Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	// No repetition of requests: each test counts its own.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	b := &bench{t, ctx, s, NewClient("http://" + s.Addresses().Admin.String()), &http.Client{Transport: transport}}
	t.Cleanup(func() {
		b.admin.Close()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// ask sends a request; header is pairs of name and value.
func (b *bench) ask(method, target, body string, header ...string) (*http.Response, string) {
	b.Helper()
	resp, text, err := b.try(method, target, body, header...)
	if err != nil {
		b.Fatal(err)
	}
	return resp, text
}

func (b *bench) try(method, target, body string, header ...string) (*http.Response, string, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(b.ctx, method, "http://"+b.server.Addresses().HTTP.String()+target, content)
	if err != nil {
		return nil, "", err
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "user" {
			name, password, _ := strings.Cut(header[i+1], ":")
			req.SetBasicAuth(name, password)
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// raw sends bytes and returns all that comes back.
func (b *bench) raw(text string) string {
	b.Helper()
	c, err := new(net.Dialer).DialContext(b.ctx, "tcp", b.server.Addresses().HTTP.String())
	b.must(err)
	defer c.Close()
	b.must(c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, text)
	b.must(err)
	answer, err := io.ReadAll(c)
	b.must(err)
	return string(answer)
}

func (b *bench) journal(f Filter) []Request {
	b.Helper()
	rs, err := b.admin.Journal(b.ctx, f)
	b.must(err)
	return rs
}

const orders = "/live/acme/host/shop/service/orders"

func ordersAPI(answers ...Answer) API {
	return API{Customer: "acme", Host: "shop", Service: "orders", Method: "GET", Public: true, Answers: answers}
}

func TestARequestIsAnsweredAsThePlatformWould(t *testing.T) {
	b := newBench(t, Config{
		Users: []User{{"hello", "world"}, {"other", "~~~>~?>?"}, {"blank", ""}},
		APIs: []API{
			{
				Customer: "acme", Host: "shop", Service: "orders", Method: "POST", Users: []string{"hello"}, Accept: "application/json",
				Modes: []string{"TEST", "LIVE"}, Answers: []Answer{{Status: 201, ContentType: "application/json", Body: []byte(`{"id":1}`), Header: http.Header{"location": {"/x"}}}},
			},
			{Customer: "acme", Host: "shop", Service: "any", Answers: []Answer{{ContentType: "text/plain; charset=utf-8", Body: []byte("hi")}}},
			{Customer: "acme", Host: "shop", Service: "empty", Method: "DELETE", Public: true, Answers: []Answer{{Status: 204}}},
		},
	})
	jsonBody := []string{"Content-Type", "application/json"}
	for _, tc := range []struct {
		name, method, target, body string
		header                     []string
		status                     int
		refused                    string
		near                       string
	}{
		{"right", "POST", orders + "?P_mode=TEST", "{}", append(jsonBody, "user", "hello:world"), 201, "", ""},
		{"without P_mode it is LIVE", "POST", orders, "{}", append(jsonBody, "user", "hello:world"), 201, "", ""},
		{"an escaped path is the same path", "POST", strings.Replace(orders, "orders", "%6frders", 1), "{}", append(jsonBody, "user", "hello:world"), 201, "", ""},
		{"method", "GET", orders, "", []string{"user", "hello:world"}, 405, "method GET, want POST", ""},
		{"mode", "POST", orders + "?a=1&P_mode=ACCEPTANCE", "{}", append(jsonBody, "user", "hello:world"), 404, "P_mode ACCEPTANCE, want TEST or LIVE", ""},
		{"no such mode", "GET", "/live/acme/host/shop/service/any?P_mode=test", "", []string{"user", "hello:world"}, 404, "P_mode test, want TEST or ACCEPTANCE or LIVE", ""},
		{"no credentials", "POST", orders, "{}", jsonBody, 401, "Authorization absent, want Basic credentials", ""},
		{"wrong password", "POST", orders, "{}", append(jsonBody, "user", "hello:wrong"), 401, `wrong name or password for the user "hello"`, ""},
		{"unknown user", "POST", orders, "{}", append(jsonBody, "user", "nobody:"), 401, `wrong name or password for the user "nobody"`, ""},
		{"another scheme", "POST", orders, "{}", append(jsonBody, "Authorization", "Bearer x"), 401, "Authorization is not Basic, or not to be read", ""},
		{"credentials twice", "POST", orders, "{}", append(jsonBody, "Authorization", "Basic aGVsbG86d29ybGQ=", "Authorization", "Basic aGVsbG86d29ybGQ="), 401, "Authorization given 2 times, want Basic credentials once", ""},
		{"another user", "POST", orders, "{}", append(jsonBody, "user", "other:~~~>~?>?"), 403, "user other, want hello", ""},
		{"any user", "GET", "/live/acme/host/shop/service/any", "", []string{"user", "other:~~~>~?>?"}, 200, "", ""},
		{"an empty password", "GET", "/live/acme/host/shop/service/any", "", []string{"user", "blank:"}, 200, "", ""},
		{"media type", "POST", orders, "<a/>", []string{"Content-Type", "application/xml", "user", "hello:world"}, 415, "Content-Type application/xml, want application/json", ""},
		{"no media type", "POST", orders, "{}", []string{"user", "hello:world"}, 415, "Content-Type absent, want application/json", ""},
		{"nothing to have a media type", "POST", orders, "", []string{"user", "hello:world"}, 201, "", ""},
		{"accept", "POST", orders, "", []string{"Accept", "application/xml, text/*;q=0.5", "user", "hello:world"}, 406, "Accept application/xml, text/*;q=0.5, want application/json", ""},
		{"public", "DELETE", "/live/acme/host/shop/service/empty", "", nil, 204, "", ""},
		{"service", "GET", "/live/acme/host/shop/service/order", "", nil, 404, "", "/live/acme/host/shop/service/orders: service order, want orders"},
		{"host and service", "GET", "/live/acme/host/stop/service/Any", "", nil, 404, "", "/live/acme/host/shop/service/any: host stop, want shop; service Any, want any"},
		{"customer", "GET", "/live/acne/host/shop/service/orders", "", nil, 404, "", "/live/acme/host/shop/service/orders: customer acne, want acme"},
		{"far away", "GET", "/live/somebody/host/shop/service/orders", "", nil, 404, "", "the customer somebody has no Composite API"},
		{"slash at the end", "GET", orders + "/", "", nil, 404, "", "path " + orders + "/, want /live/{customer}/host/{host}/service/{service} with no slash at its end"},
		{"shape", "GET", "/", "", nil, 404, "", "path /, want /live/{customer}/host/{host}/service/{service} with no slash at its end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := b.journal(Filter{})
			resp, text := b.ask(tc.method, tc.target, tc.body, tc.header...)
			if resp.StatusCode != tc.status {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, tc.status, text)
			}
			got := b.journal(Filter{After: len(before)})
			if len(got) != 1 {
				t.Fatalf("%d entries in the journal, want 1", len(got))
			}
			r := got[0]
			if r.Refused != tc.refused || r.Near != tc.near || r.Matched != (tc.near == "") || r.Status != tc.status || !r.Answered {
				t.Errorf("journal: matched %v, answered %v, status %d,\n refused %q\n    want %q,\n near %q\n want %q", r.Matched, r.Answered, r.Status, r.Refused, tc.refused, r.Near, tc.near)
			}
			if r.Target != tc.target || string(r.Body) != tc.body || !strings.Contains(string(r.ResponseBody), text) {
				t.Errorf("journal: target %q, body %q, answer %q", r.Target, r.Body, r.ResponseBody)
			}
			switch tc.status {
			case 401:
				if got := resp.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic realm=") {
					t.Errorf("WWW-Authenticate %q", got)
				}
			case 405:
				if got := resp.Header.Get("Allow"); got != "POST" {
					t.Errorf("Allow %q, want POST", got)
				}
			case 201:
				if text != `{"id":1}` || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Location") != "/x" {
					t.Errorf("answer %q with %v", text, resp.Header)
				}
			}
		})
	}
}

func TestAnswersAreGivenInSequenceAndTheLastOneIsRepeated(t *testing.T) {
	b := newBench(t, Config{})
	put := func() {
		b.must(b.admin.PutAPI(b.ctx, ordersAPI(
			Answer{ContentType: "text/plain", Body: []byte("one")}, Answer{Status: 503}, Answer{ContentType: "text/plain", Body: []byte("three")})))
	}
	put()
	var got []string
	ask := func(header ...string) {
		resp, text := b.ask("GET", orders, "", header...)
		if resp.StatusCode == 503 && resp.Header["Content-Type"] != nil {
			t.Errorf("an answer without a body has the Content-Type %q", resp.Header["Content-Type"])
		}
		got = append(got, fmt.Sprint(resp.StatusCode, " ", text))
	}
	ask("Accept", "image/png") // refused: the answer stays
	for range 4 {
		ask()
	}
	put() // begins anew
	ask()
	want := []string{"406 Accept image/png, want text/plain\n", "200 one", "503 ", "200 three", "200 three", "200 one"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFaultsAreDoneOnTheConnection(t *testing.T) {
	b := newBench(t, Config{APIs: []API{
		ordersAPI(Answer{Fault: FaultReset}, Answer{Fault: FaultGarbage}, Answer{Fault: FaultTruncate, Body: []byte("0123456789")}, Answer{Fault: FaultTruncate}),
	}})
	if _, _, err := b.try("GET", orders, ""); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	if _, _, err := b.try("GET", orders, ""); err == nil || !strings.Contains(err.Error(), "malformed HTTP") {
		t.Errorf("garbage: %v", err)
	}
	resp, text, err := b.try("GET", orders, "")
	if !errors.Is(err, io.ErrUnexpectedEOF) || text != "01234" || resp.ContentLength != 10 {
		t.Errorf("truncated: %q, %v", text, err)
	}
	if _, text, err := b.try("GET", orders, ""); !errors.Is(err, io.ErrUnexpectedEOF) || text != "" {
		t.Errorf("truncated nothing: %q, %v", text, err)
	}
	var got []string
	for _, r := range b.journal(Filter{AtLeast: 4, Wait: patience}) {
		got = append(got, fmt.Sprintf("%s %d %s", r.Fault, r.Status, r.ResponseBody))
	}
	if d := cmp.Diff([]string{"reset 0 ", "garbage 0 ", "truncated 200 01234", "truncated 200 "}, got); d != "" {
		t.Error(d)
	}
}

func TestAnAnswerThatNeverComesEndsWithTheServer(t *testing.T) {
	b := newBench(t, Config{APIs: []API{ordersAPI(Answer{Fault: FaultNever})}})
	failed := make(chan error, 1)
	go func() {
		_, _, err := b.try("GET", orders, "")
		failed <- err
	}()
	if rs := b.journal(Filter{AtLeast: 1, Wait: patience}); len(rs) != 1 || rs[0].Fault != FaultNever || rs[0].Status != 0 {
		t.Errorf("journal: %+v", rs)
	}
	select {
	case err := <-failed:
		t.Fatalf("it was answered, or cut, too early: %v", err)
	default:
	}
	b.admin.Close()
	b.must(b.server.Close(b.ctx))
	if err := <-failed; err == nil {
		t.Error("an answer came")
	}
}

func TestADelayGoesBeforeTheAnswerAndTheClientMayLeaveMeanwhile(t *testing.T) {
	b := newBench(t, Config{APIs: []API{ordersAPI(Answer{Delay: 50 * time.Millisecond}, Answer{Delay: time.Hour})}})
	b.ask("GET", orders, "")
	if rs := b.journal(Filter{}); len(rs) != 1 || rs[0].Elapsed < 50*time.Millisecond {
		t.Errorf("journal: %+v", rs)
	}
	c, err := new(net.Dialer).DialContext(b.ctx, "tcp", b.server.Addresses().HTTP.String())
	b.must(err)
	_, err = io.WriteString(c, "GET "+orders+" HTTP/1.1\r\nHost: x\r\n\r\n")
	b.must(err)
	for len(b.journal(Filter{After: 1})) == 0 { // it is there before its answer
		b.must(b.ctx.Err())
	}
	b.must(c.Close())
	rs := b.journal(Filter{After: 1, AtLeast: 1, Wait: patience})
	if len(rs) != 1 || !rs[0].Gone || !rs[0].Answered || rs[0].Status != 0 {
		t.Errorf("journal: %+v", rs)
	}
}

func TestDeletingACustomerTakesEverythingOfIt(t *testing.T) {
	b := newBench(t, Config{APIs: []API{
		ordersAPI(Answer{Fault: FaultNever}),
		{Customer: "acme", Host: "shop", Service: "slow", Public: true, Answers: []Answer{{Delay: time.Hour}}},
		{Customer: "other", Host: "shop", Service: "orders", Public: true},
	}})
	failed := make(chan error, 2)
	for _, target := range []string{orders, "/live/acme/host/shop/service/slow"} {
		go func() {
			_, _, err := b.try("GET", target, "")
			failed <- err
		}()
	}
	b.ask("GET", "/live/other/host/shop/service/orders", "")
	for len(b.journal(Filter{Customer: "acme"})) < 2 {
		b.must(b.ctx.Err())
	}
	b.must(b.admin.DeleteCustomer(b.ctx, "acme"))
	for range 2 {
		if err := <-failed; err == nil {
			t.Error("an answer under way was given")
		}
	}
	if rs := b.journal(Filter{Customer: "acme"}); len(rs) != 0 {
		t.Errorf("its journal is still there: %+v", rs)
	}
	if rs := b.journal(Filter{}); len(rs) != 1 || rs[0].Customer != "other" {
		t.Errorf("the other's journal: %+v", rs)
	}
	if resp, _ := b.ask("GET", orders, ""); resp.StatusCode != 404 {
		t.Errorf("its API answers %d", resp.StatusCode)
	}
	if resp, _ := b.ask("GET", "/live/other/host/shop/service/orders", ""); resp.StatusCode != 200 {
		t.Errorf("the other's API answers %d", resp.StatusCode)
	}
	b.must(b.admin.PutAPI(b.ctx, ordersAPI(Answer{Delay: time.Millisecond})))
	if resp, _ := b.ask("GET", orders, ""); resp.StatusCode != 200 {
		t.Errorf("put up anew it answers %d", resp.StatusCode)
	}
	b.must(b.admin.DeleteCustomer(b.ctx, "acme"))
	b.must(b.admin.DeleteCustomer(b.ctx, "acme")) // no error the second time
	b.must(b.admin.DeleteCustomer(b.ctx, "../a b"))
}

func TestTheRequestIsKeptByteForByte(t *testing.T) {
	b := newBench(t, Config{APIs: []API{ordersAPI()}})
	target := orders + "?P_mode=TEST&&x&=&q=%7e%2F+%20&u=a/b?c:d@e&{}|\"^`\\"
	b.raw("GET " + target + " HTTP/1.1\r\nHost: live.runmyprocess.com\r\nx-one: 1\r\nX-One: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\na\x00b\r\n0\r\n\r\n")
	rs := b.journal(Filter{Customer: "acme", Host: "shop", Service: "orders"})
	if len(rs) != 1 {
		t.Fatalf("journal: %+v", rs)
	}
	got := rs[0]
	got.At, got.Remote, got.Elapsed, got.ResponseHeader = time.Time{}, "", 0, nil
	_, query, _ := strings.Cut(target, "?")
	want := Request{
		Number: 1, Customer: "acme", Host: "shop", Service: "orders", Method: "GET",
		Target: target, Query: query, HostName: "live.runmyprocess.com", Body: []byte("a\x00b"),
		Header:  http.Header{"X-One": {"1", "2"}, "Transfer-Encoding": {"chunked"}, "Connection": {"close"}},
		Matched: true, Answered: true, Status: 200,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestATargetThatParsingWouldChangeIsKept(t *testing.T) {
	b := newBench(t, Config{APIs: []API{ordersAPI()}})
	for _, tc := range []struct {
		target  string
		matched bool
	}{
		{orders + "#part", false},
		{"http://live.runmyprocess.com" + orders + "?a", true}, // the absolute form of RFC 9112 §3.2.2
		{orders + "?", true},
		{"//live/acme/host/shop/service/orders", false},
		{"/live/acme/host/shop/../shop/service/orders", false},
		{"*", false},
	} {
		before := len(b.journal(Filter{}))
		b.raw("GET " + tc.target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		rs := b.journal(Filter{After: before, AtLeast: 1, Wait: patience})
		if len(rs) != 1 || rs[0].Target != tc.target || rs[0].Matched != tc.matched {
			t.Errorf("%s: journal %+v", tc.target, rs)
		}
	}
}

func TestAnAPIThatIsReplacedIsGone(t *testing.T) {
	b := newBench(t, Config{APIs: []API{ordersAPI()}})
	changed := ordersAPI()
	changed.Method = "POST"
	b.must(b.admin.PutAPI(b.ctx, changed))
	if resp, _ := b.ask("GET", orders, ""); resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
		t.Errorf("the old method is answered %d", resp.StatusCode)
	}
	if resp, _ := b.ask("POST", orders, ""); resp.StatusCode != 200 {
		t.Errorf("the new method is answered %d", resp.StatusCode)
	}
}

func TestCloseGivesTheAnswersUnderWay(t *testing.T) {
	// More than the sockets' buffers hold: Close finds it half sent.
	whole := bytes.Repeat([]byte("x"), 32<<20)
	b := newBench(t, Config{APIs: []API{ordersAPI(Answer{Body: whole})}})
	req, err := http.NewRequestWithContext(b.ctx, "GET", "http://"+b.server.Addresses().HTTP.String()+orders, nil)
	b.must(err)
	resp, err := b.http.Do(req)
	b.must(err)
	defer resp.Body.Close()
	b.admin.Close()
	closed := make(chan error, 1)
	go func() { closed <- b.server.Close(b.ctx) }()
	for { // until the server takes no more
		c, err := new(net.Dialer).DialContext(b.ctx, "tcp", b.server.Addresses().HTTP.String())
		if err != nil {
			break
		}
		b.must(c.Close())
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || len(got) != len(whole) {
		t.Errorf("%d bytes of %d, %v", len(got), len(whole), err)
	}
	b.must(<-closed)
}

func TestWhatIsNoHTTPIsInTheJournalToo(t *testing.T) {
	for _, tc := range []struct {
		name, sent, method, target, customer string
	}{
		{"a space in the target", "GET " + orders + "?a b HTTP/1.1\r\nHost: x\r\n\r\n", "GET", orders + "?a b", "acme"},
		{"a broken escape in the path", "GET /live/acme/host/%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/live/acme/host/%zz", "acme"},
		{"no Host", "GET " + orders + " HTTP/1.1\r\n\r\n", "GET", orders, "acme"},
		{"no HTTP at all", "\x41\x01\x00\x00\r\n\r\n", "", "\x41\x01\x00\x00", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, Config{APIs: []API{ordersAPI()}})
			if answer := b.raw(tc.sent); !strings.HasPrefix(answer, "HTTP/1.1 400") {
				t.Errorf("answer %q", answer)
			}
			rs := b.journal(Filter{AtLeast: 1, Wait: patience})
			if len(rs) != 1 {
				t.Fatalf("journal: %+v", rs)
			}
			r := rs[0]
			if r.Matched || r.Near == "" || r.Status != 400 || r.Method != tc.method || r.Target != tc.target || r.Customer != tc.customer || string(r.Body) != tc.sent {
				t.Errorf("journal: %+v", r)
			}
		})
	}
}

func TestAConnectionThatIsKeptOpenLeavesNothingBehind(t *testing.T) {
	b := newBench(t, Config{APIs: []API{{Customer: "acme", Host: "shop", Service: "orders", Method: "POST", Public: true, Answers: []Answer{{Body: bytes.Repeat([]byte("x"), 100_000)}}}}})
	c, err := new(net.Dialer).DialContext(b.ctx, "tcp", b.server.Addresses().HTTP.String())
	b.must(err)
	br := bufio.NewReader(c)
	for range 3 {
		_, err = io.WriteString(c, "POST "+orders+" HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
		b.must(err)
		resp, err := http.ReadResponse(br, nil)
		b.must(err)
		_, err = io.Copy(io.Discard, resp.Body)
		b.must(err)
		b.must(resp.Body.Close())
	}
	b.must(c.Close())
	b.admin.Close()
	b.must(b.server.Close(b.ctx)) // closes every connection, and reports what was unread
	rs, _ := b.server.journal.read(b.ctx, Filter{})
	if len(rs) != 3 || !rs[0].Matched || !rs[1].Matched || !rs[2].Matched {
		t.Errorf("journal: %d entries, want the 3 requests: %+v", len(rs), rs)
	}
}

func TestABodyThatIsTooLongOrNeverCompleteIsJournalled(t *testing.T) {
	b := newBench(t, Config{APIs: []API{{Customer: "acme", Host: "shop", Service: "orders", Method: "POST", Public: true}}})
	if resp, _ := b.ask("POST", orders, strings.Repeat("x", MaxBody+1)); resp.StatusCode != 413 {
		t.Errorf("status %d, want 413", resp.StatusCode)
	}
	if resp, _ := b.ask("POST", orders, strings.Repeat("x", MaxBody)); resp.StatusCode != 200 {
		t.Errorf("status %d, want 200", resp.StatusCode)
	}
	c, err := new(net.Dialer).DialContext(b.ctx, "tcp", b.server.Addresses().HTTP.String())
	b.must(err)
	_, err = io.WriteString(c, "POST "+orders+" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhel")
	b.must(err)
	b.must(c.Close())
	rs := b.journal(Filter{AtLeast: 3, Wait: patience})
	if len(rs) != 3 || len(rs[0].Body) != MaxBody || rs[0].Status != 413 || len(rs[1].Body) != MaxBody || !rs[2].Gone || string(rs[2].Body) != "hel" {
		t.Errorf("journal: %d entries", len(rs))
	}
}

func TestHTTPSIsSpokenWithTheSameFaults(t *testing.T) {
	certificate := selfSigned(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := Start(ctx, Config{HTTPS: "127.0.0.1:0", Certificate: &certificate, APIs: []API{ordersAPI(Answer{Body: []byte("hi")}, Answer{Fault: FaultReset})}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(ctx)
	if a := s.Addresses(); a.HTTP.IsValid() || a.Admin.IsValid() {
		t.Errorf("addresses that were not asked for: %+v", a)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
	get := func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, "GET", "https://"+s.Addresses().HTTPS.String()+orders, nil)
		if err != nil {
			t.Fatal(err)
		}
		return client.Do(req)
	}
	resp, err := get()
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 1 {
		t.Errorf("%d over %s", resp.StatusCode, resp.Proto)
	}
	if _, err := get(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	rs, _ := s.journal.read(ctx, Filter{})
	if len(rs) != 2 || !rs[0].Secure || !rs[1].Secure {
		t.Errorf("journal: %+v", rs)
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "platform"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestABusyPortIsOneClearSentenceAndLeavesNothingRunning(t *testing.T) {
	b := newBench(t, Config{})
	_, err := Start(b.ctx, Config{HTTP: "127.0.0.1:0", Admin: b.server.Addresses().Admin.String()})
	if err == nil || !strings.Contains(err.Error(), "admin: something listens on "+b.server.Addresses().Admin.String()+" already: stop it") {
		t.Errorf("error: %v", err)
	}
	for want, c := range map[string]Config{
		"https needs a certificate": {HTTPS: "127.0.0.1:0"},
		"http: cannot listen on":    {HTTP: "nowhere"},
		`users[0].name: "a:b"`:      {Users: []User{{"a:b", ""}}},
		"apis[0].customer":          {APIs: []API{{}}},
	} {
		if _, err := Start(b.ctx, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error: %v, want %q", err, want)
		}
	}
}

func TestTheServerEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx, Config{HTTP: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	s.running.Wait()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestScenariosInParallelDoNotSeeEachOther(t *testing.T) {
	b := newBench(t, Config{})
	const scenarios, calls = 24, 8
	var wg sync.WaitGroup
	for i := range scenarios {
		wg.Go(func() {
			customer, user := fmt.Sprintf("s%d", i), User{fmt.Sprintf("u%d", i), fmt.Sprintf("p%d", i)}
			api := API{Customer: customer, Host: "h", Service: "s", Method: "POST", Users: []string{user.Name}}
			fail := func(err error) {
				if err != nil {
					t.Error(err)
				}
			}
			fail(b.admin.PutUser(b.ctx, user))
			fail(b.admin.PutAPI(b.ctx, api))
			for k := range calls {
				resp, _, err := b.try("POST", "/live/"+customer+"/host/h/service/s", fmt.Sprint(k), "user", user.Name+":"+user.Password)
				if fail(err); err == nil && resp.StatusCode != 200 {
					t.Errorf("%s: status %d", customer, resp.StatusCode)
				}
			}
			rs, err := b.admin.Journal(b.ctx, Filter{Customer: customer, AtLeast: calls, Wait: patience})
			fail(err)
			fail(CalledTimes(rs, Call{Method: "POST", Customer: customer, User: user.Name}, calls))
			fail(b.admin.DeleteUser(b.ctx, user.Name))
			fail(b.admin.DeleteCustomer(b.ctx, customer))
		})
	}
	wg.Wait()
	if rs := b.journal(Filter{}); len(rs) != 0 {
		t.Errorf("%d requests left", len(rs))
	}
	if n := b.server.platform.transport.NumResponders(); n != 0 {
		t.Errorf("%d responders left", n)
	}
}

func TestTheAdminAPIRefusesWhatItCannotUse(t *testing.T) {
	b := newBench(t, Config{})
	base := "http://" + b.server.Addresses().Admin.String()
	for _, tc := range []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"PUT", "/users", `{"name":"a","pasword":"b"}`, 400, `unknown field \"pasword\"`},
		{"PUT", "/users", `{"name":"a"} {}`, 400, "something follows"},
		{"PUT", "/users", `{"name":"a:b"}`, 400, "colon"},
		{"PUT", "/users", ``, 400, "not the JSON"},
		{"PUT", "/apis", `{"customer":"a","host":"b","service":"c","answers":[{},{"fault":"bang"}]}`, 400, "answers[1].fault"},
		{"PUT", "/apis", `{"customer":"a/b","host":"b","service":"c"}`, 400, "customer"},
		{"DELETE", "/customers", ``, 400, "?name="},
		{"DELETE", "/users?name=a&name2=b", ``, 400, "?name="},
		{"GET", "/journal?costumer=a", ``, 400, "no such parameter"},
		{"GET", "/journal?after=x", ``, 400, "want a number"},
		{"GET", "/journal?wait=5", ``, 400, "5s"},
		{"POST", "/users", ``, 405, ""},
		{"GET", "/nothing", ``, 404, ""},
	} {
		req, err := http.NewRequestWithContext(b.ctx, tc.method, base+tc.path, strings.NewReader(tc.body))
		b.must(err)
		resp, err := b.http.Do(req)
		b.must(err)
		text, err := io.ReadAll(resp.Body)
		b.must(err)
		b.must(resp.Body.Close())
		if resp.StatusCode != tc.status || !strings.Contains(string(text), tc.detail) {
			t.Errorf("%s %s %s: %d %s", tc.method, tc.path, tc.body, resp.StatusCode, text)
		}
	}
	b.must(b.admin.Ready(b.ctx))
	var refusal *RefusalError
	if err := b.admin.PutAPI(b.ctx, API{Customer: "a", Host: "b", Service: "c", Method: "get"}); !errors.As(err, &refusal) || refusal.Status != 400 ||
		err.Error() != `mockrmp: PUT /apis: 400 Bad Request: method: "get": want a method in capitals, such as GET, PUT, POST or DELETE` {
		t.Errorf("error: %v", err)
	}
}

func TestAUserIsKnownUntilDeleted(t *testing.T) {
	b := newBench(t, Config{APIs: []API{{Customer: "acme", Host: "shop", Service: "orders"}}})
	status := func(credentials string) int {
		resp, _ := b.ask("GET", orders, "", "user", credentials)
		return resp.StatusCode
	}
	b.must(b.admin.PutUser(b.ctx, User{"a/../~ ü", "one"}))
	b.must(b.admin.PutUser(b.ctx, User{".", "one"}))
	got := []int{status("a/../~ ü:one"), status(".:one"), status("a/../~ ü:two")}
	b.must(b.admin.PutUser(b.ctx, User{"a/../~ ü", "two"}))
	got = append(got, status("a/../~ ü:one"), status("a/../~ ü:two"))
	b.must(b.admin.DeleteUser(b.ctx, "a/../~ ü"))
	got = append(got, status("a/../~ ü:two"), status("a/../~ ü:"))
	if d := cmp.Diff([]int{200, 200, 401, 401, 200, 401, 401}, got); d != "" {
		t.Error(d)
	}
}

func BenchmarkRequestAmongTenThousandAPIs(b *testing.B) {
	p := newPlatform(b.Context())
	for i := range 10_000 {
		if err := p.putAPI(API{Customer: fmt.Sprintf("c%d", i/10), Host: "h", Service: fmt.Sprintf("s%d", i%10), Public: true}); err != nil {
			b.Fatal(err)
		}
	}
	for _, tc := range []struct{ name, method, path string }{
		{"matched", "GET", "/live/c500/host/h/service/s5"},
		{"other method", "PUT", "/live/c500/host/h/service/s5"},
		{"other service", "GET", "/live/c500/host/h/service/s55"},
		{"other customer", "GET", "/live/zzz/host/h/service/s5"},
	} {
		b.Run(tc.name, func(b *testing.B) {
			r, err := http.NewRequestWithContext(b.Context(), tc.method, "http://x"+tc.path, nil)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				v := &visit{path: tc.path}
				v.place, v.isPlace = placeOf(tc.path)
				if _, err := p.route(v, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
