// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coapstone/coapstone/coap"
)

// Recognized says which options are recognised when Options does not say it:
// all of coap's registry but OSCORE, Block1, Block2, Q-Block1 and Q-Block2. The
// endpoint puts no bodies together from blocks, and one block must never be
// taken for the whole (RFC 7959 §2.3): that is for package blockwise.
func Recognized(n coap.OptionNumber) bool {
	switch n {
	case coap.OSCORE, coap.Block1, coap.Block2, coap.QBlock1, coap.QBlock2:
		return false
	default:
		_, known := n.Definition()
		return known
	}
}

// inRequest says whether an option is defined for requests. One that is not is
// treated as unrecognised (RFC 7252 §5.4).
func inRequest(n coap.OptionNumber) bool {
	switch n {
	case coap.LocationPath, coap.LocationQuery, coap.MaxAge:
		return false
	default:
		return true
	}
}

// inResponse says the same for responses.
func inResponse(n coap.OptionNumber) bool {
	switch n {
	case coap.IfMatch, coap.URIHost, coap.IfNoneMatch, coap.URIPort, coap.URIPath, coap.URIQuery,
		coap.Accept, coap.ProxyURI, coap.ProxyScheme, coap.HopLimit, coap.RequestTag:
		return false
	default:
		return true
	}
}

// screen applies the critical and elective rules to m (RFC 7252 §5.4.1): it
// returns the critical options that cannot be processed, and removes the
// elective ones from m. Those of them that are Unsafe-to-Forward it returns too.
func screen(m *coap.Message, known func(coap.OptionNumber) bool) (critical, unsafe []coap.OptionProblem) {
	problems := m.CheckOptions(known)
	if len(problems) == 0 {
		return nil, nil
	}
	good, next := make([]coap.Option, 0, len(m.Options)), 0
	for i, o := range m.Options {
		if next == len(problems) || !isAt(problems[next], m.Options, i) {
			good = append(good, o)
			continue
		}
		switch {
		case o.Number.Critical():
			critical = append(critical, problems[next])
		case o.Number.UnsafeToForward():
			unsafe = append(unsafe, problems[next])
		}
		next++
	}
	m.Options = good
	return critical, unsafe
}

// isAt says whether p, the next of the problems, is the option at i. Problems
// stand in the order of the options, so that this is not ambiguous.
func isAt(p coap.OptionProblem, options []coap.Option, i int) bool {
	o := options[i]
	if o.Number != p.Option.Number || len(o.Value) != len(p.Option.Value) {
		return false
	}
	return p.Why != coap.Repeated || i > 0 && options[i-1].Number == o.Number
}

// maxNamed is how many problems are named at most: an answer must not be much
// longer than the request (RFC 7252 §11.3).
const maxNamed = 3

// sentence lists problems for a person.
func sentence(problems []coap.OptionProblem) string {
	var named []string
	for _, p := range problems[:min(len(problems), maxNamed)] {
		if s := p.String(); !slices.Contains(named, s) {
			named = append(named, s)
		}
	}
	s := strings.Join(named, "; ")
	if more := len(problems) - maxNamed; more > 0 {
		s += fmt.Sprintf("; and %d more", more)
	}
	return s
}
