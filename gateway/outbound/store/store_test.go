// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/request"
	"github.com/coapstone/coapstone/gateway/outbound/store"
)

func provider(url string) outbound.Provider {
	return outbound.Provider{Environments: map[outbound.Mode]outbound.Environment{outbound.Live: {URL: url}}}
}

func TestWhatIsPutCanBeGotListedAndDeleted(t *testing.T) {
	var s store.Store
	want := provider("coap://one")
	for i, created := range []bool{true, false} {
		got, err := s.PutProvider("a", want)
		if err != nil || got != created {
			t.Fatalf("put %d: created %t, %v", i, got, err)
		}
	}
	connector := outbound.Connector{Provider: "not there yet", Method: "GET"}
	if created, err := s.PutConnector("c", connector); err != nil || !created {
		t.Fatalf("created %t, %v", created, err)
	}
	if got, ok := s.Provider("a"); !ok || cmp.Diff(want, got) != "" {
		t.Errorf("got %v, %t", got, ok)
	}
	if got, ok := s.Connector("c"); !ok || cmp.Diff(connector, got) != "" {
		t.Errorf("got %v, %t", got, ok)
	}
	names := []string{"providers"}
	names = slices.AppendSeq(names, maps.Keys(s.Providers()))
	names = slices.AppendSeq(append(names, "connectors"), maps.Keys(s.Connectors()))
	if diff := cmp.Diff([]string{"providers", "a", "connectors", "c"}, names); diff != "" {
		t.Error(diff)
	}
	for range 2 {
		delete(s.Providers(), "a") // a list is the caller's own
	}
	if !s.DeleteProvider("a") || s.DeleteProvider("a") || !s.DeleteConnector("c") || s.DeleteConnector("c") {
		t.Error("a deletion must say whether there was something")
	}
	if _, ok := s.Provider("a"); ok {
		t.Error("it is still there")
	}
}

func TestWhatCouldNeverBeCalledIsRefusedAndTheOldOneKept(t *testing.T) {
	var s store.Store
	if _, err := s.PutProvider("a", provider("coap://good")); err != nil {
		t.Fatal(err)
	}
	_, err := s.PutProvider("a", provider("http://bad"))
	var refusal *request.Error
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), `provider "a": environments.LIVE.url`) {
		t.Errorf("got %v", err)
	}
	if got, _ := s.Provider("a"); got.Environments[outbound.Live].URL != "coap://good" {
		t.Errorf("got %v", got)
	}
	_, err = s.PutConnector("c", outbound.Connector{Provider: "a", Method: "GET", Parameters: map[string]string{"timeout": "0"}})
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), `connector "c": parameters.timeout`) {
		t.Errorf("got %v", err)
	}
}

func TestNameIsOneSegmentOfAPath(t *testing.T) {
	var s store.Store
	for _, name := range []string{"", ".", "..", "a\nb", "\xff", strings.Repeat("a", 256), "\x7f"} {
		if _, err := s.PutProvider(name, provider("coap://h")); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	for _, name := range []string{"a", "a/b", "é", "john@example.com", "a b", "...", strings.Repeat("a", 255)} {
		if _, err := s.PutProvider(name, provider("coap://h")); err != nil {
			t.Error(err)
		}
	}
}

func TestStoreCanBeUsedByManyAtOnce(t *testing.T) {
	var s store.Store
	var users sync.WaitGroup
	for i := range 8 {
		users.Go(func() {
			name := fmt.Sprint(i % 3)
			for range 100 {
				_, _ = s.PutProvider(name, provider("coap://h"))
				s.Provider(name)
				s.Providers()
				s.DeleteProvider(name)
			}
		})
	}
	users.Wait()
}
