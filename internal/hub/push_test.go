package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/problem"
)

// pushed are events of a stream that are in no log.
func pushed(stream string, data ...string) []*event.Event {
	events := make([]*event.Event, len(data))
	for i := range data {
		events[i] = &event.Event{Stream: stream, Type: event.MustType("tick"), Time: time.Now(), Data: []byte(data[i])}
	}
	return events
}

func (c *client) push(data ...string) {
	c.t.Helper()
	if err := c.connection.Push(pushed(c.name, data...)); err != nil {
		c.t.Error(err)
	}
}

// wantRefused pushes, and wants to hear why not.
func (c *client) wantRefused(kind problem.Kind, data ...string) {
	c.t.Helper()
	if err := c.connection.Push(pushed(c.name, data...)); err == nil || problem.From(err).Kind != kind {
		c.t.Errorf("a push: %v, want an error of kind %d", err, kind)
	}
}

func TestWhatIsPushedComesAtOnceAndToOneConnection(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		one, other := b.subscribe(all()), b.subscribe(all())
		defer one.close()
		defer other.close()
		one.want("before", "")
		one.push("p1", "p2")
		one.want("at rest", "p1 p2")
		b.publish(2, "tick", "k")
		one.want("then", "1 2")
		time.Sleep(10 * time.Second)
		one.push("p3")
		time.Sleep(10 * time.Second) // but for the push, the heartbeat would have come
		one.want("in silence", "p3")
		if got := other.got(); !strings.HasPrefix(got, "1 2") || strings.Contains(got, "p") {
			t.Errorf("the other connection got %q", got)
		}
		time.Sleep(7 * time.Second)
		one.want("later", "heartbeat(2)")
	})
}

func TestWhatIsPushedWaitsForWhatIsOnItsWay(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		c := b.subscribe(all())
		defer c.close()
		synctest.Wait()
		resume := c.stall()
		for range 10 { // a batch of several frames, of which a full socket takes half
			b.publish(1, "tick", "k")
		}
		synctest.Wait()
		c.push("p1")
		b.publish(1, "tick", "k")
		c.push("p2")
		synctest.Wait()
		resume()
		got := c.got()
		var events, pushes []string
		for word := range strings.FieldsSeq(got) {
			if strings.HasPrefix(word, "p") {
				pushes = append(pushes, word)
			} else {
				events = append(events, word)
			}
		}
		if strings.Join(events, " ") != "1 2 3 4 5 6 7 8 9 10 11" || strings.Join(pushes, " ") != "p1 p2" {
			t.Errorf("got %q", got)
		}
	})
}

func TestWhatIsPushedBeforeASubscriberRunsComesFirst(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		b.publish(2, "tick", "k")
		c, run := b.prepare(from("earliest"))
		c.push("p1")
		run()
		defer c.close()
		c.want("from the beginning", "p1 1 2 live(2)")
	})
}

func TestWhatWasTakenComesBeforeTheEnd(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		c := b.subscribe(all())
		synctest.Wait()
		resume := c.stall()
		c.push("p1")
		synctest.Wait()
		c.push("p2")
		c.connection.End(event.EndDisconnected)
		c.wantRefused(problem.NotFound, "p3")
		resume()
		c.want("the end", "p1 p2 end(0)")
		c.close()
		c.wantRefused(problem.NotFound, "p4")
	})
}

func TestAConnectionThatDoesNotKeepUpTakesNoMorePushes(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("p%d", i)
	}
	for what, fill := range map[string][]string{
		"events":                               many,
		"bytes":                                {strings.Repeat("x", 64<<10)},
		"a push that is larger than the queue": {strings.Repeat("y", 1<<20)},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, "ticks", hub.Options{}, func(b *bench) {
				c := b.subscribe(all())
				synctest.Wait()
				resume := c.stall()
				c.push("p")
				synctest.Wait() // it is in the write
				c.push(fill...)
				c.wantRefused(problem.Unavailable, "q")
				resume()
				c.want("what was taken", "p "+strings.Join(fill, " "))
				c.push("r")
				c.want("then", "r")
				c.close()
				c.wantRefused(problem.NotFound, "p")
			})
		})
	}
}

func TestAnEventOfAnotherStreamIsNotPushedWhereNothingNamesIt(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		c := b.subscribe(all())
		defer c.close()
		if err := c.connection.Push(pushed("skips", "p")); err == nil || problem.From(err).Kind != problem.Conflict {
			t.Errorf("a push of another stream: %v", err)
		}
		c.want("afterwards", "")
	})
}

