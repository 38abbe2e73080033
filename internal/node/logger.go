package node

import (
	"io"
	"log/slog"
	"os"

	"github.com/charmbracelet/x/term"
)

// NewLogger writes the process's own lines from a level on: text for a person at a terminal, JSON for everything else.
func NewLogger(w io.Writer, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if file, ok := w.(*os.File); ok && term.IsTerminal(file.Fd()) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
