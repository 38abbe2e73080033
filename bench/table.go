package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// A table has ratios; what was divided stands beside them.
type table struct {
	title string
	head  []string
	rows  []*tableRow
}

type tableRow struct {
	name  string
	cells []string
}

func (t *table) row(name string) *tableRow {
	r := &tableRow{name: name}
	t.rows = append(t.rows, r)
	return r
}

func (r *tableRow) ratio(leat, baseline float64) {
	text := fmt.Sprintf("(%s / %s)", figure(leat), figure(baseline))
	if baseline == 0 {
		r.cells = append(r.cells, "– "+text)
		return
	}
	r.cells = append(r.cells, fmt.Sprintf("%.2f %s", leat/baseline, text))
}

func (r *tableRow) skip(n int) {
	for range n {
		r.cells = append(r.cells, "")
	}
}

func figure(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.2f", n)
}

func (t *table) print(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "\n%s\n", t.title)
	for _, name := range t.head {
		fmt.Fprintf(table, "\t%s", name)
	}
	fmt.Fprintln(table)
	for _, row := range t.rows {
		fmt.Fprintf(table, "  %s", row.name)
		for _, cell := range row.cells {
			fmt.Fprintf(table, "\t%s", cell)
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // to standard output
}
