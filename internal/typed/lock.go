package typed

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/leatstream/leat/contract"
)

// A Lock keeps what a protobuf client has compiled in and a contract does not say: the numbers and the names of fields,
// enum values and messages. Once given they never change, and those of what was removed are given to nothing else.
type Lock struct {
	Format  int                    `yaml:"leat-lock"`
	Streams map[string]*lockStream `yaml:"streams"`

	asSent bool // what is sent alike is the same, whatever it is called
}

// A lockStream is what is locked of one service. The keys of its maps are names of the contract but for those of messages
// and enums, which are names of protobuf without the package.
type lockStream struct {
	Events   map[string]*lockEntry   `yaml:"events"`
	Commands map[string]*lockEntry   `yaml:"commands"`
	Messages map[string]*lockMessage `yaml:"messages"`
	Enums    map[string]*lockMessage `yaml:"enums"`
}

// A lockMessage is what is locked of one message or enum.
type lockMessage struct {
	From       string                `yaml:"from"` // of what is shared: the schema it is made from
	Fields     map[string]*lockEntry `yaml:"fields"`
	Additional *lockEntry            `yaml:"additional"` // the field for members that the schema does not declare
	Nulls      *lockEntry            `yaml:"nulls"`      // the field that lists those that are null
	Values     map[string]*lockEntry `yaml:"values"`     // of an enum
}

// A lockEntry is a field or a value.
type lockEntry struct {
	Number  int32  `yaml:"number"`
	Name    string `yaml:"name"`
	Type    string `yaml:"type"`
	Removed bool   `yaml:"removed"`

	used bool // found in the contract at hand
}

// LockFile names the lock of a contract file.
func LockFile(contractFile string) string { return contractFile + ".lock" }

// ReadLock reads a lock; where there is no file it is empty.
func ReadLock(file string) (*Lock, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &Lock{Format: 1}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock of field numbers: %w", err)
	}
	l := &Lock{}
	if err := yaml.UnmarshalWithOptions(text, l, yaml.Strict()); err != nil {
		at := contract.Error{File: file, Line: 1, Col: 1, Text: err.Error()}
		if located, ok := errors.AsType[yaml.Error](err); ok {
			at.Text = located.GetMessage()
			if t := located.GetToken(); t != nil && t.Position != nil {
				at.Line, at.Col = t.Position.Line, t.Position.Column
			}
		}
		at.Text = "not a lock of field numbers: " + at.Text + "; restore it from version control"
		return nil, contract.Errors{at}
	}
	if problem := l.check(); problem != "" {
		return nil, contract.Errors{{File: file, Line: 1, Col: 1, Text: problem + "; restore the lock from version control"}}
	}
	return l, nil
}

var protobufName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// check says what is wrong with a lock that somebody has edited or merged: "" where nothing is.
func (l *Lock) check() string {
	if l.Format != 1 {
		return fmt.Sprintf("leat-lock must be 1, the format of this file that this version reads, not %d", l.Format)
	}
	for name, s := range l.Streams {
		if s == nil {
			return fmt.Sprintf("stream %q holds nothing", name)
		}
		for what, m := range s.all() {
			if problem := m.check(); problem != "" {
				return fmt.Sprintf("stream %q: %s: %s", name, what, problem)
			}
		}
	}
	return ""
}

// all lists what has numbers of its own; in the messages of the service itself the contract's types are fields.
func (s *lockStream) all() map[string]*lockMessage {
	all := map[string]*lockMessage{"events": {Fields: s.Events}, "commands": {Fields: s.Commands}}
	for name, m := range s.Messages {
		all["message "+name] = m
	}
	for name, m := range s.Enums {
		all["enum "+name] = m
	}
	return all
}

func (m *lockMessage) check() string {
	if m == nil {
		return "it holds nothing"
	}
	numbers, names := map[int32]string{}, map[string]string{}
	for key, e := range m.entries() {
		switch {
		case e == nil:
			return fmt.Sprintf("%q holds nothing", key)
		case e.Number < 1 || e.Number > maxNumber || isReserved(e.Number):
			return fmt.Sprintf("%q has the number %d, which protobuf does not allow", key, e.Number)
		case !protobufName.MatchString(e.Name):
			return fmt.Sprintf("%q has the name %q, which protobuf does not allow", key, e.Name)
		case numbers[e.Number] != "":
			return fmt.Sprintf("%q and %q have the same number, %d", min(key, numbers[e.Number]), max(key, numbers[e.Number]), e.Number)
		case names[plain(e.Name)] != "":
			return fmt.Sprintf("%q and %q have the same name, %s", min(key, names[plain(e.Name)]), max(key, names[plain(e.Name)]), e.Name)
		}
		numbers[e.Number], names[plain(e.Name)] = key, key
	}
	return ""
}

// entries lists all that has a number. The keys of what the schema does not declare cannot be those of properties, whose
// own are quoted.
func (m *lockMessage) entries() map[string]*lockEntry {
	all := map[string]*lockEntry{}
	for name, e := range m.Fields {
		all["fields: "+name] = e
	}
	for name, e := range m.Values {
		all["values: "+name] = e
	}
	if m.Additional != nil {
		all["additional"] = m.Additional
	}
	if m.Nulls != nil {
		all["nulls"] = m.Nulls
	}
	return all
}

const lockHead = `# The field numbers and names of the gRPC services of %s: what clients in any language have compiled in.
# leat writes this file (leat contract lock, leat contract check). Keep it beside the contract, in version control.
leat-lock: 1
streams:
`

