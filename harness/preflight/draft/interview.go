// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// ErrEnded says that the answers ended before the questions did.
var ErrEnded = errors.New("the answers have ended before the questions did")

// Interview asks what is still open, and takes the answers from lines: Enter alone
// takes what is offered, or leaves out what may be left out, and - leaves out what
// is offered. A wrong answer is asked for again. It returns when everything is
// answered, when the lines end, or when ctx does: then the line that is being read
// is lost.
func (d *Draft) Interview(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := read(ctx, in)
	asked := map[string]bool{}
	_, _ = fmt.Fprint(out, "Enter takes what stands in brackets, or leaves out what may be left out; - leaves out what is offered.\n")
	for {
		if err := d.askAll(ctx, asked, lines, out); err != nil {
			return err
		}
		_, err := d.File("target.yaml")
		q, found := d.blamed(err)
		if !found {
			return nil // or File will say what is wrong with it
		}
		_, _ = fmt.Fprintf(out, "\n✗ %v\n", err)
		delete(d.answers, q.Key)
		delete(asked, q.Key)
	}
}

// askAll asks all that is open.
func (d *Draft) askAll(ctx context.Context, asked map[string]bool, lines <-chan string, out io.Writer) error {
	for {
		q, more := d.open(asked)
		if !more {
			return nil
		}
		q.print(d, out)
		for done := false; !done; {
			answer, err := d.ask(ctx, q, lines, out)
			if err != nil {
				return err
			}
			if done, err = d.take(q, answer); err != nil {
				_, _ = fmt.Fprintf(out, "  ✗ %v\n", err)
			}
		}
		asked[q.Key] = true
	}
}

// place is that of an error in the target file: "file:line:column: place: ".
var place = regexp.MustCompile(`^[^:]*:[0-9]+:[0-9]+: ([^ :]+): `)

// blamed is the question whose answer an error of the file blames.
func (d *Draft) blamed(err error) (Question, bool) {
	var wrong *fileError
	if !errors.As(err, &wrong) {
		return Question{}, false
	}
	found := place.FindStringSubmatch(wrong.Error())
	if found == nil {
		return Question{}, false
	}
	for _, q := range questions() {
		capability, stated := strings.CutPrefix(found[1], "declares.")
		switch {
		case d.answers[q.Key] == "":
		case strings.HasPrefix(found[1]+".", q.Key+".") || strings.HasPrefix(found[1], q.Key+"["):
			return q, true
		case stated && kindOf(q.Key) == statement && slices.Contains(words(d.answers[q.Key]), capability):
			return q, true
		}
	}
	return Question{}, false
}

// print asks a question.
func (q Question) print(d *Draft, out io.Writer) {
	_, _ = fmt.Fprintf(out, "\n%s\n", q.Ask)
	help := q.Help
	if q.help != nil {
		more := q.help(d)
		if help != "" && !strings.HasPrefix(more, "\n") {
			help += " "
		}
		help = strings.TrimSpace(help + more)
	}
	if help != "" {
		_, _ = fmt.Fprintf(out, "  %s\n", strings.ReplaceAll(help, "\n", "\n  "))
	}
}

// ask reads one answer.
func (d *Draft) ask(ctx context.Context, q Question, lines <-chan string, out io.Writer) (string, error) {
	offered := ""
	if q.offer != nil {
		offered = q.offer(d)
	}
	prompt := q.Key
	if offered != "" {
		prompt += " [" + offered + "]"
	}
	_, _ = fmt.Fprintf(out, "  %s: ", prompt)
	select {
	case line, more := <-lines:
		switch answer := strings.TrimSpace(line); {
		case !more:
			_, _ = fmt.Fprintln(out)
			return "", fmt.Errorf("%w: at %s", ErrEnded, q.Key)
		case answer == "":
			return offered, nil
		case answer == "-" && !q.required(d):
			return "", nil
		default:
			return answer, nil
		}
	case <-ctx.Done():
		_, _ = fmt.Fprintln(out)
		return "", ctx.Err()
	}
}

// take takes an answer; done says that the question is settled.
func (d *Draft) take(q Question, answer string) (done bool, err error) {
	if answer == "" && q.required(d) {
		return false, errors.New("this has to be said")
	}
	if err := d.Set(q.Key, answer); err != nil {
		return false, err
	}
	return true, nil
}

// read hands out the lines until ctx ends. A read of a terminal cannot be stopped:
// the goroutine ends with the line that comes next.
func read(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}
