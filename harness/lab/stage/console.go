// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"bytes"
	"context"
	"sync"

	"github.com/coapstone/coapstone/harness/verdict"
)

// Console is what the gateway has said so far.
func (s *stage) Console(ctx context.Context) (string, error) {
	if s.bench.Console == nil {
		return "", verdict.DoesNotApply("the harness does not see the target's console")
	}
	text, err := s.bench.Console(ctx)
	if err != nil {
		return "", verdict.Broken(err, "reading the gateway's console")
	}
	return text, nil
}

// What a Recorder keeps: its beginning, where the warnings of the start are,
// and the latest of the rest.
const (
	consoleHead = 64 << 10
	consoleTail = 4 << 20
)

// Recorder keeps what a gateway in this process says. The zero value is ready,
// and its methods may be called at once.
type Recorder struct {
	mu         sync.Mutex
	head, tail bytes.Buffer
}

// Write keeps b.
func (r *Recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.head.Len()+len(b) <= consoleHead && r.tail.Len() == 0 {
		return r.head.Write(b)
	}
	if over := r.tail.Len() + len(b) - consoleTail; over > 0 {
		r.tail.Next(max(over, consoleTail/4)) // seldom, for the rest is moved
	}
	return r.tail.Write(b)
}

// Text is what is kept.
func (r *Recorder) Text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head.String() + r.tail.String()
}
