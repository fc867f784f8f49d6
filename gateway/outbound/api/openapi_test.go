// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"github.com/coapstone/coapstone/gateway/outbound/api"
)

// contract is openapi.yaml, read once for all tests.
var contract = sync.OnceValues(func() (validator.Validator, error) {
	document, err := libopenapi.NewDocument(api.OpenAPI)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return v, nil
})

// validating holds every answer against openapi.yaml, and every request that
// was not refused.
type validating struct {
	t    *testing.T
	next http.RoundTripper
	mu   sync.Mutex // the validator is not made for use by many at once
}

func (v *validating) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent []byte
	if req.Body != nil {
		var err error
		if sent, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := v.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	v.check(req, sent, resp, body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func (v *validating) check(req *http.Request, sent []byte, resp *http.Response, body []byte) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	contract, err := contract()
	if err != nil {
		v.t.Error(err)
		return
	}
	if resp.StatusCode == http.StatusNotFound && strings.HasSuffix(req.URL.Path, "/nothing") || resp.StatusCode == http.StatusMethodNotAllowed {
		return // no operation, and so no contract
	}
	again := req.Clone(req.Context())
	again.Body = io.NopCloser(bytes.NewReader(sent))
	if resp.StatusCode < 400 || resp.Header.Get(api.CodeHeader) != "" {
		if ok, faults := contract.ValidateHttpRequestSync(again); !ok {
			for _, f := range faults {
				v.t.Errorf("%s %s is not in openapi.yaml: %s: %s %v", req.Method, req.URL, f.Message, f.Reason, f.SchemaValidationErrors)
			}
		}
	}
	shadow := *resp
	shadow.Header = resp.Header.Clone()
	shadow.Body = io.NopCloser(bytes.NewReader(body))
	if code := resp.Header.Get(api.CodeHeader); code != "" {
		shadow.Header.Set("Content-Type", "*/*")               // the validator knows no media ranges
		shadow.Header.Set(api.CodeHeader, strconv.Quote(code)) // and takes 2.05 for a number
	}
	if ok, faults := contract.ValidateHttpResponse(again, &shadow); !ok {
		for _, f := range faults {
			v.t.Errorf("the answer %s to %s %s is not in openapi.yaml: %s: %s %v\n%s", resp.Status, req.Method, req.URL, f.Message, f.Reason, f.SchemaValidationErrors, body)
		}
	}
}

func TestOpenAPIDescriptionIsValidAndServed(t *testing.T) {
	v, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	if ok, faults := v.ValidateDocument(); !ok {
		for _, f := range faults {
			t.Errorf("%s: %s %v", f.Message, f.Reason, f.SchemaValidationErrors)
		}
	}
	g := serve(t)
	resp, body := g.do(t, "GET", "/openapi.yaml", "", "")
	if body != string(api.OpenAPI) || resp.Header.Get("Content-Type") != "application/yaml" {
		t.Errorf("got %s, %d bytes", resp.Header.Get("Content-Type"), len(body))
	}
}

// TestContractCanBreak holds that the validator sees an answer that is not in
// openapi.yaml: otherwise it would prove nothing.
func TestContractCanBreak(t *testing.T) {
	v, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	for body, contentType := range map[string]string{
		`{"providers":{"p":{}}}`:    "application/json",
		`{"providers":{},"more":1}`: "application/json",
		`[]`:                        "application/json",
		`{"providers":{"p":{"environments":{"X":1}}}}`: "application/json",
		`hello`: "text/html",
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://h/providers", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body))}
		if ok, _ := v.ValidateHttpResponse(req, resp); ok {
			t.Errorf("%s %s passed", contentType, body)
		}
	}
	for _, code := range []string{`"2.5"`, `"3.00"`, `"Content"`, ""} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://h/connectors/c/call", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp := &http.Response{StatusCode: 204, Header: http.Header{"Coap-Code": {code}}, Body: http.NoBody}
		if ok, _ := v.ValidateHttpResponse(req, resp); ok {
			t.Errorf("%s: %s passed", api.CodeHeader, code)
		}
	}
}
