package leat

import (
	"fmt"
	"log/slog"

	"github.com/leatstream/leat/internal/origin"
)

// An Option changes how a Server is opened.
type Option func(*settings)

type settings struct {
	data       string
	logger     *slog.Logger
	origins    []string
	loopback   bool
	tailEvents int
}

// WithData keeps the event log in a folder, which one process at a time can have. Without it the log is in a
// temporary folder that goes with Close.
func WithData(dir string) Option { return func(s *settings) { s.data = dir } }

// WithLogger takes the process's own log lines. Without it there are none.
func WithLogger(l *slog.Logger) Option { return func(s *settings) { s.logger = l } }

// WithOrigins lets pages of these origins (https://app.example.com, or * for all) read, publish and open WebSockets.
// Pages of the server's own origin, the host that they ask, can without being named, but for WithLoopback.
func WithOrigins(origins ...string) Option {
	return func(s *settings) { s.origins = append(s.origins, origins...) }
}

// rule says whose pages may do what.
func (s *settings) rule() (origin.Rule, error) {
	rule := origin.Rule{Loopback: s.loopback}
	for _, text := range s.origins {
		allowed, err := origin.Parse(text)
		if err != nil {
			return rule, fmt.Errorf("WithOrigins: %w", err)
		}
		rule.Allowed = append(rule.Allowed, allowed)
	}
	return rule, nil
}

// WithLoopback is for a server that listens on loopback alone: pages of every localhost origin are its own, and no
// others, because a name that an attacker lets resolve to 127.0.0.1 would be asked as the server's own (DNS rebinding).
// Behind a proxy, name the public origin with WithOrigins.
func WithLoopback() Option { return func(s *settings) { s.loopback = true } }

// WithTail bounds how many of a stream's newest events are kept in memory (4,096 where not said); older ones are
// read from the event log.
func WithTail(events int) Option { return func(s *settings) { s.tailEvents = events } }
