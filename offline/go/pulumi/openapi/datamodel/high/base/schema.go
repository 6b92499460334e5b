// Package base has the types of schemas.
package base

import (
	"errors"

	"github.com/pb33f/libopenapi/orderedmap"
	"go.yaml.in/yaml/v4"
)

// Info describes a document.
type Info struct {
	Version string
}

// SchemaProxy refers to a schema.
type SchemaProxy struct{}

// Schema is nil: there are no documents.
func (*SchemaProxy) Schema() *Schema { return nil }

// DynamicValue is a value of one of two types.
type DynamicValue[A, B any] struct {
	A A
	B B
	N int
}

// IsA says that the value is of the first type.
func (*DynamicValue[A, B]) IsA() bool { return true }

// IsB says that the value is not of the second type.
func (*DynamicValue[A, B]) IsB() bool { return false }

// Discriminator says which of several schemas a value has.
type Discriminator struct {
	PropertyName string
	Mapping      *orderedmap.Map[string, string]
}

// Schema describes a value.
type Schema struct {
	Type                         []string
	AllOf, OneOf, AnyOf          []*SchemaProxy
	Discriminator                *Discriminator
	Properties                   *orderedmap.Map[string, *SchemaProxy]
	Items, AdditionalProperties  *DynamicValue[*SchemaProxy, bool]
	Required                     []string
	Enum                         []*yaml.Node
	Default                      *yaml.Node
	Description, Format, Pattern string
	MultipleOf, Maximum, Minimum *float64
	MaxLength, MinLength         *int64
	Nullable, ReadOnly           *bool
	Extensions                   *orderedmap.Map[string, *yaml.Node]
}

// Low is a schema as it was read.
type Low struct{}

// Hash identifies a schema.
func (*Low) Hash() uint64 { return 0 }

// GoLow is nil: no schema was read.
func (*Schema) GoLow() *Low { return nil }

// MarshalJSONInline is there to be named.
func (*Schema) MarshalJSONInline() ([]byte, error) { return nil, errors.ErrUnsupported }
