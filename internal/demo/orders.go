package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/leatstream/leat"
)

type shipped struct {
	OrderID string    `json:"orderId"`
	When    time.Time `json:"when"`
}

type cancelled struct {
	OrderID string    `json:"orderId"`
	Reason  string    `json:"reason"`
	When    time.Time `json:"when"`
}

func (d *Demo) publishOrders(ctx context.Context, server *leat.Server) error {
	shop := newShop(time.Now())
	p := &producer{server: server, stream: "orders", logger: d.Logger}
	pause := func() time.Duration { return minOrderPause + rand.N(maxOrderPause-minOrderPause) }
	return p.run(ctx, pause, func() leat.Event { return shop.next(time.Now()) })
}

const (
	minOrderPause = 1000 * time.Millisecond
	maxOrderPause = 2000 * time.Millisecond
)

// A shop makes up what happens to orders: most are shipped, some are cancelled, and a few come back.
type shop struct {
	number int64
	onRoad []string // shipped not long ago
}

// newShop begins with an order number that no earlier run has reached: there is at most one order a second.
func newShop(now time.Time) *shop { return &shop{number: now.Unix() - 1_700_000_000} }

var (
	before = []string{"out of stock", "payment declined", "changed their mind", "ordered twice", "address unknown"}
	after  = []string{"refused at the door", "nobody at home", "damaged on the way"}
)

func (s *shop) next(now time.Time) leat.Event {
	now = now.UTC().Truncate(time.Millisecond)
	if len(s.onRoad) > 5 && rand.IntN(12) == 0 {
		i := rand.IntN(len(s.onRoad))
		id := s.onRoad[i]
		s.onRoad = append(s.onRoad[:i], s.onRoad[i+1:]...)
		return leat.Event{Type: "order.cancelled", Data: cancelled{id, after[rand.IntN(len(after))], now}}
	}
	s.number++
	id := fmt.Sprintf("or_%d", s.number)
	if rand.IntN(8) == 0 {
		return leat.Event{Type: "order.cancelled", Data: cancelled{id, before[rand.IntN(len(before))], now}}
	}
	s.onRoad = append(s.onRoad, id)
	if len(s.onRoad) > 20 {
		s.onRoad = s.onRoad[1:] // delivered
	}
	return leat.Event{Type: "order.shipped", Data: shipped{id, now}}
}
