// SPDX-License-Identifier: Apache-2.0

// Package yamlplace says where in a YAML file a value stands, so that an error
// can name file, line and column.
//
// It is a leaf: it knows YAML, and nothing of what the files are about.
package yamlplace
