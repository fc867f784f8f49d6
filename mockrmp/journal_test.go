// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func numbers(rs []Request) []int {
	ns := []int{}
	for _, r := range rs {
		ns = append(ns, r.Number)
	}
	return ns
}

func answered(r *Request) { r.Answered = true }

func TestTheJournalIsPickedFromByNamesAndNumber(t *testing.T) {
	j := newJournal(defaultJournalBytes)
	for _, at := range []place{{"a", "h", "s"}, {"b", "h", "s"}, {"a", "h", "t"}, {"a", "i", "s"}, {"", "", ""}} {
		j.open(Request{Customer: at.customer, Host: at.host, Service: at.service})
	}
	for _, tc := range []struct {
		filter Filter
		want   []int
	}{
		{Filter{}, []int{1, 2, 3, 4, 5}},
		{Filter{Customer: "a"}, []int{1, 3, 4}},
		{Filter{Customer: "a", Host: "h"}, []int{1, 3}},
		{Filter{Customer: "a", Service: "s", After: 1}, []int{4}},
		{Filter{Service: "s"}, []int{1, 2, 4}},
		{Filter{Customer: "c"}, []int{}},
		{Filter{AtLeast: 9}, []int{1, 2, 3, 4, 5}}, // without Wait it does not wait
	} {
		got, dropped := j.read(t.Context(), tc.filter)
		if d := cmp.Diff(tc.want, numbers(got)); d != "" || dropped != 0 {
			t.Errorf("%+v: %s", tc.filter, d)
		}
	}
}

func TestTheJournalWaitsForAnswersAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(defaultJournalBytes)
		read := func(ctx context.Context, f Filter) (took time.Duration, got []int) {
			start := time.Now()
			rs, _ := j.read(ctx, f)
			return time.Since(start), numbers(rs)
		}
		check := func(what string, took, want time.Duration, got, numbers []int) {
			t.Helper()
			if took != want || !cmp.Equal(got, numbers) {
				t.Errorf("%s: %v after %v, want %v after %v", what, got, took, numbers, want)
			}
		}
		go func() {
			time.Sleep(time.Second)
			e := j.open(Request{Customer: "a"})
			j.open(Request{Customer: "b"})
			time.Sleep(time.Second)
			j.update(e, answered)
			j.update(e, answered) // twice is once
		}()
		took, got := read(t.Context(), Filter{Customer: "a", AtLeast: 1, Wait: time.Minute})
		check("answered", took, 2*time.Second, got, []int{1})
		took, got = read(t.Context(), Filter{Customer: "a", AtLeast: 2, Wait: time.Minute})
		check("too few", took, time.Minute, got, []int{1})
		took, got = read(t.Context(), Filter{AtLeast: 1, Wait: time.Minute})
		check("of any customer", took, 0, got, []int{1, 2})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		took, got = read(ctx, Filter{Customer: "b", AtLeast: 1, Wait: time.Minute})
		check("the context ends", took, 5*time.Second, got, []int{2})
		go func() {
			time.Sleep(time.Second)
			j.forget("b")
			time.Sleep(time.Second)
			j.update(j.open(Request{Customer: "b"}), answered)
		}()
		took, got = read(t.Context(), Filter{Customer: "b", AtLeast: 1, Wait: time.Minute})
		check("forgotten meanwhile", took, 2*time.Second, got, []int{3})
	})
}

func TestTheJournalKeepsItsLimitAndSaysWhatItCost(t *testing.T) {
	const room = 10
	j := newJournal(room * (entryOverhead + 100))
	body := []byte(strings.Repeat("x", 100))
	quiet := j.open(Request{Customer: "quiet", Body: body})
	var last *entry
	for range 3 * room {
		last = j.open(Request{Customer: "loud", Body: body})
	}
	if rs, dropped := j.read(t.Context(), Filter{Customer: "quiet"}); len(rs) != 1 || dropped != 0 {
		t.Errorf("the quiet customer has %d requests, and lost %d to another's", len(rs), dropped)
	}
	rs, dropped := j.read(t.Context(), Filter{Customer: "loud"})
	if len(rs) != room-1 || dropped != 2*room+1 || rs[len(rs)-1].Number != last.request.Number {
		t.Errorf("the loud customer has %v, and lost %d", numbers(rs), dropped)
	}
	if _, dropped := j.read(t.Context(), Filter{Customer: "loud", After: rs[0].Number}); dropped != 0 {
		t.Errorf("%d dropped among those after the first that is left", dropped)
	}
	// What grows later counts too, and may be the one to go.
	j.update(last, func(r *Request) { r.ResponseBody = make([]byte, j.limit) })
	if j.size > j.limit {
		t.Errorf("size %d, limit %d", j.size, j.limit)
	}
	j.update(last, answered) // it has left: no harm
	j.update(quiet, answered)
	j.forget("loud")
	j.forget("quiet")
	if j.size != 0 || len(j.shelves) != 0 {
		t.Errorf("empty, the journal has the size %d and %d shelves", j.size, len(j.shelves))
	}
}

func TestAJournalThatIsNotCompleteComesWithAnError(t *testing.T) {
	b := newBench(t, Config{JournalBytes: 3 * entryOverhead, APIs: []API{ordersAPI()}})
	for range 5 {
		b.ask("GET", orders, "")
	}
	rs, err := b.admin.Journal(b.ctx, Filter{Customer: "acme"})
	var lost *DroppedError
	if !errors.As(err, &lost) || lost.Requests+len(rs) != 5 || len(rs) == 0 {
		t.Errorf("%d requests, error %v", len(rs), err)
	}
}

func TestTheClientWaitsLongerThanOneRequestMay(t *testing.T) {
	b := newBench(t, Config{APIs: []API{ordersAPI()}})
	done := make(chan string, 1)
	go func() {
		rs, err := b.admin.Journal(b.ctx, Filter{Customer: "acme", AtLeast: 2, Wait: patience})
		done <- fmt.Sprint(len(rs), err)
	}()
	b.ask("GET", orders, "")
	b.ask("GET", orders, "")
	if got := <-done; got != "2<nil>" && got != "2 <nil>" {
		t.Error(got)
	}
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if _, err := b.admin.Journal(ctx, Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
}
