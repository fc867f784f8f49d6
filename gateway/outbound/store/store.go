// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/coapstone/coapstone/gateway/outbound"
	"github.com/coapstone/coapstone/gateway/outbound/request"
)

// Store is providers and connectors. The zero value is an empty one, and all
// methods may be called at once. What goes in is kept as it is, and what comes
// out is the same: neither may be changed afterwards.
type Store struct {
	mu         sync.RWMutex
	providers  map[string]outbound.Provider
	connectors map[string]outbound.Connector
}

// PutProvider adds or replaces a provider, and says whether it is new. An error
// says what to change in it.
func (s *Store) PutProvider(name string, p outbound.Provider) (created bool, err error) {
	if err := CheckName(name); err != nil {
		return false, err
	}
	if err := request.CheckProvider(p); err != nil {
		return false, fmt.Errorf("provider %q: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return put(&s.providers, name, p), nil
}

// PutConnector adds or replaces a connector, and says whether it is new. An
// error says what to change in it.
func (s *Store) PutConnector(name string, c outbound.Connector) (created bool, err error) {
	if err := CheckName(name); err != nil {
		return false, err
	}
	if err := request.CheckConnector(c); err != nil {
		return false, fmt.Errorf("connector %q: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return put(&s.connectors, name, c), nil
}

// Provider is the provider of this name.
func (s *Store) Provider(name string) (outbound.Provider, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, ok := s.providers[name]
	return p, ok
}

// Connector is the connector of this name.
func (s *Store) Connector(name string) (outbound.Connector, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.connectors[name]
	return c, ok
}

// Providers is all providers by name.
func (s *Store) Providers() map[string]outbound.Provider {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.providers)
}

// Connectors is all connectors by name.
func (s *Store) Connectors() map[string]outbound.Connector {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.connectors)
}

// DeleteProvider says whether there was one. Connectors of it stay, and their
// calls are refused.
func (s *Store) DeleteProvider(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return remove(s.providers, name)
}

// DeleteConnector says whether there was one.
func (s *Store) DeleteConnector(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return remove(s.connectors, name)
}

func put[V any](m *map[string]V, name string, v V) (created bool) {
	if *m == nil {
		*m = map[string]V{}
	}
	_, exists := (*m)[name]
	(*m)[name] = v
	return !exists
}

func remove[V any](m map[string]V, name string) bool {
	_, exists := m[name]
	delete(m, name)
	return exists
}

// maxName is the longest name, in bytes.
const maxName = 255

// CheckName refuses what cannot stand as one segment of a URL's path.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("the name is %d bytes long: want 1 to %d", len(name), maxName)
	case name == "." || name == "..":
		return fmt.Errorf("the name %q means something else in a URL: choose another", name)
	case !utf8.ValidString(name) || strings.IndexFunc(name, unicode.IsControl) >= 0:
		return fmt.Errorf("the name %q has control characters in it, or is not UTF-8", name)
	}
	return nil
}
