package wiretest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/internal/wiretest"
)

func TestExpiredNamesExactlyWhatRetentionHasTaken(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "few", 25) // of which 10 stay
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, resume := range []bool{false, true} {
			for _, asked := range []int{0, 3, 13} {
				c := w.Open(t, s, wiretest.Subscription{Stream: "few", After: ids[asked], Resume: resume})
				c.WantsStart(ids[asked])
				c.WantsGap(wiretest.Gap{After: ids[asked], ResumedAfter: ids[14], Reason: "expired"})
				c.Wants(ids[15:]...)
				c.WantsLive(ids[24])
				c.Close()
			}
		}
		c := w.Open(t, s, wiretest.Subscription{Stream: "few", After: ids[14]}) // all that follows is there
		c.Wants(ids[15:]...)
		c.WantsLive(ids[24])
	})
}

func TestAGapCoversPositionsWhetherOrNotEventsThereMatched(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, strings.Replace(wiretest.Orders, "key: /orderId", "key: /orderId\n    retention: { events: 10 }", 1))
	var events []string
	for i := range 25 {
		events = append(events, order("shipped", map[bool]string{true: "even", false: "odd"}[i%2 == 0], i))
	}
	ids := storeAll(t, s, "orders", events...)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, sub := range []wiretest.Subscription{{Key: "nobody"}, {EventTypes: []string{"order.cancelled"}}} {
			sub.Stream, sub.After = "orders", ids[2]
			c := w.Open(t, s, sub)
			c.WantsGap(wiretest.Gap{After: ids[2], ResumedAfter: ids[14], Reason: "expired"})
			c.WantsLive(ids[24])
			c.Close()
		}
		c := w.Open(t, s, wiretest.Subscription{Stream: "orders", After: ids[2], Key: "odd"})
		c.WantsGap(wiretest.Gap{After: ids[2], ResumedAfter: ids[14], Reason: "expired"})
		c.Wants(ids[15], ids[17], ids[19], ids[21], ids[23])
		c.WantsLive(ids[24])
	})
}

func TestAGapIsToldOnceToWhoResumesFromIt(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "few", 25)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		c := w.Open(t, s, wiretest.Subscription{Stream: "few", After: ids[0], Resume: true})
		gap := c.Take()
		c.Close()
		if c.LastID() != gap.ID {
			t.Fatalf("after the gap %+v the client has %s", gap, c.LastID())
		}
		c = w.Open(t, s, wiretest.Subscription{Stream: "few", After: gap.ID, Resume: true})
		c.WantsStart(gap.ID)
		c.Wants(ids[15:]...)
	})
}

func TestAPositionNeverReachedIsUnknown(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	newest := ticks(t, s, "plain", 5)[4]
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		never := at(t, newest, position(t, newest).Sequence()+1000)
		for _, resume := range []bool{false, true} {
			c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: never, Resume: resume})
			c.WantsStart(never)
			c.WantsGap(wiretest.Gap{After: never, ResumedAfter: newest, Reason: "unknown"})
			c.WantsLive(newest)
			newest = ticks(t, s, "plain", 1)[0]
			c.Wants(newest)
		}
	})
}

// Browsers cannot mend their Last-Event-ID, so what is no position is a gap there; in after it is an error.
func TestALastEventIDThatIsNoPositionIsUnknown(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	newest := ticks(t, s, "plain", 5)[4]
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, garbage := range []string{"garbage", "0", "b7k2-", "-1", "B7K2-1", "b7k2-01", "b7k2-99999999999999999999", "earliest"} {
			if w.HTTP() {
				c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: garbage, Resume: true})
				c.WantsGap(wiretest.Gap{After: garbage, ResumedAfter: newest, Reason: "unknown"})
				c.WantsLive(newest)
				c.Close()
			}
			if garbage != "earliest" {
				if p := w.Refused(t, s, wiretest.Subscription{Stream: "plain", After: garbage}); p.Status != 400 {
					t.Errorf("after=%s: %v, want 400", garbage, p)
				}
			}
		}
	})
}

func TestAnIncarnationThatNeverWasIsReset(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "few", 25)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, asked := range []string{"never-20", "never-0", "never-1000"} {
			c := w.Open(t, s, wiretest.Subscription{Stream: "few", After: asked})
			c.WantsGap(wiretest.Gap{After: asked, ResumedAfter: ids[14], Reason: "reset"})
			c.Wants(ids[15:]...)
			c.WantsLive(ids[24])
			c.Close()
		}
	})
}

func TestWithTheDataFolderGoneEveryPositionIsReset(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	before := ticks(t, s, "plain", 5)
	s.Restart(func(data string) {
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
	})
	after := ticks(t, s, "plain", 5)
	if before[0] == after[0] {
		t.Fatalf("%s names two events", after[0])
	}
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: before[2], Resume: true})
		c.WantsGap(wiretest.Gap{After: before[2], ResumedAfter: at(t, after[0], 0), Reason: "reset"})
		c.Wants(after...)
		c.WantsLive(after[4])
	})
}

