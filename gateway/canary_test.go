// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway"
	"github.com/coapstone/coapstone/gateway/outbound/api"
	"github.com/coapstone/coapstone/gateway/secret"
	"github.com/coapstone/coapstone/harness/peer"
	"github.com/coapstone/coapstone/harness/pki"
	"github.com/coapstone/coapstone/harness/stock"
)

// The canaries: each is the heart of one kind of secret.
var canaries = map[string]string{
	"password":     "canary:passw0rd-of-the-user",
	"AuthToken":    "canary:t0ken-of-the-device",
	"explicit key": "canary:explicit-psk-of-0ne",
	"provider key": "canary:key-of-the-pr0vider",
	"payload":      "canary:what-the-payl0ad-says",
}

// flights are the ways in which a secret may show: as it stands, escaped, in
// hexadecimal digits, in Base64 at any of the three places that it may have in
// it, or as the key that is derived from it.
func flights(secret string) map[string]string {
	sum := sha256.Sum256([]byte(secret))
	ways := map[string]string{
		"as it stands": secret,
		"escaped":      url.QueryEscape(secret),
		"quoted":       strings.Trim(fmt.Sprintf("%q", secret), `"`),
		"hex":          hex.EncodeToString([]byte(secret)),
		"HEX":          strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"spaced hex":   fmt.Sprintf("% x", secret),
		"bytes":        strings.Trim(fmt.Sprint([]byte(secret)), "[]"),
		"SHA-256":      hex.EncodeToString(sum[:]),
		"SHA-256 as bytes": strings.Trim(
			fmt.Sprint(sum[:]), "[]"),
		"the end of it": secret[len(secret)/2:],
	}
	for shift := range 3 {
		whole := base64.StdEncoding.EncodeToString(append(make([]byte, shift), secret...))
		// Of the first and last four characters some bits are the neighbours'.
		ways[fmt.Sprintf("Base64, shifted by %d", shift)] = whole[4 : len(whole)-4]
	}
	return ways
}

// cage is everything that a gateway says to people, by where it said it.
type cage struct {
	mu   sync.Mutex
	said map[string]string
}

func (c *cage) add(where, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said == nil {
		c.said = map[string]string{}
	}
	c.said[where] += what + "\n"
}

// escaped says where a canary has got out.
func (c *cage) escaped(secrets map[string]string) (found []string) {
	for where, text := range c.said {
		for kind, secret := range secrets {
			for way, shape := range flights(secret) {
				if i := strings.Index(text, shape); i >= 0 {
					found = append(found, fmt.Sprintf("the %s, %s, is in %s: …%q…", kind, way, where, text[max(0, i-100):min(len(text), i+len(shape)+20)]))
				}
			}
		}
	}
	return found
}

// device asks the gateway and puts what diagnostic payload comes into the cage.
func (c *cage) device(t *testing.T, to string, req *stock.Message, s *stock.Security, within time.Duration) *stock.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	resp, err := stock.Do(ctx, to, req, s, nil)
	if err != nil {
		return nil
	}
	if _, err := resp.Options.ContentFormat(); err != nil && resp.Code >= codes.BadRequest {
		c.add("a diagnostic payload", string(resp.Payload))
	}
	return resp
}

// caller asks the HTTP API and puts what it says by itself into the cage.
func (c *cage) caller(t *testing.T, addr netip.AddrPort, method, path, body string) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr.String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("CoAP-Code") == "" && (resp.StatusCode >= 400 || !strings.HasPrefix(path, "/connectors/")) { // else it is the device's, or a connector's body
		c.add("what the API says to "+method+" "+path, string(b))
	}
	return resp.StatusCode
}

