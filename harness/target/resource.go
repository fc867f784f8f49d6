// SPDX-License-Identifier: Apache-2.0

package target

import (
	"errors"
	"slices"
)

// Resource is a resource of a device: its path alone, a mapping with the methods
// that it allows, or the word absent.
type Resource struct {
	// Path is where it is: "/3/0/1".
	Path string `yaml:"path"`
	// Methods are those that it allows: GET, PUT, POST, DELETE. None is all that
	// its use asks for.
	Methods []string `yaml:"methods,omitempty"`

	absent bool
}

// absent is the word that says that a device lacks a resource.
const absent = "absent"

// UnmarshalYAML takes a path, the word absent, or a mapping.
func (r *Resource) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if unmarshal(&text) == nil {
		*r = Resource{Path: text}
		if text == absent {
			*r = Resource{absent: true}
		}
		return nil
	}
	type plain Resource
	if err := unmarshal((*plain)(r)); err != nil {
		return err
	}
	if r.Path == absent {
		return errors.New("want a path, or the word absent alone")
	}
	return nil
}

// MarshalYAML is the shortest of the three forms that says the same.
func (r Resource) MarshalYAML() (any, error) {
	switch {
	case r.absent:
		return absent, nil
	case len(r.Methods) == 0:
		return r.Path, nil
	}
	type plain Resource
	return plain(r), nil
}

// Absent says that the device lacks it: what needs it does not apply. A resource
// that the file does not name is absent too.
func (r Resource) Absent() bool { return r.Path == "" }

// Allows says whether the device allows a method on it: GET, PUT, POST, DELETE.
func (r Resource) Allows(method string) bool {
	return !r.Absent() && (len(r.Methods) == 0 || slices.Contains(r.Methods, method))
}

// Paths are where the resources are that do what their names ask for, by name.
func (d *Device) Paths() map[string]string {
	paths := map[string]string{}
	for name, r := range d.Resources {
		if d.has(name) {
			paths[name] = r.Path
		}
	}
	return paths
}

// Resource is the path of a resource that does what its name asks for; "" where
// the device has none.
func (d *Device) Resource(name string) string {
	if !d.has(name) {
		return ""
	}
	return d.Resources[name].Path
}

// Use is what a resource is good for.
type Use struct {
	Name string
	// Doc is what it must do.
	Doc string
	// Methods are those that it must allow.
	Methods []string
}

// Resources are the names that a resource map may have: three that say what a
// resource is good for, and those of the ETSI plugtests.
func Resources() []Use {
	get, put, post := []string{"GET"}, []string{"PUT"}, []string{"POST"}
	return []Use{
		{"readable", "GET answers 2.05 with the same text each time.", get},
		{"stored", "It takes PUT and POST, gives back what it took, and goes away with DELETE.", methods()},
		{"slow", "GET is answered in a separate response.", get},

		{"test", "ETSI /test: GET, PUT, POST and DELETE answer, whatever they do.", methods()},
		{"seg", "ETSI /seg1/seg2/seg3: GET on a path of several segments.", get},
		{"query", "ETSI /query: GET takes queries.", get},
		{"separate", "ETSI /separate: GET is answered in a separate response.", get},
		{"multi-format", "ETSI /multi-format: GET gives text/plain and application/xml, as Accept asks.", get},
		{"validate", "ETSI /validate: GET gives an ETag, and 2.03 to whoever has it; PUT changes it.", []string{"GET", "PUT"}},
		{"create", "ETSI /create1: PUT makes it, with If-None-Match once alone.", put},
		{"location-query", "ETSI /location-query: POST answers with Location-Query.", post},
		{"large", "ETSI /large: GET gives more than one block.", get},
		{"large-update", "ETSI /large-update: PUT takes more than one block.", put},
		{"large-create", "ETSI /large-create: POST takes more than one block, and makes a resource.", post},
		{"large-post", "ETSI /large-post: POST takes and gives more than one block.", post},
		{"obs", "ETSI /obs: it can be observed, in Confirmable notifications.", get},
		{"obs-non", "ETSI /obs-non: it can be observed, in Non-confirmable notifications.", get},
		{"obs-large", "ETSI /obs-large: it can be observed, and gives more than one block.", get},
		{"core", "/.well-known/core: GET gives the list of resources (RFC 6690).", get},
	}
}

// use is what a resource of this name is good for.
func use(name string) Use {
	for _, u := range Resources() {
		if u.Name == name {
			return u
		}
	}
	return Use{}
}

// has says whether the device has a resource that allows what its name asks for.
func (d *Device) has(name string) bool {
	if d == nil {
		return false
	}
	r := d.Resources[name]
	for _, m := range use(name).Methods {
		if !r.Allows(m) {
			return false
		}
	}
	return !r.Absent()
}
