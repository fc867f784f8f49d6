// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/peer"
)

// Timeouts of the words. Each bounds the wait for one event.
const (
	// responseTimeout is how long a response to the device's request may take:
	// longer than any delay that a feature gives the platform, shorter than a
	// scenario of the standard profile.
	responseTimeout = 8 * time.Second
	// replyTimeout is how long an answer that needs no platform may take: a Reset,
	// an acknowledgement, the answer to a repetition.
	replyTimeout = 2 * time.Second
	// handshakeTimeout is how long a DTLS handshake may take, and how long a
	// refused one is waited for: some refuse by silence.
	handshakeTimeout = 3 * time.Second
	// callTimeout is how long the caller of a connector waits for its result: more
	// than the 30 500 ms that the longest call may take.
	callTimeout = 35 * time.Second
	// stepReserve is what a wait leaves of its step's time, so that the step can
	// say what it has not seen.
	stepReserve = time.Second
	// arrivalTimeout is how long a message that was already sent may take to
	// reach a device or the platform.
	arrivalTimeout = 2 * time.Second
	// triggerTimeout is how long a device under test may take to do what it was
	// triggered to do: some wake up first.
	triggerTimeout = 5 * time.Second
	// answerTimeout is how long a device under test may take to answer: nothing
	// stands behind it, as the platform does behind a gateway.
	answerTimeout = 5 * time.Second
	// acknowledgeTimeout is how long the acknowledgement of a separate response may
	// take, one retransmission of it included.
	acknowledgeTimeout = 4 * time.Second
)

// World is one scenario's state: what its steps have named and done so far. It
// is used by one goroutine at a time.
type World struct {
	// Stage is the scenario's part of the lab.
	Stage lab.Stage

	users map[string]lab.User
	// bound are those of them who are bound to other credentials than the feature
	// gives, with how the feature's token begins.
	bound map[string]string
	apis  map[string]*compositeAPI

	// device is the one that calls the gateway.
	device callingDevice
	// served are the devices that the gateway calls.
	served map[string]*servedDevice

	// gateway is the one that the harness plays for a device under test that
	// calls, and caller is that device.
	gateway *scriptedGateway
	caller  testedCaller
	// tested is the device under test that is called.
	tested *lab.Served

	connectors map[string]*connector
	// refusedProviders are those that the gateway did not take.
	refusedProviders map[string]*lab.Refused
	// outcome is what the caller of a connector got last.
	outcome *callOutcome

	// offered is the answer to a ClientHello, and attempts are the handshakes that
	// a step has tried at once.
	offered  *peer.OfferResult
	attempts []*attempt
	// plain is where plain CoAP was served before a step put an end to it.
	plain netip.AddrPort
}

// NewWorld is the world of one scenario on its stage.
func NewWorld(stage lab.Stage) *World {
	return &World{
		Stage: stage, users: map[string]lab.User{}, bound: map[string]string{}, apis: map[string]*compositeAPI{},
		served: map[string]*servedDevice{}, connectors: map[string]*connector{},
		refusedProviders: map[string]*lab.Refused{},
	}
}

// Close ends what the steps left open: devices, their sessions and exchanges.
// The stage is not closed.
func (w *World) Close(context.Context) error {
	w.caller.close()
	err := w.device.close()
	if w.gateway != nil {
		err = errors.Join(err, w.gateway.close())
	}
	for _, d := range w.served {
		err = errors.Join(err, d.close())
	}
	return err
}

// patience bounds a wait by d, and by what is left of the step's time.
func patience(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(deadline)-stepReserve)
	}
	return context.WithTimeout(ctx, d)
}
