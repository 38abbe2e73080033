package bench

import "io"

// Report writes a page with charts.
func Report(w io.Writer, results []*Result) error { return Print(w, results) }
