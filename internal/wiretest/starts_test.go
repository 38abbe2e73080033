package wiretest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/wiretest"
)

func TestLatestDeliversWhatIsAcknowledgedAfterIt(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, after := range []string{"", "latest"} {
			before := ticks(t, s, "plain", 3)
			c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: after})
			c.WantsStart(before[2])
			c.Wants(ticks(t, s, "plain", 2)...) // and no leat.live among them
		}
	})
}

// Publishers race with subscribers: what was acknowledged before a subscription is not delivered, what is published
// after it is, and so is all that follows its first event.
func TestLatestHasAnExactPlaceAmongRacingPublishers(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				s.Publish("plain", "tick", "0")
			}
		}
	}()
	defer func() { <-stopped }()
	defer close(stop)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for range 5 {
			before := position(t, s.Publish("plain", "tick", "1")).Sequence()
			c := w.Open(t, s, wiretest.Subscription{Stream: "plain"})
			after := position(t, s.Publish("plain", "tick", "2")).Sequence()
			next := position(t, c.Take().ID).Sequence()
			if next <= before || next > after {
				t.Fatalf("the first event is %d; %d was acknowledged before, %d after the subscription stood", next, before, after)
			}
			for range 20 {
				sequence := position(t, c.Take().ID).Sequence()
				if next++; sequence != next {
					t.Fatalf("event %d came where %d was due", sequence, next)
				}
			}
			c.Close()
		}
	})
}

func TestEarliestReplaysEverythingAndSaysLiveOnce(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "plain", 600) // more than one read of the log
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: "earliest"})
		c.WantsStart(at(t, ids[0], 0))
		c.Wants(ids...)
		c.WantsLive(ids[len(ids)-1])
		more := ticks(t, s, "plain", 3)
		c.Wants(more...)
		ids = append(ids, more...)
	})
}

func TestWhereNothingIsToReplayItIsLiveAtOnce(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		empty := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: "earliest"})
		e := empty.Take()
		empty.Close()
		if e.Type != "leat.live" || position(t, e.ID).Sequence() != 0 {
			t.Fatalf("an empty stream begins with %+v, want leat.live at 0", e)
		}
		for _, sub := range []wiretest.Subscription{{Last: 3}, {Since: time.Now()}, {After: e.ID}, {After: e.ID, Resume: true}} {
			sub.Stream = "plain"
			c := w.Open(t, s, sub)
			c.WantsStart(e.ID)
			c.WantsLive(e.ID)
			c.Close()
		}
		newest := ticks(t, s, "plain", 3)[2]
		var clients []*wiretest.Client
		for _, sub := range []wiretest.Subscription{
			{Since: time.Now().Add(time.Hour)}, {After: newest}, {After: newest, Resume: true},
			{Last: 2, EventTypes: []string{"tock"}}, {After: "earliest", EventTypes: []string{"tock"}},
		} {
			sub.Stream = "plain"
			c := w.Open(t, s, sub)
			c.WantsLive(newest)
			clients = append(clients, c)
		}
		next := s.Publish("plain", "tock", "{}")
		for _, c := range clients {
			c.Wants(next)
		}
	})
}

func TestAfterAPositionComesExactlyWhatFollows(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "plain", 300)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, resume := range []bool{false, true} {
			for _, i := range []int{0, 1, 150, 255, 256, 298} {
				c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: ids[i], Resume: resume})
				c.WantsStart(ids[i])
				c.Wants(ids[i+1:]...)
				c.WantsLive(ids[299])
				c.Close()
			}
		}
	})
}

func TestAnAcknowledgedPositionCanBeResumedFromAtOnce(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		before := ""
		for i := range 20 {
			id, err := w.Publish(wiretest.Context(t), s, "plain", "", "tick", fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: id})
			c.WantsStart(id)
			c.WantsLive(id)
			c.Close()
			if before != "" {
				c = w.Open(t, s, wiretest.Subscription{Stream: "plain", After: before})
				c.Wants(id)
				c.WantsLive(id)
				c.Close()
			}
			before = id
		}
	})
}

func TestSinceStartsWithTheFirstEventStoredAtOrAfterIt(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	first := ticks(t, s, "plain", 2)
	between := time.Now()
	// What publishers say about the time is not what since is about.
	old := storeAll(t, s, "plain", `{"type":"tick","time":"2001-02-03T04:05:06Z","data":1}`)
	second := ticks(t, s, "plain", 2)
	all := append(append(first, old...), second...)
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, start := range []struct {
			since time.Time
			from  int
		}{{between, 2}, {time.Now().Add(-time.Hour), 0}, {time.Now(), 5}, {time.Now().Add(time.Hour), 5}} {
			c := w.Open(t, s, wiretest.Subscription{Stream: "plain", Since: start.since})
			c.WantsStart(at(t, all[0], uint64(start.from)))
			c.Wants(all[start.from:]...)
			c.WantsLive(all[4])
			c.Close()
		}
	})
}

func TestLiveComesOnceWhilePublishersRace(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		ticks(t, s, "plain", 500)
		published := make(chan string)
		go func() {
			defer close(published)
			id := ""
			for range 100 {
				id = s.Publish("plain", "tick", "1")
			}
			published <- id
		}()
		c := w.Open(t, s, wiretest.Subscription{Stream: "plain", After: "earliest"})
		lives, sequence := 0, uint64(0)
		for sequence < 600 {
			e := c.Take()
			switch at := position(t, e.ID).Sequence(); {
			case e.Type == "leat.live" && at == sequence && at >= 500:
				lives++
			case at == sequence+1 && e.Type == "tick":
				sequence++
			default:
				t.Fatalf("%v came behind event %d", e, sequence)
			}
		}
		last := <-published
		if lives == 0 { // the newest event was never met before the last one
			c.WantsLive(last)
			lives++
		}
		c.Wants(s.Publish("plain", "tick", "2"))
		if lives != 1 {
			t.Errorf("leat.live came %d times", lives)
		}
	})
}

// RFC 3339, section 5.6: T and Z may be lower case, and any offset will do.
func TestSinceTakesATimeHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "plain", 2)
	for _, since := range []string{"2024-05-01t10:00:00z", "2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00%2B02:00", "0001-01-01T00:00:00-00:00"} {
		var p page
		fetch(t, s, "/events/plain?since="+since, &p)
		if len(p.Events) != 2 || p.Next != ids[1] {
			t.Errorf("since=%s: %+v", since, p)
		}
	}
}
