// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Direction is a direction across the link.
type Direction uint8

// The directions.
const (
	Up   Direction = iota // from the devices to the target
	Down                  // from the target to the devices
)

// String is "up" or "down".
func (d Direction) String() string {
	if d == Down {
		return "down"
	}
	return "up"
}

// Conditions is what the link does to the datagrams of one direction. The zero
// value passes them on as they come.
type Conditions struct {
	// First is the fate of the first datagrams of each flow, one after the other,
	// whatever the chances below.
	First []Fate
	// Loss, Duplicate and HoldBack are chances, 0 to 1, for each datagram. One that
	// is held back leaves after the next one of its flow, or after Hold.
	Loss, Duplicate, HoldBack float64
	// Delay is how long each one takes; Jitter is added to it at random, from 0
	// to itself, which reorders as well.
	Delay, Jitter time.Duration
	// Hold is how long one is held back when no other follows; 0 is 200 ms.
	Hold time.Duration
}

// Fate is what happens to one datagram. The zero value passes it on.
type Fate struct {
	Lose     bool
	Twice    bool
	HoldBack bool
	Delay    time.Duration
}

// String is the fate in words: "twice, after 20ms".
func (f Fate) String() string {
	if f.Lose {
		return "lost"
	}
	var parts []string
	if f.Twice {
		parts = append(parts, "twice")
	}
	if f.HoldBack {
		parts = append(parts, "held back")
	}
	if f.Delay > 0 {
		parts = append(parts, "after "+f.Delay.String())
	}
	if len(parts) == 0 {
		return "passed on"
	}
	return strings.Join(parts, ", ")
}

const defaultHold = 200 * time.Millisecond

func (c Conditions) hold() time.Duration {
	if c.Hold == 0 {
		return defaultHold
	}
	return c.Hold
}

// Fate is the fate of the datagram with this index (from 1) in a flow (from 1,
// in the order in which they appeared). It is the same for ever.
func (c Conditions) Fate(seed uint64, flow int, d Direction, index int) Fate {
	if index <= len(c.First) {
		return c.First[index-1]
	}
	// Each datagram has a generator of its own: what happens to one never turns
	// on how many came before it in the other direction.
	r := rand.New(rand.NewPCG(seed, uint64(flow)<<40^uint64(d)<<32^uint64(index))) //nolint:gosec // repeatable on purpose
	// Four numbers, always drawn: another loss leaves the same ones delayed.
	loss, twice, hold, jitter := r.Float64(), r.Float64(), r.Float64(), r.Float64()
	return Fate{
		Lose:     loss < c.Loss,
		Twice:    twice < c.Duplicate,
		HoldBack: hold < c.HoldBack,
		Delay:    c.Delay + time.Duration(jitter*float64(c.Jitter)),
	}
}

// Check says what is wrong with the conditions, or nil.
func (c Conditions) Check() error {
	for _, p := range []struct {
		name  string
		value float64
	}{{"loss", c.Loss}, {"duplicate", c.Duplicate}, {"hold back", c.HoldBack}} {
		if !(p.value >= 0 && p.value <= 1) { // NaN fails as well
			return fmt.Errorf("link: %s: %v is no chance: want 0 to 1", p.name, p.value)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"delay", c.Delay}, {"jitter", c.Jitter}, {"hold", c.Hold}} {
		if d.value < 0 {
			return fmt.Errorf("link: %s: %v lies in the past: want 0 or more", d.name, d.value)
		}
	}
	return nil
}
