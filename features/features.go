// SPDX-License-Identifier: Apache-2.0

// Package features is what must hold, as data: Gherkin features, and below
// requirements the catalogue of the sentences that they prove.
//
// It is embedded in the program, so that one binary runs the suite from any
// folder.
package features

import "embed"

//go:generate go test -count=1 -update .

// FS is the built-in features and the catalogue.
//
//go:embed */*.feature requirements/*.yaml
var FS embed.FS

// Requirements is the folder of the catalogue in FS.
const Requirements = "requirements"
