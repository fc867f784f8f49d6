// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coapstone/coapstone/harness/lab"
	"github.com/coapstone/coapstone/harness/verdict"
	"github.com/coapstone/coapstone/mockrmp"
)

// lookTimeout bounds the look at a Composite API that exists already.
const lookTimeout = 10 * time.Second

// boundAPI is a Composite API that exists already. It answers what it answers, so
// the scenario applies only where that is what it needs.
func (s *stage) boundAPI(ctx context.Context, name, url string, want mockrmp.API) (lab.CompositeAPI, error) {
	api := lab.CompositeAPI{Name: name, URL: url, Existing: true}
	if why := unlike(want); why != "" {
		return api, verdict.DoesNotApply("the Composite API %q exists already, and cannot be told to %s: the mock platform can (platform in the target file)", name, why)
	}
	answer := mockrmp.Answer{}
	if len(want.Answers) > 0 {
		answer = want.Answers[0]
	}
	got, err := s.look(ctx, url, want.Public)
	if err != nil {
		return api, verdict.DoesNotApply("the Composite API %q exists already, and what it answers cannot be seen from here: %v", name, err)
	}
	if why := got.differs(answer); why != "" {
		return api, verdict.DoesNotApply("the Composite API %q exists already, and %s: change what it answers, or bind the name to another", name, why)
	}
	return api, nil
}

// unlike says what a scenario needs of a Composite API that nobody can see by one
// GET; "" is nothing.
func unlike(want mockrmp.API) string {
	switch {
	case want.Method != "" && want.Method != http.MethodGet:
		return "take a " + want.Method + " for a test"
	case want.Accept != "" || len(want.Modes) > 0 || len(want.Users) > 0 || len(want.Answers) > 1:
		return "take some requests alone, or to change its answer"
	case len(want.Answers) > 0 && (want.Answers[0].Fault != mockrmp.FaultNone || want.Answers[0].Delay > 0 || len(want.Answers[0].Header) > 0):
		return "be slow or to fail, or to answer with other header fields"
	}
	return ""
}

// seen is what a Composite API answered.
type seen struct {
	status      int
	contentType string
	body        []byte
}

// look is what the Composite API answers to a GET, as one of the bound users.
func (s *stage) look(ctx context.Context, url string, public bool) (seen, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return seen{}, err
	}
	if names := slices.Sorted(maps.Keys(s.bench.Bound.Users)); len(names) > 0 && !public {
		u := s.bench.Bound.Users[names[0]]
		req.SetBasicAuth(u.Name, u.Password)
	}
	if s.bench.Look == nil {
		return seen{}, errors.New("the lab has no way to call it")
	}
	resp, err := s.bench.Look(req)
	if err != nil {
		return seen{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResult))
	return seen{resp.StatusCode, resp.Header.Get("Content-Type"), body}, err
}

// differs says how the answer is another than the scenario needs; "" is not at all.
func (g seen) differs(want mockrmp.Answer) string {
	status := want.Status
	if status == 0 {
		status = http.StatusOK
	}
	switch {
	case g.status != status:
		return fmt.Sprintf("answers GET with %d, where the scenario needs %d", g.status, status)
	case want.ContentType == "" && len(want.Body) == 0:
		return "" // whatever it is, the scenario does not look at it
	case want.ContentType != "" && !sameMediaType(g.contentType, want.ContentType):
		return fmt.Sprintf("answers with the content type %q, where the scenario needs %q", g.contentType, want.ContentType)
	case !bytes.Equal(g.body, want.Body):
		return fmt.Sprintf("answers with %q, where the scenario needs %q", excerpt(g.body), excerpt(want.Body))
	}
	return ""
}

func sameMediaType(got, want string) bool {
	g, p, err1 := mime.ParseMediaType(got)
	w, q, err2 := mime.ParseMediaType(want)
	return err1 == nil && err2 == nil && g == w && maps.EqualFunc(p, q, strings.EqualFold)
}

func excerpt(b []byte) []byte { return b[:min(len(b), 60)] }
