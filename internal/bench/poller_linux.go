package bench

import (
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A poller reads many sockets on one goroutine, with epoll of its own: a wake-up and one read for each socket that
// has something, where net.Conn takes a second read to learn that there is no more, and a goroutine's wake-up.
type poller struct {
	receiver *receiver
	epoll    int
	buffer   []byte
	done     sync.WaitGroup
	stopping chan struct{}
	readers  map[int32]*subscriber // by socket; receiver.mu guards it
}

const (
	readAtOnce = 256 << 10
	// A poller looks this often whether it shall stop.
	stopWithin = 100 * time.Millisecond
)

func newPoller(r *receiver) (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p := &poller{receiver: r, epoll: epoll, buffer: make([]byte, readAtOnce), stopping: make(chan struct{}), readers: make(map[int32]*subscriber)}
	p.done.Go(p.run)
	return p, nil
}

// own takes a socket away from Go's own poller, which would be woken for everything that arrives, too.
func (p *poller) own(conn *net.TCPConn) (*socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if controlErr := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	}); err == nil {
		err = controlErr
	}
	if err != nil {
		return nil, fmt.Errorf("duplicate a socket: %w", err)
	}
	return &socket{p, fd}, conn.Close()
}

func (p *poller) add(s *socket, of *subscriber) error {
	p.readers[int32(s.fd)] = of
	return unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(s.fd)})
}

func (p *poller) run() {
	ready := make([]unix.EpollEvent, 1024)
	for {
		select {
		case <-p.stopping:
			return
		default:
		}
		n, err := unix.EpollWait(p.epoll, ready, int(stopWithin.Milliseconds()))
		if n <= 0 || err != nil { // EINTR, or nothing yet
			continue
		}
		p.receiver.mu.Lock()
		for _, event := range ready[:n] {
			// A socket that was closed between the two may have another's number by now: then there is nothing to
			// read yet, or it is the other's.
			if s := p.readers[event.Fd]; s != nil {
				p.read(s, int(event.Fd))
			}
		}
		p.receiver.mu.Unlock()
	}
}

func (p *poller) read(s *subscriber, fd int) {
	begin := copy(p.buffer, s.rest)
	if len(p.buffer)-begin < readAtOnce/2 {
		p.buffer = append(p.buffer, make([]byte, len(p.buffer))...)
	}
	n, err := unix.Read(fd, p.buffer[begin:])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
	case n <= 0 || err != nil:
		p.receiver.broken(s, errEnded)
	default:
		s.now = p.receiver.marker.now()
		if err := s.feed(p.buffer[:begin+n], n); err != nil {
			p.receiver.broken(s, err)
		}
	}
}

func (p *poller) stop() {
	close(p.stopping)
	p.done.Wait()
	_ = unix.Close(p.epoll) // nothing is registered any more
}

// A socket is one that a poller owns.
type socket struct {
	poller *poller
	fd     int
}

// write is for the few bytes of a pong: a socket that does not take them has a peer that has stopped reading.
func (s *socket) write(data []byte) error {
	_, err := unix.Write(s.fd, data)
	return err
}

func (s *socket) close() {
	delete(s.poller.readers, int32(s.fd))
	_ = unix.Close(s.fd) // it leaves the epoll with that
}

// fileLimit is how many files this process may have open; Go has raised it as far as it may (os).
func fileLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt
	}
	return int(min(limit.Cur, math.MaxInt32))
}
