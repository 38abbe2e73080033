package wiretest_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leatstream/leat/internal/wiretest"
)

// A client pipelines far more than its backend answers: one command of it is with the backend at a time, the rest waits on
// the client's side, and another connection's commands are answered meanwhile.
func TestAFloodOfCommandsWaitsAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	const commands = 10_000
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if !c.HasConnection() {
			t.Skip("a request has one command")
		}
		arrived, release := make(chan struct{}, commands), make(chan struct{})
		s := chat(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(text(r), "flood") {
				arrived <- struct{}{}
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}
			w.WriteHeader(http.StatusNoContent)
		})
		defer close(release)
		talk := c.Open(t, s, "chat", "")
		var sent atomic.Int64
		done := make(chan struct{})
		ctx := wiretest.Context(t)
		go func() {
			defer close(done)
			pad := strings.Repeat("x", 8<<10)
			for i := range commands {
				if talk.Send(ctx, says(fmt.Sprintf("flood %d %s", i, pad))) != nil {
					return
				}
				sent.Add(1)
			}
		}()
		within(t, arrived)
		other := c.Open(t, s, "chat", "")
		for range 50 {
			if _, err := answer(t, other, says("hi")); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(arrived); n != 0 {
			t.Errorf("%d more commands of the flood are with the backend", n)
		}
		if n := sent.Load(); n == commands {
			t.Errorf("all %d commands were taken", n)
		}
		talk.Close()
		within(t, done)
	})
}

// There is no connection that could wait: each request is one more. Those of one address share its turns.
func TestAFloodOfPostsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	const posts = 300
	release, arrived := make(chan struct{}), make(chan struct{}, posts)
	s := chat(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(text(r), "flood") {
			arrived <- struct{}{}
			<-release
		}
		w.WriteHeader(http.StatusNoContent)
	})
	client := func(address string) *http.Client {
		transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	say := func(c *http.Client, text string) (status int, err error) {
		response, err := c.Post(s.URL+"/commands/chat", "application/json", strings.NewReader(`{"type":"sendMessage","data":{"text":"`+text+`"}}`))
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}
	flood, other := client("127.0.0.1"), client("127.0.0.2")
	if _, err := say(other, "hi"); err != nil {
		t.Skipf("only Linux has all of 127.0.0.0/8: %v", err)
	}
	var group sync.WaitGroup
	defer group.Wait()
	defer close(release)
	for range posts {
		group.Go(func() { _, _ = say(flood, "flood") })
	}
	for range 100 {
		within(t, arrived)
	}
	for range 20 {
		if status, err := say(other, "hi"); err != nil || status != http.StatusOK {
			t.Fatalf("another address is answered with %d, %v", status, err)
		}
	}
	wiretest.EachCommander(t, func(t *testing.T, c wiretest.Commander) {
		if !c.HasConnection() {
			t.Skip("is of the flood's address")
		}
		if _, err := answer(t, c.Open(t, s, "chat", ""), says("hi")); err != nil {
			t.Error(err)
		}
	})
}
