package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatstream/leat/client"
	"github.com/leatstream/leat/internal/wiretest"
)

// TestARealServerMayComeAndGo has everything go wrong at once between a client and a real server, except on the
// client's side: connections break at any byte in both directions, and the server is restarted, and killed.
func TestARealServerMayComeAndGo(t *testing.T) {
	server := wiretest.Start(t, wiretest.Orders)
	url := breakingProxy(t, strings.TrimPrefix(server.URL, "http://"))
	const total = 240
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var readers sync.WaitGroup
	for _, transport := range append(slices.Clone(everyTransport), client.GRPCTyped) {
		ready := make(chan struct{})
		at := url
		if transport == client.GRPCTyped {
			at = server.URL // what reflection tells is more than ever gets through
		}
		readers.Go(func() {
			var once sync.Once
			expectAll(ctx, t, newClient(t, at), client.Subscription{
				Stream: "orders", Transport: transport, Connected: func() { once.Do(func() { close(ready) }) },
			}, total)
		})
		select { // they are live subscriptions: what is published before they stand is not theirs
		case <-ready:
		case <-ctx.Done():
			t.Fatalf("%s never stood", transport)
		}
	}
	publisher := newClient(t, url)
	for n := 1; n <= total; n++ {
		switch n {
		case total / 3:
			server.Restart(func(string) {})
		case total * 2 / 3:
			server.Crash(func(string) {})
		}
		publishUntilStored(ctx, t, publisher, n)
	}
	readers.Wait()
}

func expectAll(ctx context.Context, t *testing.T, c *client.Client, s client.Subscription, total int) {
	t.Helper()
	n := 0
	for e, err := range c.Subscribe(ctx, s) {
		if err != nil {
			t.Errorf("%s: after %d events: %v", s.Transport, n, err)
			return
		}
		if e.Type.IsControl() && e.Type.String() == "leat.live" {
			continue
		}
		n++
		if want := fmt.Sprintf(`{"orderId":"or_%d","n":%d}`, n%7, n); string(e.Data) != want {
			t.Errorf("%s: got %s %s, want %s", s.Transport, e.Type, e.Data, want)
			return
		}
		if n == total {
			return
		}
	}
}

func publishUntilStored(ctx context.Context, t *testing.T, c *client.Client, n int) {
	t.Helper()
	e := client.Event{
		Type: "order.shipped", IdempotencyKey: fmt.Sprint("event-", n),
		Data: struct {
			OrderID string `json:"orderId"`
			N       int    `json:"n"`
		}{fmt.Sprint("or_", n%7), n},
	}
	for {
		_, err := c.Publish(ctx, "orders", e)
		var refused *client.Error
		switch {
		case err == nil:
			return
		case ctx.Err() != nil || errors.As(err, &refused) && !refused.Retryable:
			t.Fatalf("event %d: %v", n, err)
		}
	}
}

// breakingProxy passes connections on to address, and breaks each after some bytes in either direction.
func breakingProxy(t *testing.T, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { pass(near, address) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return "http://" + listener.Addr().String()
}

func pass(near net.Conn, address string) {
	defer near.Close()
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
		both.Go(func() {
			io.CopyN(to, from, int64(someBytes()))
			near.Close()
			far.Close()
		})
	}
	both.Wait()
}

// Whoever was disconnected is not wanted: coming back by itself would undo it.
func TestAClientThatIsDisconnectedStaysAway(t *testing.T) {
	for _, transport := range everyTransport {
		t.Run(string(transport), func(t *testing.T) {
			server := wiretest.Start(t, wiretest.Orders)
			connected := 0
			s := client.Subscription{Stream: "orders", Transport: transport, Connected: func() {
				connected++
				server.Admin(http.MethodDelete, "/connections/"+server.Newest().ID, "")
			}}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			for e, err := range newClient(t, server.URL).Subscribe(ctx, s) {
				if err == nil && e.Type.String() == "leat.live" {
					continue
				}
				var refused *client.Error
				if !errors.As(err, &refused) || refused.Status != http.StatusForbidden || refused.Retryable || !strings.Contains(refused.Detail, "disconnected") {
					t.Fatalf("got %v, %v", e, err)
				}
			}
			if connected != 1 {
				t.Errorf("it has connected %d times", connected)
			}
		})
	}
}
