package backend_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leatstream/leat/internal/backend"
	"pgregory.net/rapid"
)

// flooded gives a house whose backend keeps the commands that addresses flood it with, once it has so many of them, and
// answers those of others at once.
func flooded(t *testing.T, senders, least int, remote func(i int) string) (h *house, held *atomic.Int32, release func()) {
	t.Helper()
	held = &atomic.Int32{}
	end, arrived := make(chan struct{}), make(chan struct{}, senders)
	h = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Ce-Type") == "leave" {
			held.Add(1)
			select {
			case arrived <- struct{}{}:
			default: // nobody counts any more
			}
			<-end
		}
		w.WriteHeader(http.StatusNoContent)
	}, "TIMEOUT=1m")
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			if _, err := h.Send(t.Context(), backend.Command{Stream: "chat", Type: "leave", Data: []byte("7"), Remote: remote(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	for range least {
		<-arrived
	}
	return h, held, func() { close(end); all.Wait() }
}

func TestOneClientsFloodOfPostsLeavesTheOthersTheirSpeed(t *testing.T) {
	for name, c := range map[string]struct {
		remote      func(i int) string
		least, most int // places of 256; those of two depend on who was first
	}{
		"one address":                     {func(i int) string { return fmt.Sprintf("192.0.2.1:%d", 1000+i) }, 128, 128},
		"two addresses":                   {func(i int) string { return fmt.Sprintf("192.0.2.%d:%d", 1+i%2, 1000+i) }, 170, 192},
		"one network of IPv6":             {func(i int) string { return fmt.Sprintf("[2001:db8::%x]:80", i) }, 128, 128},
		"an address in both of its forms": {func(i int) string { return []string{"192.0.2.1:80", "[::ffff:192.0.2.1]:80"}[i%2] }, 128, 128},
	} {
		t.Run(name, func(t *testing.T) {
			h, held, release := flooded(t, 600, c.least, c.remote)
			defer release()
			for _, c := range []backend.Command{{Remote: "192.0.2.9:80"}, {Connection: "c1"}, {}, {Remote: "[2001:db8:0:1::1]:80"}} {
				for range 20 {
					c.Stream, c.Type, c.Data = "chat", "sendMessage", []byte(`{"text":"x"}`)
					if _, err := h.Send(t.Context(), c); err != nil {
						t.Fatal(err)
					}
				}
			}
			if n := int(held.Load()); n > c.most {
				t.Errorf("the flood has %d places, want %d at most", n, c.most)
			}
		})
	}
}

// What waits is in memory, so of one client's requests only so many wait.
func TestTheCommandsOfOneClientThatWaitAreBounded(t *testing.T) {
	const waiting = 1024
	h, held, release := flooded(t, 128, 128, func(int) string { return "192.0.2.1:80" })
	var all sync.WaitGroup
	defer all.Wait()
	defer release()
	var refused, told atomic.Int32
	full := make(chan struct{})
	for range waiting + 200 {
		all.Go(func() {
			_, err := h.Send(t.Context(), backend.Command{Stream: "chat", Type: "leave", Data: []byte("7"), Remote: "192.0.2.1:81"})
			told.Add(1)
			if err != nil {
				wantProblem(t, err, 429, true, "not sent")
				if refused.Add(1) == 200 {
					close(full)
				}
			}
		})
	}
	within(t, "the refusal of what is too much", full)
	if n := held.Load(); n != 128 || told.Load() != 200 {
		t.Errorf("%d are with the backend, %d are answered", n, told.Load())
	}
	if n := h.count(t, "leat_commands_total", "chat", "unavailable"); n != 200 || h.lines.String() != "" {
		t.Errorf("%v are counted, logged %s", n, h.lines)
	}
}

// Who has been served goes behind the others that wait.
func TestLanesTakeTurns(t *testing.T) {
	s := backend.NewSlots(1)
	_, leave, _ := s.Join("first")
	given, leaves := map[string]<-chan struct{}{}, map[string]func(){}
	for _, one := range []string{"a1", "a2", "a3", "b1", "c1", "b2"} {
		given[one], leaves[one], _ = s.Join(one[:1])
	}
	for _, next := range []string{"a1", "b1", "c1", "a2", "b2", "a3"} {
		leave()
		if !isClosed(given[next]) {
			t.Fatalf("it is the turn of %s", next)
		}
		leave = leaves[next]
	}
}

// Whatever comes and goes: there are never more than there are places, nobody waits where it is its turn, and each lane
// is served in order.
func TestPlacesAreGivenByTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "places")
		s := backend.NewSlots(n)
		type turn struct {
			given <-chan struct{}
			leave func()
			quit  func() bool
		}
		waiting, held := map[string][]turn{}, map[string][]turn{}
		all := func(of map[string][]turn) (sum int) {
			for _, turns := range of {
				sum += len(turns)
			}
			return sum
		}
		settle := func() {
			for name, turns := range waiting {
				for len(turns) > 0 && isClosed(turns[0].given) {
					held[name], turns = append(held[name], turns[0]), turns[1:]
				}
				for _, behind := range turns {
					if isClosed(behind.given) {
						t.Fatalf("lane %s is served out of order", name)
					}
				}
				waiting[name] = turns
			}
			free := n - all(held)
			if free < 0 {
				t.Fatalf("%d places of %d are taken", all(held), n)
			}
			for name, turns := range waiting {
				if len(turns) > 0 && len(held[name]) < free {
					t.Fatalf("lane %s with %d places waits, and %d are free", name, len(held[name]), free)
				}
			}
		}
		names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				name := names.Draw(t, "lane")
				given, leave, quit := s.Join(name)
				waiting[name] = append(waiting[name], turn{given, leave, quit})
				settle()
			},
			"quit": func(t *rapid.T) {
				name := names.Draw(t, "lane")
				if len(waiting[name]) == 0 {
					t.Skip("has none")
				}
				i := rapid.IntRange(0, len(waiting[name])-1).Draw(t, "number")
				if !waiting[name][i].quit() {
					t.Fatal("who waits has a place")
				}
				waiting[name] = slices.Delete(waiting[name], i, i+1)
				settle()
			},
			"leave": func(t *rapid.T) {
				name := names.Draw(t, "lane")
				if len(held[name]) == 0 {
					t.Skip("has none")
				}
				held[name][0].leave()
				held[name] = held[name][1:]
				settle()
			},
		})
		for all(held) > 0 { // and in the end all have been served
			for name, turns := range held {
				held[name] = nil
				for _, one := range turns {
					one.leave()
				}
			}
			settle()
		}
		if all(waiting) > 0 || s.Lanes() > 0 {
			t.Fatalf("%d wait for ever, %d lanes are left", all(waiting), s.Lanes())
		}
	})
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
