package contract

import (
	"iter"
	"math/big"
)

// A Tree is a part of a YAML or JSON file that knows its place: what reads files beside the contract, or like it, finds
// its way by it. The zero Tree is of what is not there; all of its parts are zero Trees too.
type Tree struct {
	name *member // nil at the top, and of a list's item
	v    *value
}

// ReadTree reads a YAML 1.2 or, by its name, a JSON file; ${NAME} is left as it stands. The error is an Errors with all
// that is wrong with the file.
func ReadTree(file string, text []byte) (Tree, error) {
	r := &reading{file: file, contract: &Contract{File: file}}
	root := r.parse(file, text, false)
	if len(r.errors) > 0 {
		return Tree{}, r.sorted(r.errors)
	}
	return Tree{v: root}, nil
}

// Exists tells whether the part is there; null is.
func (t Tree) Exists() bool { return t.v != nil }

// IsMapping tells whether the part is a mapping.
func (t Tree) IsMapping() bool { return t.v != nil && t.v.kind == isMapping }

// IsList tells whether the part is a list.
func (t Tree) IsList() bool { return t.v != nil && t.v.kind == isList }

// IsTrue tells whether the part is the boolean true.
func (t Tree) IsTrue() bool { return t.v != nil && t.v.kind == isBool && t.v.text == "true" }

// String gives the text of a string, "" of anything else.
func (t Tree) String() string {
	if t.v == nil || t.v.kind != isString {
		return ""
	}
	return t.v.text
}

// Scalar gives the text of a string, a number or a boolean, "" of anything else.
func (t Tree) Scalar() string {
	if t.v == nil {
		return ""
	}
	return t.v.text
}

// Number gives a number; false of anything else.
func (t Tree) Number() (*big.Rat, bool) {
	if t.v == nil || t.v.kind != isNumber {
		return nil, false
	}
	return new(big.Rat).SetString(t.v.text)
}

// Name is that of the member whose value the part is, "" where it is none.
func (t Tree) Name() string {
	if t.name == nil {
		return ""
	}
	return t.name.name
}

// Get gives a member's value, following names from mapping to mapping.
func (t Tree) Get(names ...string) Tree {
next:
	for _, name := range names {
		if t.v == nil {
			return Tree{}
		}
		for i := range t.v.members {
			if m := &t.v.members[i]; m.name == name {
				t = Tree{m, m.value}
				continue next
			}
		}
		return Tree{}
	}
	return t
}

// Find follows a JSON Pointer (RFC 6901) to its end.
func (t Tree) Find(pointer string) Tree {
	if t.v == nil {
		return Tree{}
	}
	found, whole := t.v.find(pointer)
	if !whole {
		return Tree{}
	}
	return Tree{v: found}
}

// Members gives the values of a mapping, in the order of the file.
func (t Tree) Members() iter.Seq[Tree] {
	return func(yield func(Tree) bool) {
		for i := 0; t.v != nil && i < len(t.v.members); i++ {
			if m := &t.v.members[i]; !yield(Tree{m, m.value}) {
				return
			}
		}
	}
}

// Items gives the items of a list.
func (t Tree) Items() iter.Seq[Tree] {
	return func(yield func(Tree) bool) {
		for i := 0; t.v != nil && i < len(t.v.items); i++ {
			if !yield(Tree{v: t.v.items[i]}) {
				return
			}
		}
	}
}

// JSON gives the part as compact JSON, its members in the order of the file; nil where it is not there.
func (t Tree) JSON() []byte {
	if t.v == nil {
		return nil
	}
	return t.v.appendJSON(nil)
}

// Same tells whether two Trees are the same place of the same file.
func (t Tree) Same(other Tree) bool { return t.v == other.v }

// Error is a message about the part's place: of its name, where it has one. The zero Tree has no place but line 1.
func (t Tree) Error(format string, args ...any) Error {
	switch {
	case t.name != nil:
		return t.name.at.error(format, args...)
	case t.v != nil:
		return t.v.at.error(format, args...)
	}
	return place{}.error(format, args...)
}
