// Package contract holds the OIS API as data: an OpenAPI 3.1 document with the
// error codes and limits, and vectors that an implementation in any language
// can be tested against. README.md explains the keys that OpenAPI does not have.
//
// It has no code. Package gen makes programs out of the document.
package contract

import "embed"

// FS holds the document, with ois.yaml as its root, and the folder vectors.
//
//go:embed *.yaml vectors
var FS embed.FS
