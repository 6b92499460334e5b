// The official Kubernetes provider of Pulumi. Its own main package needs a generated schema that the Go
// module does not contain; only the schema's name is needed to serve the Python SDK.
package main

import (
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

func main() {
	provider.Serve("kubernetes", version.Version, []byte(`{"name":"kubernetes"}`), []byte(`{}`))
}
