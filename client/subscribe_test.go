package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leatstream/leat/client"
	"github.com/leatstream/leat/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryEventComesOnceAndInOrderThoughConnectionsBreak(t *testing.T) {
	for _, transport := range everyTransport {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			const total = 300
			p := newPeer(t, someBytes)
			p.publish(total / 2)
			lost, next := 0, 1
			s := client.Subscription{
				Stream: "orders", Transport: transport, After: "earliest",
				Lost: func(error, time.Duration) error { lost++; return nil },
			}
			for e, err := range newClient(t, p.url).Subscribe(t.Context(), s) {
				if err != nil {
					t.Fatal(err)
				}
				if want := fmt.Sprintf(`{"orderId":"or_%d"}`, next); string(e.Data) != want || e.Position != position(next) {
					t.Fatalf("got %s %s, want %s %s", e.Position, e.Data, position(next), want)
				}
				if next++; next > total {
					break
				}
				if next == total/4 {
					p.publish(total / 2)
				}
			}
			if lost < 5 {
				t.Errorf("%d connections were lost: too few to prove anything", lost)
			}
		})
	}
}

func TestALiveSubscriptionMissesNothingThoughItsConnectionBreaksBeforeTheFirstEvent(t *testing.T) {
	for _, transport := range everyTransport {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, nil)
			p.publish(7)
			var once sync.Once
			away := func() {
				p.listener.breakAll()
				p.publish(1)
			}
			s := client.Subscription{Stream: "orders", Transport: transport, Connected: func() { once.Do(away) }}
			for e, err := range newClient(t, p.url).Subscribe(t.Context(), s) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Position != position(8) {
					t.Errorf("first event is %s, want %s, which was published while the client was away", e.Position, position(8))
				}
				break
			}
			if starts := p.asked(); len(starts) < 2 {
				t.Errorf("connections began at %q: the first was not cut", starts)
			}
		})
	}
}

func TestAnEventIsTheSameOverEachTransport(t *testing.T) {
	for _, transport := range everyTransport {
		t.Run(string(transport), func(t *testing.T) {
			p := newPeer(t, nil)
			p.publish(1)
			for e, err := range newClient(t, p.url).Subscribe(t.Context(), client.Subscription{Stream: "orders", Transport: transport, After: "earliest"}) {
				if err != nil {
					t.Fatal(err)
				}
				want := *p.events[0]
				if transport == client.SSE { // its frames have no room for them
					want.Key, want.Time = event.Key{}, time.Time{}
				}
				if got, want := string(e.AppendEnvelope(nil)), string(want.AppendEnvelope(nil)); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				break
			}
		})
	}
}

func TestARefusalThatTryingAgainCannotMendEndsTheSubscription(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		w.Write(unknownStream)
	}))
	defer server.Close()
	p := newPeer(t, nil)
	for _, transport := range everyTransport {
		t.Run(string(transport), func(t *testing.T) {
			url := server.URL
			if transport == client.GRPC {
				url = p.url
			}
			_, err := first(t.Context(), newClient(t, url), client.Subscription{Stream: "order", Transport: transport})
			var refused *client.Error
			if !errors.As(err, &refused) || refused.Status != 404 || !strings.Contains(refused.Detail, `did you mean "orders"`) {
				t.Errorf("got %v, want the server's 404 with its detail", err)
			}
		})
	}
}

