package node

import (
	"io"
	"log/slog"
	"os"

	"github.com/charmbracelet/x/term"
)

// NewLogger writes the process's own lines: text for a person at a terminal, JSON for everything else.
func NewLogger(w io.Writer) *slog.Logger {
	if file, ok := w.(*os.File); ok && term.IsTerminal(file.Fd()) {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}
