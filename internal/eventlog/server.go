package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startServer starts NATS in this process, with no port.
func startServer(folder string, lines *serverLogger) (*server.Server, error) {
	ns, err := server.NewServer(&server.Options{
		ServerName:         "leat",
		DontListen:         true,
		NoSigs:             true,
		JetStream:          true,
		StoreDir:           folder,
		SyncInterval:       syncInterval,
		JetStreamMaxStore:  unlimitedStorage,
		JetStreamMaxMemory: unlimitedStorage,
		MaxPayload:         maxPayload,
		MaxPending:         256 << 20,
	})
	if err != nil {
		return nil, err
	}
	ns.SetLoggerV2(lines, lines.logger.Enabled(context.Background(), slog.LevelDebug), false, false)
	ns.Start()
	if fatal := lines.fatal.Load(); fatal != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, errors.New(*fatal)
	}
	if !ns.ReadyForConnections(patience) {
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, errors.New("the embedded server did not start")
	}
	return ns, nil
}

// dial connects to the embedded server within the process.
func (l *Log) dial(job string, options ...nats.Option) (*nats.Conn, error) {
	nc, err := nats.Connect("", append(options,
		nats.InProcessServer(l.server),
		nats.Name("leat "+job),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(10*time.Millisecond),
		nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.logger.Warn("event log connection", "job", job, "error", err)
		}))...)
	if err != nil {
		return nil, fmt.Errorf("connection to %s: %w", job, err)
	}
	return nc, nil
}

// A serverLogger hands NATS' own lines to the logger. What NATS finds notable is detail here.
type serverLogger struct {
	logger  *slog.Logger
	written chan struct{}          // of size 1: there was a line that can be bad news
	fatal   atomic.Pointer[string] // the first reason why it could not start
}

func (s *serverLogger) Noticef(format string, v ...any) { s.note(); s.debug(format, v) }
func (s *serverLogger) Debugf(format string, v ...any)  { s.debug(format, v) }
func (s *serverLogger) Tracef(format string, v ...any)  { s.debug(format, v) }
func (s *serverLogger) Warnf(format string, v ...any)   { s.note(); s.warn(format, v) }
func (s *serverLogger) Errorf(format string, v ...any)  { s.note(); s.warn(format, v) }

// Fatalf is where NATS' own logger would end the process.
func (s *serverLogger) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	s.fatal.CompareAndSwap(nil, &text)
}

func (s *serverLogger) note() {
	select {
	case s.written <- struct{}{}:
	default:
	}
}

func (s *serverLogger) debug(format string, v []any) {
	if s.logger.Enabled(context.Background(), slog.LevelDebug) {
		s.logger.Debug(fmt.Sprintf(format, v...), "component", "nats")
	}
}

func (s *serverLogger) warn(format string, v []any) {
	s.logger.Warn(fmt.Sprintf(format, v...), "component", "nats")
}
