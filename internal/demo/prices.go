package demo

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/leatstream/leat"
)

type priceChanged struct {
	Symbol string  `json:"symbol"`
	Price  float64 `json:"price"`
	Change float64 `json:"change"`
}

const priceInterval = 200 * time.Millisecond

func (d *Demo) publishPrices(ctx context.Context, server *leat.Server) error {
	m := newMarket()
	p := &producer{server: server, stream: "prices", logger: d.Logger}
	return p.run(ctx, func() time.Duration { return priceInterval }, func() leat.Event {
		return leat.Event{Type: "price.changed", Data: m.next()}
	})
}

// A market makes up prices.
type market []*security

// A security's price wanders around a value.
type security struct {
	symbol string
	value  float64
	away   float64 // the logarithm of price/value
	price  float64
}

func newMarket() market {
	m := market{
		{symbol: "ALDER", value: 18.40},
		{symbol: "BIRCH", value: 63.25},
		{symbol: "CEDAR", value: 127.80},
		{symbol: "MAPLE", value: 9.75},
		{symbol: "OAK", value: 41.30},
	}
	for _, s := range m {
		s.price = s.value
	}
	return m
}

// next moves one price. The pull back to the value keeps a demo that runs for a week from ending at zero.
func (m market) next() priceChanged {
	s := m[rand.IntN(len(m))]
	s.away += -0.02*s.away + 0.003*rand.NormFloat64()
	before := s.price
	s.price = cents(s.value * math.Exp(s.away))
	return priceChanged{Symbol: s.symbol, Price: s.price, Change: cents(s.price - before)}
}

func cents(x float64) float64 { return math.Round(x*100) / 100 }
