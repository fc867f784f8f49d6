// SPDX-License-Identifier: Apache-2.0

package reports

import (
	_ "embed" // for the schema
	"slices"
)

//go:embed report.schema.json
var jsonSchema []byte

// JSONSchema is the JSON Schema (draft 2020-12) of report.json, version [Schema].
// It allows further fields, as later programs may write some.
func JSONSchema() []byte { return slices.Clone(jsonSchema) }
