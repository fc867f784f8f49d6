// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/coapstone/coapstone/gateway/outbound"
)

// Client speaks to a gateway's API. It sends secrets revealed: over a network,
// give it an https URL. A refusal of the gateway is a *Problem.
type Client struct {
	base string
	http *http.Client
}

// NewClient is a client of the gateway whose API is at base, such as
// "http://127.0.0.1:8080". A nil client means http.DefaultClient.
func NewClient(base string, client *http.Client) *Client {
	if client == nil {
		client = http.DefaultClient
	}
	return &Client{strings.TrimSuffix(base, "/"), client}
}

// PutProvider adds or replaces a provider.
func (c *Client) PutProvider(ctx context.Context, name string, p outbound.Provider) error {
	return c.do(ctx, http.MethodPut, "/providers/"+url.PathEscape(name), revealProvider(p), nil)
}

// PutConnector adds or replaces a connector.
func (c *Client) PutConnector(ctx context.Context, name string, connector outbound.Connector) error {
	return c.do(ctx, http.MethodPut, "/connectors/"+url.PathEscape(name), connector, nil)
}

// PutUser adds or replaces a user.
func (c *Client) PutUser(ctx context.Context, name string, u User) error {
	return c.do(ctx, http.MethodPut, "/users/"+url.PathEscape(name), revealUser(u), nil)
}

// DeleteProvider removes a provider.
func (c *Client) DeleteProvider(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/providers/"+url.PathEscape(name), nil, nil)
}

// DeleteConnector removes a connector.
func (c *Client) DeleteConnector(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/connectors/"+url.PathEscape(name), nil, nil)
}

// DeleteUser removes a user.
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/users/"+url.PathEscape(name), nil, nil)
}

// Providers is all providers by name, with their keys masked.
func (c *Client) Providers(ctx context.Context) (map[string]outbound.Provider, error) {
	var all struct {
		Providers map[string]outbound.Provider `json:"providers"`
	}
	err := c.do(ctx, http.MethodGet, "/providers", nil, &all)
	return all.Providers, err
}

// Connectors is all connectors by name.
func (c *Client) Connectors(ctx context.Context) (map[string]outbound.Connector, error) {
	var all struct {
		Connectors map[string]outbound.Connector `json:"connectors"`
	}
	err := c.do(ctx, http.MethodGet, "/connectors", nil, &all)
	return all.Connectors, err
}

// Users is all users by name, with their passwords and keys masked.
func (c *Client) Users(ctx context.Context) (map[string]User, error) {
	var all struct {
		Users map[string]User `json:"users"`
	}
	err := c.do(ctx, http.MethodGet, "/users", nil, &all)
	return all.Users, err
}

// Ready says why the gateway does not serve; nil when it does.
func (c *Client) Ready(ctx context.Context) error {
	return c.do(ctx, http.MethodGet, "/ready", nil, nil)
}

// Call has the gateway call a connector. Whatever the gateway answers is the
// response, also a problem (ReadProblem tells); the caller closes its body.
func (c *Client) Call(ctx context.Context, connector string, call outbound.Call) (*http.Response, error) {
	return c.send(ctx, http.MethodPost, "/connectors/"+url.PathEscape(connector)+"/call", call)
}

// ReadProblem is the problem details that the gateway answered with, or nil if
// the response is something else. It reads the body of a problem alone.
func ReadProblem(resp *http.Response) *Problem {
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if mediaType != problemType || resp.Header.Get(CodeHeader) != "" {
		return nil
	}
	p := new(Problem)
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(p); err != nil {
		return problem(resp.StatusCode, "the problem details could not be read: %v", err)
	}
	return p
}

// do sends a request and reads the answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if p := ReadProblem(resp); p != nil {
		return p
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: the gateway answered %s, with no problem details", method, path, resp.Status)
	}
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body) // so that the connection can be used again
		return err
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("%s %s: the gateway's answer could not be read: %w", method, path, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.http.Do(req)
}
