// SPDX-License-Identifier: Apache-2.0

package coap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// OptionNumber is the number of an option (RFC 7252 §5.4).
type OptionNumber uint16

// Option is one option of a message.
type Option struct {
	Number OptionNumber
	Value  []byte
}

// The options of RFC 7252 §5.10, RFC 7641, RFC 7959, RFC 7967, RFC 8613,
// RFC 8768 and RFC 9175.
const (
	IfMatch       OptionNumber = 1
	URIHost       OptionNumber = 3
	ETag          OptionNumber = 4
	IfNoneMatch   OptionNumber = 5
	Observe       OptionNumber = 6
	URIPort       OptionNumber = 7
	LocationPath  OptionNumber = 8
	OSCORE        OptionNumber = 9
	URIPath       OptionNumber = 11
	ContentFormat OptionNumber = 12
	MaxAge        OptionNumber = 14
	URIQuery      OptionNumber = 15
	HopLimit      OptionNumber = 16
	Accept        OptionNumber = 17
	QBlock1       OptionNumber = 19
	LocationQuery OptionNumber = 20
	Block2        OptionNumber = 23
	Block1        OptionNumber = 27
	Size2         OptionNumber = 28
	QBlock2       OptionNumber = 31
	ProxyURI      OptionNumber = 35
	ProxyScheme   OptionNumber = 39
	Size1         OptionNumber = 60
	Echo          OptionNumber = 252
	NoResponse    OptionNumber = 258
	RequestTag    OptionNumber = 292
)

// Critical says whether an endpoint that does not know the option must reject
// the message: odd numbers are (RFC 7252 §5.4.6).
func (n OptionNumber) Critical() bool { return n&1 == 1 }

// UnsafeToForward says whether a proxy that does not know the option must not
// forward the message (RFC 7252 §5.4.6).
func (n OptionNumber) UnsafeToForward() bool { return n&2 == 2 }

// NoCacheKey says whether the option is not part of the cache key (RFC 7252 §5.4.6).
func (n OptionNumber) NoCacheKey() bool { return n&0x1e == 0x1c }

// ValueFormat is how an option's value is to be read (RFC 7252 §3.2).
type ValueFormat uint8

// The value formats.
const (
	FormatOpaque ValueFormat = iota
	FormatEmpty
	FormatUint
	FormatString
	// FormatBlock is a uint with the structure of RFC 7959 §2.2.
	FormatBlock
)

// OptionDefinition is what the registry says of an option.
type OptionDefinition struct {
	Number     OptionNumber
	Name       string
	Format     ValueFormat
	Min, Max   int // length of the value in bytes
	Repeatable bool
	Source     string // the RFC and section that define it
}

var definitions = []OptionDefinition{
	{IfMatch, "If-Match", FormatOpaque, 0, 8, true, "RFC 7252 §5.10.8.1"},
	{URIHost, "Uri-Host", FormatString, 1, 255, false, "RFC 7252 §5.10.1"},
	{ETag, "ETag", FormatOpaque, 1, 8, true, "RFC 7252 §5.10.6"},
	{IfNoneMatch, "If-None-Match", FormatEmpty, 0, 0, false, "RFC 7252 §5.10.8.2"},
	{Observe, "Observe", FormatUint, 0, 3, false, "RFC 7641 §2"},
	{URIPort, "Uri-Port", FormatUint, 0, 2, false, "RFC 7252 §5.10.1"},
	{LocationPath, "Location-Path", FormatString, 0, 255, true, "RFC 7252 §5.10.7"},
	{OSCORE, "OSCORE", FormatOpaque, 0, 255, false, "RFC 8613 §2"},
	{URIPath, "Uri-Path", FormatString, 0, 255, true, "RFC 7252 §5.10.1"},
	{ContentFormat, "Content-Format", FormatUint, 0, 2, false, "RFC 7252 §5.10.3"},
	{MaxAge, "Max-Age", FormatUint, 0, 4, false, "RFC 7252 §5.10.5"},
	{URIQuery, "Uri-Query", FormatString, 0, 255, true, "RFC 7252 §5.10.1"},
	{HopLimit, "Hop-Limit", FormatUint, 1, 1, false, "RFC 8768 §3"},
	{Accept, "Accept", FormatUint, 0, 2, false, "RFC 7252 §5.10.4"},
	{QBlock1, "Q-Block1", FormatBlock, 0, 3, false, "RFC 9177 §4.1"},
	{LocationQuery, "Location-Query", FormatString, 0, 255, true, "RFC 7252 §5.10.7"},
	{Block2, "Block2", FormatBlock, 0, 3, false, "RFC 7959 §2.1"},
	{Block1, "Block1", FormatBlock, 0, 3, false, "RFC 7959 §2.1"},
	{Size2, "Size2", FormatUint, 0, 4, false, "RFC 7959 §4"},
	{QBlock2, "Q-Block2", FormatBlock, 0, 3, true, "RFC 9177 §4.1"},
	{ProxyURI, "Proxy-Uri", FormatString, 1, 1034, false, "RFC 7252 §5.10.2"},
	{ProxyScheme, "Proxy-Scheme", FormatString, 1, 255, false, "RFC 7252 §5.10.2"},
	{Size1, "Size1", FormatUint, 0, 4, false, "RFC 7252 §5.10.9"},
	{Echo, "Echo", FormatOpaque, 1, 40, false, "RFC 9175 §2.2.1"},
	{NoResponse, "No-Response", FormatUint, 0, 1, false, "RFC 7967 §2"},
	{RequestTag, "Request-Tag", FormatOpaque, 0, 8, true, "RFC 9175 §3.2.1"},
}

