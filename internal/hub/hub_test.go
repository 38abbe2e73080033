package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/memlog"
	"github.com/leatstream/leat/internal/hub"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const contractText = `
leat: 1
info: { title: Hub tests, version: 1.0.0 }
streams:
  ticks: { key: path, events: { tick: { schema: {} }, tock: { schema: {} } } }
  skips: { slow: skip, events: { tick: { schema: {} } } }
  memory: { durability: memory, key: path, events: { tick: { schema: {} } } }
  lives: { durability: none, events: { tick: { schema: {} } } }
`

// A bench is a hub on an in-memory log, within a bubble of fake time.
type bench struct {
	t    *testing.T
	hub  *hub.Hub
	log  *memlog.Log
	name string
	stop context.CancelFunc
	ran  chan error
}

// inBubble runs a test with a hub of one stream.
func inBubble(t *testing.T, stream string, o hub.Options, test func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		c, err := contract.Parse("leat.yaml", []byte(contractText))
		if err != nil {
			t.Fatal(err)
		}
		o.Logger = slog.New(slog.DiscardHandler)
		b := &bench{t: t, hub: hub.New(o), log: memlog.New(c.Stream(stream)), name: stream, ran: make(chan error, 1)}
		b.hub.Add(c.Stream(stream), b.log)
		ctx, stop := context.WithCancel(context.Background())
		b.stop = stop
		go func() { b.ran <- b.hub.Run(ctx) }()
		test(b)
		stop()
		if err := <-b.ran; err != nil {
			t.Error(err)
		}
	})
}

// publish stores n ticks, numbered from 1 on, under a key.
func (b *bench) publish(n int, eventType, key string) {
	b.t.Helper()
	for range n {
		state, err := b.log.State(context.Background())
		if err != nil {
			b.t.Fatal(err)
		}
		r := eventlog.Record{Type: event.MustType(eventType), Data: fmt.Appendf(nil, "%d", state.Last+1)}
		if key != "" {
			r.Key = event.MustKey(key)
		}
		if _, err := b.log.Append(context.Background(), r, nil); err != nil {
			b.t.Fatal(err)
		}
	}
}

// A client is a subscriber whose writes are kept.
type client struct {
	*bench
	connection *hub.Connection
	*hub.Subscriber
	cancel context.CancelFunc
	ended  chan error

	mu    sync.Mutex // guards the fields below
	text  bytes.Buffer
	block chan struct{} // where not nil, writes wait for it
}

func (c *client) Write(b hub.Batch) error {
	c.mu.Lock()
	block := c.block
	c.mu.Unlock()
	if block != nil {
		<-block
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, frame := range b.Frames {
		c.text.Write(frame)
	}
	return nil
}

// got gives what was written since the last call, when the bubble has come to rest.
func (c *client) got() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	text := strings.TrimSpace(c.text.String())
	c.text.Reset()
	return text
}

// stall makes writes wait until the returned function is called.
func (c *client) stall() (resume func()) {
	block := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.block = block
	return func() {
		c.mu.Lock()
		c.block = nil
		c.mu.Unlock()
		close(block)
	}
}

var frames = hub.Format{
	Name:  "test",
	Event: func(dst []byte, e *event.Event) []byte { return fmt.Appendf(dst, "%s ", e.Data) },
	Control: func(dst []byte, e *event.Event) []byte {
		return fmt.Appendf(dst, "%s(%d) ", strings.TrimPrefix(e.Type.String(), "leat."), e.Position.Sequence())
	},
}

func (b *bench) subscribe(p hub.Params) *client {
	b.t.Helper()
	p.Stream = b.name
	sub, err := b.hub.Parse(contract.SSE, p)
	if err != nil {
		b.t.Fatal(err)
	}
	connection, err := b.hub.Connect(contract.SSE)
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := connection.Subscribe(context.Background(), sub, frames)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &client{bench: b, connection: connection, Subscriber: s, cancel: cancel, ended: make(chan error, 1)}
	go func() { c.ended <- s.Run(ctx, c) }()
	return c
}

