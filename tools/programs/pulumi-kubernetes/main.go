// Package main is the Kubernetes resource provider of Pulumi as an executable.
//
// The module carries the provider as a library and its schema as a file; the command beside it
// embeds a schema that its release process writes, which the module does not hold. So this command
// takes its place: the builder writes both files next to it (smaller, and with the version set)
// before it compiles, and they are never committed.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

// Set by the linker to the version that the schema carries.
var version = "0.0.0"

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

func main() {
	provider.Serve("kubernetes", version, schema, mapping)
}
