package leat_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/leatstream/leat"
)

// A thousand readers on real sockets, and events that come faster than one write each could take them: who is several
// behind gets them in one. Counted is what strace -c would count.
func TestABurstTakesFarFewerWritesThanDeliveries(t *testing.T) {
	const readers, events, publishers = 1000, 800, 8
	server, front := newHouse(t)
	var ready, done sync.WaitGroup
	for range readers {
		x := dial(t, front)
		x.say("GET /events/log HTTP/1.1", "Host: "+front.Listener.Addr().String(), "", "")
		ready.Add(1)
		done.Go(func() { x.takeEvents(events, ready.Done) })
	}
	ready.Wait()

	before := writes(t)
	var publishing sync.WaitGroup
	for range publishers {
		publishing.Go(func() {
			for range events / publishers {
				if _, err := server.Publish(context.Background(), "log", leat.Event{Type: "noted", Data: struct{}{}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishing.Wait()
	done.Wait()
	made := writes(t) - before
	perDelivery := float64(made) / (readers * events)
	t.Logf("%d writes for %d deliveries: %.3f each", made, readers*events, perDelivery)
	if made < readers {
		t.Errorf("%d writes reached %d readers: they are not counted where they are made", made, readers)
	}
	if perDelivery > 0.2 {
		t.Errorf("a delivery took %.2f writes, want at most 0.2", perDelivery)
	}
}

// takeEvents reads until so many events have come; begun is called when the stream stands.
func (x *exchange) takeEvents(events int, begun func()) {
	buffer := make([]byte, 64<<10)
	var seen int
	var kept []byte
	for first := true; seen < events; {
		n, err := x.in.Read(buffer)
		if err != nil {
			x.t.Errorf("after %d events: %v", seen, err)
			if first {
				begun()
			}
			return
		}
		kept = append(kept, buffer[:n]...)
		if first && bytes.Contains(kept, []byte("retry: ")) {
			first = false
			begun()
		}
		at := bytes.LastIndexByte(kept, '\n') + 1
		seen += bytes.Count(kept[:at], []byte("event: noted\n"))
		if !first {
			kept = append(kept[:0], kept[at:]...)
		}
	}
}

// writes is how many system calls of the write family this process has made.
func writes(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if _, err := fmt.Sscanf(string(line), "syscw: %d", &n); err == nil {
			return n
		}
	}
	t.Fatal(io.ErrUnexpectedEOF)
	return 0
}
