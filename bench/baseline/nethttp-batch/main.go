// Command nethttp-batch broadcasts Server-Sent Events as a careful one would write it by hand: as nethttp, but a client
// takes all that waits for it before it flushes.
package main

import (
	"fmt"
	"net/http"

	"github.com/leatstream/leat/bench/baseline"
)

func main() {
	var clients baseline.Broadcaster[[]byte]
	http.HandleFunc("POST /events/bench", func(w http.ResponseWriter, r *http.Request) {
		if e, ok := baseline.Read(w, r); ok {
			baseline.Answer(w, clients.Publish(e.Frame))
		}
	})
	http.HandleFunc("GET /events/bench", func(w http.ResponseWriter, r *http.Request) {
		frames, leave := clients.Subscribe()
		defer leave()
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w).Flush
		fmt.Fprint(w, baseline.Hello)
		for flush() == nil {
			select {
			case <-r.Context().Done():
				return
			case frame := <-frames:
				_, _ = w.Write(frame) // the flush says it
				for range len(frames) {
					_, _ = w.Write(<-frames)
				}
			}
		}
	})
	baseline.Exit(baseline.Serve(http.DefaultServeMux))
}
