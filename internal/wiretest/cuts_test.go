package wiretest_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/wiretest"
)

// seeded gives random numbers that LEAT_SEED repeats.
func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64N(1 << 40)
	if text := os.Getenv("LEAT_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("again: LEAT_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 2))
}

// 5,000 events flow while the client is cut 200 times at random bytes: each event comes once, in order.
func TestAClientCutAtRandomBytesGetsEachEventOnce(t *testing.T) {
	const events, cuts, batch = 5000, 200, 50
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		t.Parallel()
		random := seeded(t)
		s := wiretest.Start(t, wiretest.Orders)
		ids := ticks(t, s, "plain", 21)
		last := func(n int) int { return len(stream(t, w, s, wiretest.Subscription{Stream: "plain", Last: n}, n)) }
		most := int64(last(21)-last(1)) * events / 20 / cuts // so that all cuts come before the last event
		published := make(chan error, 1)
		go func() {
			for i := len(ids); i < events; i += batch {
				n := min(batch, events-i)
				status, text := s.Post("/events/plain", "application/json", `[{"type":"tick","data":1}`+strings.Repeat(`,{"type":"tick","data":1}`, n-1)+"]")
				if status != 201 {
					published <- fmt.Errorf("publish: %d %s", status, text)
					return
				}
			}
			published <- nil
		}()
		ctx := wiretest.Context(t)
		sub := wiretest.Subscription{Stream: "plain", After: at(t, ids[0], 0), Resume: true}
		sequence := uint64(0)
		for cut := 0; sequence < events; cut++ {
			dial := wiretest.Dial(wiretest.Plain)
			if cut < cuts {
				dial = wiretest.CutAfter(random.Int64N(most))
			}
			reader, err := w.Subscribe(ctx, s, sub, dial)
			for err == nil && sequence < events {
				var e wiretest.Event
				if e, err = reader.Next(ctx); err == nil && e.Type == "tick" {
					if sequence++; e.ID != at(t, ids[0], sequence) {
						t.Fatalf("%s came where %d was due", e.ID, sequence)
					}
				} else if err == nil && e.Type != "leat.live" {
					t.Fatalf("got %+v behind %d", e, sequence)
				}
			}
			if reader != nil {
				sub.After = reader.LastID()
				reader.Close()
			}
			if sequence == events && cut < cuts {
				t.Errorf("cut %d times only", cut)
			}
		}
		if err := <-published; err != nil {
			t.Error(err)
		}
	})
}

// stream gives the bytes of a subscription, up to so many events and leat.live.
func stream(t *testing.T, w wiretest.Wire, s *wiretest.Server, sub wiretest.Subscription, events int) string {
	t.Helper()
	tap := &tap{}
	c := w.OpenThrough(t, s, sub, tap.dial)
	defer c.Close()
	for range events + 1 {
		c.Take()
	}
	return tap.text()
}

// A client that resumes behind a gap is cut after each number of bytes: behind the first block, within leat.gap,
// right behind it. It is told of the gap until it has it, and of each event once.
func TestAClientCutAtAnyByteOfAGapLosesNothing(t *testing.T) {
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		t.Parallel()
		s := wiretest.Start(t, wiretest.Orders)
		ids := ticks(t, s, "few", 25)
		asked := wiretest.Subscription{Stream: "few", After: ids[3], Resume: true}
		// All that the client must see, and what it has then.
		want := append([]string{ids[14]}, ids[15:]...)
		step := 1
		if w.Name != "sse" { // there, each byte of it is something else to a browser
			step = 11
		}
		ctx := wiretest.Context(t)
		for bytes := rand.IntN(step); bytes < len(stream(t, w, s, asked, len(want))); bytes += step {
			sub, seen, cut := asked, 0, wiretest.CutAfter(int64(bytes))
			for _, dial := range []wiretest.Dial{cut, wiretest.Plain} {
				reader, err := w.Subscribe(ctx, s, sub, dial)
				for err == nil && seen < len(want) {
					var e wiretest.Event
					if e, err = reader.Next(ctx); err != nil {
						break
					}
					if e.ID != want[seen] || (e.Type == "leat.gap") != (seen == 0) {
						t.Fatalf("cut after %d bytes, resumed after %s: got %+v as number %d, want %s", bytes, sub.After, e, seen, want[seen])
					}
					seen++
				}
				if reader != nil {
					sub.After = reader.LastID()
					reader.Close()
				}
			}
			if seen != len(want) {
				t.Fatalf("cut after %d bytes: %d of %d came", bytes, seen, len(want))
			}
		}
	})
}
