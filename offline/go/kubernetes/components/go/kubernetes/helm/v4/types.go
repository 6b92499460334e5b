// Package v4 has the types that the provider's code for Helm charts names.
package v4

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// PostRenderer is a command that changes rendered manifests.
type PostRenderer struct {
	Args    []string `pulumi:"args"`
	Command string   `pulumi:"command"`
}

// PostRendererInput is a PostRenderer or an output of one.
type PostRendererInput interface {
	pulumi.Input
}

// RepositoryOpts says where a chart is and how to log in there.
type RepositoryOpts struct {
	CaFile   pulumi.AssetOrArchive `pulumi:"caFile"`
	CertFile pulumi.AssetOrArchive `pulumi:"certFile"`
	KeyFile  pulumi.AssetOrArchive `pulumi:"keyFile"`
	Password *string               `pulumi:"password"`
	Repo     *string               `pulumi:"repo"`
	Username *string               `pulumi:"username"`
}

// RepositoryOptsInput is a RepositoryOpts or an output of one.
type RepositoryOptsInput interface {
	pulumi.Input
}
