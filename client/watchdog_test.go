package client_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatstream/leat/client"
)

// A pipe answers every request with what script writes, and closes the answer when the request's context ends.
type pipe func(out io.Writer)

func (script pipe) RoundTrip(r *http.Request) (*http.Response, error) {
	in, out := io.Pipe()
	go script(out)
	go func() {
		<-r.Context().Done()
		out.CloseWithError(r.Context().Err())
	}()
	header := http.Header{"Content-Type": {r.Header.Get("Accept")}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: in, Request: r}, nil
}

const heartbeatBlock = "event: leat.heartbeat\ndata: {\"position\":\"b7k2-1\"}\nid: b7k2-1\n\n"

func TestALinkThatWentSilentIsGivenUpAfterTwoAndAHalfHeartbeats(t *testing.T) {
	for name, c := range map[string]struct {
		heartbeats  int
		every, want time.Duration
	}{
		"heartbeats of 15 s":           {3, 15 * time.Second, 3*15*time.Second + 37500*time.Millisecond},
		"of 5 minutes":                 {2, 5 * time.Minute, 2*5*time.Minute + 6*time.Minute},
		"of a second prove no silence": {2, time.Second, 2*time.Second + 20*time.Second},
		"none was seen yet":            {0, 0, 6 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				c1 := newClient(t, "http://leat.test")
				c1.Through(pipe(func(out io.Writer) {
					io.WriteString(out, "retry: 1\nid: b7k2-1\n\n")
					for range c.heartbeats {
						time.Sleep(c.every) // the bubble's time
						io.WriteString(out, heartbeatBlock)
					}
				}))
				enough := errors.New("enough")
				_, err := first(t.Context(), c1, client.Subscription{
					Stream: "orders", Transport: client.SSE,
					Lost: func(error, time.Duration) error { return enough },
				})
				if got := time.Since(begun); !errors.Is(err, enough) || got != c.want {
					t.Errorf("given up after %s (%v), want %s", got, err, c.want)
				}
			})
		})
	}
}

func TestAReaderThatTakesItsTimeIsNoDeadLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://leat.test")
		c.Through(pipe(func(out io.Writer) {
			io.WriteString(out, "retry: 1\nid: b7k2-0\n\nevent: a\ndata: 1\nid: b7k2-1\n\nevent: a\ndata: 2\nid: b7k2-2\n\n")
		}))
		s := client.Subscription{Stream: "orders", Transport: client.SSE, Lost: func(reason error, _ time.Duration) error { return reason }}
		for e, err := range c.Subscribe(t.Context(), s) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Position == position(2) {
				break
			}
			time.Sleep(time.Hour) // the bubble's time
		}
	})
}

func TestAServerThatTakesTheConnectionAndSaysNothingIsUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		c := newClient(t, "http://leat.test")
		c.Through(pipe(func(io.Writer) {}))
		_, err := first(t.Context(), c, client.Subscription{
			Stream: "orders", Transport: client.SSE, Lost: func(reason error, _ time.Duration) error { return reason },
		})
		if got := time.Since(begun); !errors.As(err, new(*client.UnreachableError)) || got != 20*time.Second {
			t.Errorf("got %v after %s, want an UnreachableError after 20 s", err, got)
		}
	})
}
