package document

import (
	"fmt"
	"strings"

	"github.com/leatstream/leat/contract"
)

// Mermaid writes a contract's diagrams as Markdown with a block of Mermaid for each stream and transport.
func Mermaid(c *contract.Contract) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", c.Info.Title)
	for _, s := range c.Streams {
		fmt.Fprintf(&b, "\n## %s\n", s.Name)
		if text := paragraphs(s.Summary, s.Description); text != "" {
			fmt.Fprintf(&b, "\n%s\n", text)
		}
		for _, d := range Diagrams(c, s) {
			fmt.Fprintf(&b, "\n### %s over %s\n\n```mermaid\n%s```\n", s.Name, d.Title, d.Mermaid())
		}
	}
	return []byte(b.String())
}

// Mermaid writes the diagram in the language of Mermaid, "sequenceDiagram".
func (d Diagram) Mermaid() string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	for _, actor := range d.Actors {
		fmt.Fprintf(&b, "    participant %s as %s\n", actor.ID, mermaidText(actor.Name))
	}
	indent := "    "
	for _, s := range d.Steps {
		lines := make([]string, len(s.Lines))
		for i, line := range s.Lines {
			lines[i] = mermaidText(line)
		}
		text := strings.Join(lines, "<br/>")
		switch {
		case s.Loop:
			fmt.Fprintf(&b, "%sloop %s\n", indent, text)
			indent += "    "
		case s.End:
			indent = indent[4:]
			fmt.Fprintf(&b, "%send\n", indent)
		case s.Note:
			fmt.Fprintf(&b, "%sNote over %s,%s: %s\n", indent, s.From, s.To, text)
		case s.Answer:
			fmt.Fprintf(&b, "%s%s-->>%s: %s\n", indent, s.From, s.To, text)
		default:
			fmt.Fprintf(&b, "%s%s->>%s: %s\n", indent, s.From, s.To, text)
		}
	}
	return b.String()
}

// Mermaid's own characters are written as entities, whose & is a #.
var mermaidEntities = strings.NewReplacer("#", "#35;", ";", "#59;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "%", "#37;", "\n", " ", "\r", " ")

func mermaidText(text string) string { return mermaidEntities.Replace(text) }
