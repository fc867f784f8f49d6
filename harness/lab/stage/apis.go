// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"maps"
	"slices"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// host is the second name in the path of every Composite API.
const host = "coapstone"

// nobody is a user that cannot be: Basic authentication ends a name at its
// first colon. An API for the users of a stage that has none yet is for nobody.
const nobody = ":"

// CompositeAPI puts up a Composite API, or changes it.
func (s *stage) CompositeAPI(ctx context.Context, name string, api mockrmp.API) (lab.CompositeAPI, error) {
	return s.putAPI(ctx, name, api, s.bench.HTTP, "HTTP")
}

// SecureCompositeAPI is the same over HTTPS.
func (s *stage) SecureCompositeAPI(ctx context.Context, name string, api mockrmp.API) (lab.CompositeAPI, error) {
	return s.putAPI(ctx, name, api, s.bench.HTTPS, "HTTPS")
}

func (s *stage) putAPI(ctx context.Context, name string, api mockrmp.API, origin, protocol string) (lab.CompositeAPI, error) {
	if url, ok := s.bench.Bound.APIs[name]; ok && s.bench.Platform == nil {
		return s.boundAPI(ctx, name, url, api)
	}
	if s.bench.Platform == nil {
		return lab.CompositeAPI{}, verdict.DoesNotApply("the Composite API %q is not bound and there is no mock platform: name one under apis, or a platform, in the target file", name)
	}
	if origin == "" {
		return lab.CompositeAPI{}, verdict.DoesNotApply("the platform is not reached over %s", protocol)
	}
	api.Customer, api.Host, api.Service = s.customer, host, slug(name)
	inherit := len(api.Users) == 0 && !api.Public

	s.mu.Lock()
	s.apis[api.Service] = api
	s.inherit[api.Service] = inherit
	if inherit {
		api.Users = s.userNames()
	}
	s.mu.Unlock()
	if err := s.bench.Platform.PutAPI(ctx, api); err != nil {
		return lab.CompositeAPI{}, s.bench.broken(err, "putting up the Composite API %q", name)
	}
	return lab.CompositeAPI{Name: name, URL: origin + "/live/" + s.customer + "/host/" + host + "/service/" + api.Service}, nil
}

// admit lets the stage's users call its Composite APIs: one may have come after
// an API was put up.
func (s *stage) admit(ctx context.Context) error {
	s.mu.Lock()
	var again []mockrmp.API
	for service, api := range s.apis {
		if s.inherit[service] {
			api.Users = s.userNames()
			again = append(again, api)
		}
	}
	s.mu.Unlock()
	for _, api := range again {
		if err := s.bench.Platform.PutAPI(ctx, api); err != nil {
			return s.bench.broken(err, "putting up the Composite API %q again", api.Service)
		}
	}
	return nil
}

// userNames is the platform's names of the stage's users. The caller holds mu.
func (s *stage) userNames() []string {
	names := slices.Collect(maps.Keys(s.users))
	for _, u := range s.bench.Bound.Users {
		names = append(names, u.Name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return []string{nobody}
	}
	return slices.Compact(names)
}