func TestAMemoryStreamIsResetByARestart(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	before := ticks(t, s, "memory", 5)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		c := w.Open(t, s, wiretest.Subscription{Stream: "memory", After: before[2]})
		c.Wants(before[3:]...)
	})
	s.Restart(nil)
	after := ticks(t, s, "memory", 5)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		c := w.Open(t, s, wiretest.Subscription{Stream: "memory", After: before[2]})
		c.WantsGap(wiretest.Gap{After: before[2], ResumedAfter: at(t, after[0], 0), Reason: "reset"})
		c.Wants(after...)
		c.WantsLive(after[4])
	})
}

func TestPositionsOfFormerIncarnationsResumeWithNoGap(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "plain", 3)
	for range 3 {
		s.Crash(nil)
		ids = append(ids, ticks(t, s, "plain", 3)...)
	}
	s.Restart(nil)
	ids = append(ids, ticks(t, s, "plain", 3)...)
	if a, b := position(t, ids[0]), position(t, ids[14]); a.Incarnation() == b.Incarnation() {
		t.Fatal("three unclean stops began no new incarnation")
	}
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for i, id := range ids {
			c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: id, Resume: true})
			c.WantsStart(id)
			c.Wants(ids[i+1:]...)
			c.WantsLive(ids[len(ids)-1])
			c.Close()
		}
	})
}

func TestAfterATornTailPositionsPastTheEndAreReset(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	var events []string
	for i := range 50 {
		events = append(events, order("shipped", "k", i))
	}
	ids := storeAll(t, s, "orders", events...)
	s.Crash(func(data string) { tearTail(t, data) })
	again := storeAll(t, s, "orders", events[:5]...)
	left := position(t, again[0]).Sequence() - 1 // the new ones have old numbers
	if left == 0 || left >= 49 {
		t.Fatalf("%d events are left of 50, and that is no torn tail", left)
	}
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, asked := range []string{ids[left], ids[49]} {
			c := w.Open(t, s, wiretest.Subscription{Stream: "orders", After: asked})
			c.WantsStart(asked)
			c.WantsGap(wiretest.Gap{After: asked, ResumedAfter: ids[left-1], Reason: "reset"})
			c.Wants(again...)
			c.WantsLive(again[4])
			c.Close()
		}
		for _, i := range []uint64{0, left - 1} { // before or at the end: no gap
			c := w.Open(t, s, wiretest.Subscription{Stream: "orders", After: ids[i]})
			c.Wants(ids[i+1 : left]...)
			c.Wants(again...)
			c.Close()
		}
	})
}

// narrow dials connections that hold little on the client's side, but a whole segment: less makes TCP crawl.
func narrow(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := wiretest.Plain(ctx, network, address)
	if err == nil {
		err = conn.(*net.TCPConn).SetReadBuffer(128 << 10)
	}
	return conn, err
}

// A reader on each wire does not read while more is published than any buffer in between takes, and then is told
// exactly what it missed: on a stream that skips, and where retention overtakes it.
func TestAReaderThatWasTooSlowIsToldWhatItMissed(t *testing.T) {
	t.Parallel()
	for stream, reason := range map[string]string{"skip": "overflow", "few": "expired"} {
		t.Run(reason, func(t *testing.T) {
			s := wiretest.Start(t, wiretest.Orders, leat.WithTail(8))
			clients := map[string]*wiretest.Client{}
			for _, w := range wiretest.Wires() {
				clients[w.Name] = w.OpenThrough(t, s, wiretest.Subscription{Stream: stream}, narrow)
			}
			ids := storeLarge(t, s, stream, 140)
			var group sync.WaitGroup
			for name, c := range clients { // at once: who takes nothing for 10 s is sent away
				group.Go(func() {
					if err := readOver(c, at(t, ids[0], 0), ids, reason); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			group.Wait()
			next := s.Publish(stream, "tick", "1") // and then it goes on
			for _, c := range clients {
				c.Wants(next)
			}
		})
	}
}

// readOver reads large events behind a position, with gaps among them. Where retention is quick, the first may be one.
func readOver(c *wiretest.Client, last string, ids []string, reason string) error {
	gaps := 0
	for seen := 0; seen < len(ids); {
		e, err := c.Next(context.Background())
		if err != nil {
			return err
		}
		if e.Type != "leat.gap" {
			if e.ID != ids[seen] || e.Data != large {
				return fmt.Errorf("event %s is %s, %.20s", ids[seen], e.ID, e.Data)
			}
			seen, last = seen+1, e.ID
			continue
		}
		to := slices.Index(ids, e.ID)
		if want := (wiretest.Gap{After: last, ResumedAfter: e.ID, Reason: reason}); e.Data != want.JSON() || to < seen {
			return fmt.Errorf("got %v behind %s, want leat.gap for %s", e, last, reason)
		}
		gaps, seen, last = gaps+1, to+1, e.ID
	}
	if gaps == 0 {
		return errors.New("all came, so nothing was missed")
	}
	return nil
}

// large is the data of an event that is nearly as large as can be.
var large = `"` + strings.Repeat("x", 60<<10) + `"`

func storeLarge(t *testing.T, s *wiretest.Server, stream string, n int) (ids []string) {
	t.Helper()
	const batch = 20
	for len(ids) < n {
		ids = append(ids, store(t, s, stream, "tick", slices.Repeat([]string{large}, batch)...)...)
	}
	return ids
}
