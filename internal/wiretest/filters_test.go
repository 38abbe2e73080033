package wiretest_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/leatstream/leat/internal/wiretest"
)

// A mixture is what stream orders holds: 600 events of two types and ten keys, one of each rare.
type mixture struct {
	ids, types, keys []string
}

func mix(t *testing.T, s *wiretest.Server) (m mixture) {
	t.Helper()
	var events []string
	for i := range 600 {
		eventType, key := "shipped", fmt.Sprintf("k%d", i%9)
		if i%100 == 7 {
			eventType = "cancelled"
		}
		if i%250 == 107 {
			key = "rare/🦊"
		}
		m.types, m.keys = append(m.types, "order."+eventType), append(m.keys, key)
		events = append(events, order(eventType, key, i))
	}
	m.ids = storeAll(t, s, "orders", events...)
	return m
}

// matching gives the ids of what a subscription gets.
func (m mixture) matching(sub wiretest.Subscription) (ids []string) {
	for i, id := range m.ids {
		if (sub.Key == "" || sub.Key == m.keys[i]) && (sub.EventTypes == nil || slices.Contains(sub.EventTypes, m.types[i])) {
			ids = append(ids, id)
		}
	}
	return ids
}

var filters = []wiretest.Subscription{
	{},
	{EventTypes: []string{"order.cancelled"}},
	{EventTypes: []string{"order.cancelled", "order.shipped"}},
	{EventTypes: []string{"order.cancelled,order.shipped"}},
	{Key: "k3"},
	{Key: "rare/🦊"},
	{Key: "rare/🦊", EventTypes: []string{"order.cancelled"}},
	{Key: "k3", EventTypes: []string{"order.cancelled"}},
}

func TestFiltersChooseTheSameEventsReplayedAndLive(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	m := mix(t, s)
	newest := m.ids[599]
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, sub := range filters {
			sub.Stream = "orders"
			want := m.matching(sub)
			if len(sub.EventTypes) == 1 && len(want) == 0 && sub.Key == "" { // both types in one value
				want = m.ids
			}
			sub.After = "earliest"
			c := w.Open(t, s, sub)
			c.Wants(want...)
			c.WantsLive(newest)
			c.Close()
			sub.After = m.ids[299]
			c = w.Open(t, s, sub)
			c.Wants(slices.DeleteFunc(slices.Clone(want), func(id string) bool {
				return position(t, id).Sequence() <= 300
			})...)
			c.WantsLive(newest)
			c.Close()
		}
	})
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, sub := range filters {
			sub.Stream = "orders"
			c := w.Open(t, s, sub)
			events := []string{
				order("shipped", "k3", 0), order("cancelled", "k3", 1), order("shipped", "rare/🦊", 2), order("cancelled", "rare/🦊", 3), order("shipped", "k4", 4),
			}
			live := mixture{
				ids:   storeAll(t, s, "orders", events...),
				types: []string{"order.shipped", "order.cancelled", "order.shipped", "order.cancelled", "order.shipped"},
				keys:  []string{"k3", "k3", "rare/🦊", "rare/🦊", "k4"},
			}
			want := live.matching(sub)
			if len(sub.EventTypes) == 1 && len(want) == 0 {
				want = live.ids
			}
			c.Wants(want...)
			c.Close()
		}
	})
}

func TestLastCountsWhatMatches(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	m := mix(t, s)
	newest := m.ids[599]
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		for _, sub := range filters {
			sub.Stream = "orders"
			all := m.matching(sub)
			if len(sub.EventTypes) == 1 && len(all) == 0 && sub.Key == "" {
				all = m.ids
			}
			for _, last := range []int{1, 3, len(all), 10_000} {
				if last == 0 {
					continue
				}
				sub.Last = last
				want := all[max(0, len(all)-last):]
				c := w.Open(t, s, sub)
				if len(want) == last {
					c.WantsStart(at(t, want[0], position(t, want[0]).Sequence()-1))
				}
				c.Wants(want...)
				c.WantsLive(newest)
				c.Close()
			}
		}
	})
}

func TestARoomIsItsOwnAndNoKeyMeansTheDefaultOne(t *testing.T) {
	t.Parallel()
	wiretest.Each(t, func(t *testing.T, w wiretest.Wire) {
		s := wiretest.Start(t, wiretest.Orders)
		say := func(room string) string {
			id, err := w.Publish(wiretest.Context(t), s, "rooms", room, "said", `{"text":"hello"}`)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		subs := []wiretest.Subscription{{}, {Key: "default"}, {Key: "a/b c%"}, {AllKeys: true}}
		var live []*wiretest.Client
		for _, sub := range subs {
			sub.Stream = "rooms"
			live = append(live, w.Open(t, s, sub))
		}
		nowhere, there, named := say(""), say("a/b c%"), say("default")
		want := [][]string{{nowhere, named}, {nowhere, named}, {there}, {nowhere, there, named}}
		for i, sub := range subs {
			live[i].Wants(want[i]...)
			sub.Stream, sub.After = "rooms", "earliest"
			c := w.Open(t, s, sub)
			for _, id := range want[i] {
				e := c.Take()
				if room := map[bool]string{true: "a/b c%", false: "default"}[id == there]; e.ID != id || !w.SSE() && e.Key != room {
					t.Errorf("got %v, want %s in room %s", e, id, room)
				}
			}
			c.WantsLive(named)
		}
	})
}
