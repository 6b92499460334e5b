// Package v3 has the types of version 3 of OpenAPI.
package v3

import (
	"github.com/pb33f/libopenapi/datamodel/high/base"
	"github.com/pb33f/libopenapi/orderedmap"
	"go.yaml.in/yaml/v4"
)

// Document describes an API.
type Document struct {
	Info       *base.Info
	Components *Components
	Paths      *Paths
}

// Components are what operations share.
type Components struct {
	Schemas *orderedmap.Map[string, *base.SchemaProxy]
}

// Paths are the operations by their paths.
type Paths struct {
	PathItems *orderedmap.Map[string, *PathItem]
}

// PathItem has the operations of a path by their methods.
type PathItem struct {
	Get, Post, Put, Delete, Patch, Head *Operation
}

// Operation is one call of an API.
type Operation struct {
	OperationId, Summary, Description string
	Tags                              []string
	Parameters                        []*Parameter
	RequestBody                       *RequestBody
	Responses                         *Responses
	Deprecated                        *bool
	Extensions                        *orderedmap.Map[string, *yaml.Node]
}

// Parameter is one of an operation.
type Parameter struct {
	Name, In, Description string
	Required              *bool
	Schema                *base.SchemaProxy
}

// RequestBody has a body's content by media type.
type RequestBody struct {
	Content *orderedmap.Map[string, *MediaType]
}

// Responses are an operation's, by status.
type Responses struct {
	Codes   *orderedmap.Map[string, *Response]
	Default *Response
}

// Response is one of an operation.
type Response struct {
	Description string
	Content     *orderedmap.Map[string, *MediaType]
}

// MediaType is one kind of content.
type MediaType struct {
	Schema *base.SchemaProxy
}
