// Command jetstream is what publishing costs without leat: net/http and an embedded JetStream, whose acknowledgements
// are waited for.
package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/leatstream/leat/bench/baseline"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	dir, err := os.MkdirTemp("", "jetstream")
	if err != nil {
		baseline.Exit(err)
	}
	err = serve(dir)
	baseline.Exit(errors.Join(err, os.RemoveAll(dir)))
}

func serve(dir string) error {
	// As leat has it: no port, and files that are synced every 100 ms.
	log, err := server.NewServer(&server.Options{
		DontListen: true, JetStream: true, StoreDir: dir, SyncInterval: 100 * time.Millisecond, NoSigs: true,
	})
	if err != nil {
		return err
	}
	log.Start()
	defer log.Shutdown()
	if !log.ReadyForConnections(10 * time.Second) {
		return errors.New("JetStream is not ready after 10 s")
	}
	conn, err := nats.Connect("", nats.InProcessServer(log))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "bench", Subjects: []string{"bench"}, MaxBytes: 256 << 20, AllowAtomicPublish: true,
	})
	if err != nil {
		return err
	}
	p := &publisher{conn, js}
	http.HandleFunc("POST /events/bench", func(w http.ResponseWriter, r *http.Request) {
		publish := p.publish
		if r.Header.Get("Content-Type") == "application/x-ndjson" {
			publish = p.upload
		}
		if err := publish(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	return baseline.Serve(http.DefaultServeMux)
}
