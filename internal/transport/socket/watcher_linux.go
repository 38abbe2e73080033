package socket

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Watcher tells when clients go that have nothing to say, and when others have said something. A goroutine that waits to read costs each idle connection
// 2 KiB and more; a Watcher has one epoll(7) instance and one goroutine for all. The zero Watcher is ready.
type Watcher struct {
	mu    sync.Mutex // guards the fields below
	epoll *os.File   // nil while nothing is watched: the goroutine ends with the last watch
	fd    int        // epoll's
	seats []seat
	free  []uint32 // seats that are empty
	count uint32   // how many ever took a seat
}

// A seat is where a watched connection is found by what epoll reports.
type seat struct {
	conn  syscall.RawConn // nil: empty
	tell  func()
	reads bool   // whoever is told reads; else what comes is thrown away
	taken uint32 // the watcher's count: reports about the one before, and its Stop, are passed over
}

// A Watch is a connection that is watched; the zero Watch is one with a goroutine.
type Watch struct {
	watcher *Watcher
	number  uint32
	taken   uint32
}

// Watch calls gone once, when the client has closed the connection or its side of it, or, possibly, when it is closed
// here. What the client sends is thrown away. gone must not block.
func (w *Watcher) Watch(conn net.Conn, gone func()) Watch {
	if c, ok := conn.(*net.TCPConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			if watch, err := w.seat(seat{conn: raw, tell: gone}, unix.EPOLLIN|unix.EPOLLRDHUP); err == nil {
				return watch
			}
		}
	}
	go discard(conn, gone)
	return Watch{}
}

// Reader makes a watch for who reads from the connection: Await has ready called when there is something to read, be it
// the end. ready must not block. false says that this connection cannot be watched.
func (w *Watcher) Reader(conn net.Conn, ready func()) (Watch, bool) {
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return Watch{}, false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return Watch{}, false
	}
	watch, err := w.seat(seat{conn: raw, tell: ready, reads: true}, unix.EPOLLONESHOT)
	return watch, err == nil
}

// Await has ready called once. An error says that it will not be, because the watch is stopped or the connection closed.
// ready may have been called when Await returns; where the connection breaks, it may be called though nobody awaits it.
func (h Watch) Await() error {
	w := h.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	s, there := w.find(h.number, h.taken)
	if !there {
		return net.ErrClosed
	}
	return w.control(unix.EPOLL_CTL_MOD, s, h.number, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLONESHOT)
}

// Stop ends the watch; the connection is to be closed right after.
func (h Watch) Stop() {
	if h.watcher == nil {
		return
	}
	w := h.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, there := w.find(h.number, h.taken); there {
		w.clear(h.number)
	}
}

// find gives the seat that somebody took, if it is still there. The caller has the lock.
func (w *Watcher) find(number, taken uint32) (seat, bool) {
	if int(number) >= len(w.seats) {
		return seat{}, false
	}
	s := w.seats[number]
	return s, s.conn != nil && s.taken == taken
}

// seat gives a connection a seat, and has it watched.
func (w *Watcher) seat(s seat, events uint32) (Watch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.begin(); err != nil {
		return Watch{}, err
	}
	if len(w.free) == 0 {
		w.free = append(w.free, uint32(len(w.seats)))
		w.seats = append(w.seats, seat{})
	}
	number := w.free[len(w.free)-1]
	w.free = w.free[:len(w.free)-1]
	w.count++
	s.taken = w.count
	w.seats[number] = s
	if err := w.control(unix.EPOLL_CTL_ADD, s, number, events); err != nil {
		w.clear(number)
		return Watch{}, err
	}
	return Watch{w, number, s.taken}, nil
}

// control tells epoll what to report of a seat. The caller has the lock.
func (w *Watcher) control(op int, s seat, number, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(number), Pad: int32(s.taken)}
	var err error
	failed := s.conn.Control(func(fd uintptr) { err = os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.fd, op, int(fd), &event)) })
	return errors.Join(failed, err)
}

// begin starts the goroutine if nothing was watched. The caller has the lock.
func (w *Watcher) begin() error {
	if w.epoll != nil {
		return nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that the runtime's own epoll waits for ours
		return errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fd))
	}
	w.epoll, w.fd = os.NewFile(uintptr(fd), "epoll"), fd
	raw, err := w.epoll.SyscallConn()
	if err != nil {
		return errors.Join(err, w.epoll.Close())
	}
	go w.run(raw, fd)
	return nil
}

// clear empties a seat, and ends the goroutine if it was the last one taken. The caller has the lock.
func (w *Watcher) clear(number uint32) {
	s := &w.seats[number]
	s.conn, s.tell = nil, nil
	w.free = append(w.free, number)
	if len(w.free) == len(w.seats) {
		_ = w.epoll.Close() // the goroutine sees it
		w.epoll, w.seats, w.free = nil, nil, nil
	}
}

// run reports until its epoll is closed.
func (w *Watcher) run(raw syscall.RawConn, fd int) {
	events := make([]unix.EpollEvent, 128)
	scratch := make([]byte, 4<<10)
	for {
		n := 0
		var err error
		closed := raw.Read(func(uintptr) bool {
			n, err = unix.EpollWait(fd, events, 0)
			return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
		})
		if closed != nil || err != nil {
			return
		}
		for _, e := range events[:n] {
			w.report(uint32(e.Fd), uint32(e.Pad), scratch)
		}
	}
}

// report tells who reads, or throws away what a client has sent, and tells if it is gone.
func (w *Watcher) report(number, taken uint32, scratch []byte) {
	w.mu.Lock()
	s, there := w.find(number, taken)
	w.mu.Unlock()
	switch {
	case !there:
		return
	case s.reads:
		s.tell()
		return
	}
	n, err := 0, error(nil)
	closed := s.conn.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), scratch)
		return true
	})
	if closed == nil && (n > 0 || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR)) {
		return
	}
	Watch{w, number, taken}.Stop()
	s.tell()
}