func TestWhatPassesByItselfIsWaitedFor(t *testing.T) {
	tries := 0
	p := newPeer(t, nil)
	p.publish(1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries < 3 {
			http.Error(w, "Bad Gateway", http.StatusBadGateway) // a proxy whose server restarts
			return
		}
		http.Redirect(w, r, p.url+r.URL.String(), http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	e, err := first(t.Context(), newClient(t, server.URL), client.Subscription{Stream: "orders", After: "earliest"})
	if err != nil || e.Position != position(1) {
		t.Errorf("got %v, %v after %d tries, want the first event", e, err, tries)
	}
}

func TestNobodyAnsweringIsToldAndCanEndTheSubscription(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // its port is free again
	for _, transport := range everyTransport {
		t.Run(string(transport), func(t *testing.T) {
			enough := errors.New("enough")
			tries := 0
			_, err := first(t.Context(), newClient(t, server.URL), client.Subscription{
				Stream: "orders", Transport: transport,
				Lost: func(reason error, _ time.Duration) error {
					if !errors.As(reason, new(*client.UnreachableError)) {
						t.Errorf("lost for %v, want an UnreachableError", reason)
					}
					if tries++; tries == 3 {
						return enough
					}
					return nil
				},
			})
			if !errors.Is(err, enough) {
				t.Errorf("got %v, want what Lost returned", err)
			}
		})
	}
}

func TestTheServersWishWhenToComeBackIsHeeded(t *testing.T) {
	for name, c := range map[string]struct {
		accept, body string
		want         time.Duration
	}{
		"SSE's retry":      {"text/event-stream", "retry: 2310\nid: b7k2-1\n\n", 2310 * time.Millisecond},
		"leat.end":         {"text/event-stream", "retry: 2310\n\nevent: leat.end\ndata: {\"reason\":\"drain\",\"reconnectAfterMs\":77}\nretry: 77\nid: b7k2-1\n\n", 77 * time.Millisecond},
		"leat.end, NDJSON": {"application/x-ndjson", `{"stream":"orders","id":"b7k2-1","type":"leat.end","time":"2024-05-01T10:00:00.000Z","data":{"reason":"drain","reconnectAfterMs":78}}` + "\n", 78 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.accept)
				fmt.Fprint(w, c.body)
			}))
			defer server.Close()
			enough := errors.New("enough")
			transport := map[string]client.Transport{"text/event-stream": client.SSE}[c.accept]
			patient, err := client.New(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			_, err = first(t.Context(), patient, client.Subscription{
				Stream: "orders", Transport: transport, After: "earliest",
				Lost: func(reason error, wait time.Duration) error {
					if wait != c.want {
						t.Errorf("waits %s after %v, want %s", wait, reason, c.want)
					}
					return enough
				},
			})
			if !errors.Is(err, enough) {
				t.Error(err)
			}
		})
	}
}

func TestKeysAreOneSegmentOfThePath(t *testing.T) {
	for _, key := range []string{"or_12345", "a/b", "a b", "100%", "%2F", "été 🎉", "a?b#c", "a+b", ".hidden"} {
		t.Run(key, func(t *testing.T) {
			var got string
			mux := http.NewServeMux()
			mux.HandleFunc("GET /mounted/events/orders/{key}", func(w http.ResponseWriter, r *http.Request) {
				got = r.PathValue("key")
				http.Error(w, "seen", http.StatusTeapot)
			})
			server := httptest.NewServer(mux)
			defer server.Close()
			_, err := first(t.Context(), newClient(t, server.URL+"/mounted/"), client.Subscription{Stream: "orders", Key: key})
			if got != key {
				t.Errorf("the server saw key %q, want %q (%v)", got, key, err)
			}
		})
	}
}

func TestASubscriptionThatCannotBeIsRefusedAtOnce(t *testing.T) {
	for want, s := range map[string]client.Subscription{
		"name of a stream": {},
		"one place":        {Stream: "orders", After: "earliest", Last: 3},
		"one key or":       {Stream: "orders", Key: "a", AllKeys: true},
		"browsers":         {Stream: "orders", Key: ".."},
		"no transport":     {Stream: "orders", Transport: "carrier-pigeon"},
		"with 1 to 10000":  {Stream: "orders", Last: 10_001},
	} {
		_, err := first(t.Context(), newClient(t, "http://127.0.0.1:1"), s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error with %q", s, err, want)
		}
	}
}

func TestTheEndOfTheContextEndsASubscription(t *testing.T) {
	for _, transport := range everyTransport {
		t.Run(string(transport), func(t *testing.T) {
			p := newPeer(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			_, err := first(ctx, newClient(t, p.url), client.Subscription{Stream: "orders", Transport: transport, Connected: cancel})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
		})
	}
}

// first gives the first event of a subscription, or its error.
func first(ctx context.Context, c *client.Client, s client.Subscription) (*event.Event, error) {
	for e, err := range c.Subscribe(ctx, s) {
		return e, err
	}
	return nil, errors.New("the subscription ended without a word")
}
