package hub_test

import (
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
)

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

// A pump finds out at its first write, when the subscriber has been in its wheel.
func TestAWriterThatCanOnlyBlockGetsHeartbeatsInSilenceAlone(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		c, run := b.prepare(all())
		c.plain = true
		run()
		defer c.close()
		for i := range 40 {
			b.publish(1, "tick", "k")
			c.want("each second", fmt.Sprint(i+1))
			time.Sleep(time.Second)
		}
		time.Sleep(16 * time.Second)
		c.want("after a silence", "heartbeat(40)")
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

// A counting log counts how often each event is read.
type counting struct {
	*memlog.Log
	mu    sync.Mutex // guards reads
	reads map[uint64]int
}

func (c *counting) Read(ctx context.Context, r eventlog.ReadRequest) ([]eventlog.Entry, error) {
	entries, err := c.Log.Read(ctx, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range entries {
		c.reads[entries[i].Sequence()]++
	}
	return entries, err
}

// again gives how many events were read, and how many of them more than once.
func (c *counting) again() (once, more int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.reads {
		if once++; n > 1 {
			more++
		}
	}
	return once, more
}

// All come back at once, about 100 events behind, and those are no longer in the tail, or the process is a new one.
func TestAStormReadsEachEventOnce(t *testing.T) {
	count := &counting{}
	wrap := func(l *memlog.Log) hub.Log {
		count = &counting{Log: l, reads: map[uint64]int{}}
		return count
	}
	inBubbleOn(t, "ticks", hub.Options{TailEvents: 16, Logger: slog.New(slog.DiscardHandler)}, wrap, func(b *bench) {
		b.publish(5000, "tick", "k")
		state, err := b.log.State(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		const clients = 2000
		var all []*client
		for i := range clients {
			c := b.subscribe(from(state.Position(uint64(4890 + i%20)).String()))
			defer c.close()
			all = append(all, c)
			if i%100 == 0 {
				b.publish(1, "tick", "k")
			}
		}
		for i, c := range all {
			got := strings.Fields(strings.Replace(c.got(), "live(", "", 1))
			numbers := got[:0]
			for _, field := range got {
				if !strings.HasSuffix(field, ")") {
					numbers = append(numbers, field)
				}
			}
			if first, last := 4891+i%20, 5000+clients/100; len(numbers) != last-first+1 || numbers[0] != fmt.Sprint(first) || numbers[len(numbers)-1] != fmt.Sprint(last) {
				t.Fatalf("client %d got %v; want %d to %d", i, numbers, first, last)
			}
		}
		if read, again := count.again(); again*50 > read {
			t.Errorf("%d of the %d events that were read were read more than once; want at most 2 %%", again, read)
		}
	})
}

func TestAnOutageOfTheLogEndsReadersThatNeedIt(t *testing.T) {
	inBubble(t, "ticks", hub.Options{TailEvents: 8}, func(b *bench) {
		b.publish(1000, "tick", "k")
		live := b.subscribe(all())
		defer live.close()
		resuming, run := b.prepare(from("earliest"))
		resume := resuming.stall()
		run()
		defer resuming.close()
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

func TestLongPollsHaveTheirPlaceInADrain(t *testing.T) {
	inBubble(t, "ticks", hub.Options{}, func(b *bench) {
		const n, over = 50, 10 * time.Second
		p := all()
		p.Stream = b.name
		sub, err := b.hub.Parse(contract.SSE, p)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		tenths := [10]int{}
		var polls sync.WaitGroup
		start := time.Now()
		for range n {
			polls.Go(func() {
				waiting, stop := context.WithTimeout(context.Background(), time.Minute)
				defer stop()
				page, err := b.hub.Page(context.Background(), waiting, sub, 10)
				if err != nil || len(page.Events) > 0 {
					t.Errorf("got %v, %v; want an empty page", page, err)
				}
				mu.Lock()
				defer mu.Unlock()
				tenths[min(9, time.Since(start)*10/over)]++
			})
		}
		synctest.Wait()
		if err := b.hub.Drain(context.Background(), over); err != nil {
			t.Error(err)
		}
		polls.Wait()
		for i, count := range tenths {
			if count > n*15/100 {
				t.Errorf("%d of %d long polls ended in tenth %d of the drain", count, n, i)
			}
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

func TestEventsThatComeWithinThePauseOfCoalesceGoOutTogether(t *testing.T) {
	tocks := hub.Params{EventTypes: &[]string{"tock"}}
	for name, p := range map[string]hub.Params{"everything": {}, "by type": tocks} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "slowly", hub.Options{}, func(b *bench) {
				c := b.subscribe(p)
				defer c.close()
				c.want("before", "")
				for range 4 {
					b.publish(1, "tock", "")
					time.Sleep(time.Millisecond)
				}
				c.want("within the pause", "")
				time.Sleep(2 * time.Millisecond)
				c.want("after it", "1 2 3 4")
				if n := c.writes(); n != 1 {
					t.Errorf("%d writes; want one", n)
				}
				time.Sleep(14*time.Second - time.Millisecond)
				b.publish(1, "tock", "") // some heartbeats are due within its pause
				time.Sleep(3 * time.Second)
				if got := strings.ReplaceAll(strings.ReplaceAll(c.got(), "heartbeat(4) ", ""), " heartbeat(5)", ""); got != "5" {
					t.Errorf("around a heartbeat: got %q", got)
				}
			})
		})
	}
}
