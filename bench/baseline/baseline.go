// Package baseline is what the baselines share: reading a published event, its frame, and the listener.
package baseline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// An Event is published as to leat: {"type":…,"data":…}.
type Event struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// Read reads the event of a POST.
func Read(w http.ResponseWriter, r *http.Request) (Event, bool) {
	var e Event
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return e, false
	}
	return e, true
}

// Frame is the event as Server-Sent Events have it, with leat's three lines.
func (e Event) Frame(id int) []byte {
	return fmt.Appendf(nil, "event: %s\ndata: %s\nid: b-%d\n\n", e.Type, e.Data, id)
}

// Answer tells the publisher the event's id.
func Answer(w http.ResponseWriter, id int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"id":"b-%d"}`, id)
}

// Hello begins a stream as leat does: the client has an id before the first event.
const Hello = "retry: 2000\nid: b-0\n\n"

// Serve answers with h at a free port, prints its URL, and ends with SIGTERM.
func Serve(h http.Handler) error {
	l, err := Listen("public", "http://")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		UntilSignal()
		_ = server.Close() // cuts all; nobody waits for a goodbye
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Listen opens a free port of this machine, and prints it as leat does; gRPC's has no scheme.
func Listen(name, scheme string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Printf("%s %s%s\n", name, scheme, l.Addr())
	}
	return l, err
}

// UntilSignal waits for SIGTERM or Ctrl-C.
func UntilSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	<-signals
}

// Exit ends the process, with a word where it failed.
func Exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
