package bench

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// A chart has lines over one axis. It draws itself as SVG, so that the report needs no script and no network; its
// colours are the page's, light or dark.
type chart struct {
	Title  string
	XTitle string
	xText  func(float64) string
	yText  func(float64) string
	logX   bool
	series []series
}

type series struct {
	name   string
	points []point
}

type point struct{ x, y float64 }

// The drawing, in its own units.
const (
	chartWidth, chartHeight = 640.0, 260.0
	chartLeft, chartRight   = 76.0, 24.0
	chartTop, chartBottom   = 10.0, 40.0
	yTicks, xTicks          = 4, 6
	maxSeries               = 6 // as many colours as the page has
	plotWidth, plotHeight   = chartWidth - chartLeft - chartRight, chartHeight - chartTop - chartBottom
)

// empty charts are left out of a report.
func (c chart) empty() bool {
	for _, s := range c.series {
		for _, p := range s.points {
			if p.y > 0 {
				return false
			}
		}
	}
	return true
}

// SVG draws it.
func (c chart) SVG() template.HTML {
	minX, maxX, maxY := c.bounds()
	x := func(v float64) float64 { return chartLeft + plotWidth*(c.scale(v)-minX)/(maxX-minX) }
	y := func(v float64) float64 { return chartTop + plotHeight*(1-v/maxY) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(c.Title))
	for i := range yTicks + 1 {
		v := maxY * float64(i) / yTicks
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text class="y" x="%g" y="%.1f">%s</text>`,
			chartLeft, chartWidth-chartRight, y(v), y(v), chartLeft-8, y(v)+4, html.EscapeString(c.yText(v)))
	}
	for _, v := range c.xMarks() {
		fmt.Fprintf(&b, `<text class="x" x="%.1f" y="%g">%s</text>`, x(v), chartHeight-chartBottom+18, html.EscapeString(c.xText(v)))
	}
	fmt.Fprintf(&b, `<text class="x" x="%g" y="%g">%s</text>`, chartLeft+plotWidth/2, chartHeight-4, html.EscapeString(c.XTitle))
	for i, s := range c.series {
		var line strings.Builder
		for _, p := range s.points {
			fmt.Fprintf(&line, "%.1f,%.1f ", x(p.x), y(p.y))
		}
		fmt.Fprintf(&b, `<polyline class="s%d" points="%s"/>`, i, line.String())
		for _, p := range s.points {
			fmt.Fprintf(&b, `<circle class="s%d" cx="%.1f" cy="%.1f" r="3"><title>%s</title></circle>`, i, x(p.x), y(p.y),
				html.EscapeString(fmt.Sprintf("%s  %s: %s", s.name, c.xText(p.x), c.yText(p.y))))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // texts are escaped above, the rest is numbers
}

// Names are those of the lines, for the legend.
func (c chart) Names() []string {
	var all []string
	for _, s := range c.series {
		all = append(all, s.name)
	}
	return all
}

func (c chart) scale(x float64) float64 {
	if c.logX {
		return math.Log10(max(x, 1e-9))
	}
	return x
}

func (c chart) bounds() (minX, maxX, maxY float64) {
	minX, maxX = math.Inf(1), math.Inf(-1)
	for _, s := range c.series {
		for _, p := range s.points {
			minX, maxX, maxY = min(minX, c.scale(p.x)), max(maxX, c.scale(p.x)), max(maxY, p.y)
		}
	}
	if minX >= maxX { // one point stands in the middle
		minX, maxX = minX-1, minX+1
	}
	return minX, maxX, roundUp(maxY)
}

// roundUp gives a number whose quarters are short.
func roundUp(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(max(v, 1e-9))))
	for _, step := range []float64{1, 2, 4, 6, 8, 10} {
		if v <= step*unit {
			return step * unit
		}
	}
	return v
}

// xMarks are the places themselves where they are few, else some of them, evenly.
func (c chart) xMarks() []float64 {
	var longest []float64
	for _, s := range c.series {
		if len(s.points) > len(longest) {
			longest = longest[:0]
			for _, p := range s.points {
				longest = append(longest, p.x)
			}
		}
	}
	step := max((len(longest)+xTicks-1)/xTicks, 1)
	var marks []float64
	for i := 0; i < len(longest); i += step {
		marks = append(marks, longest[i])
	}
	return marks
}
