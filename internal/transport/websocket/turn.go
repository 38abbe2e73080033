package websocket

import (
	"context"
	"errors"
	"time"

	"github.com/leatstream/leat/internal/problem"
)

// start leaves the client to its watcher, or to a goroutine; err tells what has gone wrong already.
func (c *client) start(err error) {
	c.hub.WhenEnded(c.wake)
	c.handler.pulse.join(c)
	if err != nil || len(c.in.early) > 0 || !c.watched || !c.rest() {
		go c.turn(err)
	}
}

// turn reads on until there is nothing to read, or until one side ends the connection, and says goodbye then.
func (c *client) turn(err error) {
	if err == nil {
		err = c.read()
	}
	if errors.Is(err, errRests) {
		return
	}
	c.handler.pulse.leave(c)
	how := c.end(err)
	c.in.release()
	c.watch.Stop()
	_ = c.conn.Close() // nobody is left to care
	c.pings.group.Wait()
	c.hub.Close(how)
}

// errRests says that the client is another's now, or nobody's.
var errRests = errors.New("nothing to read")

// read handles message after message. Between two, it does not wait in a connection that is watched.
func (c *client) read() (err error) {
	defer problem.Caught(&err)
	ctx := context.Background() // nobody could end it meanwhile; the request's would be kept for as long as the connection
	for {
		err := c.over()
		if err == nil {
			err = c.in.await()
		}
		if errors.Is(err, errDry) {
			if c.rest() {
				return errRests
			}
			continue
		}
		if err != nil {
			return err
		}
		message, err := c.in.message()
		if err != nil {
			return err
		}
		if err := c.handle(ctx, message); err != nil {
			return err
		}
	}
}

// handle may take long. Nothing is read meanwhile, so no pong either.
func (c *client) handle(ctx context.Context, message []byte) error {
	c.pings.deaf.Store(true)
	defer c.handler.pulse.listens(c)
	return c.session.Handle(ctx, message)
}

// rest leaves the client to its watcher: true says that it is no longer the caller's.
func (c *client) rest() bool {
	c.in.release()
	c.rests.Store(true)
	over := c.over() != nil // whoever ended it before that has woken nobody
	if !over && c.watch.Await() == nil || !c.rests.CompareAndSwap(true, false) {
		return true
	}
	c.watched = over // where watching failed, the next read waits, and tells what is wrong
	return false
}

// ready is the watcher's call.
func (c *client) ready() {
	if c.rests.CompareAndSwap(true, false) {
		go c.turn(nil)
	}
}

// wake makes the reading side see that the connection is over; any goroutine may call it.
func (c *client) wake() {
	if c.rests.CompareAndSwap(true, false) {
		go c.turn(nil)
		return
	}
	_ = c.conn.SetReadDeadline(time.Unix(1, 0))
}

// lose ends the connection because of what went wrong outside of its reading side.
func (c *client) lose(err error) {
	c.failure.CompareAndSwap(nil, &err)
	c.wake()
}

// over tells why nothing is to be read any more, nil while it is.
func (c *client) over() error {
	if failure := c.failure.Load(); failure != nil {
		return *failure
	}
	if c.hub.Reason() != "" {
		return errEnded
	}
	return nil
}
