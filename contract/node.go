package contract

import (
	"fmt"
	"math/big"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Node is one schema of those that a Schema consists of, to be walked over by who makes something of it. Where
// several event types refer to the same file, they lead to the same nodes. Nodes can lead to themselves.
type Node struct {
	// Name is of the place: the last word of its JSON Pointer, or that of its file.
	Name string
	// Source tells the node from others in the same place of any version of the contract: the path of its file, relative
	// to the contract's, and the JSON Pointer in it, such as schemas/money.json#/$defs/amount; the pointer alone within a
	// schema that stands in the contract itself.
	Source string
	Local  bool // stands in the contract itself
	// Bare tells that the node asks for nothing but what Ref and AllOf do.
	Bare               bool
	Title, Description string

	Never                   bool     // the schema false
	Types                   []string // nil: any
	Enum                    []any    // numbers are json.Number
	Const                   *any
	Format, ContentEncoding string

	Minimum, Maximum, ExclusiveMinimum, ExclusiveMaximum *big.Rat

	Properties []Property // in the order of declaration
	Required   []string
	Patterns   []*Node // of patternProperties
	Additional *Node   // nil: any member
	Prefix     []*Node
	Items      *Node // of those after Prefix; nil: any

	Ref                 *Node
	AllOf, AnyOf, OneOf []*Node

	at place
}

// A Property is a member that a schema declares.
type Property struct {
	Name   string
	Schema *Node
}

// Error is a message about the place where the node is written.
func (n *Node) Error(format string, args ...any) Error { return n.at.error(format, args...) }

// nodes makes the nodes of a contract's schemas, each once.
type nodes struct {
	library *library
	made    map[string]*Node // by location
}

func (m *nodes) node(s *jsonschema.Schema) *Node {
	if s == nil {
		return nil
	}
	if known := m.made[s.Location]; known != nil {
		return known
	}
	n := &Node{}
	m.made[s.Location] = n // before its parts, which may refer to it
	m.locate(n, s.Location)
	n.Bare = isBare(s)
	n.Title, n.Description = s.Title, s.Description
	n.Never = s.Bool != nil && !*s.Bool
	if s.Types != nil {
		n.Types = s.Types.ToStrings()
	}
	if s.Enum != nil {
		n.Enum = s.Enum.Values
	}
	n.Const = s.Const
	if s.Format != nil {
		n.Format = s.Format.Name
	}
	n.Minimum, n.Maximum = s.Minimum, s.Maximum
	n.ExclusiveMinimum, n.ExclusiveMaximum = s.ExclusiveMinimum, s.ExclusiveMaximum
	n.Required = s.Required
	m.members(n, s)
	n.Prefix, n.Items = m.all(s.PrefixItems), m.node(s.Items2020)
	n.Ref, n.AllOf, n.AnyOf, n.OneOf = m.node(s.Ref), m.all(s.AllOf), m.all(s.AnyOf), m.all(s.OneOf)
	return n
}

func (m *nodes) all(schemas []*jsonschema.Schema) []*Node {
	var all []*Node
	for _, s := range schemas {
		all = append(all, m.node(s))
	}
	return all
}

// locate finds where the node is written, and what the validator does not keep: the content's encoding.
func (m *nodes) locate(n *Node, location string) {
	_, pointer, _ := strings.Cut(location, "#")
	found, ok := m.library.value(location)
	if !ok {
		n.at = place{file: m.library.r.file}
	} else {
		n.at = found.at
		if encoding := found.get("contentEncoding"); encoding != nil && encoding.kind == isString {
			n.ContentEncoding = encoding.text
		}
	}
	n.Local = n.at.file == m.library.r.file
	n.Source = "#" + pointer
	if !n.Local {
		file := n.at.file
		if relative, err := filepath.Rel(filepath.Dir(m.library.r.file), file); err == nil {
			file = filepath.ToSlash(relative)
		}
		n.Source, n.Name = file+n.Source, strings.SplitN(filepath.Base(file), ".", 2)[0]
	}
	if pointer != "" {
		n.Name = unescape.Replace(pointer[strings.LastIndexByte(pointer, '/')+1:])
	}
}

// members keeps the order in which the properties are declared, which the validator does not.
func (m *nodes) members(n *Node, s *jsonschema.Schema) {
	if written, ok := m.library.value(s.Location); ok {
		if properties := written.get("properties"); properties != nil {
			for _, member := range properties.members {
				n.Properties = append(n.Properties, Property{member.name, m.node(s.Properties[member.name])})
			}
		}
		if patterns := written.get("patternProperties"); patterns != nil {
			for _, member := range patterns.members {
				for pattern, schema := range s.PatternProperties {
					if pattern.String() == member.name {
						n.Patterns = append(n.Patterns, m.node(schema))
					}
				}
			}
		}
	}
	switch others := s.AdditionalProperties.(type) {
	case bool:
		if !others {
			n.Additional = &Node{Never: true, Source: n.Source + "/additionalProperties", at: n.at}
		}
	case *jsonschema.Schema:
		n.Additional = m.node(others)
	}
}

// isBare tells whether a schema asks for nothing but what its $ref and allOf do.
func isBare(s *jsonschema.Schema) bool {
	fields := reflect.ValueOf(*s)
	for i := range fields.NumField() {
		field := fields.Type().Field(i)
		if field.IsExported() && !silent[field.Name] && !fields.Field(i).IsZero() {
			return false
		}
	}
	return true
}

// String names the node for our own errors.
func (n *Node) String() string { return fmt.Sprintf("%s (%s)", n.Source, n.at) }