func (c *client) close() {
	c.t.Helper()
	c.cancel()
	if err := <-c.ended; err != nil && !errors.Is(err, context.Canceled) {
		c.t.Error(err)
	}
	c.Subscriber.Close()
	c.connection.Close("client")
}

func (c *client) want(what, want string) {
	c.t.Helper()
	if got := c.got(); got != want {
		c.t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

func all() hub.Params { yes := "true"; return hub.Params{AllKeys: &yes} }

func from(after string) hub.Params { p := all(); p.After = &after; return p }

func TestAHeartbeatMovesThePositionPastWhatTheFilterLeavesOut(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		p := all()
		p.EventTypes = &[]string{"tock"}
		c := b.subscribe(p)
		defer c.close()
		b.publish(3, "tick", "k")
		c.want("at once", "")
		time.Sleep(17 * time.Second) // fake: 15 s and the most jitter
		c.want("after the heartbeat's time", "heartbeat(3)")
		time.Sleep(10 * time.Second)
		b.publish(1, "tock", "k")
		c.want("an event in between", "4")
		time.Sleep(13 * time.Second)
		c.want("13 s after an event", "")
	})
}

func TestWhatTheFollowerMissesIsReadWithinASecond(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		c := b.subscribe(all())
		defer c.close()
		b.publish(1, "tick", "k")
		c.want("live", "1")
		b.log.Mute(true) // the follower lives, and hears nothing
		b.publish(5, "tick", "k")
		c.want("muted", "")
		time.Sleep(1100 * time.Millisecond)
		c.want("compared with the log", "2 3 4 5 6")
		b.log.Mute(false)
		b.publish(1, "tick", "k")
		b.log.CutFollowers()
		b.publish(1, "tick", "k")
		time.Sleep(1100 * time.Millisecond)
		c.want("cut in a burst with nothing after it", "7 8")
	})
}

func TestTheLogIsFollowedOnceHoweverManySubscribe(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		for range 20 {
			c := b.subscribe(all())
			defer c.close()
		}
		synctest.Wait()
		if n := b.log.Followers(); n != 1 {
			t.Errorf("%d followers for 20 subscribers; want 1", n)
		}
	})
}

func TestFollowingEndsAWhileAfterTheLastHasLeft(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		c := b.subscribe(all())
		synctest.Wait()
		c.close()
		time.Sleep(10 * time.Second)
		if n := b.log.Followers(); n != 1 {
			t.Errorf("%d followers soon after the last subscriber; want 1", n)
		}
		time.Sleep(40 * time.Second)
		if n := b.log.Followers(); n != 0 {
			t.Errorf("%d followers long after the last subscriber; want none", n)
		}
		b.publish(2, "tick", "k")
		c = b.subscribe(from("earliest"))
		defer c.close()
		c.want("coming back", "1 2 live(2)")
	})
}

func TestAReaderThatFallsOffTheTailReadsTheLog(t *testing.T) {
	inBubble(t, "ticks", hub.Options{TailEvents: 8}, func(b *bench) {
		c := b.subscribe(all())
		defer c.close()
		resume := c.stall()
		b.publish(40, "tick", "k")
		synctest.Wait()
		resume()
		want := make([]string, 40)
		for i := range want {
			want[i] = fmt.Sprint(i + 1)
		}
		c.want("after the stall", strings.Join(want, " "))
	})
}

func TestASkippingReaderJumpsWithAGap(t *testing.T) {
	inBubble(t, "skips", hub.Options{TailEvents: 8}, func(b *bench) {
		c := b.subscribe(hub.Params{})
		defer c.close()
		synctest.Wait() // it is at the tail's end
		resume := c.stall()
		b.publish(1, "tick", "")
		synctest.Wait() // it is in the write of the first one
		b.publish(40, "tick", "")
		synctest.Wait()
		resume()
		c.want("after the stall", "1 gap(41)")
		b.publish(1, "tick", "")
		c.want("further on", "42")
	})
}

func TestALogThatGoesBackIsTold(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		c := b.subscribe(all())
		defer c.close()
		b.publish(5, "tick", "k")
		c.want("live", "1 2 3 4 5")
		b.log.GoBack(3)
		time.Sleep(time.Second)
		c.want("gone back", "gap(3)")
		b.publish(1, "tick", "k")
		c.want("the number is given out again", "4")
	})
}

