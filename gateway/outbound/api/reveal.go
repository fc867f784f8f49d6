// SPDX-License-Identifier: Apache-2.0

package api

import "github.com/coapstone/coapstone/gateway/outbound"

// A secret writes itself as a mask. On their way to the gateway the secrets of
// these types are fields of their own, which in JSON hide the embedded ones.

type revealedProvider struct {
	outbound.Provider
	Environments map[outbound.Mode]revealedEnvironment `json:"environments"`
}

type revealedEnvironment struct {
	outbound.Environment
	Authentication *revealedAuthentication `json:"authentication,omitempty"`
}

type revealedAuthentication struct {
	outbound.Authentication
	Key string `json:"key"`
}

type revealedUser struct {
	User
	Password string `json:"password,omitempty"`
	Key      string `json:"key,omitempty"`
}

func revealProvider(p outbound.Provider) revealedProvider {
	r := revealedProvider{p, map[outbound.Mode]revealedEnvironment{}}
	for mode, e := range p.Environments {
		environment := revealedEnvironment{Environment: e}
		if a := e.Authentication; a != nil {
			environment.Authentication = &revealedAuthentication{*a, a.Key.Reveal()}
		}
		r.Environments[mode] = environment
	}
	return r
}

func revealUser(u User) revealedUser { return revealedUser{u, u.Password.Reveal(), u.Key.Reveal()} }
