package document

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// Measures of a picture, in pixels. The text is monospaced, and letters have the width that the style sheet gives them.
const (
	letter   = 7
	lineHigh = 17
	margin   = 12
	headHigh = 36
	gap      = 14
	least    = 180 // between two actors
	most     = 80  // letters of a line
)

// SVG draws the diagram, to stand within a page whose style sheet has classes for its parts: lane, call, answer, note,
// loop, head and text.
func (d Diagram) SVG() string {
	p := &picture{Diagram: d, at: map[string]int{}}
	p.layOut()
	for _, s := range d.Steps {
		p.step(s)
	}
	height := p.y + margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="sequence" role="img" viewBox="0 0 %d %d" width="%[1]d" height="%d"><title>%s</title>`,
		p.width, height, html.EscapeString(d.spoken()))
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>`)
	for _, a := range d.Actors {
		x, name := p.at[a.ID], shortened(a.Name, 24)
		wide := max(utf8.RuneCountInString(name)*letter+24, 84)
		fmt.Fprintf(&b, `<path class="lane" d="M%d %dV%d"/><rect class="head" x="%d" y="4" width="%d" height="28" rx="6"/><text class="text" x="%[1]d" y="23" text-anchor="middle">%[6]s</text>`,
			x, headHigh, height-4, x-wide/2, wide, html.EscapeString(name))
	}
	b.WriteString(p.body.String())
	b.WriteString("</svg>")
	return b.String()
}

// spoken is the diagram for those who cannot see it.
func (d Diagram) spoken() string {
	names := map[string]string{}
	for _, a := range d.Actors {
		names[a.ID] = a.Name
	}
	var all []string
	for _, s := range d.Steps {
		text := strings.Join(s.Lines, " ")
		switch {
		case s.End:
		case s.Loop:
			all = append(all, "While there is "+text+":")
		case s.Note:
			all = append(all, text+".")
		default:
			all = append(all, names[s.From]+" to "+names[s.To]+": "+text+".")
		}
	}
	return d.Title + ". " + strings.Join(all, " ")
}

// A picture is an SVG being drawn, from top to bottom.
type picture struct {
	Diagram
	at       map[string]int // x of the lanes
	width, y int
	loopFrom int
	loopText string
	body     strings.Builder
}

// layOut gives each actor its lane: as far from the one before as what is said between them asks.
func (p *picture) layOut() {
	between := make([]int, len(p.Actors))
	index := map[string]int{}
	for i, a := range p.Actors {
		index[a.ID] = i
	}
	for _, s := range p.Steps {
		if s.Loop || s.End {
			continue
		}
		left, right := min(index[s.From], index[s.To]), max(index[s.From], index[s.To])
		if right-left == 1 {
			between[right] = max(between[right], widest(s.Lines)*letter+40)
		}
	}
	x := 64
	for i, a := range p.Actors {
		if i > 0 {
			x += max(between[i], least)
		}
		p.at[a.ID] = x
	}
	p.width, p.y = x+110, headHigh+gap
}

func widest(lines []string) int {
	n := 0
	for _, line := range lines {
		n = max(n, utf8.RuneCountInString(shortened(line, most)))
	}
	return n
}

func (p *picture) step(s Step) {
	switch {
	case s.Loop:
		p.loopFrom, p.loopText = p.y, s.Lines[0]
		p.y += lineHigh + gap
	case s.End:
		right := p.at[p.Actors[1].ID] + 40
		fmt.Fprintf(&p.body, `<rect class="loop" x="%d" y="%d" width="%d" height="%d" rx="6"/><text class="text faint" x="%d" y="%d">%s</text>`,
			margin, p.loopFrom, right-margin, p.y-p.loopFrom, margin+8, p.loopFrom+lineHigh, html.EscapeString(p.loopText))
		p.y += gap
	case s.Note:
		from, to := p.at[s.From], p.at[s.To]
		fmt.Fprintf(&p.body, `<rect class="note" x="%d" y="%d" width="%d" height="%d" rx="6"/><text class="text" x="%d" y="%d" text-anchor="middle">%s</text>`,
			from-20, p.y, to-from+40, lineHigh+10, (from+to)/2, p.y+lineHigh+2, html.EscapeString(s.Lines[0]))
		p.y += lineHigh + 10 + gap
	default:
		p.message(s)
	}
}

func (p *picture) message(s Step) {
	from, to := p.at[s.From], p.at[s.To]
	for _, line := range s.Lines {
		p.y += lineHigh
		fmt.Fprintf(&p.body, `<text class="text" x="%d" y="%d" text-anchor="middle">%s</text>`, (from+to)/2, p.y-4, html.EscapeString(shortened(line, most)))
	}
	class := "call"
	if s.Answer {
		class = "answer"
	}
	fmt.Fprintf(&p.body, `<path class="%s" d="M%d %dH%d" marker-end="url(#tip)"/>`, class, from, p.y+3, to)
	p.y += gap
}

func shortened(text string, longest int) string {
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return text
}
