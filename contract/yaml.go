package contract

import (
	"errors"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxValues is how many values a file can hold: aliases can make a small file unfold without end.
const maxValues = 200_000

// parse reads a YAML or JSON file; nil where it is neither, which is reported. fill replaces ${NAME} in scalars.
func (r *reading) parse(file string, text []byte, fill bool) *value {
	text = []byte(strings.TrimPrefix(string(text), "\uFEFF"))
	if !utf8.Valid(text) {
		r.errorf(placeOf(file, text, firstInvalid(text)), "this is not UTF-8")
		return nil
	}
	if filepath.Ext(file) == ".json" {
		return r.parseJSON(file, text, fill)
	}
	y := &yamlFile{reading: r, file: file, fill: fill, anchors: map[string]ast.Node{}, left: maxValues}
	return y.parse(text)
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

func placeOf(file string, text []byte, offset int) place {
	before := string(text[:min(max(offset, 0), len(text))])
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return place{file, strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[lineStart:]) + 1}
}

type yamlFile struct {
	*reading
	file    string
	fill    bool
	anchors map[string]ast.Node
	left    int
}

func (y *yamlFile) parse(text []byte) *value {
	tree, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		y.syntaxError(err, text)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range tree.Docs {
		if _, directive := doc.Body.(*ast.DirectiveNode); doc.Body != nil && !directive {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		y.errorf(place{y.file, 1, 1}, "the file is empty")
		return nil
	case 1:
		return y.value(bodies[0])
	}
	y.errorf(y.placeOf(bodies[1]), "a second YAML document begins here: the file must be a single one")
	return nil
}

func (y *yamlFile) syntaxError(err error, text []byte) {
	at, message := place{y.file, 1, 1}, err.Error()
	if located, ok := errors.AsType[yaml.Error](err); ok {
		message = located.GetMessage()
		if t := located.GetToken(); t != nil && t.Position != nil {
			at.line, at.col = t.Position.Line, t.Position.Column
		}
	}
	hint := ""
	if lines := strings.Split(string(text), "\n"); at.line <= len(lines) && at.line > 0 &&
		strings.Contains(lines[at.line-1], "${") {
		hint = `; inside { } and [ ], quote it: "${NAME}"`
	}
	y.errorf(at, "not valid YAML: %s%s", message, hint)
}

func (y *yamlFile) value(n ast.Node) *value {
	v := &value{at: y.placeOf(n)}
	if y.left--; y.left < 0 {
		if y.left == -1 {
			y.errorf(v.at, "the file holds more than %d values", maxValues)
		}
		return v
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		v.kind = isMapping
		for _, m := range n.Values {
			y.member(v, m)
		}
	case *ast.MappingValueNode:
		v.kind = isMapping
		y.member(v, n)
	case *ast.SequenceNode:
		v.kind = isList
		for _, item := range n.Values {
			v.items = append(v.items, y.value(item))
		}
	case *ast.LiteralNode:
		y.string(v, n.Value.Value)
	case *ast.AnchorNode:
		v = y.value(n.Value)
		y.anchors[n.Name.GetToken().Value] = n.Value
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		if anchored := y.anchors[name]; anchored != nil {
			return y.value(anchored)
		}
		y.errorf(v.at, "alias *%s: no anchor &%s stands before it", name, name)
		v.broken = true
	case *ast.TagNode:
		y.tagged(v, n)
	default:
		y.scalar(v, n.GetToken())
	}
	return v
}

func (y *yamlFile) member(v *value, m *ast.MappingValueNode) {
	var key ast.Node = m.Key
	if explicit, ok := key.(*ast.MappingKeyNode); ok {
		key = explicit.Value
	}
	if key == nil {
		y.errorf(y.placeOf(m), "a name is missing before this colon")
		return
	}
	at := y.placeOf(key)
	if m.Key.IsMergeKey() {
		y.errorf(at, "merge keys (<<) are not YAML 1.2: write the members, or use $ref in a schema")
		return
	}
	if _, scalar := key.(ast.ScalarNode); !scalar || key.Type() == ast.TagType || key.Type() == ast.AnchorType {
		y.errorf(at, "a name in a mapping must be a plain string")
		return
	}
	name := key.GetToken().Value
	if m.Value == nil {
		v.add(y.reading, member{name, at, &value{at: at}})
		return
	}
	v.add(y.reading, member{name, at, y.value(m.Value)})
}

func (y *yamlFile) tagged(v *value, n *ast.TagNode) {
	if n.GetToken().Value != "!!str" || n.Value == nil {
		y.errorf(v.at, "tag %s is not taken; quote what must be a string", n.GetToken().Value)
		v.broken = true
		return
	}
	inner := y.value(n.Value)
	if inner.kind == isList || inner.kind == isMapping {
		y.errorf(v.at, "%s cannot be a string", inner.describe())
		v.broken = true
		return
	}
	v.kind, v.text, v.filled = isString, n.Value.GetToken().Value, inner.filled
	if inner.filled || inner.kind == isString {
		v.text = inner.text
	}
}

// scalar takes the kinds of a plain scalar from YAML 1.2's core schema, section 10.3.2: exact, and without the
// surprises of YAML 1.1, as dates and 1_000.
func (y *yamlFile) scalar(v *value, t *token.Token) {
	switch t.Type {
	case token.ImplicitNullType:
		return
	case token.SingleQuoteType, token.DoubleQuoteType:
		y.string(v, t.Value)
		return
	}
	y.string(v, t.Value)
	y.plain(v)
}

func (y *yamlFile) string(v *value, text string) {
	v.kind, v.text = isString, text
	if y.fill {
		y.fillIn(v)
	}
}

func (r *reading) plain(v *value) {
	switch v.text {
	case "", "~", "null", "Null", "NULL":
		v.kind, v.text = isNull, ""
	case "true", "True", "TRUE", "false", "False", "FALSE":
		v.kind, v.text = isBool, strings.ToLower(v.text)
	case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "-.inf", "-.Inf", "-.INF", "+.inf", "+.Inf", "+.INF":
		r.errorf(v.at, "%s: JSON has no such number", v.text)
		v.broken = true
	default:
		if number, ok := parseNumber(v.text); ok {
			v.kind, v.text = isNumber, number
			r.checkNumber(v)
		}
	}
}

func (r *reading) checkNumber(v *value) {
	if reason := beyondDouble(v.text); reason != "" {
		r.errorf(v.at, "%s", reason)
		v.text, v.broken = "0", true
	}
}

func (y *yamlFile) placeOf(n ast.Node) place {
	switch inner := n.(type) {
	case *ast.MappingNode: // a block's own token is the colon of its first member
		if inner.GetToken().Type != token.MappingStartType && len(inner.Values) > 0 {
			return y.placeOf(inner.Values[0])
		}
	case *ast.MappingValueNode:
		if inner.Key != nil {
			return y.placeOf(inner.Key)
		}
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return place{y.file, max(t.Position.Line, 1), max(t.Position.Column, 1)}
	}
	return place{y.file, 1, 1}
}
