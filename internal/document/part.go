package document

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/leatstream/leat/contract"
)

// A Part is a part of a document, whose $ref can be followed.
type Part struct {
	contract.Tree
	document contract.Tree // what a # in it means
	file     string
}

// NewPart makes a Part of a tree in a file; document is what a # in it means.
func NewPart(at, document contract.Tree, file string) Part { return Part{at, document, file} }

// Of is a part of what a Part is of.
func (p Part) Of(at contract.Tree) Part { return Part{at, p.document, p.file} }

// Files are those that $ref led to, each read once. The zero Files has none yet.
type Files struct{ read map[string]contract.Tree }

// Resolve follows $ref, also into files beside the document; nothing is fetched. What leads nowhere, or in a circle, is
// the zero Tree.
func (f *Files) Resolve(p Part) Part {
	for range 50 { // more is a circle
		reference := p.Get("$ref").String()
		if reference == "" {
			return p
		}
		path, pointer, _ := strings.Cut(reference, "#")
		if path != "" {
			p.file = filepath.Join(filepath.Dir(p.file), filepath.FromSlash(path))
			p.document = f.open(p.file)
		}
		p.Tree = p.document.Find(unescapePercent(pointer))
	}
	return p.Of(contract.Tree{})
}

// open reads a file; one that cannot be read is the zero Tree.
func (f *Files) open(file string) contract.Tree {
	if known, ok := f.read[file]; ok {
		return known
	}
	var root contract.Tree
	if text, err := os.ReadFile(file); err == nil {
		root, _ = contract.ReadTree(file, text)
	}
	if f.read == nil {
		f.read = map[string]contract.Tree{}
	}
	f.read[file] = root
	return root
}

func unescapePercent(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
