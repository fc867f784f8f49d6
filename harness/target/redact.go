// SPDX-License-Identifier: Apache-2.0

package target

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

const redactedHead = "# A target file without its secrets, as coapstone writes it beside a report.\n"

// Redacted is the target file as it may be shared: without its comments, secrets
// blotted out, files by their names alone. It says what Declares and the rest say,
// in one order, so that its digest stands for the target; Parse reads it.
//
// The names of users, APIs and connectors in the features stay as they are.
func (f *File) Redacted() ([]byte, error) {
	blot := newBlotter(f.Secrets())
	r := *f
	for _, s := range []*string{&r.Vendor, &r.Name, &r.Version, &r.Hardware, &r.Firmware.Version} {
		*s = blot.known(*s)
	}
	r.Gateway, r.Device, r.Platform = f.Gateway.redacted(blot), f.Device.redacted(blot), f.Platform.redacted(blot)
	r.Bench, r.Hooks = f.Bench.redacted(blot), f.Hooks.redacted(blot)
	r.Users = map[string]*User{}
	for name, u := range f.Users {
		r.Users[name] = &User{Name: blot.known(u.Name), Password: u.Password.redacted(), PSKKey: u.PSKKey, Key: u.Key.redacted()}
	}
	r.APIs, r.Connectors = blot.all(f.APIs), blot.all(f.Connectors)
	text, err := yaml.MarshalWithOptions(r, yaml.Indent(2), yaml.UseSingleQuote(false))
	if err != nil {
		return nil, fmt.Errorf("the target file cannot be redacted: %w", err)
	}
	text = append([]byte(redactedHead), text...)
	if _, err := Parse("target.yaml", text); err != nil {
		return nil, fmt.Errorf("the target file cannot be redacted: a secret is part of what the file needs; change one of them: %w", err)
	}
	return text, nil
}

func (g *Gateway) redacted(blot *blotter) *Gateway {
	if g == nil {
		return nil
	}
	r := *g
	r.Host, r.Roots = blot.known(g.Host), baseName(g.Roots)
	r.API, r.Proxy = blot.url(g.API), blot.guessed(g.Proxy)
	return &r
}

func (d *Device) redacted(blot *blotter) *Device {
	if d == nil {
		return nil
	}
	r := *d
	r.Host, r.Roots = blot.known(d.Host), baseName(d.Roots)
	r.Identity, r.Key = blot.known(d.Identity), d.Key.redacted()
	r.Resources = maps.Clone(d.Resources)
	for name, resource := range r.Resources {
		if path, ok := strings.CutPrefix(resource.Path, "/"); ok {
			resource.Path = "/" + blot.known(path)
			r.Resources[name] = resource
		}
	}
	r.Calls.URL, r.Calls.API = blot.guessed(d.Calls.URL), blot.guessed(d.Calls.API)
	r.Calls.Payload = blot.guessed(d.Calls.Payload)
	return &r
}

func (p *Platform) redacted(blot *blotter) *Platform {
	if p == nil {
		return nil
	}
	r := *p
	r.Admin, r.HTTP, r.HTTPS = blot.url(p.Admin), blot.url(p.HTTP), blot.url(p.HTTPS)
	return &r
}

func (b *Bench) redacted(blot *blotter) Bench {
	r := *b
	r.PKI, r.Interface = baseName(b.PKI), blot.known(b.Interface)
	if c := b.Certificate; c != nil {
		r.Certificate = &Certificate{Chain: baseName(c.Chain), Key: baseName(c.Key), Host: blot.known(c.Host)}
	}
	return r
}

func (h *Hooks) redacted(blot *blotter) Hooks {
	return Hooks{
		Trigger: h.Trigger.redacted(blot), Provision: h.Provision.redacted(blot), Reset: h.Reset.redacted(blot),
		PowerCycle: h.PowerCycle.redacted(blot), FactoryReset: h.FactoryReset.redacted(blot), Console: h.Console.redacted(blot),
	}
}

func (h *Hook) redacted(blot *blotter) *Hook {
	if h == nil {
		return nil
	}
	r := *h
	r.Person = blot.told(h.Person)
	r.Command = slices.Clone(h.Command)
	for i, argument := range h.Command {
		switch {
		case i == 0 && filepath.IsAbs(argument):
			r.Command[i] = blot.known(baseName(argument))
		case i == 0:
			r.Command[i] = blot.known(argument)
		default:
			r.Command[i] = blot.argument(h.Command[i-1], argument)
		}
	}
	if c := h.HTTP; c != nil {
		r.HTTP = &HTTPCall{Method: c.Method, URL: blot.guessed(c.URL), Header: map[string]string{}, Body: blot.guessed(c.Body)}
		for name, value := range c.Header {
			r.HTTP.Header[name] = blot.header(name, value)
		}
	}
	return &r
}

// redacted is where the secret is, without the folders on the way.
func (s *Source) redacted() Source { return Source{Env: s.Env, File: baseName(s.File)} }

// baseName is the last part of a path, on whatever system it was written.
func baseName(path string) string {
	trimmed := strings.TrimRight(path, `/\`)
	if trimmed == "" {
		return path
	}
	return trimmed[strings.LastIndexAny(trimmed, `/\`)+1:]
}
