//go:build unix

// Command write is the kernel's limit: one goroutine that writes one prepared buffer to each socket, for each event.
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"

	"github.com/leatstream/leat/bench/baseline"
	"golang.org/x/sys/unix"
)

// sockets are those of the clients, in blocking mode: one that does not read holds up all, so keep it to clients that do.
type sockets struct {
	mu    sync.Mutex // guards all; held while an event is written
	files []*os.File // keep the sockets open
	fds   []int
	last  int
}

func main() {
	s := new(sockets)
	http.HandleFunc("POST /events/bench", func(w http.ResponseWriter, r *http.Request) {
		if e, ok := baseline.Read(w, r); ok {
			baseline.Answer(w, s.write(e))
		}
	})
	http.HandleFunc("GET /events/bench", func(w http.ResponseWriter, _ *http.Request) {
		conn, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		if err := s.add(conn, buffer.Writer); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
	baseline.Exit(baseline.Serve(http.DefaultServeMux))
}

// add takes the socket away from Go's poller: what the clients send does not matter, and nothing shall be woken.
func (s *sockets) add(conn net.Conn, head *bufio.Writer) error {
	defer conn.Close()
	_, _ = head.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + baseline.Hello)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := head.Flush(); err != nil {
		return err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("%T is no socket", conn)
	}
	file, err := tcp.File()
	if err != nil {
		return err
	}
	s.files, s.fds = append(s.files, file), append(s.fds, int(file.Fd())) // Fd sets the blocking mode
	return nil
}

func (s *sockets) write(e baseline.Event) (id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	frame := e.Frame(s.last)
	var gone []int
	for i, fd := range s.fds {
		if n, err := unix.Write(fd, frame); err != nil || n < len(frame) {
			gone = append(gone, i)
		}
	}
	for _, i := range slices.Backward(gone) {
		_ = s.files[i].Close()
		s.files, s.fds = slices.Delete(s.files, i, i+1), slices.Delete(s.fds, i, i+1)
	}
	return s.last
}
