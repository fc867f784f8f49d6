// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Filter picks requests from the journal. The zero value picks all of them, at
// once.
type Filter struct {
	// Customer, Host and Service pick by the names in the path; "" is any.
	Customer, Host, Service string
	// After picks requests with a greater number.
	After int
	// AtLeast is how many of them must have been answered before they are
	// handed out; 0 is what there is.
	AtLeast int
	// Wait is how long to wait for them; then those that there are get handed
	// out. Zero does not wait.
	Wait time.Duration
}

func (f Filter) matches(r *Request) bool {
	return r.Number > f.After &&
		(f.Customer == "" || f.Customer == r.Customer) &&
		(f.Host == "" || f.Host == r.Host) &&
		(f.Service == "" || f.Service == r.Service)
}

// entryOverhead is what an entry takes beside its bytes, roughly.
const entryOverhead = 1 << 10

// journal is every request, kept apart by customer. It holds at most limit
// bytes: past that the customer with the most loses its oldest, so that one
// scenario that runs wild does not cost the others theirs.
type journal struct {
	limit int

	mu      sync.Mutex
	last    int // the last number given
	size    int
	shelves map[string]*shelf
	changed chan struct{} // closed at the next change, of any customer; nil while nobody waits
}

// shelf is one customer's part of the journal.
type shelf struct {
	entries     []*entry
	size        int
	dropped     int // how many entries the limit has cost
	lastDropped int // the number of the latest of them
	changed     chan struct{}
}

type entry struct {
	request Request
	size    int
	shelf   *shelf // nil once it has left the journal
}

func newJournal(limit int) *journal {
	return &journal{limit: limit, shelves: map[string]*shelf{}}
}

// open enters a request that has just come.
func (j *journal) open(r Request) *entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	r.Number = j.last
	s := j.shelves[r.Customer]
	if s == nil {
		s = &shelf{}
		j.shelves[r.Customer] = s
	}
	e := &entry{request: r, shelf: s}
	s.entries = append(s.entries, e)
	j.weigh(e)
	j.wake(s)
	return e
}

// update changes an entry: its body has come, it has been answered.
func (j *journal) update(e *entry, change func(*Request)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&e.request)
	if e.shelf == nil {
		return // its customer was deleted meanwhile, or the limit has cost it
	}
	s := e.shelf
	j.weigh(e)
	j.wake(s)
}

// weigh brings the sizes up to date and keeps the limit.
func (j *journal) weigh(e *entry) {
	r := &e.request
	size := entryOverhead + len(r.Target) + len(r.Body) + len(r.ResponseBody) + len(r.Near) + weight(r.Header) + weight(r.ResponseHeader)
	j.size += size - e.size
	e.shelf.size += size - e.size
	e.size = size
	for j.size > j.limit {
		var biggest *shelf
		for _, s := range j.shelves {
			if biggest == nil || s.size > biggest.size {
				biggest = s
			}
		}
		oldest := biggest.entries[0]
		biggest.entries[0] = nil
		biggest.entries = biggest.entries[1:]
		biggest.dropped++
		biggest.lastDropped = oldest.request.Number
		biggest.size -= oldest.size
		j.size -= oldest.size
		oldest.shelf = nil
		if oldest == e {
			return
		}
	}
}

func weight(h http.Header) (n int) {
	for name, values := range h {
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	return n
}

func (j *journal) wake(s *shelf) {
	for _, c := range []*chan struct{}{&j.changed, &s.changed} {
		if *c != nil {
			close(*c)
			*c = nil
		}
	}
}

// forget removes a customer's entries.
func (j *journal) forget(customer string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.shelves[customer]
	if s == nil {
		return
	}
	for _, e := range s.entries {
		e.shelf = nil
	}
	j.size -= s.size
	delete(j.shelves, customer)
	j.wake(s)
}

// read is what f picks, in the order of the numbers, and how many entries that
// it might have picked the limit has cost. It waits as f says, but no longer
// than ctx.
func (j *journal) read(ctx context.Context, f Filter) (requests []Request, dropped int) {
	if f.Wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.Wait)
		defer cancel()
	}
	for {
		requests, dropped, answered, changed := j.pick(f)
		if answered >= f.AtLeast || f.Wait <= 0 {
			return requests, dropped
		}
		select {
		case <-changed:
		case <-ctx.Done():
			requests, dropped, _, _ = j.pick(f)
			return requests, dropped
		}
	}
}

func (j *journal) pick(f Filter) (requests []Request, dropped, answered int, changed <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	take := func(s *shelf) {
		for _, e := range s.entries {
			if f.matches(&e.request) {
				requests = append(requests, e.request)
				if e.request.Answered {
					answered++
				}
			}
		}
		if s.lastDropped > f.After {
			dropped += s.dropped
		}
	}
	if f.Customer == "" {
		for _, s := range j.shelves {
			take(s)
		}
		sortByNumber(requests)
		return requests, dropped, answered, listen(&j.changed)
	}
	s := j.shelves[f.Customer]
	if s == nil {
		// Nothing yet: what comes is seen through the journal's own channel.
		return nil, 0, 0, listen(&j.changed)
	}
	take(s)
	return requests, dropped, answered, listen(&s.changed)
}

func listen(c *chan struct{}) <-chan struct{} {
	if *c == nil {
		*c = make(chan struct{})
	}
	return *c
}

func sortByNumber(requests []Request) {
	slices.SortFunc(requests, func(a, b Request) int { return a.Number - b.Number })
}
