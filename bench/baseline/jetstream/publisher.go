package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/leatstream/leat/bench/baseline"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// A publisher stores what it is given as it is.
type publisher struct {
	conn *nats.Conn
	js   jetstream.JetStream
}

// publish stores one event, or an array of them as an atomic batch (ADR-50 of NATS).
func (p *publisher) publish(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(body, []byte("[")) {
		stored, err := p.js.Publish(r.Context(), "bench", body)
		if err != nil {
			return err
		}
		baseline.Answer(w, int(stored.Sequence))
		return nil
	}
	var events []json.RawMessage
	if err := json.Unmarshal(body, &events); err != nil {
		return err
	}
	id := nuid.Next()
	for i, event := range events {
		m := &nats.Msg{Subject: "bench", Data: event, Header: nats.Header{
			"Nats-Batch-Id": {id}, "Nats-Batch-Sequence": {strconv.Itoa(i + 1)},
		}}
		if i < len(events)-1 {
			if err := p.conn.PublishMsg(m); err != nil {
				return err
			}
			continue
		}
		m.Header.Set("Nats-Batch-Commit", "1")
		stored, err := p.js.PublishMsg(r.Context(), m)
		if err != nil {
			return err
		}
		baseline.Answer(w, int(stored.Sequence))
	}
	return nil
}

// upload stores an event a line.
func (p *publisher) upload(w http.ResponseWriter, r *http.Request) error {
	var pending []jetstream.PubAckFuture
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		future, err := p.js.PublishAsync("bench", bytes.Clone(lines.Bytes()))
		if err != nil {
			return err
		}
		pending = append(pending, future)
	}
	for _, future := range pending {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			return err
		}
	}
	_, err := fmt.Fprintf(w, `{"stored":%d,"refused":0,"errors":[]}`, len(pending))
	return err
}
