package demo_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/internal/demo"
)

func TestALogThatTakesNothingIsToldOnceAndAskedAgain(t *testing.T) {
	server := open(t)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		made := 0
		err := demo.Produce(ctx, server, "prices", slog.New(slog.NewTextHandler(&log, nil)), func() leat.Event {
			made++
			return leat.Event{Type: "price.changed", Data: map[string]any{"symbol": "OAK", "price": 1}}
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v, want that of its context", err)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 || made != 1 {
			t.Errorf("%d lines logged and %d events made in an hour, want one of each:\n%s", lines, made, log.String())
		}
	})
}

func TestAnEventThatBreaksTheContractEndsItsProducer(t *testing.T) {
	server := open(t)
	err := demo.Produce(t.Context(), server, "prices", slog.New(slog.DiscardHandler), func() leat.Event {
		return leat.Event{Type: "price.changed", Data: map[string]any{"symbol": "OAK", "price": -1}}
	})
	if err == nil || !strings.Contains(err.Error(), "prices") {
		t.Errorf("it ended with %v, want to be told of the price", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsMadeUpKeepsToTheContract(t *testing.T) {
	server := open(t)
	order := demo.Order(time.Now())
	types := make(map[string]int)
	for range 500 {
		e := order()
		types[e.Type]++
		if _, err := server.Publish(t.Context(), "orders", e); err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
	}
	if types["order.shipped"] <= types["order.cancelled"] || types["order.cancelled"] == 0 {
		t.Errorf("made up %v, want both, and more shipped than cancelled", types)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	price := demo.Price()
	for range 1_000_000 { // two days and more
		if p := price(); p < 5 || p > 250 {
			t.Fatalf("a price wandered to %v", p)
		}
	}
}

func open(t *testing.T) *leat.Server {
	t.Helper()
	c, err := demo.Contract()
	if err != nil {
		t.Fatal(err)
	}
	server, err := leat.Open(t.Context(), c, leat.WithData(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	return server
}
