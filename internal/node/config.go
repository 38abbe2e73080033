package node

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/leatstream/leat/internal/problem"
)

// parseConfigFile reads a YAML mapping of settings: what each field says, and all that is wrong with the file.
func parseConfigFile(file string, text []byte) (map[string]given, []error) {
	tree, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey()) // told below, with all the rest
	if err != nil {
		return nil, []error{syntaxError(file, err)}
	}
	fields := make(map[string]given)
	var errs []error
	for _, document := range tree.Docs {
		if document.Body == nil || document.Body.Type() == ast.NullType || document.Body.Type() == ast.CommentType {
			continue
		}
		mapping, ok := document.Body.(ast.MapNode)
		if !ok {
			errs = append(errs, fmt.Errorf("%s: write settings here, such as `listen: 127.0.0.1:8080`", at(file, document.Body)))
			continue
		}
		for entries := mapping.MapRange(); entries.Next(); {
			if err := addField(fields, file, entries.KeyValue()); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return fields, errs
}

func addField(fields map[string]given, file string, entry *ast.MappingValueNode) error {
	name := entry.Key.GetToken().Value
	for _, s := range settings {
		if s.name != name {
			continue
		}
		if first, twice := fields[name]; twice {
			return fmt.Errorf("%s: %s is already set at %s", at(file, entry.Key), name, first.source)
		}
		values, err := s.nodeValues(entry.Value)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", at(file, entry.Value), name, err)
		}
		line := entry.Key.GetToken().Position.Line
		fields[name] = given{values: values, source: fmt.Sprintf("%s:%d", file, line), where: at(file, entry.Value)}
		return nil
	}
	return fmt.Errorf("%s: unknown setting %q%s", at(file, entry.Key), name, problem.DidYouMean(name, settingNames()))
}

// nodeValues gives the text of a scalar, or of each scalar of a sequence where the setting is a list.
func (s setting) nodeValues(node ast.Node) ([]string, error) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		text, err := scalarText(node)
		if err != nil {
			return nil, err
		}
		return s.split(text), nil
	}
	if !s.list {
		return nil, errors.New("give one value, not a list")
	}
	values := make([]string, 0, len(sequence.Values))
	for _, item := range sequence.Values {
		text, err := scalarText(item)
		if err != nil {
			return nil, err
		}
		values = append(values, text)
	}
	return values, nil
}

// scalarText gives a scalar as it is written: `true`, `20s` and `"20s"` are read by the same code as a flag.
func scalarText(node ast.Node) (string, error) {
	if node.Type() == ast.NullType {
		return "", errors.New("a value is missing")
	}
	if _, ok := node.(ast.ScalarNode); !ok {
		return "", errors.New("give a plain value")
	}
	return node.GetToken().Value, nil
}

func at(file string, node ast.Node) string {
	position := node.GetToken().Position
	return fmt.Sprintf("%s:%d:%d", file, position.Line, position.Column)
}

func syntaxError(file string, err error) error {
	if syntax, ok := errors.AsType[yaml.Error](err); ok {
		position := syntax.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", file, position.Line, position.Column, syntax.GetMessage())
	}
	return fmt.Errorf("%s: %w", file, err)
}