func TestAHoleInTheLogIsTold(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		b.publish(9, "tick", "k")
		b.log.Lose(4, 6)
		c := b.subscribe(from("earliest"))
		defer c.close()
		c.want("over the hole", "1 2 3 gap(6) 7 8 9 live(9)")
	})
}

func TestAHoleInTheLogIsToldToWhoReadsOneKey(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		for range 4 {
			b.publish(1, "tick", "k")
			b.publish(1, "tick", "l")
		}
		b.publish(1, "tick", "k")
		b.log.Lose(4, 6)
		b.log.DropOldest(1)
		for key, want := range map[string]string{
			"k": "3 gap(6) 7 9 live(9)",
			"l": "2 gap(6) 8 live(9)",
			"m": "gap(6) live(9)", // a gap covers positions, whether or not events there matched
		} {
			earliest := "earliest"
			c := b.subscribe(hub.Params{Key: &key, After: &earliest})
			c.want(key+", over the hole", want)
			c.close()
		}
	})
}

func TestAThousandThatResumeTogetherCostFewReads(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		b.publish(5000, "tick", "k")
		state, err := b.log.State(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(1000) {
			c := b.subscribe(from(state.Position(4000 + i).String()))
			defer c.close()
		}
		synctest.Wait()
		if n := b.log.Reads(); n > 20 {
			t.Errorf("%d reads of the log; want at most 20", n)
		}
	})
}

func TestAnOutageOfTheLogEndsReadersThatNeedIt(t *testing.T) {
	inBubble(t, "ticks", hub.Options{TailEvents: 8}, func(b *bench) {
		b.publish(1000, "tick", "k")
		live := b.subscribe(all())
		defer live.close()
		resuming := b.subscribe(from("earliest"))
		defer resuming.close()
		resume := resuming.stall()
		synctest.Wait()
		b.log.Fail(errors.New("away"))
		resume()
		time.Sleep(time.Minute)
		if got := resuming.got(); !strings.HasSuffix(got, "256 end(256)") {
			t.Errorf("the resuming reader got %q; want what was read, and an end", got)
		}
		if got := live.got(); strings.Contains(got, "end(") {
			t.Errorf("the live reader got %q; it needs nothing of the log", got)
		}
	})
}

func TestADrainIsSpreadEvenly(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		const n, over = 100, 10 * time.Second
		var mu sync.Mutex
		tenths := [10]int{}
		start := time.Now()
		var gone sync.WaitGroup
		for range n {
			c := b.subscribe(all())
			gone.Go(func() {
				if err := <-c.ended; err != nil {
					t.Error(err)
				}
				mu.Lock()
				tenths[min(9, time.Since(start)*10/over)]++
				mu.Unlock()
				if got := c.text.String(); got != "end(0) " {
					t.Errorf("the goodbye: got %q", got)
				}
				c.Subscriber.Close()
				c.connection.Close("drain")
			})
		}
		if err := b.hub.Drain(context.Background(), over); err != nil {
			t.Error(err)
		}
		gone.Wait()
		for i, count := range tenths {
			if count > n*15/100 {
				t.Errorf("%d of %d connections ended in tenth %d of the drain", count, n, i)
			}
		}
		if _, err := b.hub.Connect(contract.SSE); err == nil {
			t.Error("a draining hub takes connections")
		}
	})
}

func TestALiveStreamHearsWhatIsPublishedOnceSubscribed(t *testing.T) {
	inBubble(t, "lives", hub.Options{TailEvents: 8}, func(b *bench) {
		c := b.subscribe(hub.Params{})
		defer c.close()
		r := eventlog.Record{Type: event.MustType("tick"), Data: []byte("1")}
		if _, err := b.log.Append(context.Background(), r, nil); err != nil {
			t.Fatal(err)
		}
		c.want("live", "1")
		b.log.CutFollowers()
		time.Sleep(time.Second)
		c.want("the follower broke, and something may have gone by", "gap(0)")
	})
}
