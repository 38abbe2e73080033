package document

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// A Map is a JSON object whose members keep their order.
type Map[T any] []Member[T]

// A Member is a name and what it stands for.
type Member[T any] struct {
	Name  string
	Value T
}

// An Object is any JSON object, such as a schema. Its values are nil, bool, string, json.Number, []any, Object, and in
// what is only written also int, []string and the structs of documents.
type Object = Map[any]

// object makes an Object of names and values in turn.
func object(namesAndValues ...any) Object {
	o := make(Object, 0, len(namesAndValues)/2)
	for pair := range slices.Chunk(namesAndValues, 2) {
		o = append(o, Member[any]{pair[0].(string), pair[1]}) //nolint:forcetypeassert // our own calls
	}
	return o
}

// Get gives a member's value, and whether there is one.
func (m Map[T]) Get(name string) (value T, ok bool) {
	for _, member := range m {
		if member.Name == name {
			return member.Value, true
		}
	}
	return value, false
}

// Has tells whether there is a member of that name.
func (m Map[T]) Has(name string) bool {
	_, ok := m.Get(name)
	return ok
}

// Set gives a member a value: in its place where it is there, else at the end.
func (m *Map[T]) Set(name string, value T) {
	for i := range *m {
		if (*m)[i].Name == name {
			(*m)[i].Value = value
			return
		}
	}
	*m = append(*m, Member[T]{name, value})
}

// MarshalJSON keeps the order, and escapes no more than JSON asks for.
func (m Map[T]) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, member := range m {
		if i > 0 {
			text = append(text, ',')
		}
		name, err := marshal(member.Name)
		if err != nil {
			return nil, err
		}
		value, err := marshal(member.Value)
		if err != nil {
			return nil, err
		}
		text = append(append(append(text, name...), ':'), value...)
	}
	return append(text, '}'), nil
}

func marshal(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(text.Bytes(), []byte{'\n'}), err
}

// parse reads JSON that keeps its order, of which numbers stay as they are written.
func parse(text []byte) (any, error) {
	return parseValue(jsontext.NewDecoder(bytes.NewReader(text)))
}

// mustParse is for what a contract holds: it was checked.
func mustParse(text []byte) any {
	value, err := parse(text)
	if err != nil {
		panic(err)
	}
	return value
}

func parseValue(d *jsontext.Decoder) (any, error) {
	switch d.PeekKind() {
	case '{':
		return parseObject(d)
	case '[':
		return parseArray(d)
	}
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

func parseObject(d *jsontext.Decoder) (any, error) {
	o := Object{}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		text := name.String()
		value, err := parseValue(d)
		if err != nil {
			return nil, err
		}
		o = append(o, Member[any]{text, value})
	}
	_, err := d.ReadToken()
	return o, err
}

func parseArray(d *jsontext.Decoder) (any, error) {
	items := []any{}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	for d.PeekKind() != ']' {
		if d.PeekKind() == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		item, err := parseValue(d)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := d.ReadToken()
	return items, err
}
