// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/harness/trace"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestEventsStandInTheOrderOfTheirTimes(t *testing.T) {
	var l trace.Log
	l.Add(trace.Event{At: noon.Add(2), Text: "third"})
	l.Add(trace.Event{At: noon, Text: "first"})
	l.Add(trace.Event{At: noon.Add(1), Text: "second"})
	l.Add(trace.Event{At: noon.Add(2), Text: "fourth, recorded after the third"})
	var got []string
	for _, e := range l.Events() {
		got = append(got, e.Text)
	}
	if diff := cmp.Diff([]string{"first", "second", "third", "fourth, recorded after the third"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAnEventWithoutATimeHappensNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l trace.Log
		l.Note("a step begins")
		want := []trace.Event{{At: time.Now(), Layer: trace.Note, Text: "a step begins"}}
		if diff := cmp.Diff(want, l.Events(), cmp.Comparer(sameAddrPort)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func sameAddrPort(a, b netip.AddrPort) bool { return a == b }

func TestALogKeepsItsOwnCopyOfTheBytes(t *testing.T) {
	var l trace.Log
	b := []byte{1, 2, 3}
	l.Add(trace.Event{Bytes: b})
	b[0] = 9
	if got := l.Events()[0].Bytes[0]; got != 1 {
		t.Errorf("the log changed with the sender's buffer: %d, want 1", got)
	}
	l.Events()[0].Text = "scribbled"
	if got := l.Events()[0].Text; got != "" {
		t.Errorf("the log changed with a copy of it: %q", got)
	}
}

func TestEveryoneWhoWaitsIsWokenByTheNextEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l trace.Log
		var woken sync.WaitGroup
		for range 3 {
			changed := l.Changed()
			woken.Go(func() { <-changed })
		}
		synctest.Wait()
		select {
		case <-l.Changed():
			t.Fatal("closed although nothing was recorded")
		default:
		}
		l.Note("now")
		woken.Wait()
		select {
		case <-l.Changed():
			t.Error("the event that is over still counts as the next one")
		default:
		}
	})
}

func TestANilLogRecordsNothing(t *testing.T) {
	var l *trace.Log
	l.Add(trace.Event{})
	l.Note("unheard")
	if _, err := l.KeyLog().Write([]byte("CLIENT_RANDOM")); err != nil {
		t.Error(err)
	}
	select {
	case <-l.Changed():
		t.Error("changed")
	default:
	}
	if l.Events() != nil || l.Keys() != nil {
		t.Errorf("%v, %q, want nothing", l.Events(), l.Keys())
	}
}

func TestALogTakesFromManyAtOnce(t *testing.T) {
	var l trace.Log
	var wg sync.WaitGroup
	const writers, each = 8, 100
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				l.Note(fmt.Sprintf("%d/%d", w, i))
				if _, err := fmt.Fprintf(l.KeyLog(), "%d/%d\n", w, i); err != nil {
					t.Error(err)
				}
				_ = l.Events()
				_ = l.Changed()
			}
		})
	}
	wg.Wait()
	if got := len(l.Events()); got != writers*each {
		t.Errorf("%d events, want %d", got, writers*each)
	}
	if got := strings.Count(string(l.Keys()), "\n"); got != writers*each {
		t.Errorf("%d key lines, want %d", got, writers*each)
	}
}

func TestAnEventSurvivesJSON(t *testing.T) {
	want := trace.Event{
		At: noon, Layer: trace.Datagram,
		From:  trace.End{Name: "device", Addr: netip.MustParseAddrPort("127.1.2.3:40000")},
		To:    trace.End{Name: "gateway", Addr: netip.MustParseAddrPort("[::1]:5684")},
		Bytes: []byte{0x40, 0, 0, 1}, Secure: true, Illegal: true, Lost: true,
		HTTP: &trace.HTTPExchange{Method: "GET", URL: "/", Status: 200, Elapsed: time.Second, Fault: "reset"},
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got trace.Event
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(sameAddrPort)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	short, err := json.Marshal(trace.Event{At: noon, Layer: trace.Note, Text: "a note"})
	if want := `{"at":"2026-03-01T12:00:00Z","layer":"note","text":"a note"}`; err != nil || string(short) != want {
		t.Errorf("%s, %v, want %s", short, err, want)
	}
}

func TestKeysAreHandedOnAsTheyCome(t *testing.T) {
	var live bytes.Buffer
	l := &trace.Log{Live: &live}
	for _, line := range []string{"CLIENT_RANDOM 01 02\n", "CLIENT_RANDOM 03 04\n"} {
		if n, err := l.KeyLog().Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
		if !strings.HasSuffix(live.String(), line) {
			t.Errorf("after %q, what is live is %q", line, &live)
		}
	}
	if live.String() != string(l.Keys()) {
		t.Errorf("live %q, kept %q", &live, l.Keys())
	}
	l.Live = refusing{}
	if n, err := l.KeyLog().Write([]byte("x")); n != 1 || err != nil {
		t.Errorf("a session must not suffer from a full disk: %d, %v", n, err)
	}
}

// refusing is a writer that takes nothing.
type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
