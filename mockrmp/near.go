// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"fmt"
	"net/url"
	"strings"
)

// shape is the path of every Composite API.
const shape = "/live/{customer}/host/{host}/service/{service}"

// place is where a Composite API stands.
type place struct{ customer, host, service string }

// path is the place's path, in its one spelling.
func (p place) path() string {
	return "/live/" + p.customer + "/host/" + p.host + "/service/" + p.service
}

// placeOf reads a path as it was on the wire. Where the path has another shape
// it is as much of the place as can be told, and ok is false. Escapes are
// resolved part by part, so that %2F makes no new part.
func placeOf(path string) (p place, ok bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	ok = strings.HasPrefix(path, "/") && len(parts) == 6
	for i, into := range []*string{nil, &p.customer, nil, &p.host, nil, &p.service} {
		if i >= len(parts) {
			break
		}
		part, err := url.PathUnescape(parts[i])
		fixed := []string{"live", "", "host", "", "service", ""}[i]
		if err != nil || fixed != "" && part != fixed {
			return p, false
		}
		if into != nil {
			*into = part
		}
	}
	return p, ok && p.customer != "" && p.host != "" && p.service != ""
}

// nearest is the Composite API that a request most likely meant, and what
// differed. The customer's own come first; only when it has none, others do.
// The caller holds p.mu.
func (p *platform) nearest(path string, at place, ok bool) string {
	if len(p.tenants) == 0 {
		return "the platform has no Composite API"
	}
	if !ok {
		return fmt.Sprintf("path %s, want %s%s", path, shape, trailing(path))
	}
	if t := p.tenants[at.customer]; t != nil {
		var best place
		least := -1
		for _, a := range t.apis {
			there := a.place()
			// A field that is right outweighs any number of letters.
			d := distance(at.service, there.service) + distance(at.host, there.host)
			if at.service != there.service {
				d += 1000
			}
			if at.host != there.host {
				d += 1000
			}
			if least < 0 || d < least || d == least && there.path() < best.path() {
				least, best = d, there
			}
		}
		return best.path() + ": " + differ(at, best)
	}
	// Scenarios have customers of their own, thousands of them: the same host and
	// service, or nearly the same customer, is as far as guessing goes.
	var best place
	least := -1
	for name, t := range p.tenants {
		if gap := len(name) - len(at.customer); gap < -2 || gap > 2 {
			continue
		}
		d := distance(at.customer, name)
		if d > 2 || least >= 0 && (d > least || d == least && name > best.customer) {
			continue
		}
		least, best = d, place{customer: name}
		if a := t.apis[place{name, at.host, at.service}]; a != nil {
			best = a.place()
		}
	}
	switch {
	case least < 0:
		return fmt.Sprintf("the customer %s has no Composite API", at.customer)
	case best.host == "":
		return fmt.Sprintf("customer %s, want %s, which has another host and service", at.customer, best.customer)
	}
	return best.path() + ": " + differ(at, best)
}

// differ names the parts that differ.
func differ(got, want place) string {
	var fields []string
	for _, f := range []struct{ name, got, want string }{
		{"customer", got.customer, want.customer}, {"host", got.host, want.host}, {"service", got.service, want.service},
	} {
		if f.got != f.want {
			fields = append(fields, fmt.Sprintf("%s %s, want %s", f.name, f.got, f.want))
		}
	}
	return strings.Join(fields, "; ")
}

func trailing(path string) string {
	if strings.HasSuffix(path, "/") {
		return " with no slash at its end"
	}
	return ""
}

// distance is how many letters must change to make a into b (Levenshtein), or
// the longer's length where that is far too many to count.
func distance(a, b string) int {
	if a == b {
		return 0
	}
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	var row [65]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0] // row[j] of the line above
		row[0] = i + 1
		for j := range len(b) {
			up := row[j+1]
			change := left
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, up+1, row[j]+1)
			left = up
		}
	}
	return row[len(b)]
}
