package client_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leatstream/leat/client"
	"github.com/leatstream/leat/event"
)

// An attempt is a request to publish as the server saw it.
type attempt struct{ Path, Key, Body string }

// publishing starts a server that answers the attempts with answer, and notes them.
func publishing(t *testing.T, answer func(n int, w http.ResponseWriter)) (*client.Client, *[]attempt) {
	t.Helper()
	var mu sync.Mutex // guards seen: attempts come one after the other, but over other connections
	var seen []attempt
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, attempt{r.Method + " " + r.URL.Path, r.Header.Get("Idempotency-Key"), string(body)})
		answer(len(seen), w)
	}))
	t.Cleanup(server.Close)
	return newClient(t, server.URL), &seen
}

func refuse(w http.ResponseWriter, status int, problem string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	io.WriteString(w, problem)
}

func TestAnEventIsSentByteForByteAndItsPositionComesBack(t *testing.T) {
	c, seen := publishing(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"id":"b7k2-1042"}`)
	})
	got, err := c.Publish(t.Context(), "orders", client.Event{
		Type: "order.shipped", Key: `or_"1"`, Time: time.UnixMilli(1714557600123), IdempotencyKey: "mine",
		Data: json.RawMessage(` {"orderId": "<1>", "n": 1.0} `),
	})
	if err != nil || got != event.NewPosition("b7k2", 1042) {
		t.Errorf("got %v, %v, want b7k2-1042", got, err)
	}
	want := []attempt{{"POST /events/orders", `"mine"`,
		`{"type":"order.shipped","key":"or_\"1\"","time":"2024-05-01T10:00:00.123Z","data": {"orderId": "<1>", "n": 1.0} }`}}
	if diff := cmp.Diff(want, *seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestDataOfAnyTypeIsSentAsItsJSON(t *testing.T) {
	c, seen := publishing(t, func(_ int, w http.ResponseWriter) { io.WriteString(w, `{"id":"b7k2-1"}`) })
	order := struct {
		ID string `json:"orderId"`
	}{"<1>"}
	if _, err := c.Publish(t.Context(), "orders", client.Event{Type: "order.shipped", Data: order}); err != nil {
		t.Fatal(err)
	}
	if got, want := (*seen)[0].Body, `{"type":"order.shipped","data":{"orderId":"<1>"}}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestAnEventWithoutPositionIsNoError(t *testing.T) {
	c, _ := publishing(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{}`)
	})
	if got, err := c.Publish(t.Context(), "cursors", client.Event{Type: "moved", Data: json.RawMessage(`1`)}); err != nil || !got.IsZero() {
		t.Errorf("got %v, %v, want no position and no error", got, err)
	}
}

func TestARefusalSaysAllThatTheServerSaid(t *testing.T) {
	c, seen := publishing(t, func(_ int, w http.ResponseWriter) {
		refuse(w, 422, `{"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"the data of order.shipped is not what the contract says",
			"retryable":false,"errors":[{"pointer":"/data/orderId","detail":"is required"},{"pointer":"/data/when","detail":"is no date-time"}]}`)
	})
	_, err := c.Publish(t.Context(), "orders", client.Event{Type: "order.shipped", Data: json.RawMessage(`{}`)})
	want := &client.Error{
		Status: 422, Detail: "the data of order.shipped is not what the contract says",
		Violations: []client.Violation{{Pointer: "/data/orderId", Detail: "is required"}, {Pointer: "/data/when", Detail: "is no date-time"}},
	}
	var got *client.Error
	if !errors.As(err, &got) || !cmp.Equal(want, got, cmp.AllowUnexported(event.Position{})) {
		t.Errorf("got %#v, want %#v", err, want)
	}
	if len(*seen) != 1 {
		t.Errorf("%d attempts, want 1", len(*seen))
	}
}

func TestAWaitThatTheServerNamesIsTold(t *testing.T) {
	c, _ := publishing(t, func(_ int, w http.ResponseWriter) {
		w.Header().Set("Retry-After", "3")
		refuse(w, 503, `{"status":503,"detail":"this node is shutting down; the event was not stored","retryable":true}`)
	})
	_, err := c.Publish(t.Context(), "orders", client.Event{Type: "order.shipped", Data: json.RawMessage(`{}`)})
	var got *client.Error
	if !errors.As(err, &got) || !got.Retryable || got.RetryAfter != 3*time.Second {
		t.Errorf("got %#v, want a retryable error with 3 s", err)
	}
}

func TestABrokenConnectionIsTriedOnceMoreWithTheSameIdempotencyKey(t *testing.T) {
	c, seen := publishing(t, func(n int, w http.ResponseWriter) {
		if n == 1 { // stored, but the answer is lost
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"id":`)
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, `{"id":"b7k2-7","duplicate":true}`)
	})
	got, err := c.Publish(t.Context(), "orders", client.Event{Type: "order.shipped", Data: json.RawMessage(`{}`)})
	if err != nil || got != event.NewPosition("b7k2", 7) {
		t.Errorf("got %v, %v, want b7k2-7", got, err)
	}
	if len(*seen) != 2 || (*seen)[0].Key == "" || (*seen)[0] != (*seen)[1] {
		t.Errorf("attempts %q: want two alike, with an idempotency key", *seen)
	}
}

// Whoever gave the key used it for an array before.
func TestARepeatOfAnArrayGivesThePositionOfItsFirstEvent(t *testing.T) {
	c, _ := publishing(t, func(_ int, w http.ResponseWriter) {
		io.WriteString(w, `{"ids":["b7k2-7","b7k2-8"],"duplicate":true}`)
	})
	got, err := c.Publish(t.Context(), "orders", client.Event{Type: "order.shipped", Data: json.RawMessage(`{}`), IdempotencyKey: "a"})
	if err != nil || got != event.NewPosition("b7k2", 7) {
		t.Errorf("got %v, %v, want b7k2-7", got, err)
	}
}

func TestAStreamThatTakesNoIdempotencyKeyGetsNone(t *testing.T) {
	c, seen := publishing(t, func(n int, w http.ResponseWriter) {
		if n == 1 {
			refuse(w, 400, `{"status":400,"detail":"stream cursors has durability none: it takes no Idempotency-Key","retryable":false}`)
			return
		}
		io.WriteString(w, `{}`)
	})
	if _, err := c.Publish(t.Context(), "cursors", client.Event{Type: "moved", Data: json.RawMessage(`{}`)}); err != nil {
		t.Error(err)
	}
	if len(*seen) != 2 || (*seen)[0].Key == "" || (*seen)[1].Key != "" {
		t.Errorf("attempts %q: want one with an idempotency key, then one without", *seen)
	}
}

func TestWhatCannotBeAnEventIsNotSent(t *testing.T) {
	c, seen := publishing(t, func(int, http.ResponseWriter) {})
	for _, e := range []client.Event{
		{Type: "a", Data: json.RawMessage(nil)}, {Type: "a", Data: make(chan int)}, {Type: "a", Data: json.RawMessage(`{"a":}`)}, {Type: "a", Data: json.RawMessage(`1},"x":{`)},
		{Type: "a", Data: json.RawMessage(`1`), Key: ".."},
	} {
		if _, err := c.Publish(t.Context(), "orders", e); err == nil {
			t.Errorf("%q was published", e.Data)
		}
	}
	if len(*seen) > 0 {
		t.Errorf("the server saw %q", *seen)
	}
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:8080", "localhost:8080", "ws://127.0.0.1", "http://", "http://h/?a=b", "http://[::1"} {
		if _, err := client.New(address); err == nil {
			t.Errorf("%q is taken for the address of a server", address)
		}
	}
}