func TestNothingIsPushedWhereNothingIsSubscribed(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		connection, err := b.hub.Connect(contract.SSE)
		if err != nil {
			t.Fatal(err)
		}
		c := &client{bench: b, connection: connection}
		c.wantRefused(problem.Conflict, "p")
		connection.Close("client")
		c.wantRefused(problem.NotFound, "p")
	})
}

// AppendPushed makes a client a hub.Pusher.
func (c *client) AppendPushed(dst []byte, e *event.Event) []byte { return frames.Event(dst, e) }

func TestPushesThroughAWriterOfTheirOwnAreWrittenInOrderUntilTheyAreStopped(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		connection, err := b.hub.Connect(contract.WebSocket)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close("client")
		c := &client{bench: b, connection: connection}
		connection.PushThrough(c, "")
		c.push("p0")
		c.want("before it may", "")
		connection.WritePushes()
		c.want("once it may", "p0")
		c.push("p1", "p2")
		c.want("at once", "p1 p2")
		resume := c.stall()
		c.push("p3")
		synctest.Wait()
		c.push("p4", strings.Repeat("x", 64<<10))
		c.wantRefused(problem.Unavailable, "p5")
		stopped := make(chan struct{})
		go func() { connection.StopPushes(); close(stopped) }()
		synctest.Wait()
		c.wantRefused(problem.NotFound, "p5")
		resume()
		<-stopped
		c.want("until the end", "p3 p4 "+strings.Repeat("x", 64<<10))
	})
}

func TestWhatIsPushedToAConnectionThatNeverOpensIsDropped(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		connection, err := b.hub.Connect(contract.WebSocket)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close("error")
		c := &client{bench: b, connection: connection}
		connection.PushThrough(c, "")
		c.push("p1")
		connection.StopPushes()
		c.want("in the end", "")
		c.wantRefused(problem.NotFound, "p2")
	})
}

func TestAConnectionIsFoundByItsID(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		c := b.subscribe(all())
		id := c.connection.ID()
		if found, err := b.hub.Connection(id); err != nil || found != c.connection {
			t.Errorf("%s: %v, %v", id, found, err)
		}
		prefix := id[:len(id)-1]
		for _, wrong := range []string{"", "1", prefix, prefix + "01", prefix + "+1", prefix + "2", strings.ToUpper(id), id + "/", prefix + "ffffffffffffffffff"} {
			if _, err := b.hub.Connection(wrong); err == nil || problem.From(err).Kind != problem.NotFound {
				t.Errorf("%q: %v, want a problem that there is none", wrong, err)
			}
		}
		if other := hub.New(hub.Options{}); strings.HasPrefix(id, connectionID(t, other)[:6]) {
			t.Error("two hubs give the same ids")
		}
		c.connection.End(event.EndDisconnected)
		if _, err := b.hub.Connection(id); err == nil {
			t.Error("one that was ended is still found")
		}
		c.close()
	})
}

func connectionID(t *testing.T, h *hub.Hub) string {
	t.Helper()
	c, err := h.Connect(contract.SSE)
	if err != nil {
		t.Fatal(err)
	}
	return c.ID()
}

func TestALookTellsHowFarASubscriptionIs(t *testing.T) {
	inBubble(t, "ticks", hub.Options{TailEvents: 8}, func(b *bench) {
		b.publish(3, "tick", "k")
		tocks := all()
		tocks.EventTypes = &[]string{"tock", "tick", "tock"}
		c, filtered := b.subscribe(all()), b.subscribe(tocks)
		defer c.close()
		defer filtered.close()
		wantLook := func(what string, c *client, at, lag uint64) {
			t.Helper()
			synctest.Wait()
			state, err := b.log.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := c.connection.Look().Subscriptions[0]
			if got.Position != state.Position(at).String() || got.Lag != lag || got.Stream != "ticks" {
				t.Errorf("%s: %+v, want position %d and lag %d", what, got, at, lag)
			}
		}
		wantLook("at the start", c, 3, 0)
		b.publish(2, "tick", "k")
		wantLook("live", c, 5, 0)
		wantLook("with types", filtered, 5, 0)
		if got := fmt.Sprint(filtered.connection.Look().Subscriptions[0].Types); got != "[tick tock]" {
			t.Errorf("types: %s", got)
		}
		resume := c.stall()
		b.publish(20, "tick", "k")
		wantLook("stalled", c, 5, 20)
		wantLook("beside it", filtered, 25, 0)
		resume()
		wantLook("going on", c, 25, 0)
	})
}
