package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// DecodeJSON decodes text for Validate; numbers stay exact (json.Number). The text must be I-JSON (RFC 7493): a member
// name twice, a lone surrogate, invalid UTF-8 and a number beyond a double's exponents or of more than 1,000 characters
// are errors. Each error is, or wraps, a *jsontext.SyntacticError with the offset.
func DecodeJSON(text []byte) (any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(text)) // a Buffer is read in place
	data, err := decode(d)
	if err != nil {
		return nil, err
	}
	end := d.InputOffset()
	switch _, err := d.ReadToken(); {
	case errors.Is(err, io.EOF):
		return data, nil
	case err != nil:
		return nil, err
	}
	return nil, &jsontext.SyntacticError{ByteOffset: end, Err: errors.New("text after the end of the value")}
}

func decode(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil, &jsontext.SyntacticError{ByteOffset: d.InputOffset(), Err: io.ErrUnexpectedEOF}
	case err != nil:
		return nil, err
	}
	switch t.Kind() {
	case '"':
		return t.String(), nil
	case '0':
		number := t.String()
		if reason := beyondDouble(number); reason != "" {
			return nil, &jsontext.SyntacticError{
				ByteOffset: d.InputOffset() - int64(len(number)), JSONPointer: d.StackPointer(), Err: errors.New(reason),
			}
		}
		return json.Number(number), nil
	case 't', 'f':
		return t.Bool(), nil
	case '[':
		return decodeArray(d)
	case '{':
		return decodeObject(d)
	}
	return nil, nil
}

func decodeArray(d *jsontext.Decoder) (any, error) {
	items := []any{}
	for d.PeekKind() != ']' {
		item, err := decode(d)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := d.ReadToken()
	return items, err
}

func decodeObject(d *jsontext.Decoder) (any, error) {
	members := map[string]any{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		text := name.String()
		if members[text], err = decode(d); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return members, err
}

// parseJSON reads a file whose name ends in .json: its strings and tabs are not always YAML's.
func (r *reading) parseJSON(file string, text []byte, fill bool) *value {
	j := &jsonFile{reading: r, file: file, text: text, fill: fill,
		decoder: jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))}
	v, err := j.value()
	if err == nil {
		if _, err = j.decoder.ReadToken(); errors.Is(err, io.EOF) {
			return v
		}
		if err == nil {
			err = errors.New("there is text after the end of the value")
		}
	}
	at, reason := j.decoder.InputOffset(), err
	if located, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at, reason = located.ByteOffset, located.Err
	}
	if errors.Is(reason, io.EOF) || errors.Is(reason, io.ErrUnexpectedEOF) {
		reason = errors.New("the file ends too early")
	}
	r.errorf(placeOf(file, text, int(at)), "not valid JSON: %v", reason)
	return nil
}

type jsonFile struct {
	*reading
	file    string
	text    []byte
	fill    bool
	decoder *jsontext.Decoder

	// How far places were counted.
	seen, line, lineStart int
}

func (j *jsonFile) value() (*value, error) {
	switch kind := j.decoder.PeekKind(); kind {
	case '{', '[':
		if _, err := j.decoder.ReadToken(); err != nil {
			return nil, err
		}
		v := &value{at: j.place(1)}
		if kind == '[' {
			return v, j.list(v)
		}
		return v, j.mapping(v)
	}
	raw, err := j.decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	v := &value{at: j.place(len(raw)), text: string(raw)}
	switch raw.Kind() {
	case '"':
		v.kind = isString
		v.text = unquote(raw)
		if j.fill {
			j.fillIn(v)
		}
	case '0':
		v.kind = isNumber
		j.checkNumber(v)
	case 't', 'f':
		v.kind = isBool
	}
	return v, nil
}

func (j *jsonFile) list(v *value) error {
	v.kind = isList
	for j.decoder.PeekKind() != ']' {
		item, err := j.value()
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, err := j.decoder.ReadToken()
	return err
}

func (j *jsonFile) mapping(v *value) error {
	v.kind = isMapping
	for j.decoder.PeekKind() != '}' {
		raw, err := j.decoder.ReadValue()
		if err != nil {
			return err
		}
		name, at := unquote(raw), j.place(len(raw))
		inner, err := j.value()
		if err != nil {
			return err
		}
		v.add(j.reading, member{name, at, inner})
	}
	_, err := j.decoder.ReadToken()
	return err
}

// place is where the last length bytes that were read begin.
func (j *jsonFile) place(length int) place {
	offset := int(j.decoder.InputOffset()) - length
	for ; j.seen < offset; j.seen++ {
		if j.text[j.seen] == '\n' {
			j.line, j.lineStart = j.line+1, j.seen+1
		}
	}
	return place{j.file, j.line + 1, utf8.RuneCount(j.text[j.lineStart:offset]) + 1}
}

func unquote(raw jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		panic(err) // the decoder has just taken it
	}
	return string(text)
}
