package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// The pause before the streams are opened again: it doubles while that does not help for long.
	mendSoon, mendAtLast = time.Second, 30 * time.Second
	mendedFor            = time.Minute // how long it must have helped for the next pause to be short again

	// roomToMend is what must fit on the disk before the streams are opened again: less would be full at once.
	roomToMend = 4 << 20
	straggle   = time.Second // how long appends that can still be answered get then
)

// mend waits until JetStream cannot write a stream, refuses appends to it from then on, and opens the streams again
// when there is room: JetStream itself never tries a stream again once a write has failed. It ends with Close.
func (l *Log) mend() {
	defer l.running.Done()
	pause, mended := mendSoon, time.Now()
	for {
		select {
		case <-l.closing:
			return
		case <-l.lines.written: // NATS tells of it in its log alone; the words may change, so we look ourselves
		}
		if time.Since(mended) > mendedFor {
			pause = mendSoon
		}
		for faults := l.faults(); len(faults) > 0; {
			l.refuse(faults)
			select {
			case <-l.closing:
				return
			case <-time.After(pause):
			}
			if err := l.folder.hasRoom(roomToMend); err != nil {
				l.logger.Debug("the streams are not opened again yet", "error", err)
				continue
			}
			pause = min(2*pause, mendAtLast)
			if err := l.reopen(); err != nil {
				l.logger.Warn("the streams could not be opened again", "error", err, "again in", pause)
				continue
			}
			mended, faults = time.Now(), l.faults()
		}
		l.admit()
	}
}

// refuse shuts the gates of streams that cannot be written.
func (l *Log) refuse(faults map[*Stream]string) {
	for s, why := range faults {
		if s.gate.close(why) {
			l.logger.Error("the stream cannot be written: appends are refused until it can", "stream", s.name, "reason", why)
		}
	}
}

// admit opens the gates of all streams.
func (l *Log) admit() {
	for _, s := range l.opened() {
		if s.gate.open() {
			l.logger.Info("the stream can be written again", "stream", s.name)
		}
	}
}

// faults gives the streams that JetStream cannot write, and why.
func (l *Log) faults() map[*Stream]string {
	health := l.server.Healthz(&server.HealthzOptions{Details: true})
	faults := make(map[*Stream]string)
	for _, s := range l.opened() {
		for _, e := range health.Errors {
			if s.stored() && (e.Stream == s.stream || e.Stream == "") {
				faults[s] = strings.TrimSpace(e.Error[strings.LastIndex(e.Error, ":")+1:]) // without NATS' words and the file's path
			}
		}
	}
	return faults
}

// opened gives the streams that were opened.
func (l *Log) opened() []*Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*Stream, 0, len(l.streams))
	for _, s := range l.streams {
		all = append(all, s)
	}
	return all
}

// reopen makes JetStream close all streams and open them again. A stream that does not have then what it had before
// begins a new incarnation; one in memory begins anew.
func (l *Log) reopen() error {
	l.opening.Lock()
	defer l.opening.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// Nothing may be stored before its incarnation has begun. New appends wait here, and those that JetStream has
	// dropped are given up.
	soon, cancelSoon := context.WithTimeout(ctx, straggle)
	defer cancelSoon()
	if l.inFlight.Acquire(soon, maxInFlightBytes) != nil {
		l.appends.CleanupPublisher()
		if err := l.inFlight.Acquire(ctx, maxInFlightBytes); err != nil {
			return err
		}
	}
	defer l.inFlight.Release(maxInFlightBytes)

	var err error
	if l.found, err = l.takeStock(ctx); err != nil {
		l.found = nil
	}
	if err := l.restartJetStream(); err != nil {
		return err
	}
	var failed error
	for _, s := range l.opened() {
		if _, err := s.open(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("stream %q: %w", s.name, err))
		}
	}
	l.breakFollowers()
	return failed
}

func (l *Log) restartJetStream() error {
	l.asking.Lock()
	defer l.asking.Unlock()
	if err := l.server.ShutdownJetStream(); err != nil {
		return err
	}
	return l.server.EnableJetStream(&server.JetStreamConfig{
		StoreDir: l.folder.path, MaxStore: unlimitedStorage, MaxMemory: unlimitedStorage, SyncInterval: syncInterval,
	})
}

// hasRoom tries whether so many bytes can be written; what the file system says about itself knows no quotas.
func (f *folder) hasRoom(bytes int) error {
	name := f.file("room")
	err := os.WriteFile(name, make([]byte, bytes), 0o644)
	return errors.Join(err, os.Remove(name))
}
