// SPDX-License-Identifier: Apache-2.0

package hook_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapstone/coapstone/harness/hook"
	"github.com/coapstone/coapstone/harness/target"
)

// screen is what a terminal shows, for golden files: what is written over stays,
// on a line of its own.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.ReplaceAll(s.b.String(), "\n\r\x1b[K", "\n")
	return strings.TrimPrefix(strings.ReplaceAll(text, "\r\x1b[K", "\n⟲"), "\n⟲")
}

// button is a hook that asks a person.
func button() *target.Hook {
	return &target.Hook{Person: "Set the URL, the user and the password.\nThen press the button for {url}.", Timeout: target.Duration(2*time.Minute + 500*time.Millisecond)}
}

func TestAPersonSeesWhatToDoTheTimeThatIsLeftAndWhatArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, keys := io.Pipe()
		defer keys.Close()
		s := new(screen)
		term := hook.NewTerminal(in, s)
		typed := func(line string) {
			if _, err := io.WriteString(keys, line+"\n"); err != nil {
				t.Error(err)
			}
		}
		r := &hook.Runner{Prompter: term, Watch: func(ctx context.Context, show func(string)) {
			time.Sleep(1500 * time.Millisecond)
			show("192.0.2.7:40001 → :5684, 57 bytes, DTLS ClientHello \x1b[2J\u202e\xff")
			<-ctx.Done()
		}}
		go func() {
			time.Sleep(2500 * time.Millisecond)
			typed("what?")
			time.Sleep(time.Second)
			typed("")
		}()
		v := vars()
		v["key"] = ""
		got, err := r.Run(t.Context(), "trigger", button(), v)
		if err != nil {
			t.Fatal(err)
		}
		if want := 3500 * time.Millisecond; got.Elapsed != want || got.Output != "" {
			t.Errorf("it took %s and printed %q, want %s and nothing", got.Elapsed, got.Output, want)
		}
		golden(t, "terminal.golden", s.String())
		keys.Close()
		synctest.Wait()
	})
}

func TestWhatAPersonAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		after        time.Duration
		want         error
	}{
		{name: "done", answer: "\n"},
		{name: "it cannot be done", answer: "s\n", want: hook.ErrDeclined},
		{name: "no input any more", answer: "", want: hook.ErrNobody},
		{name: "too late", answer: "\n", after: time.Hour, want: context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, keys := io.Pipe()
				s := new(screen)
				r := &hook.Runner{Prompter: hook.NewTerminal(in, s)}
				go func() {
					defer keys.Close()
					time.Sleep(tt.after)
					_, _ = io.WriteString(keys, tt.answer)
					time.Sleep(time.Second)
				}()
				begin := time.Now()
				_, err := r.Run(t.Context(), "reset", button(), vars())
				if !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if err != nil && strings.Contains(err.Error(), "world") {
					t.Errorf("a secret stands in %v", err)
				}
				if most := button().Patience(); time.Since(begin) > most {
					t.Errorf("it took %s, want %s at most", time.Since(begin), most)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

func TestAnEnterTypedTooEarlyAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, keys := io.Pipe()
		defer keys.Close()
		term := hook.NewTerminal(in, new(screen))
		go func() { _, _ = io.WriteString(keys, "\n") }()
		if err := term.Ask(t.Context(), hook.Prompt{Name: "first"}); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(keys, "\n\n") // nobody has asked
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := term.Ask(ctx, hook.Prompt{Name: "second"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that nobody answered", err)
		}
		keys.Close()
		synctest.Wait()
	})
}

func TestPromptsAtOnceAreAskedOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, keys := io.Pipe()
		s := new(screen)
		term := hook.NewTerminal(in, s)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if err := term.Ask(t.Context(), hook.Prompt{Name: "one"}); err != nil {
					t.Error(err)
				}
			})
		}
		for n := 1; n <= 2; n++ {
			synctest.Wait()
			if got := strings.Count(s.String(), "Your turn"); got != n {
				t.Errorf("%d prompts are there, want %d", got, n)
			}
			_, _ = io.WriteString(keys, "\n")
		}
		wg.Wait()
		keys.Close()
		synctest.Wait()
	})
}

func TestATerminalThatIsClosedReadsNoMore(t *testing.T) {
	in, keys := pipe(t)
	term := hook.NewTerminal(in, io.Discard)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { // a line that comes before the question is none of its answers
		for ctx.Err() == nil {
			if _, err := io.WriteString(keys, "\n"); err != nil {
				return
			}
		}
	}()
	if err := term.Ask(ctx, hook.Prompt{Name: "one"}); err != nil {
		t.Fatal(err)
	}
	cancel()
	done := make(chan error, 1)
	go func() { done <- term.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it reads on")
	}
	if err := term.Ask(t.Context(), hook.Prompt{Name: "two"}); !errors.Is(err, hook.ErrNobody) {
		t.Errorf("error %v, want %v", err, hook.ErrNobody)
	}
}

func TestWithoutATerminalThereIsNobody(t *testing.T) {
	in, _ := pipe(t)
	stdin := os.Stdin
	os.Stdin = in
	t.Cleanup(func() { os.Stdin = stdin })
	if _, err := hook.OpenTerminal(); !errors.Is(err, hook.ErrNobody) {
		t.Errorf("error %v, want %v", err, hook.ErrNobody)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}