// platformInTrouble answers in every bad way there is, and says what it was told
// wherever an answer has room for it.
func platformInTrouble(t *testing.T) (origin string) {
	t.Helper()
	blurt := func(w http.ResponseWriter, raw string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, raw)
		_ = conn.Close()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/401", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	mux.HandleFunc("/500", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, canaries["payload"])
	})
	mux.HandleFunc("/302", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+canaries["AuthToken"]+"@x/"+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/reset", func(w http.ResponseWriter, _ *http.Request) { blurt(w, "") })
	mux.HandleFunc("/garbage", func(w http.ResponseWriter, _ *http.Request) { blurt(w, canaries["payload"]+"\r\n\r\n") })
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) {
		blurt(w, "HTTP/1.1 "+r.Header.Get("Authorization")+" "+canaries["payload"]+"\r\n\r\n")
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, r *http.Request) {
		blurt(w, "HTTP/1.1 200 OK\r\n"+canaries["payload"]+" "+r.Header.Get("Authorization")+"\r\n\r\n")
	})
	mux.HandleFunc("/length", func(w http.ResponseWriter, _ *http.Request) {
		blurt(w, "HTTP/1.1 200 OK\r\nContent-Length: "+canaries["payload"]+"\r\n\r\n")
	})
	mux.HandleFunc("/chunk", func(w http.ResponseWriter, _ *http.Request) {
		blurt(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+canaries["payload"]+"\r\n")
	})
	mux.HandleFunc("/encoding", func(w http.ResponseWriter, _ *http.Request) {
		blurt(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "+canaries["payload"]+"\r\n\r\n")
	})
	mux.HandleFunc("/media", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", canaries["payload"])
		w.Header().Set("ETag", canaries["payload"])
		w.Header().Set("Retry-After", canaries["payload"])
		_, _ = io.WriteString(w, "x")
	})
	mux.HandleFunc("/silence", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does a server notice that its client has gone
		<-r.Context().Done()
	})
	platform := httptest.NewServer(mux)
	t.Cleanup(platform.Close)
	return platform.URL
}

// TestNoSecretGetsOut sends secrets of every kind every way that they may go,
// good and bad, and looks for them in all that the gateway says to people: its
// log at the lowest level, its metrics, problem details, diagnostic payloads,
// profiles, and errors of its configuration. The answers of the platform and of
// devices are theirs, and pass.
func TestNoSecretGetsOut(t *testing.T) {
	said := &cage{}
	origin := platformInTrouble(t)
	var privateKey string
	b := start(t, withAdmin, func(c *gateway.Config) {
		c.Platform.Allow = []string{origin, "http://127.0.0.1:1"}
		c.Platform.Timeout = 300 * time.Millisecond
		c.Users = append(c.Users,
			gateway.User{Name: "canary", Password: secret.Text(canaries["password"])},
			gateway.User{Name: "one", PSKKey: api.Explicit, Key: secret.Text(canaries["explicit key"])})
		privateKey = c.DTLS.Key.Reveal()
		said.add("a configuration in a log", fmt.Sprintf("%v %+v %#v", c, c, c.Users))
	})
	at := b.Addresses()
	secrets := map[string]string{}
	for kind, canary := range canaries {
		_, secrets[kind], _ = strings.Cut(canary, ":")
	}
	block, _ := pem.Decode([]byte(privateKey))
	secrets["private key"] = base64.StdEncoding.EncodeToString(block.Bytes)[40:80]

	plain, secure := "coap://"+at.CoAP[0].String(), "coaps://"+at.CoAPS[0].String()
	sum := sha256.Sum256([]byte(canaries["password"]))
	credentials := []*stock.Security{
		nil, {Identity: "canary", Key: sum[:]}, {Identity: "one", Key: []byte(canaries["explicit key"])},
	}
	token := url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(canaries["AuthToken"])))
	raw := canaries["AuthToken"]
	for i, target := range []string{
		origin + "/echo?AuthToken=" + token,
		origin + "/401?AuthToken=" + token,
		origin + "/500?AuthToken=" + token,
		origin + "/302?AuthToken=" + token,
		origin + "/reset?AuthToken=" + token,
		origin + "/garbage?AuthToken=" + token,
		origin + "/status?AuthToken=" + token,
		origin + "/header?AuthToken=" + token,
		origin + "/length?AuthToken=" + token,
		origin + "/chunk?AuthToken=" + token,
		origin + "/encoding?AuthToken=" + token,
		origin + "/media?AuthToken=" + token,
		origin + "/silence?AuthToken=" + token,
		"http://127.0.0.1:1/?AuthToken=" + token,
		origin + "/echo?AuthToken=" + token + "&AuthToken=" + token,
		origin + "/echo?AuthToken=" + raw,
		origin + "/echo?AuthToken=%zz" + token,
		origin + "/ echo?AuthToken=" + token,
		origin + "/echo?authtoken=" + token,
		origin + "/echo;AuthToken=" + token,
		origin + "/AuthToken=" + token,
		origin + "/echo#AuthToken=" + token,
		"http://" + raw + "@127.0.0.1/?AuthToken=" + token,
		"http://elsewhere.test/?AuthToken=" + token,
		raw + "://x/?AuthToken=" + token,
		"?AuthToken=" + token,
		"//x:y/AuthToken=" + token,
		"coap://" + at.CoAP[0].String() + "/coap2http?AuthToken=" + token,
	} {
		req := &stock.Message{
			Code: codes.POST, Payload: []byte(canaries["payload"]),
			Options: message.Options{{ID: message.ContentFormat, Value: []byte{}}, {ID: message.ProxyURI, Value: []byte(target)}},
		}
		for _, c := range credentials[i%2 : i%2+2] {
			to := secure
			if c == nil {
				to = plain
			}
			if said.device(t, to+"/coap2http", req, c, patience) == nil {
				t.Errorf("%s: no answer", target)
			}
		}
	}
	said.device(t, plain+"/coap2http?AuthToken="+token, &stock.Message{Code: codes.GET}, nil, patience)
	said.device(t, plain+"/"+token+"?AuthToken="+token, &stock.Message{Code: codes.GET}, nil, patience)
	said.device(t, plain, &stock.Message{Code: codes.GET, Options: message.Options{{ID: 65001, Value: []byte(raw)}}}, nil, patience)
	// Sessions that do not come about.
	wrong := []byte(canaries["provider key"])
	said.device(t, secure, &stock.Message{Code: codes.GET}, &stock.Security{Identity: "canary", Key: wrong}, time.Second)
	said.device(t, secure, &stock.Message{Code: codes.GET}, &stock.Security{Identity: "nobody", Key: sum[:]}, time.Second)
	// No CoAP at all, and DTLS that is none.
	for _, to := range []netip.AddrPort{at.CoAP[0], at.CoAPS[0]} {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("\x4f" + raw))
		_, _ = conn.Write([]byte("\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x1a" + raw))
		_ = conn.Close()
	}

	said.outbound(t, b)

	_, metrics := page(t, at.Admin, "/metrics")
	said.add("the metrics", metrics)
	for _, p := range []string{"goroutine?debug=1", "goroutine?debug=2", "heap?debug=1", "allocs?debug=1", "threadcreate?debug=1"} {
		_, profile := page(t, at.Admin, "/debug/pprof/"+p)
		said.add("the profile "+p, profile)
	}
	configurations(said)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
	said.add("the log", b.log.String())
	for _, s := range said.escaped(secrets) {
		t.Error(s)
	}
	for where, text := range map[string]string{
		"a diagnostic payload": "AuthToken", "the log": "level=DEBUG", "the metrics": "coapstone_coap_requests_total",
		"the profile goroutine?debug=2": "goroutine ", "an error of a configuration": "canary.yaml:",
		"what the API says to POST /connectors/silent/call": "504",
	} {
		if !strings.Contains(said.said[where], text) {
			t.Errorf("%s has no %q, so that this test proves nothing: %.2000q", where, text, said.said[where])
		}
	}
}

