// SPDX-License-Identifier: Apache-2.0

package coapstone

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/coapstone/coapstone/reports"
)

// ParseShard reads a shard as it is written on the command line: "2/4" is the
// second of four.
func ParseShard(s string) (reports.Shard, error) {
	index, count, ok := strings.Cut(s, "/")
	i, ierr := strconv.Atoi(index)
	n, nerr := strconv.Atoi(count)
	if !ok || ierr != nil || nerr != nil {
		return reports.Shard{}, usage("shard %q: want I/N, for example 2/4 for the second of four", s)
	}
	shard := reports.Shard{Index: i, Count: n}
	if n < 1 { // all of it zero would mean the whole
		return shard, usage("shard %s: there must be at least one shard", s)
	}
	return shard, checkShard(shard)
}

// checkShard says what is wrong with a shard, if anything is.
func checkShard(s reports.Shard) error {
	switch {
	case s == reports.Shard{}:
		return nil
	case s.Count < 1:
		return usage("shard %s: there must be at least one shard", s)
	case s.Index < 1 || s.Index > s.Count:
		return usage("shard %s: there is no such shard: want one from 1/%d to %d/%d", s, s.Count, s.Count, s.Count)
	}
	return nil
}

// inShard says whether a scenario falls to a shard. What decides is its file,
// its name and its row: not its line, nor what else is selected, so that it
// stays in its shard when those change.
func inShard(shard reports.Shard, s *reports.Scenario) bool {
	if shard.Count == 0 {
		return true
	}
	sum := sha256.Sum256([]byte(s.File + "\n" + s.Title()))
	return binary.BigEndian.Uint64(sum[:])%uint64(shard.Count) == uint64(shard.Index-1) //nolint:gosec // checkShard: both are positive
}