// Definitions is the registry, in the order of the numbers.
func Definitions() []OptionDefinition { return slices.Clone(definitions) }

// Definition is what the registry says of the option, if it knows it.
func (n OptionNumber) Definition() (OptionDefinition, bool) {
	i, ok := slices.BinarySearchFunc(definitions, n, func(d OptionDefinition, n OptionNumber) int {
		return int(d.Number) - int(n)
	})
	if !ok {
		return OptionDefinition{}, false
	}
	return definitions[i], true
}

// String is the option's name, or "Option 65001" when it has none.
func (n OptionNumber) String() string {
	if d, ok := n.Definition(); ok {
		return d.Name
	}
	return "Option " + strconv.Itoa(int(n))
}

// ParseOptionNumber reads an option by name, in any case, or by number.
func ParseOptionNumber(s string) (OptionNumber, error) {
	s = strings.TrimSpace(s)
	for _, d := range definitions {
		if strings.EqualFold(d.Name, s) {
			return d.Number, nil
		}
	}
	digits := strings.TrimSpace(strings.TrimPrefix(strings.ToLower(s), "option"))
	if u, err := strconv.ParseUint(digits, 10, 16); err == nil {
		return OptionNumber(u), nil
	}
	return 0, fmt.Errorf("option %q: want a name such as Uri-Path, or a number from 0 to 65535", s)
}

// OptionProblem is one option that cannot be processed as it stands.
type OptionProblem struct {
	Option Option
	// Why is one of the three reasons below.
	Why OptionProblemKind
}

// OptionProblemKind is why an option cannot be processed.
type OptionProblemKind uint8

// The reasons. A receiver treats the second and third as the first (RFC 7252 §5.4.3, §5.4.5).
const (
	Unrecognized OptionProblemKind = iota + 1
	BadLength
	Repeated
)

// String is a sentence for a diagnostic payload.
func (p OptionProblem) String() string {
	d, _ := p.Option.Number.Definition()
	switch p.Why {
	case BadLength:
		allowed := fmt.Sprintf("%d to %d", d.Min, d.Max)
		if d.Min == d.Max {
			allowed = strconv.Itoa(d.Min)
		}
		return fmt.Sprintf("%s is %d bytes long, %s are allowed", p.Option.Number, len(p.Option.Value), allowed)
	case Repeated:
		return fmt.Sprintf("%s is given more than once", p.Option.Number)
	default:
		if d.Name == "" {
			return fmt.Sprintf("%s is not recognized", p.Option.Number)
		}
		return fmt.Sprintf("%s (%d) is not recognized", d.Name, uint16(p.Option.Number))
	}
}

// CheckOptions lists the options of m that an endpoint which recognises just
// those that known says must treat as unrecognised: unknown ones, ones of a
// length that is not allowed (RFC 7252 §5.4.3), and the second and later of one
// that may not be repeated (§5.4.5). Critical ones make the message one to
// reject, elective ones are to be ignored (§5.4.1). A nil known means: all of
// the registry.
func (m *Message) CheckOptions(known func(OptionNumber) bool) []OptionProblem {
	var problems []OptionProblem
	for i, o := range m.Options {
		d, defined := o.Number.Definition()
		recognized := defined
		if known != nil {
			recognized = known(o.Number)
		}
		switch {
		case !recognized:
			problems = append(problems, OptionProblem{o, Unrecognized})
		case !defined:
			// Known to the endpoint alone: it knows the rules too.
		case len(o.Value) < d.Min || len(o.Value) > d.Max:
			problems = append(problems, OptionProblem{o, BadLength})
		case !d.Repeatable && i > 0 && m.Options[i-1].Number == o.Number:
			problems = append(problems, OptionProblem{o, Repeated})
		}
	}
	return problems
}
