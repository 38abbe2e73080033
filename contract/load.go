package contract

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads a contract file and fills ${NAME} from the environment. Where the contract is wrong the error is an
// Errors with all that is wrong.
func Load(file string) (*Contract, error) { return LoadWith(file, os.ReadFile) }

// LoadWith is Load with the files that read gives: the contract, and those that it refers to by $ref, whose paths are
// absolute.
func LoadWith(file string, read func(path string) ([]byte, error)) (*Contract, error) {
	text, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("contract %s cannot be read: %w", file, withoutPath(err))
	}
	return parse(file, text, read)
}

// Parse reads a contract from text; file names it in errors, and $ref is resolved beside it.
func Parse(file string, text []byte) (*Contract, error) { return parse(file, text, os.ReadFile) }

func parse(file string, text []byte, read func(string) ([]byte, error)) (*Contract, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("contract %s: the folder it is in is not known: %w", file, err)
	}
	r := &reading{file: file, read: read, contract: &Contract{File: file}, graph: newGraph()}
	r.library = newLibrary(r, absolute)
	if root := r.parse(file, text, true); root != nil {
		r.contract.root = root
		r.root(root)
		r.checkSchemas()
	}
	if len(r.errors) > 0 {
		return nil, r.sorted(append(r.errors, r.contract.unhandled...))
	}
	r.contract.unhandled = r.sorted(r.contract.unhandled)
	r.contract.warnings = r.sorted(r.contract.warnings)
	r.contract.notBuilt = r.sorted(r.contract.notBuilt)
	return r.contract, nil
}

// A reading is one contract being read, and all that was found wrong with it so far.
type reading struct {
	file     string
	read     func(path string) ([]byte, error)
	contract *Contract
	library  *library
	nodes    *nodes
	bundler  *bundler
	graph    *graph
	declared []declaration
	keys     map[*Stream]place // where the key of a stream is declared
	errors   Errors
}

// A declaration is an event type or a command whose schema waits for all files to be read.
type declaration struct {
	stream   *Stream
	event    bool // else a command
	of       string
	typ      *EventType
	url      string // of its schema, in the library
	schema   *value
	examples []*value
}

func (r *reading) errorf(at place, format string, args ...any) {
	r.errors = append(r.errors, at.error(format, args...))
}

// sorted puts what was found in the order of the contract, what is in other files after it; what was found twice,
// because two event types refer to the same schema, is told once.
func (r *reading) sorted(found []Error) Errors {
	slices.SortFunc(found, func(a, b Error) int {
		if (a.File == r.file) != (b.File == r.file) {
			if a.File == r.file {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Col-b.Col, strings.Compare(a.Text, b.Text))
	})
	return slices.Compact(found)
}

// withoutPath leaves the path, which the message around it names already, out of an error of package os.
func withoutPath(err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		return inner.Err
	}
	return err
}
