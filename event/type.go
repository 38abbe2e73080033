package event

import (
	"fmt"
	"strings"
)

// A Type names what kind of thing an event tells, such as order.shipped: a letter, then up to 127 letters, digits,
// and "_", "." or "-". Types of control events begin with "leat."; nobody else's do.
type Type struct{ name string }

const controlPrefix = "leat."

// ParseType makes the type of an event that can be published, so not a control event's.
func ParseType(name string) (Type, error) {
	t, err := parseAnyType(name)
	if err != nil {
		return Type{}, err
	}
	if t.IsControl() {
		return Type{}, fmt.Errorf("type %q is leat's own: a type cannot begin with %q", name, controlPrefix)
	}
	return t, nil
}

// MustType is ParseType for a type known to be right; it panics otherwise.
func MustType(name string) Type {
	t, err := ParseType(name)
	if err != nil {
		panic(err)
	}
	return t
}

func parseAnyType(name string) (Type, error) {
	if name == "" || len(name) > 128 || !isLetter(name[0]) {
		return Type{}, typeError(name)
	}
	for i := 1; i < len(name); i++ {
		if c := name[i]; !isLetter(c) && !isDigit(c) && c != '_' && c != '.' && c != '-' {
			return Type{}, typeError(name)
		}
	}
	return Type{name}, nil
}

func typeError(name string) error {
	if len(name) > 140 {
		name = name[:140] + "…"
	}
	return fmt.Errorf("type %q is not valid: a letter, then at most 127 of letters, digits, \"_\", \".\" and \"-\"", name)
}

// String is the name, empty for the zero Type.
func (t Type) String() string { return t.name }

// IsZero tells whether there is no type.
func (t Type) IsZero() bool { return t.name == "" }

// IsControl tells whether events of this type speak about the subscription itself.
func (t Type) IsControl() bool { return strings.HasPrefix(t.name, controlPrefix) }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
