// SPDX-License-Identifier: Apache-2.0

package dtls_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
	"github.com/coapstone/coapstone/gateway/transport/dtls"
)

// TestSendingOverAnEndedSession: whoever sends must be able to tell that nothing
// left, also before the receiver has been told that the session ended.
func TestSendingOverAnEndedSession(t *testing.T) {
	for _, who := range []string{"the peer", "ourselves"} {
		t.Run("ended by "+who, func(t *testing.T) {
			l, w := serve(t, "127.0.0.1:0", dtls.ServerConfig{PSK: users})
			w.drain(t)
			e := &atTheEnd{Endpoint: client(t), ended: make(chan struct{}), goOn: make(chan struct{})}
			conn, err := dtls.Dial(within(t, patience), l.Addr(), e, dtls.ClientConfig{PSK: &dtls.PSK{Identity: "hello", Key: key}})
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, e.Endpoint, conn)
			// Until something fails, at whatever moment of the end that is.
			failed := make(chan error, 1)
			go func() {
				for {
					if err := conn.Send([]byte{0x40, byte(coap.CodeEmpty), 0, 1}); err != nil {
						failed <- err
						return
					}
				}
			}()
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				if who == "the peer" {
					_ = l.Close()
				} else {
					_ = conn.Close()
				}
			}()
			<-e.ended
			for _, err := range []error{<-failed, conn.Send([]byte{0x40, byte(coap.CodeEmpty), 0, 2})} {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("got %v, want net.ErrClosed", err)
				}
			}
			close(e.goOn)
			<-closed
			_, err = e.Do(context.Background(), conn, &coap.Message{Code: coap.GET})
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("a request got %v, want net.ErrClosed", err)
			}
		})
	}
}

// TestNothingIsLeftOfAHandshake: its context ends with it, or the listener would
// keep one of each for as long as it lives.
func TestNothingIsLeftOfAHandshake(t *testing.T) {
	for name, c := range map[string]struct {
		config dtls.ServerConfig
		client func(t *testing.T, l *dtls.Listener)
	}{
		"that became a session, which ended": {dtls.ServerConfig{}, func(t *testing.T, l *dtls.Listener) {
			t.Helper()
			c, err := newTap(t, l.Addr(), nil).handshake(within(t, patience), t, "hello", key)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
		}},
		"that failed": {dtls.ServerConfig{}, func(t *testing.T, l *dtls.Listener) {
			t.Helper()
			_, _ = newTap(t, l.Addr(), nil).handshake(within(t, hush), t, "hello", key, pion.TLS_PSK_WITH_AES_128_GCM_SHA256)
		}},
		"that went no further": {dtls.ServerConfig{HandshakeTimeout: hush}, func(t *testing.T, l *dtls.Listener) {
			t.Helper()
			newTap(t, l.Addr(), nil).greet(t, 1)
		}},
		"that was given up for another": {dtls.ServerConfig{MaxHandshakes: 1}, func(t *testing.T, l *dtls.Listener) {
			t.Helper()
			newTap(t, l.Addr(), nil).greet(t, 1)
			newTap(t, l.Addr(), nil).greet(t, 2)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.PSK = users
			l, w := serve(t, "127.0.0.1:0", c.config)
			w.drain(t)
			first := make(chan context.Context, 10)
			l.OnHandshake(func(ctx context.Context) { first <- ctx })
			c.client(t, l)
			select {
			case <-(<-first).Done():
			case <-time.After(patience):
				t.Fatalf("its context is there still after %s", patience)
			}
		})
	}
}

// atTheEnd is a receiver that waits before it forgets.
type atTheEnd struct {
	*endpoint.Endpoint
	ended, goOn chan struct{}
}

func (e *atTheEnd) Forget(k endpoint.PeerKey) {
	close(e.ended)
	<-e.goOn
	e.Endpoint.Forget(k)
}
