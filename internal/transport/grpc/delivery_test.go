package grpc_test

import (
	"testing"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// BenchmarkDelivery publishes in bursts to subscribers that read; one operation is one message delivered.
func BenchmarkDelivery(b *testing.B) {
	const subscribers, burst = 50, 100
	for _, way := range []string{"native", "http"} {
		b.Run(way, func(b *testing.B) {
			n := start(b)
			publisher := dial(b, n, n.native)
			received := make(chan struct{})
			for range subscribers {
				events := dial(b, n, n.address(way)).subscribe(b, &leatv1.SubscribeRequest{Stream: "ticks"})
				go func() {
					for {
						for range burst {
							if _, err := events.Recv(); err != nil {
								return
							}
						}
						received <- struct{}{}
					}
				}()
			}
			tick := &leatv1.PublishStreamRequest{Publish: &leatv1.PublishRequest{Event: &leatv1.Event{Stream: "ticks", Type: "tick", Data: []byte(`{"value":17}`)}}}
			upload, err := publisher.PublishStream(within(b))
			if err != nil {
				b.Fatal(err)
			}
			for delivered := 0; b.Loop(); delivered++ {
				if delivered%(subscribers*burst) != 0 {
					continue
				}
				for range burst {
					if err := upload.Send(tick); err != nil {
						b.Fatal(err)
					}
				}
				for range subscribers {
					<-received
				}
			}
		})
	}
}
