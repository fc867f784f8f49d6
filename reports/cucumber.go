// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/coapstone/coapstone/harness/verdict"
)

// The shape of Cucumber JSON, as its readers take it.
type (
	cucumberFeature struct {
		URI      string             `json:"uri"`
		ID       string             `json:"id"`
		Keyword  string             `json:"keyword"`
		Name     string             `json:"name"`
		Line     int                `json:"line"`
		Elements []*cucumberElement `json:"elements"`
	}
	cucumberElement struct {
		ID      string         `json:"id"`
		Keyword string         `json:"keyword"`
		Type    string         `json:"type"`
		Name    string         `json:"name"`
		Line    int            `json:"line"`
		Tags    []cucumberTag  `json:"tags,omitempty"`
		Steps   []cucumberStep `json:"steps"`
	}
	cucumberTag struct {
		Name string `json:"name"`
		Line int    `json:"line"`
	}
	cucumberStep struct {
		Keyword    string              `json:"keyword"`
		Name       string              `json:"name"`
		Line       int                 `json:"line"`
		Rows       []cucumberRow       `json:"rows,omitempty"`
		DocString  *cucumberDocString  `json:"doc_string,omitempty"`
		Match      cucumberMatch       `json:"match"`
		Result     cucumberResult      `json:"result"`
		Embeddings []cucumberEmbedding `json:"embeddings,omitempty"`
	}
	cucumberRow struct {
		Cells []string `json:"cells"`
	}
	cucumberDocString struct {
		Value       string `json:"value"`
		ContentType string `json:"content_type"`
	}
	cucumberMatch struct {
		Location string `json:"location"`
	}
	cucumberResult struct {
		Status   string `json:"status"`
		Duration int64  `json:"duration,omitempty"` // nanoseconds
		Error    string `json:"error_message,omitempty"`
	}
	cucumberEmbedding struct {
		MimeType string `json:"mime_type"`
		Data     []byte `json:"data"` // Base64 in JSON
	}
)

// WriteCucumber writes the run as Cucumber JSON. The format knows passed, failed
// and skipped only: fail, error and inconclusive are failed at the step that
// ended the scenario, or at the last one; the verdict stands in the message. A
// known failure is skipped there.
// The failure report is attached to that step.
func WriteCucumber(w io.Writer, r *Report) error {
	features := []*cucumberFeature{}
	byFile := map[string]*cucumberFeature{}
	for _, s := range r.Scenarios {
		f := byFile[s.File]
		if f == nil {
			f = &cucumberFeature{URI: s.File, ID: slug(s.Feature), Keyword: "Feature", Name: s.Feature, Line: s.FeatureLine}
			byFile[s.File] = f
			features = append(features, f)
		}
		e, err := cucumberElementOf(r, s)
		if err != nil {
			return err
		}
		f.Elements = append(f.Elements, e)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(features)
}

func cucumberElementOf(r *Report, s *Scenario) (*cucumberElement, error) {
	e := &cucumberElement{
		ID: slug(s.Feature) + ";" + slug(s.Name), Keyword: s.Keyword, Type: "scenario", Name: s.Title(), Line: s.Line, Steps: []cucumberStep{},
	}
	if s.Row != nil {
		e.ID += ";" + s.ID
	}
	for _, tag := range s.Tags {
		e.Tags = append(e.Tags, cucumberTag{tag, s.Line})
	}
	blamed := len(s.Steps) - 1
	if s.Finding != nil && s.Finding.Step >= 0 {
		blamed = s.Finding.Step
	}
	for i, st := range s.Steps {
		c := cucumberStep{Keyword: st.Keyword + " ", Name: st.Text, Line: st.Line, Match: cucumberMatch{st.Expression}}
		for _, row := range st.Table {
			c.Rows = append(c.Rows, cucumberRow{row})
		}
		if st.HasDocString {
			c.DocString = &cucumberDocString{st.DocString, st.DocType}
		}
		c.Result = cucumberResult{Status: "skipped", Duration: st.Elapsed.Nanoseconds()}
		if st.Status == Passed {
			c.Result.Status = "passed"
		}
		if i == blamed && s.Verdict != verdict.Pass {
			if err := blame(&c, r, s); err != nil {
				return nil, err
			}
		}
		e.Steps = append(e.Steps, c)
	}
	return e, nil
}

// blame gives a step the verdict of its scenario.
func blame(c *cucumberStep, r *Report, s *Scenario) error {
	c.Result.Error = s.Verdict.String() + ": " + s.Finding.String()
	if s.Known != nil {
		c.Result.Status = "skipped"
		c.Result.Error = fmt.Sprintf("known %s (%s: %s)", c.Result.Error, s.Known.Why, s.Known.Link)
		return nil
	}
	switch s.Verdict {
	case verdict.Fail, verdict.Error, verdict.Inconclusive:
		c.Result.Status = "failed"
	case verdict.Warning:
		c.Result.Status = "passed"
	default:
		c.Result.Status = "skipped"
		return nil
	}
	var b strings.Builder
	if err := WriteFailure(&b, r, s, TextOptions{}); err != nil {
		return err
	}
	c.Embeddings = []cucumberEmbedding{{"text/plain", []byte(b.String())}}
	return nil
}

// slug is a name as Cucumber's ids have it.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return '-'
	}, name)
}
