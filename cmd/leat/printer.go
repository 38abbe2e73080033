package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/leatstream/leat/event"
)

// A printer shows events, one a line.
type printer interface {
	print(e *event.Event) error
}

// newPrinter makes the printer for what stands at the other end of out: a program, a person, or neither.
func newPrinter(out io.Writer, json bool) printer {
	if json {
		return &envelopePrinter{out: out}
	}
	p := &linePrinter{out: plainUnlessWanted(out), kind: minColumn}
	if file, ok := out.(*os.File); ok && term.IsTerminal(file.Fd()) {
		p.person = true
	}
	return p
}

// plainUnlessWanted takes out what colours and styles text where out is no terminal, or its owner wants none.
func plainUnlessWanted(out io.Writer) io.Writer {
	w := colorprofile.NewWriter(out, os.Environ())
	if os.Getenv("NO_COLOR") != "" {
		w.Profile = colorprofile.NoTTY // without this, bold and faint stay
	}
	return w
}

// An envelopePrinter prints envelopes as the wire has them. A leat.gap is one too: a program must not miss it.
type envelopePrinter struct {
	out  io.Writer
	line []byte
}

func (p *envelopePrinter) print(e *event.Event) error {
	p.line = append(e.AppendEnvelope(p.line[:0]), '\n')
	_, err := p.out.Write(p.line)
	return err
}

// A linePrinter prints time, type, key and data in columns. On a terminal the time is the local time of day, with a
// line for each new day; elsewhere, where no line may stand between, it is whole and in UTC.
type linePrinter struct {
	out       io.Writer // takes colours out where they do not belong (NO_COLOR, a file)
	person    bool
	day       string
	kind, key int // the widest yet
}

var (
	dimStyle  = lipgloss.NewStyle().Faint(true)
	warnStyle = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	keyStyle  = lipgloss.NewStyle().Bold(true)

	// A type keeps its colour, so that the eye finds it again. Yellow and red are for what is wrong.
	typeStyles = []lipgloss.Style{
		lipgloss.NewStyle().Foreground(lipgloss.Cyan),
		lipgloss.NewStyle().Foreground(lipgloss.Green),
		lipgloss.NewStyle().Foreground(lipgloss.Blue),
		lipgloss.NewStyle().Foreground(lipgloss.Magenta),
		lipgloss.NewStyle().Foreground(lipgloss.BrightCyan),
		lipgloss.NewStyle().Foreground(lipgloss.BrightGreen),
	}
)

// A column is as wide as the widest so far: the first few lines would jump without a minimum, and all later ones would
// stand far to the right of one long type or key without a maximum.
const (
	minColumn = 16
	maxColumn = 32
)

func (p *linePrinter) print(e *event.Event) error {
	var line strings.Builder
	line.WriteString(p.time(e.Time))
	name, data := e.Type.String(), printable(string(e.Data))
	style := typeStyle(e.Type)
	if e.Type == event.TypeGap {
		data = warnStyle.Render(data)
	}
	p.column(&line, &p.kind, name, style)
	if !e.Key.IsZero() {
		p.key = max(p.key, minColumn)
	}
	if p.key > 0 { // the stream has keys
		p.column(&line, &p.key, printable(e.Key.String()), keyStyle)
	}
	line.WriteString("  " + data + "\n")
	_, err := io.WriteString(p.out, line.String())
	return err
}

// column appends text, as wide as the widest before it.
func (p *linePrinter) column(line *strings.Builder, widest *int, text string, style lipgloss.Style) {
	width := ansi.StringWidth(text)
	*widest = max(*widest, min(width, maxColumn))
	line.WriteString("  ")
	if text != "" {
		line.WriteString(style.Render(text))
	}
	line.WriteString(strings.Repeat(" ", max(0, *widest-width)))
}

func (p *linePrinter) time(t time.Time) string {
	if !p.person {
		return string(event.AppendTime(nil, t))
	}
	t = t.Local()
	day := ""
	if today := t.Format("Monday, 2 January 2006"); today != p.day {
		p.day = today
		day = dimStyle.Render("── "+today+" ──") + "\n"
	}
	return day + dimStyle.Render(t.Format("15:04:05.000"))
}

func typeStyle(t event.Type) lipgloss.Style {
	if t.IsControl() {
		return warnStyle
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(t.String())) // never fails
	return typeStyles[int(hash.Sum32()>>1)%len(typeStyles)]
}

// printable escapes what a terminal would take for a command: JSON lets the control characters beyond ASCII stand as
// they are.
func printable(text string) string {
	if strings.IndexFunc(text, unicode.IsControl) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// notes tell, on standard error, about the connection and not about events.
type notes struct{ out io.Writer }

func newNotes(out io.Writer) notes { return notes{plainUnlessWanted(out)} }

func (n notes) dim(text string) { fmt.Fprintln(n.out, dimStyle.Render("leat: "+text)) }

func (n notes) warnf(format string, args ...any) {
	fmt.Fprintln(n.out, warnStyle.Render("leat: "+fmt.Sprintf(format, args...)))
}
