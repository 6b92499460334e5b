// Package kubernetes takes the place of Pulumi's Go SDK for Kubernetes. The provider needs the SDK for its component
// resources only (YAML ConfigGroups, Helm Charts, Kustomize), which this project does not use, and the SDK is a third of
// everything that is compiled here. These packages have just what the provider's code names.
package kubernetes

import "reflect"

// UntypedArgs are the inputs of a resource as they are.
type UntypedArgs map[string]any

func (UntypedArgs) ElementType() reflect.Type {
	return reflect.TypeFor[map[string]any]()
}
