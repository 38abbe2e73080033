package event

import (
	"fmt"
	"strconv"
	"strings"
)

// A Position says where an event is in its stream: <incarnation>-<sequence>, such as b7k2-1042. Clients keep it and
// give it back, and read nothing into it. The zero Position is none.
type Position struct {
	incarnation string
	sequence    uint64
}

const maxIncarnation = 32 // so that a position stays well below the 64 characters of the wire

// NewPosition panics on an incarnation that is not 1 to 32 of [a-z0-9]: those are made by us.
func NewPosition(incarnation string, sequence uint64) Position {
	if !validIncarnation(incarnation) {
		panic(fmt.Sprintf("event: incarnation %q is not 1 to %d of [a-z0-9]", incarnation, maxIncarnation))
	}
	return Position{incarnation, sequence}
}

// ParsePosition reads a position as a client gives it back.
func ParsePosition(text string) (Position, error) {
	incarnation, digits, ok := strings.Cut(text, "-")
	if ok && validIncarnation(incarnation) && digits != "" && (digits[0] != '0' || digits == "0") && allDigits(digits) {
		if sequence, err := strconv.ParseUint(digits, 10, 64); err == nil {
			return Position{incarnation, sequence}, nil
		}
	}
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return Position{}, fmt.Errorf("%.100q is not a position: give the id of an event, such as b7k2-1042", text)
}

// Incarnation names the unbroken life of the stream in which the event was stored.
func (p Position) Incarnation() string { return p.incarnation }

// Sequence counts the events of the stream, from 1; 0 is just before the first.
func (p Position) Sequence() uint64 { return p.sequence }

// IsZero tells whether there is no position.
func (p Position) IsZero() bool { return p.incarnation == "" }

// String is the position as the wire has it, empty for none.
func (p Position) String() string {
	if p.IsZero() {
		return ""
	}
	return string(p.Append(nil))
}

// Append appends the position as the wire has it.
func (p Position) Append(dst []byte) []byte {
	dst = append(dst, p.incarnation...)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, p.sequence, 10)
}

func validIncarnation(s string) bool {
	if s == "" || len(s) > maxIncarnation {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}
