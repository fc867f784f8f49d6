// SPDX-License-Identifier: Apache-2.0

package blockwise

import (
	"container/list"
	"sync"
	"time"

	"github.com/coapstone/coapstone/coap"
	"github.com/coapstone/coapstone/gateway/endpoint"
)

// overhead is what an item takes beside its body, about, so that many small ones
// are not free.
const overhead = 512

// item is a message whose payload is a body: one that grows, or one that is
// fetched.
type item struct {
	key     key
	message *coap.Message
	made    time.Time
	used    time.Time
	cost    int

	inAll, inPeer *list.Element
}

// store keeps items within the limits of Options. Only requests that carry a
// Block option, and answers that need one, come here: all others pass without
// its lock.
type store struct {
	o Options

	mu     sync.Mutex
	items  map[key]*item
	peers  map[endpoint.PeerKey]*share
	all    *list.List // the one left alone the longest first
	cost   int
	timer  *time.Timer
	closed bool
}

// share is what is kept for one peer.
type share struct {
	items *list.List // the one left alone the longest first
	cost  int
}

func newStore(o Options) *store {
	return &store{o: o, items: map[key]*item{}, peers: map[endpoint.PeerKey]*share{}, all: list.New()}
}

// put adds an item, instead of the one that had its key. Called under the lock.
func (s *store) put(k key, m *coap.Message) {
	s.remove(s.items[k])
	if s.closed {
		return
	}
	p := s.peers[k.peer]
	if p == nil {
		p = &share{items: list.New()}
		s.peers[k.peer] = p
	}
	now := time.Now()
	i := &item{key: k, message: m, made: now, used: now}
	i.inAll, i.inPeer = s.all.PushBack(i), p.items.PushBack(i)
	s.items[k] = i
	s.charge(i)
	if s.timer == nil {
		s.timer = time.AfterFunc(s.o.Lifetime, s.expire)
	}
}

// get is the item with the key, which counts as used now; nil if there is none.
// Called under the lock.
func (s *store) get(k key) *item {
	i := s.items[k]
	if i == nil {
		return nil
	}
	now := time.Now()
	if now.Sub(i.used) >= s.o.Lifetime { // the timer is late
		s.remove(i)
		return nil
	}
	i.used = now
	s.all.MoveToBack(i.inAll)
	s.peers[k.peer].items.MoveToBack(i.inPeer)
	return i
}

// charge counts anew what the item takes, and forgets others until it fits. The
// item itself is the last in both lists, and stays. Called under the lock.
func (s *store) charge(i *item) {
	p := s.peers[i.key.peer]
	cost := overhead + cap(i.message.Payload)
	p.cost, s.cost, i.cost = p.cost+cost-i.cost, s.cost+cost-i.cost, cost
	for p.items.Len() > 1 && (p.items.Len() > s.o.PerPeer || p.cost > s.o.PeerBytes) {
		s.removeFirst(p.items)
	}
	for s.all.Len() > 1 && (s.all.Len() > s.o.Total || s.cost > s.o.TotalBytes) {
		s.removeFirst(s.all)
	}
}

func (s *store) removeFirst(l *list.List) {
	s.remove(l.Front().Value.(*item)) //nolint:forcetypeassert // nothing else is in there
}

// remove forgets an item; it may be nil. Called under the lock.
func (s *store) remove(i *item) {
	if i == nil {
		return
	}
	p := s.peers[i.key.peer]
	s.all.Remove(i.inAll)
	p.items.Remove(i.inPeer)
	p.cost -= i.cost
	s.cost -= i.cost
	delete(s.items, i.key)
	if p.items.Len() == 0 {
		delete(s.peers, i.key.peer)
	}
}

// expire forgets what was left alone too long, and sets the timer for the next.
func (s *store) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = nil
	for s.all.Len() > 0 && !s.closed {
		i := s.all.Front().Value.(*item) //nolint:forcetypeassert // nothing else is in there
		if left := s.o.Lifetime - time.Since(i.used); left > 0 {
			s.timer = time.AfterFunc(left, s.expire)
			return
		}
		s.remove(i)
	}
}

// forget drops all that is kept for a peer.
func (s *store) forget(k endpoint.PeerKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := s.peers[k]; p != nil && p.items.Len() > 0; {
		s.removeFirst(p.items)
	}
}

// close drops everything and keeps nothing from now on.
func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	for s.all.Len() > 0 {
		s.removeFirst(s.all)
	}
}

// size is how much is kept, in items and in bytes.
func (s *store) size() (items, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Len(), s.cost
}
