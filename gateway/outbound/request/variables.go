// SPDX-License-Identifier: Apache-2.0

package request

import (
	"maps"
	"slices"
	"strings"
)

// variables is what ${name} stands for. The call's go before the provider's.
type variables struct{ call, provider map[string]string }

func (v variables) lookup(name string) (string, bool) {
	if value, ok := v.call[name]; ok {
		return value, true
	}
	value, ok := v.provider[name]
	return value, ok
}

// known is the names that have a value, for an error message.
func (v variables) known() string {
	all := maps.Clone(v.provider)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, v.call)
	if len(all) == 0 {
		return "none is set"
	}
	return "set are " + strings.Join(slices.Sorted(maps.Keys(all)), ", ")
}

// piece is a stretch of a text: literal, or the name of a variable.
type piece struct {
	text     string
	variable bool
}

// split takes a text apart at its variables. There is no escape: "${" always
// begins one.
func split(where, text string) ([]piece, error) {
	var pieces []piece
	for {
		before, rest, found := strings.Cut(text, "${")
		if before != "" {
			pieces = append(pieces, piece{before, false})
		}
		if !found {
			return pieces, nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, refuse(where, "a variable that begins with ${ has no closing }")
		}
		if name == "" {
			return nil, refuse(where, "${} names no variable")
		}
		pieces, text = append(pieces, piece{name, true}), after
	}
}

// hasVariables says whether the text can only be judged at call time.
func hasVariables(text string) bool { return strings.Contains(text, "${") }

// expand fills in the variables of a text. Values are not searched for
// variables again.
func (v variables) expand(where, text string) (string, error) {
	return v.expandWith(where, text, func(_, _, value string) (string, error) { return value, nil })
}

// expandWith is expand with a say in what goes in: put gets what stands before
// the variable, its name and its value.
func (v variables) expandWith(where, text string, put func(before, name, value string) (string, error)) (string, error) {
	pieces, err := split(where, text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range pieces {
		if !p.variable {
			b.WriteString(p.text)
			continue
		}
		value, ok := v.lookup(p.text)
		if !ok {
			return "", refuse(where, "the variable %q has no value: give it with the call or in the provider (%s)", p.text, v.known())
		}
		if value, err = put(b.String(), p.text, value); err != nil {
			return "", err
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

// expandURL fills in the variables of an absolute URL so that a value stays
// within the part where it stands. One at the very start is itself the beginning
// of the URL, and stands as it is. In the authority a value has to be a host or a
// port; behind it every byte that is not unreserved is percent-encoded (RFC 3986
// §2.3), so that a slash or an ampersand in a value is data.
func (v variables) expandURL(where, text string) (string, error) {
	return v.expandWith(where, text, func(before, name, value string) (string, error) {
		_, rest, beyondScheme := strings.Cut(before, "://")
		switch {
		case before == "":
			return value, nil
		case beyondScheme && strings.ContainsAny(rest, "/?#"):
			return escape(value), nil
		case strings.ContainsAny(value, "/?#@\\"):
			return "", refuse(where, "the variable %q stands where a host or a port belongs, its value has one of / ? # @ \\ in it", name)
		}
		return value, nil
	})
}

// expandPart fills in the variables of what is appended to a URL. A variable
// that is the whole part stands as it is; any other value is percent-encoded.
func (v variables) expandPart(where, text string) (string, error) {
	return v.expandWith(where, text, func(_, name, value string) (string, error) {
		if text == "${"+name+"}" {
			return value, nil
		}
		return escape(value), nil
	})
}

// escape percent-encodes every byte of a value that is not unreserved
// (RFC 3986 §2.3). A value of dots alone is encoded too: it must never be
// resolved away as a dot segment.
func escape(value string) string {
	const digits, marks = "0123456789ABCDEF", "-._~"
	dots := strings.Trim(value, ".") == ""
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if letter || !dots && strings.IndexByte(marks, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