// outbound puts what the gateway says of providers, connectors and users into the
// cage.
func (c *cage) outbound(t *testing.T, b *bench) {
	t.Helper()
	at := b.Addresses().API
	key, payload, password := canaries["provider key"], canaries["payload"], canaries["password"]
	good, err := stock.Serve(t.Context(), stock.Options{Addr: "127.0.0.1:0", Security: &stock.Security{Identity: "canary", Key: []byte(key)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = good.Close() })
	own, err := pki.Create(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := own.Issue(pki.Leaf{Names: []string{"stranger.test"}})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := stock.Serve(t.Context(), stock.Options{Addr: "127.0.0.1:0", Security: &stock.Security{Certificates: []tls.Certificate{leaf}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stranger.Close() })
	rude, err := peer.Listen(t.Context(), peer.Options{Local: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rude.Close() })
	rude.Handle(func(_ context.Context, r *peer.Request) error {
		resp := &coap.Message{Code: coap.Content, Payload: []byte(payload)}
		resp.Add(65001, []byte(payload)) // a critical option that nobody knows
		return r.Respond(resp)
	})
	put := func(path, body string, want int) {
		t.Helper()
		if got := c.caller(t, at, http.MethodPut, path, body); got != want {
			t.Errorf("PUT %s %s: %d, want %d", path, body, got, want)
		}
	}
	provider := func(name, uri, authentication string) {
		t.Helper()
		put("/providers/"+name, `{"environments":{"LIVE":{"url":"`+uri+`"`+authentication+`}}}`, http.StatusCreated)
		put("/connectors/"+name, `{"provider":"`+name+`","method":"POST","url":"/echo","content":"text/plain","body":"`+payload+
			`","parameters":{"timeout":"300"}}`, http.StatusCreated)
	}
	psk := `,"authentication":{"identity":"canary","key":"` + key + `"}`
	provider("good", "coaps://"+good.Addr().String(), psk)
	provider("wrong", "coaps://"+good.Addr().String(), `,"authentication":{"identity":"canary","key":"`+key+`-not"}`)
	provider("stranger", "coaps://"+stranger.Addr().String(), "")
	provider("silent", "coap://"+b.platform.Listener.Addr().String(), "")
	provider("rude", "coap://"+rude.Local().String(), "")
	provider("nowhere", "coaps://nowhere.invalid", psk)
	provider("variable", "coaps://${missing}", psk)
	for _, name := range []string{"good", "wrong", "stranger", "silent", "rude", "nowhere", "variable"} {
		status := c.caller(t, at, http.MethodPost, "/connectors/"+name+"/call", "")
		if (status < 300) != (name == "good") {
			t.Errorf("calling %s: %d", name, status)
		}
	}
	c.caller(t, at, http.MethodPost, "/connectors/good/call", `{"variables":["`+payload+`"]}`)
	c.caller(t, at, http.MethodPost, "/connectors/good/call", `"`+payload+`"`)

	put("/users/new", `{"password":"`+password+`"}`, http.StatusCreated)
	put("/users/explicit", `{"pskKey":"explicit","key":"`+key+`"}`, http.StatusCreated)
	for path, bodies := range map[string][]string{
		"/users/bad": {
			`{"password":"` + password + `","key":"` + key + `"}`,
			`{"password":["` + password + `"]}`,
			`{"password":{"x":"` + password + `"}}`,
			`{"password":"` + password + `"`,
			`{"password":"` + password + `"}"` + password + `"`,
			`{"password":"` + password + `\x"}`,
			`{"pskKey":"` + key + `","password":"` + password + `"}`,
			`{"pskKey":"explicit","key":"hex:` + key + `"}`,
			`{"pskKey":"hex","key":"` + key + `"}`,
			`"` + password + `"`, password,
		},
		"/providers/bad": {
			`{"environments":{"LIVE":{"url":"coaps://x","authentication":{"identity":"x","key":["` + key + `"]}}}}`,
			`{"environments":{"LIVE":{"url":"coaps://x","authentication":{"identity":"","key":"` + key + `"}}}}`,
			`{"environments":{"LIVE":{"url":"coaps://x","authentication":{"identity":"x","key":"hex:` + key + `"}}}}`,
			`{"environments":{"LIVE":{"url":"coaps://x","authentication":"` + key + `"}}}`,
			`{"environments":"` + key + `"}`,
		},
	} {
		for _, body := range bodies {
			c.caller(t, at, http.MethodPut, path, body)
		}
	}
	for _, path := range []string{"/users", "/users/new", "/users/explicit", "/users/canary", "/users/one", "/providers", "/providers/good", "/openapi.yaml"} {
		if status := c.caller(t, at, http.MethodGet, path, ""); status != http.StatusOK {
			t.Errorf("GET %s: %d", path, status)
		}
	}
}

// configurations puts the errors of bad configurations into the cage.
func configurations(said *cage) {
	password, key := canaries["password"], canaries["explicit key"]
	const listen = "listen: {coap: ['127.0.0.1:0']}\n"
	for _, c := range []string{
		listen + "users: [{name: canary, password: ['" + password + "']}]",
		listen + "users: [{name: canary, password: '" + password + "', key: '" + key + "'}]",
		listen + "users: [{name: canary, psk-key: explicit, key: 'hex:" + key + "'}]",
		listen + "users: [{name: canary, psk-key: '" + key + "', password: '" + password + "'}]",
		listen + "users: [{name: canary, password: '" + password + "', passwort: x}]",
		listen + "users: [{name: canary, password: '" + password + "'",
		listen + "users: '" + password + "'",
		listen + "dtls: {certificate: x, key: '" + key + "'}",
		listen + "dtls: {key: '" + key + "'}",
		listen + "dtls: {certificate: '-----BEGIN x', key: '-----BEGIN " + key + "'}",
	} {
		if _, err := gateway.ParseConfig("canary.yaml", []byte(c)); err != nil {
			said.add("an error of a configuration", err.Error())
		}
	}
}

// The test above must be able to fail.
func TestACanaryIsRecognizedInEveryDress(t *testing.T) {
	const secret = "passw0rd-of-the-user"
	for way, shape := range flights(secret) {
		c := &cage{}
		c.add("here", "before "+shape+" after")
		if len(c.escaped(map[string]string{"password": secret})) == 0 {
			t.Errorf("%s: not found", way)
		}
	}
	c := &cage{}
	for range 3 {
		c.add("here", base64.StdEncoding.EncodeToString([]byte("x:"+secret)))
	}
	if len(c.escaped(map[string]string{"password": secret})) == 0 {
		t.Error("not found behind a user's name in Base64")
	}
}
