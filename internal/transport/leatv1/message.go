package leatv1

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

var ops = []string{OpSubscribe, OpUnsubscribe, OpPublish, OpCommand}

// membersOf lists what a message with each op can have, beside op and ref.
var membersOf = map[string][]string{
	OpSubscribe:   {"stream", "key", "eventTypes", "after", "since", "last", "allKeys"},
	OpUnsubscribe: {"stream", "key", "allKeys"},
	OpPublish:     {"stream", "type", "key", "time", "data", "ifMatch", "idempotencyKey"},
	OpCommand:     {"stream", "type", "key", "data"},
}

// jsonNames are those of the members of publish.
var jsonNames = ingest.Names{IdempotencyKey: "idempotencyKey", IfMatch: "ifMatch"}

// Parse reads a JSON object.
func (JSON) Parse(text []byte) (Operation, error) {
	members, err := readObject(text)
	o := Operation{Options: ingest.Options{Names: jsonNames}}
	if refErr := o.setRef(find(members, "ref")); err == nil {
		err = refErr
	}
	if err != nil {
		return o, err
	}
	if err := o.setOp(find(members, "op")); err != nil {
		return o, err
	}
	known := membersOf[o.Op]
	for _, member := range members {
		name, value := member.name, member.value
		switch {
		case name == "op", name == "ref", strings.HasPrefix(name, "_"):
		case !slices.Contains(known, name):
			return o, problem.New(problem.Malformed, "%s: unknown member %.100q%s (known are op, ref, %s)",
				o.Op, name, problem.DidYouMean(name, known), strings.Join(known, ", "))
		case name == "data":
			o.Event.Data = value
		case value.Kind() == 'n': // null is as good as left out
		default:
			if err := o.set(name, value); err != nil {
				return o, err
			}
		}
	}
	return o, nil
}

// A member is one of a JSON object.
type member struct {
	name  string
	value jsontext.Value
}

// find gives the value of a member, nil where there is none.
func find(members []member, name string) jsontext.Value {
	for _, m := range members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// readObject takes a JSON object apart. Its values are parts of text. With an error it gives what came before it.
func readObject(text []byte) ([]member, error) {
	var members []member
	// The decoder also refuses what I-JSON (RFC 7493) excludes: duplicate names, invalid UTF-8, lone surrogates.
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if kind := d.PeekKind(); kind != '{' && kind != 0 {
		return members, problem.New(problem.Malformed, `a leat.v1 message is a JSON object, such as {"op":"subscribe","stream":"…"}`)
	}
	if _, err := d.ReadToken(); err != nil {
		return members, syntaxProblem(err)
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return members, syntaxProblem(err)
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return members, syntaxProblem(err)
		}
		end := int(d.InputOffset())
		members = append(members, member{key, text[end-len(value) : end]})
	}
	if _, err := d.ReadToken(); err != nil {
		return members, syntaxProblem(err)
	}
	if _, err := d.ReadToken(); err == nil {
		return members, problem.New(problem.Malformed, "there is more after the JSON object: one message carries one")
	} else if !errors.Is(err, io.EOF) {
		return members, syntaxProblem(err)
	}
	return members, nil
}

func syntaxProblem(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax):
		return problem.New(problem.Malformed, "the message is not valid JSON (I-JSON, RFC 7493) at offset %d: %w", syntax.ByteOffset, syntax.Err)
	case errors.Is(err, io.EOF):
		return problem.New(problem.Malformed, `the message is empty: it should be a JSON object, such as {"op":"subscribe","stream":"…"}`)
	default:
		return problem.New(problem.Malformed, "the message is not valid JSON: %w", err)
	}
}

func (o *Operation) setRef(value jsontext.Value) error {
	switch value.Kind() {
	case '"', '0':
		o.Ref = value
	case 'n', 0: // 0: not given
	default:
		return problem.New(problem.Malformed, `"ref" must be a string or a number`)
	}
	return nil
}

func (o *Operation) setOp(value jsontext.Value) error {
	if value == nil {
		return problem.New(problem.Malformed, `the member "op" is missing: it is one of %s`, strings.Join(ops, ", "))
	}
	op, err := stringOf("op", value)
	if err != nil {
		return err
	}
	if !slices.Contains(ops, *op) {
		return problem.New(problem.Malformed, "unknown op %.100q%s (known are %s)", *op, problem.DidYouMean(*op, ops), strings.Join(ops, ", "))
	}
	o.Op = *op
	return nil
}

// set takes a member that has a type of its own, which is neither null nor unknown.
func (o *Operation) set(name string, value jsontext.Value) (err error) {
	switch name {
	case "stream":
		o.Stream, err = stringOf(name, value)
	case "key":
		o.Key, err = stringOf(name, value)
	case "after":
		o.Params.After, err = stringOf(name, value)
	case "since":
		o.Params.Since, err = stringOf(name, value)
	case "time":
		o.Event.Time, err = stringOf(name, value)
	case "ifMatch":
		o.Options.IfMatch, err = stringOf(name, value)
	case "eventTypes":
		o.Params.EventTypes, err = stringsOf(name, value)
	case "last":
		o.Params.Last, err = textOf(name, value, "a number", "0")
	case "allKeys":
		o.Params.AllKeys, err = textOf(name, value, "true or false", "tf")
	case "type", "idempotencyKey":
		var text *string
		if text, err = stringOf(name, value); err != nil {
			return err
		}
		if name == "type" {
			o.Event.Type = *text
		} else {
			o.Options.IdempotencyKey = *text
		}
	}
	return err
}

func stringOf(name string, value jsontext.Value) (*string, error) {
	var text string
	if value.Kind() != '"' || json.Unmarshal(value, &text) != nil {
		return nil, problem.New(problem.Malformed, "%q must be a string", name)
	}
	return &text, nil
}

func stringsOf(name string, value jsontext.Value) (*[]string, error) {
	var raw []jsontext.Value
	wrong := problem.New(problem.Malformed, "%q must be an array of strings", name)
	if value.Kind() != '[' || json.Unmarshal(value, &raw) != nil {
		return nil, wrong
	}
	texts := make([]string, 0, len(raw))
	for _, one := range raw {
		text, err := stringOf(name, one)
		if err != nil {
			return nil, wrong
		}
		texts = append(texts, *text)
	}
	return &texts, nil
}

// textOf takes a value of certain kinds (as jsontext names them) as it is written.
func textOf(name string, value jsontext.Value, want, kinds string) (*string, error) {
	if !strings.ContainsRune(kinds, rune(value.Kind())) {
		return nil, problem.New(problem.Malformed, "%q must be %s", name, want)
	}
	text := string(value)
	return &text, nil
}
