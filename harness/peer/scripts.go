// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"time"

	"github.com/coapstone/coapstone/coap"
)

// Script is what a server does with one distinct request. It runs in a goroutine
// of its own, may take long, and ends when ctx does; its error is the
// request's (Request.Wait).
type Script func(ctx context.Context, r *Request) error

// Answer responds at once: piggybacked to a confirmable request, with a NON to a
// non-confirmable one.
func Answer(resp *coap.Message) Script {
	return func(_ context.Context, r *Request) error { return r.Respond(resp) }
}

// AnswerWith responds at once with what answer makes of the request.
func AnswerWith(answer func(*Request) *coap.Message) Script {
	return func(_ context.Context, r *Request) error { return r.Respond(answer(r)) }
}

// AnswerSeparately acknowledges a confirmable request, waits for d, and then
// responds in a confirmable message of its own until that is acknowledged.
func AnswerSeparately(resp *coap.Message, d time.Duration) Script {
	return func(ctx context.Context, r *Request) error {
		if r.Message.Type == coap.Confirmable {
			if err := r.Ack(); err != nil {
				return err
			}
		}
		if err := pause(ctx, d); err != nil {
			return err
		}
		_, err := r.Separate(ctx, resp)
		return err
	}
}

// Reject sends a Reset.
func Reject() Script {
	return func(_ context.Context, r *Request) error { return r.Reset() }
}

// Silent answers nothing.
func Silent() Script {
	return func(_ context.Context, r *Request) error { return r.Ignore() }
}

// AcknowledgeOnly sends an empty acknowledgement and never a response.
func AcknowledgeOnly() Script {
	return func(_ context.Context, r *Request) error { return r.Ack() }
}

// AfterIgnoring ignores the first n transmissions of each request and goes on
// with then at the next one.
func AfterIgnoring(n int, then Script) Script {
	return func(ctx context.Context, r *Request) error {
		if _, err := r.AwaitCopies(ctx, n); err != nil {
			return err
		}
		return then(ctx, r)
	}
}

// After waits for d and goes on with then.
func After(d time.Duration, then Script) Script {
	return func(ctx context.Context, r *Request) error {
		if err := pause(ctx, d); err != nil {
			return err
		}
		return then(ctx, r)
	}
}

// InTurn uses the scripts one after the other, one for each distinct request,
// and the last one for all that follow.
func InTurn(scripts ...Script) Script {
	turns := make(chan Script, len(scripts))
	for _, s := range scripts {
		turns <- s
	}
	last := Silent()
	if len(scripts) > 0 {
		last = scripts[len(scripts)-1]
	}
	return func(ctx context.Context, r *Request) error {
		select {
		case s := <-turns:
			return s(ctx, r)
		default:
			return last(ctx, r)
		}
	}
}

// pause is a delay that the script is about, not a wait for something.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
