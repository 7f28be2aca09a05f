// Package gen turns the contract into code and documents: it loads an OpenAPI
// 3.1 document with x-ois-* extensions, or Swagger 2.0, checks it, and renders folders of
// templates with it. It knows no language and no operation; what it writes is decided
// by the templates.
//
// The types of this file are what a template sees. docs/generator.md
// describes them for people who write templates.
package gen

import (
	"slices"
	"strings"
)

// A Spec is a whole contract.
type Spec struct {
	Source           string // path of the root document, as headers of generated files name it
	Title            string
	Version          string
	Servers          []string // addresses that the paths go behind
	Description      string
	SignedParameters []string       // query parameters that are part of the string to sign
	Limits           []*Limit       // in the order of the contract
	Tags             []*Tag         // in order of first use
	Operations       []*Operation   // in the order of the contract, variants after what they vary
	Types            []*Type        // named object types, by name
	Errors           []*ErrorCode   // by code
	ErrorBody        *Type          // what the body of an error answer is
	RequestHeaders   []*Field       // headers that every request may have
	ResponseHeaders  []*Field       // headers that every answer may have
	Extra            map[string]any // tables of the contract as they stand there: policy-actions, image-actions
}

// A Limit is a number that the contract promises or demands.
type Limit struct {
	Name, GoName, PyName string
	Value                int64
	Unit                 string
	Description          string
}

// A Tag is a group of operations.
type Tag struct {
	Name, GoName, PyName string
	Description          string
	Operations           []*Operation
}

// An ErrorCode is a code that an answer may carry.
type ErrorCode struct {
	Code, GoName, PyName string
	Status               int
	Description          string
	Retry                bool // the same request may succeed later
	Extension            bool // ours, not in the vendor's API
	Common               bool // may happen to every operation
}

// An Operation is one call of the API.
type Operation struct {
	Name          string // as the contract spells it: PutObject
	PyName        string // put_object
	Summary       string // one sentence without its period
	Description   string
	Tag           string
	Method        string
	Path          string     // the key in the contract: /{bucket}?acl
	Level         string     // service, bucket or object
	Query         []string   // the names after the ? of Path
	Selector      string     // header that selects this variant, "" for a plain operation
	VariantOf     *Operation // nil for a plain operation
	Variants      []*Operation
	Auth          string // anonymous, user, read, write or owner
	DenyAnonymous bool
	Action        string // policy action, or ""
	SourceAuth    []string
	SourceActions []string
	Idempotent    string // true, false, etag or position
	Page          *Page  // nil unless the answer comes in pages
	MD5           string // "", optional or required
	Errors        []*ErrorCode
	Extension     bool
	Success       []int // statuses of a successful answer, ascending

	Input       []*Field // path, query, header, then body
	Arguments   []*Field // inputs but for the path, with those of variants, in the order of x-ois-py
	Output      []*Field // headers, then body
	RequestBody string   // "", json, stream or form
	AnswerBody  string   // "", json or stream
	NeedsBody   bool     // the request body is required
	MaxBody     *int64   // bytes of the request body
	Responses   []*Response

	id string // operationId as it stands there
	at node   // for messages
}

// A Response is what one status means.
type Response struct {
	Status      int
	Description string
	Success     bool // 2xx
	Extension   bool
	Headers     []*Field
	Body        string // "", json or stream
}

// A Page names the fields that carry a paged listing.
type Page struct {
	Token  []*Field // inputs that say where to go on
	Next   []*Field // outputs that become the next page's Token
	Last   *Field   // field of an item whose last value is the next Token, where there is no Next
	More   *Field   // output that is true while there are further pages; may be nil
	Items  []*Field // outputs that hold what is listed
	Limit  *Field   // input that bounds a page; may be nil
	Offset *Field   // input that counts the items to skip, for listings without Token
	Total  *Field   // output with the number of all items, for listings without Token
}

// A Field is a parameter, a header, or a property of an object.
type Field struct {
	Name        string   // on the wire
	Aliases     []string // other spellings that a server understands
	GoName      string
	PyName      string
	In          string // path, query, header, body (JSON), stream or form; "" in a named type
	Description string
	Type        *Type
	Required    bool
	Zero        bool // absent differs from the zero value
	OmitEmpty   bool // left out of an answer when empty
	Extension   bool
	Metadata    bool // a map of headers with a common prefix, Name is that prefix
	Clamp       bool // a value above Maximum is lowered, not refused
	ReadOnly    bool // set by the server, ignored in requests
	Secret      bool // must not stand in a log
	FoldCase    bool // Enum is compared without regard to case

	Enum             []string
	Default          string
	Minimum, Maximum *int64
	MaxLength        *int64 // characters
	MaxBytes         *int64
	Pattern          string
	Collection       string // of a List in a parameter or header: csv, ssv, tsv, pipes or multi
}

// The kinds of Type.
const (
	String  = "string"
	Integer = "integer"
	Number  = "number"
	Boolean = "boolean"
	Time    = "time"
	List    = "list"
	Map     = "map"
	Object  = "object"
	Stream  = "stream" // bytes as they come, not JSON
	Any     = "any"    // any JSON value
)

// A Type is the type of a field.
type Type struct {
	Kind        string
	Name        string // of an Object
	PyName      string
	Description string
	Format      string   // of a Time: date-time, seconds or http-date; of others as the contract says
	Elem        *Type    // of a List or Map
	Fields      []*Field // of an Object, in the order of the contract
	OneOrMany   bool     // a List that may be sent as its only element
	InInput     bool     // an Object that some request carries
	InOutput    bool     // an Object that some answer carries

	at node // of an Object, for messages
}

// Pointer reports whether a language with plain values needs a reference to
// tell "absent" from zero.
func (f *Field) Pointer() bool {
	switch f.Type.Kind {
	case Object:
		return !f.Required
	case String, Integer, Number, Boolean:
		return f.Zero
	}
	return false
}

// In returns the inputs at one place: path, query, header, body, stream or form.
func (o *Operation) In(place string) []*Field { return placed(o.Input, place) }

// Out returns the outputs at one place: header, body or stream.
func (o *Operation) Out(place string) []*Field { return placed(o.Output, place) }

// Has reports whether an input of that place and wire name exists.
func (o *Operation) Has(place, name string) bool {
	for _, f := range placed(o.Input, place) {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// Streams reports whether bytes flow in that direction, request or response.
func (o *Operation) Streams(direction string) bool {
	if direction == "request" {
		return o.RequestBody == "stream" || o.RequestBody == "form"
	}
	return o.AnswerBody == "stream"
}

// FirstStatus is the status of a success that says nothing else.
func (o *Operation) FirstStatus() int {
	if len(o.Success) == 0 {
		return 200
	}
	return o.Success[0]
}

// OptionalQuery returns the query parameters that are not part of Path.
func (o *Operation) OptionalQuery() []*Field {
	var fields []*Field
	for _, f := range o.In("query") {
		if !o.inPath(f.Name) {
			fields = append(fields, f)
		}
	}
	return fields
}

// Flags returns the names after the ? of Path that carry no value.
func (o *Operation) Flags() []string {
	var names []string
	for _, name := range o.Query {
		if !o.Has("query", name) {
			names = append(names, name)
		}
	}
	return names
}

// inPath reports whether the query name is part of Path.
func (o *Operation) inPath(name string) bool { return slices.Contains(o.Query, name) }

// placed returns the fields at one place.
func placed(fields []*Field, place string) []*Field {
	var some []*Field
	for _, f := range fields {
		if f.In == place {
			some = append(some, f)
		}
	}
	return some
}
