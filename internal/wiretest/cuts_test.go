package wiretest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
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

// 5,000 events flow while a client on each wire is cut 200 times at random bytes: each event comes once, in order.
func TestAClientCutAtRandomBytesGetsEachEventOnce(t *testing.T) {
	const events, cuts, batch = 5000, 200, 50
	random := seeded(t)
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "plain", 21)
	// Cuts and resumes, thousands in all: with the race detector on a busy machine they take more than Timeout.
	ctx, cancel := context.WithTimeout(context.Background(), 6*wiretest.Timeout)
	defer cancel()
	var group sync.WaitGroup
	defer group.Wait()
	for _, w := range wiretest.Wires() {
		last := func(n int) int {
			return len(transcript(t, w, s, wiretest.Subscription{Stream: "plain", Last: n}, n))
		}
		most := int64(last(21)-last(1)) * events / 20 / cuts // so that all cuts come before the last event
		places := make([]int64, cuts)
		for i := range places {
			places[i] = random.Int64N(most)
		}
		group.Go(func() {
			c := cutClient{w, s, places, wiretest.Subscription{Stream: "plain", After: at(t, ids[0], 0), Resume: true}}
			if err := c.read(ctx, events); err != nil {
				t.Errorf("%s: %v", w.Name, err)
			}
		})
	}
	for n := len(ids); n < events; n += batch {
		ticks(t, s, "plain", min(batch, events-n))
	}
}

// A cutClient reads a subscription, and is cut after so many bytes of each connection.
type cutClient struct {
	w      wiretest.Wire
	s      *wiretest.Server
	places []int64
	sub    wiretest.Subscription
}

// read reads as many events, and gives an error where they are not those behind the subscription's start, in order.
func (c *cutClient) read(ctx context.Context, events uint64) error {
	incarnation, _, _ := strings.Cut(c.sub.After, "-")
	for sequence := uint64(0); sequence < events; {
		dial := wiretest.Dial(wiretest.Plain)
		if len(c.places) > 0 {
			dial = wiretest.CutAfter(c.places[0])
			c.places = c.places[1:]
		}
		reader, err := c.w.Subscribe(ctx, c.s, c.sub, dial)
		if ctx.Err() != nil {
			return fmt.Errorf("nothing came behind %d: %w", sequence, ctx.Err())
		}
		if ctx.Err() != nil {
			return fmt.Errorf("no time is left behind %d: %w", sequence, err)
		}
		if err != nil {
			continue // cut before it stood
		}
		for sequence < events {
			e, err := reader.Next(ctx)
			if err != nil {
				break
			}
			if e.Type == "leat.live" {
				continue
			}
			if sequence++; e.Type != "tick" || e.ID != fmt.Sprintf("%s-%d", incarnation, sequence) {
				return fmt.Errorf("%v came where %d was due", e, sequence)
			}
		}
		c.sub.After = reader.LastID()
		reader.Close()
	}
	if len(c.places) > 0 {
		return fmt.Errorf("%d cuts were not made", len(c.places))
	}
	return nil
}

// transcript gives the bytes of a subscription, up to so many events and leat.live.
func transcript(t *testing.T, w wiretest.Wire, s *wiretest.Server, sub wiretest.Subscription, events int) string {
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
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "few", 25)
	sub := wiretest.Subscription{Stream: "few", After: ids[3], Resume: true}
	want := ids[14:] // the gap's id, and the events behind it
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		all := transcript(t, w, s, sub, len(want))
		from, step := rand.IntN(17), 17
		if w.SSE() { // there, each byte of it is something else to a browser
			from, step = strings.Index(all, "retry:")-1, 1
		}
		for bytes := from; bytes < min(len(all), from+400); bytes += step {
			cutOnce(t, w, s, sub, int64(bytes), want)
		}
	})
}

// cutOnce reads what is wanted, of which the first is a gap, over a connection that is cut and a sound one.
func cutOnce(t *testing.T, w wiretest.Wire, s *wiretest.Server, sub wiretest.Subscription, bytes int64, want []string) {
	t.Helper()
	ctx := wiretest.Context(t)
	seen := 0
	for _, dial := range []wiretest.Dial{wiretest.CutAfter(bytes), wiretest.Plain} {
		reader, err := w.Subscribe(ctx, s, sub, dial)
		if err != nil {
			continue
		}
		for seen < len(want) {
			e, err := reader.Next(ctx)
			if err != nil {
				break
			}
			if e.ID != want[seen] || (e.Type == "leat.gap") != (seen == 0) {
				t.Fatalf("cut after %d bytes, resumed after %s: got %v as number %d, want %s", bytes, sub.After, e, seen, want[seen])
			}
			seen++
		}
		sub.After = reader.LastID()
		reader.Close()
	}
	if seen != len(want) {
		t.Fatalf("cut after %d bytes: %d of %d came", bytes, seen, len(want))
	}
}
