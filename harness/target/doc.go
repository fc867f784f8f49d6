// SPDX-License-Identifier: Apache-2.0

// Package target is the target file: what is under test, what it declares, where
// it is reached, with which credentials, and what stands on the bench around it.
//
// A target file is YAML, read strictly: an unknown key, a value of another kind and
// two places that contradict each other are errors with their lines. It never
// holds a secret; it says where one is: in a variable of the environment, or in a
// file. docs/target-file.md is its guide, testdata has an example of each role, and
// target.schema.json is its JSON Schema.
//
// Open reads the file and all that it names, Parse the file alone. File.Statement
// is the conformance statement with its defaults; File.Redacted is the file as it
// may be shared.
//
// It opens no socket, runs no hook and knows no lab.
package target
