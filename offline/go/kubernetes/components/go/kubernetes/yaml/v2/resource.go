// Package v2 refuses the resources of component resources.
package v2

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// RegisterResource refuses every resource: this provider was built without component resources.
func RegisterResource(
	_ *pulumi.Context, apiVersion, kind, name string, _ pulumi.Input, _ ...pulumi.ResourceOption,
) (pulumi.CustomResource, error) {
	return nil, fmt.Errorf(
		"%s/%s %s: this provider was built without ConfigGroup, ConfigFile, Chart and Directory; "+
			"install the published provider, or declare the objects one by one", apiVersion, kind, name)
}
