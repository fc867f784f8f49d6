// SPDX-License-Identifier: Apache-2.0

package target

import (
	_ "embed" // the schema
	"slices"
)

//go:embed target.schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of target files, for editors. It is
// made of this package's types and their documentation; go test with -update
// writes it anew.
func Schema() []byte { return slices.Clone(schema) }
