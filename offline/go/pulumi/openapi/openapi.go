// Package libopenapi takes the place of the OpenAPI parser that only `pulumi api`, the explorer of Pulumi Cloud's API,
// needs. The parser is a fifth of everything that is compiled here. These packages have just what the command names;
// it ends with the error of NewDocument.
package libopenapi

import (
	"errors"

	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// Document is an OpenAPI document.
type Document struct{}

// DocumentModel is a document's content.
type DocumentModel struct {
	Model v3.Document
}

// NewDocument refuses every document: this program was built without the parser.
func NewDocument([]byte) (*Document, error) {
	return nil, errors.New("this pulumi was built without `pulumi api`; install the published pulumi to use it")
}

// BuildV3Model is there to be named; there are no documents.
func (*Document) BuildV3Model() (*DocumentModel, error) {
	return nil, errors.ErrUnsupported
}
