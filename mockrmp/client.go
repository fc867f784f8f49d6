// SPDX-License-Identifier: Apache-2.0

package mockrmp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// clientIdleTimeout is how long a connection is kept that is not used: less than
// headTimeout, after which the platform closes one over which no request came.
const clientIdleTimeout = 4 * time.Second

// Client drives a platform over its admin API, in this process or elsewhere. It
// is safe for use by several goroutines.
type Client struct {
	base string
	http *http.Client
}

// NewClient is a client of the admin API at adminURL: "http://127.0.0.1:8081".
func NewClient(adminURL string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // the platform is the lab's own
	transport.MaxIdleConnsPerHost = 64
	transport.IdleConnTimeout = clientIdleTimeout
	return &Client{strings.TrimSuffix(adminURL, "/"), &http.Client{Transport: transport}}
}

// Close closes the client's idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// RefusalError is the admin API's refusal of a request.
type RefusalError struct {
	// Request is what was asked: "PUT /users".
	Request string
	// Status is the HTTP status, Detail what is wrong and what to do.
	Status int
	Detail string
}

// Error is the refusal in one line.
func (r *RefusalError) Error() string {
	return fmt.Sprintf("mockrmp: %s: %d %s: %s", r.Request, r.Status, http.StatusText(r.Status), r.Detail)
}

// DroppedError is the error that comes with the journal when it is not complete.
type DroppedError struct {
	// Requests is how many requests that may have been asked for are lost.
	Requests int
}

// Error says what to do.
func (d *DroppedError) Error() string {
	return fmt.Sprintf("mockrmp: the journal has dropped %d of these requests to keep its limit, so nothing can be said of their number or order: raise JournalBytes, or send less", d.Requests)
}

// PutUser makes the user known, or gives it another password.
func (c *Client) PutUser(ctx context.Context, u User) error {
	return c.put(ctx, "/users", u)
}

// DeleteUser makes the user unknown. It is no error if it was.
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/users?"+url.Values{"name": {name}}.Encode(), nil, nil)
}

// PutAPI puts up a Composite API. One that stands at the same path is replaced,
// and its answers begin anew; answers under way are not changed.
func (c *Client) PutAPI(ctx context.Context, a API) error {
	return c.put(ctx, "/apis", a)
}

// DeleteCustomer removes the customer's Composite APIs and journal, and cuts
// the connections of its answers under way.
func (c *Client) DeleteCustomer(ctx context.Context, customer string) error {
	return c.do(ctx, http.MethodDelete, "/customers?"+url.Values{"name": {customer}}.Encode(), nil, nil)
}

// Journal is what f picks, in the order of arrival, as soon as f is met. A
// journal that is not complete comes with a *[DroppedError] error.
func (c *Client) Journal(ctx context.Context, f Filter) ([]Request, error) {
	deadline := time.Now().Add(f.Wait)
	for {
		var got journalBody
		if err := c.do(ctx, http.MethodGet, "/journal?"+f.query().Encode(), nil, &got); err != nil {
			return nil, err
		}
		if got.Dropped > 0 {
			return got.Requests, &DroppedError{got.Dropped}
		}
		answered := 0
		for _, r := range got.Requests {
			if r.Answered {
				answered++
			}
		}
		// The server waits no longer than it likes; the rest of the time is asked for again.
		if f.Wait = time.Until(deadline); answered >= f.AtLeast || f.Wait <= 0 {
			return got.Requests, nil
		}
	}
}

// Ready returns nil once the platform answers; it asks once.
func (c *Client) Ready(ctx context.Context) error {
	return c.do(ctx, http.MethodGet, "/ready", nil, nil)
}

func (c *Client) put(ctx context.Context, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("mockrmp: PUT %s: %w", path, err)
	}
	return c.do(ctx, http.MethodPut, path, b, nil)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("mockrmp: %s %s: %w", method, path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("mockrmp: the admin API does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("mockrmp: %s %s: the answer broke off: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		var p problem
		if json.Unmarshal(b, &p) != nil || p.Detail == "" {
			p.Detail = strings.TrimSpace(string(b))
		}
		return &RefusalError{method + " " + path, resp.StatusCode, p.Detail}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("mockrmp: %s %s: the answer cannot be read: %w", method, path, err)
	}
	return nil
}
