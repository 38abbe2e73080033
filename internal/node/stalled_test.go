package node_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/node"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
)

// A drain waits for no client that takes nothing, and yet tells each what has become of its stream.
func TestADrainEndsInTimeForStreamsThatTakeNothing(t *testing.T) {
	var log bytes.Buffer
	n := newNode(t)
	n.Logger = slog.New(slog.NewTextHandler(&log, nil))
	n.Settings.ListenGRPC, n.Settings.Drain = "127.0.0.1:0", time.Second
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	statuses := make(chan string, 2)
	n.Workers = append(n.Workers, func(ctx context.Context, server *leat.Server) error {
		for range 50 { // more than is queued
			if _, err := server.Publish(ctx, "orders", leat.Event{Type: "order.shipped", Data: map[string]string{"note": strings.Repeat("x", 60<<10)}}); err != nil {
				return err
			}
		}
		cancel()
		return nil
	})
	n.Started = func(a node.Addresses) {
		for _, address := range []string{strings.TrimPrefix(a.Public, "http://"), a.GRPC} {
			framer := subscribeWithoutWindow(t, address)
			go func() { statuses <- statusOf(framer) }()
		}
	}
	if err := n.Run(ctx); err != nil {
		t.Fatal(err)
	}
	for range cap(statuses) {
		if got := <-statuses; got != "14" {
			t.Errorf("a stream ends with %s, want status 14", got)
		}
	}
	if strings.Contains(log.String(), "not every connection ended in time") {
		t.Errorf("the drain was too long: %s", log.String())
	}
}

func subscribeWithoutWindow(t *testing.T, address string) *http2.Framer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request, err := proto.Marshal(&leatv1.SubscribeRequest{Stream: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", leatv1.StreamService_Subscribe_FullMethodName},
		{":authority", address}, {"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for _, err := range []error{
		framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}),
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}),
		framer.WriteData(1, true, append([]byte{0, 0, 0, 0, byte(len(request))}, request...)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if _, stands := frame.(*http2.MetaHeadersFrame); stands {
			return framer
		}
	}
}

// statusOf gives the status that a stream ends with, or what ends it without one.
func statusOf(framer *http2.Framer) string {
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch frame := frame.(type) {
		case *http2.RSTStreamFrame:
			return frame.String()
		case *http2.MetaHeadersFrame:
			for _, field := range frame.RegularFields() {
				if field.Name == "grpc-status" {
					return field.Value
				}
			}
		}
	}
}
