package contract

import (
	"fmt"
	"strings"
)

// An Error is one thing that is wrong: FILE:LINE:COL: text.
type Error struct {
	File      string
	Line, Col int
	Text      string
}

// Error gives FILE:LINE:COL: text.
func (e Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Text) }

// Errors is everything that is wrong with a contract, in the order of the file.
type Errors []Error

// Error gives one error a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// NotBuilt lists what the contract asks for that leat does not do yet, naming stream and field.
func (c *Contract) NotBuilt() []Error { return c.notBuilt }

// Unhandled lists the streams whose commands have no backend in the contract. A Go program may handle them itself; leat
// serve cannot.
func (c *Contract) Unhandled() []Error { return c.unhandled }

// Warnings lists what is allowed, but likely to surprise.
func (c *Contract) Warnings() []Error { return c.warnings }

// A place is where something is written; line and column (in characters) count from 1.
type place struct {
	file      string
	line, col int
}

func (p place) error(format string, args ...any) Error {
	return Error{File: p.file, Line: max(p.line, 1), Col: max(p.col, 1), Text: fmt.Sprintf(format, args...)}
}

func (p place) String() string { return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.col) }
