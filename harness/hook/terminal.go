// SPDX-License-Identifier: Apache-2.0

package hook

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Terminal asks a person at a terminal: it shows what to do, what it takes, how
// much time is left, and what arrives. Enter says that it is done, s that it
// cannot be. Prompts that come at once are asked one after the other.
//
// Secrets are shown: who is asked has to type them into the device. They go to the
// terminal and nowhere else.
type Terminal struct {
	in   io.Reader
	out  io.Writer
	own  io.Closer
	turn chan struct{} // holds one item while nobody is asked

	mu      sync.Mutex
	reading chan struct{} // closed when the input has ended; nil before the first prompt
	answer  chan string   // of the last prompt; each has its own, so that none gets what was typed before
}

// NewTerminal is a terminal that reads in and writes out.
func NewTerminal(in io.Reader, out io.Writer) *Terminal {
	t := &Terminal{in: in, out: out, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// OpenTerminal is the terminal at which the program runs. Without one, and so for
// a program whose standard input is no terminal, the error is ErrNobody.
func OpenTerminal() (*Terminal, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, ErrNobody
	}
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil { // reading it can be ended, unlike that of the standard input
		t := NewTerminal(tty, tty)
		t.own = tty
		return t, nil
	}
	return NewTerminal(os.Stdin, os.Stderr), nil
}

// Close ends the reading of the terminal. An input that knows no deadlines is read
// until it has one more line or ends.
func (t *Terminal) Close() error {
	t.mu.Lock()
	reading := t.reading
	t.mu.Unlock()
	if d, ok := t.in.(interface{ SetReadDeadline(at time.Time) error }); ok && reading != nil && d.SetReadDeadline(time.Now()) == nil {
		<-reading
	}
	if t.own != nil {
		return t.own.Close()
	}
	return nil
}

// Ask asks, and waits for the answer.
func (t *Terminal) Ask(ctx context.Context, p Prompt) error {
	select {
	case <-t.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { t.turn <- struct{}{} }()
	answer, ended := t.listen()
	packets, stop := watch(ctx, p.Watch)
	defer stop()
	q := &question{out: t.out, until: time.Now().Add(p.Timeout), bounded: p.Timeout > 0}
	q.open(p)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		q.countdown()
		select {
		case line := <-answer:
			if done, err := q.take(line); done {
				return err
			}
		case line := <-packets:
			q.line("  ↓ " + visible(line))
		case <-ticker.C:
		case <-ended:
			q.close("the input has ended: nobody can answer")
			return ErrNobody
		case <-ctx.Done():
			q.close("too late, or stopped")
			return ctx.Err()
		}
	}
}

// listen has the next line be an answer. What was typed before is none.
func (t *Terminal) listen() (answer <-chan string, ended <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ch := make(chan string, 1)
	t.answer = ch
	if t.reading == nil {
		t.reading = make(chan struct{})
		go t.read(t.reading)
	}
	return ch, t.reading
}

// read hands each line to the last prompt.
func (t *Terminal) read(ended chan<- struct{}) {
	defer close(ended)
	lines := bufio.NewScanner(t.in)
	for lines.Scan() {
		t.mu.Lock()
		select {
		case t.answer <- lines.Text():
		default: // nobody looks at them now
		}
		t.mu.Unlock()
	}
}

// watch runs a function that shows packets, until stop, which waits for its end.
func watch(ctx context.Context, run func(context.Context, func(string))) (packets <-chan string, stop func()) {
	if run == nil {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ch, done := make(chan string), make(chan struct{})
	go func() {
		defer close(done)
		run(ctx, func(line string) {
			select {
			case ch <- line:
			case <-ctx.Done():
			}
		})
	}()
	return ch, func() {
		cancel()
		<-done
	}
}

// question is one prompt on the terminal. Its last line is the countdown, written
// over each time.
type question struct {
	out     io.Writer
	until   time.Time
	bounded bool
}

// afresh goes back to the beginning of the line and empties it.
const afresh = "\r\x1b[K"

func (q *question) line(s string) { _, _ = io.WriteString(q.out, afresh+s+"\n") }

func (q *question) open(p Prompt) {
	q.line("")
	q.line("Your turn: " + visible(p.Name))
	for l := range strings.SplitSeq(strings.TrimSpace(p.Text.Reveal()), "\n") {
		q.line("  " + visible(l))
	}
	width := 0
	for _, f := range p.Facts {
		width = max(width, len(f.Name))
	}
	if len(p.Facts) > 0 {
		q.line("")
	}
	for _, f := range p.Facts {
		q.line(fmt.Sprintf("  %-*s  %s", width, visible(f.Name), cmp.Or(visible(f.Value.Reveal()), "—")))
	}
	q.line("")
}

func (q *question) countdown() {
	left := ""
	if q.bounded {
		s := int(max(0, time.Until(q.until)).Round(time.Second).Seconds())
		left = fmt.Sprintf("%d:%02d left. ", s/60, s%60)
	}
	_, _ = io.WriteString(q.out, afresh+"  "+left+"Enter: it is done. s, Enter: it cannot be done. ")
}

// take reads an answer; done says that it is one.
func (q *question) take(line string) (done bool, err error) {
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "", "d", "done", "y", "yes":
		q.close("done")
		return true, nil
	case "s", "skip", "n", "no":
		q.close("it cannot be done")
		return true, ErrDeclined
	}
	return false, nil
}

func (q *question) close(s string) { q.line("  " + s) }