// Write writes the lock, unless the file holds just that. It replaces the file as a whole or not at all.
func (l *Lock) Write(file string) error {
	text := l.text(strings.TrimSuffix(filepath.Base(file), ".lock"))
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, text) {
		return nil
	}
	beside, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("lock of field numbers: %w", err)
	}
	_, err = beside.Write(text)
	err = errors.Join(err, beside.Chmod(0o644), beside.Close())
	if err == nil {
		err = os.Rename(beside.Name(), file)
	}
	if err != nil {
		_ = os.Remove(beside.Name()) // it may be gone
		return fmt.Errorf("lock of field numbers: %w", err)
	}
	return nil
}

// text is the file: sorted, one entry a line, so that what two people add to it merges.
func (l *Lock) text(of string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, lockHead, of)
	for _, name := range slices.Sorted(maps.Keys(l.Streams)) {
		s := l.Streams[name]
		fmt.Fprintf(&b, "  %s:\n", quote(name))
		writeEntries(&b, "    ", "events", s.Events)
		writeEntries(&b, "    ", "commands", s.Commands)
		writeMessages(&b, "messages", s.Messages)
		writeMessages(&b, "enums", s.Enums)
	}
	return b.Bytes()
}

func writeMessages(b *bytes.Buffer, what string, messages map[string]*lockMessage) {
	if len(messages) == 0 {
		return
	}
	fmt.Fprintf(b, "    %s:\n", what)
	for _, name := range slices.Sorted(maps.Keys(messages)) {
		m := messages[name]
		if m.From == "" && len(m.entries()) == 0 {
			fmt.Fprintf(b, "      %s: {}\n", quote(name))
			continue
		}
		fmt.Fprintf(b, "      %s:\n", quote(name))
		if m.From != "" {
			fmt.Fprintf(b, "        from: %s\n", strconv.Quote(m.From))
		}
		writeEntries(b, "        ", "fields", m.Fields)
		writeEntries(b, "        ", "values", m.Values)
		if m.Additional != nil {
			fmt.Fprintf(b, "        additional: %s\n", m.Additional)
		}
		if m.Nulls != nil {
			fmt.Fprintf(b, "        nulls: %s\n", m.Nulls)
		}
	}
}

func writeEntries(b *bytes.Buffer, indent, what string, entries map[string]*lockEntry) {
	if len(entries) == 0 {
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, what)
	names := slices.SortedFunc(maps.Keys(entries), func(x, y string) int {
		return cmp.Compare(entries[x].Number, entries[y].Number)
	})
	for _, name := range names {
		fmt.Fprintf(b, "%s  %s: %s\n", indent, quote(name), entries[name])
	}
}

// String is the entry as the file has it.
func (e *lockEntry) String() string {
	text := fmt.Sprintf("{ number: %d, name: %s", e.Number, quote(e.Name))
	if e.Type != "" {
		text += ", type: " + quote(e.Type)
	}
	if e.Removed {
		text += ", removed: true"
	}
	return text + " }"
}

var plainYAML = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*( [A-Za-z][A-Za-z0-9_.-]*)?$`)

// quote keeps YAML from taking a name for something else.
func quote(text string) string {
	switch strings.ToLower(text) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(text)
	}
	if plainYAML.MatchString(text) {
		return text
	}
	return yamlQuote(text)
}

// yamlQuote writes a string as YAML 1.2's double-quoted style, section 5.7, in ASCII.
func yamlQuote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ' || c == 0x7f || c > 0x7e && c < 0xa0 || c == 0x2028 || c == 0x2029 || c == 0xfeff || c >= 0xd800 && c <= 0xffff || c > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Clone gives a copy, that of nil is empty: a Build gives numbers in it that nobody keeps.
func (l *Lock) Clone() *Lock {
	c := &Lock{Format: 1, Streams: map[string]*lockStream{}}
	if l == nil {
		return c
	}
	for name, s := range l.Streams {
		c.Streams[name] = &lockStream{cloneEntries(s.Events), cloneEntries(s.Commands), cloneMessages(s.Messages), cloneMessages(s.Enums)}
	}
	return c
}

func cloneMessages(messages map[string]*lockMessage) map[string]*lockMessage {
	c := map[string]*lockMessage{}
	for name, m := range messages {
		c[name] = &lockMessage{m.From, cloneEntries(m.Fields), m.Additional.clone(), m.Nulls.clone(), cloneEntries(m.Values)}
	}
	return c
}

func cloneEntries(entries map[string]*lockEntry) map[string]*lockEntry {
	c := map[string]*lockEntry{}
	for name, e := range entries {
		c[name] = e.clone()
	}
	return c
}

func (e *lockEntry) clone() *lockEntry {
	if e == nil {
		return nil
	}
	return &lockEntry{Number: e.Number, Name: e.Name, Type: e.Type, Removed: e.Removed}
}

// maxNumber is protobuf's largest field number.
const maxNumber = 1<<29 - 1

// isReserved tells of the numbers that protobuf keeps for itself.
func isReserved(number int32) bool { return number >= 19000 && number <= 19999 }

// next gives the number after all that were ever given, and from first on.
func next(first int32, entries map[string]*lockEntry) int32 {
	number := first
	for _, e := range entries {
		number = max(number, e.Number+1)
	}
	if isReserved(number) {
		return 20000
	}
	return number
}
