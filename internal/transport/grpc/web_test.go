package grpc_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/hub"
)

func TestABrowserSubscribesBeforeAnythingHappensAndHearsWhatItPublishes(t *testing.T) {
	eachBrowser(t, func(t *testing.T, _ *node, b *browser) {
		events := b.subscribe(t, within(t), &leatv1.SubscribeRequest{Stream: "orders"})
		for range 3 {
			id := b.publish(t, shipped("or_1"))
			if got := hear(t, events).Event; got.Id != id || got.Type != "order.shipped" || string(got.Data) != `{"orderId":"or_1"}` {
				t.Errorf("got %v, want order.shipped at %s", got, id)
			}
		}
	})
}

func TestABrowserHasTheTypedServices(t *testing.T) {
	eachBrowser(t, func(t *testing.T, _ *node, b *browser) {
		methods := typedService(t, "orders").Methods()
		upload := b.typedCall(t, "Publish").CallClientStream(within(t))
		for _, text := range []string{`{"orderShipped": {"orderId": "or_7"}}`, `{}`, `{"orderCancelled": {"orderId": "or_7"}}`} {
			if err := upload.Send(typedMessage(t, methods.ByName("Publish").Input(), text)); err != nil {
				t.Fatal(err)
			}
		}
		answer, err := upload.CloseAndReceive()
		if err != nil {
			t.Fatal(err)
		}
		if got := asJSON(t, answer.Msg); got["stored"] != "2" || got["refused"] != "1" {
			t.Errorf("got %v, want 2 stored, 1 refused", got)
		}
		ctx, leave := context.WithCancel(within(t))
		defer leave()
		events, err := b.typedCall(t, "Subscribe").CallServerStream(ctx, connect.NewRequest(
			typedMessage(t, methods.ByName("Subscribe").Input(), `{"last": 2, "key": "or_7"}`)))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []protoreflect.Name{"order_shipped", "order_cancelled", "leat_live"} {
			got := hear(t, events)
			if event := got.WhichOneof(got.Descriptor().Oneofs().ByName("event")); event == nil || event.Name() != want {
				t.Errorf("got %v, want %s", got, want)
			}
		}
	})
}

func asJSON(t *testing.T, m interface{ ProtoReflect() protoreflect.Message }) map[string]any {
	t.Helper()
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestABrowserIsToldWhatIsWrong(t *testing.T) {
	eachBrowser(t, func(t *testing.T, _ *node, b *browser) {
		publish := generic[leatv1.PublishRequest, leatv1.PublishResponse](b, "Publish")
		request := shipped("or_1")
		request.Event.Data = []byte(`{"orderId":7}`)
		_, err := publish.CallUnary(within(t), connect.NewRequest(request))
		bad := wantCode[*errdetails.BadRequest](t, err, connect.CodeInvalidArgument)
		if len(bad.FieldViolations) != 1 || bad.FieldViolations[0].Field != "/data/orderId" {
			t.Errorf("got %v, want /data/orderId", bad)
		}
		told := wantCode[*leatv1.Problem](t, err, connect.CodeInvalidArgument)
		if !strings.Contains(string(told.Json), `"status":422`) {
			t.Errorf("got %s, want a 422", told.Json)
		}
		events := b.subscribe(t, within(t), &leatv1.SubscribeRequest{Stream: "ordrs"})
		if events.Receive() {
			t.Errorf("got %v of a stream that is none", events.Msg())
		}
		wantCode[*leatv1.Problem](t, events.Err(), connect.CodeNotFound)
		_, err = generic[leatv1.PublishRequest, leatv1.PublishResponse](b, "Publsh").CallUnary(within(t), connect.NewRequest(request))
		wantCode[*leatv1.Problem](t, err, connect.CodeUnimplemented)
		if !strings.Contains(err.Error(), `did you mean "Publish"`) {
			t.Errorf("got %v, want a near name", err)
		}
	})
}

func TestABrowserMayCompress(t *testing.T) {
	eachBrowser(t, func(t *testing.T, _ *node, b *browser) {
		b.options = append(b.options, connect.WithSendGzip())
		id := b.publish(t, shipped("or_1"))
		upload := generic[leatv1.PublishStreamRequest, leatv1.PublishStreamResponse](b, "PublishStream").CallClientStream(within(t))
		if err := upload.Send(&leatv1.PublishStreamRequest{Publish: shipped("or_1")}); err != nil {
			t.Fatal(err)
		}
		answer, err := upload.CloseAndReceive()
		if err != nil || answer.Msg.Stored != 1 || answer.Msg.LastId == id {
			t.Errorf("got %v, %v, want one stored", answer, err)
		}
	})
}

// No browser can, but other clients of these protocols do.
func TestAClientSpeaksBothWaysOverHTTP2(t *testing.T) {
	eachBrowser(t, func(t *testing.T, _ *node, b *browser) {
		if strings.HasSuffix(b.name, "HTTP/1.1") {
			return // TestAConnectErrorIsPlainJSON has what it is told
		}
		talk := generic[leatv1.ConnectRequest, leatv1.ConnectResponse](b, "Connect").CallBidiStream(within(t))
		for _, tt := range [][2]string{
			{`{"op":"subscribe","ref":"1","stream":"orders"}`, `{"op":"subscribed","ref":"1"`},
			{`{"op":"unsubscribe","ref":"2","stream":"orders"}`, `{"op":"unsubscribed","ref":"2"`},
		} {
			if err := talk.Send(&leatv1.ConnectRequest{Json: []byte(tt[0])}); err != nil {
				t.Fatal(err)
			}
			if got, err := talk.Receive(); err != nil || !strings.HasPrefix(string(got.Json), tt[1]) {
				t.Errorf("%s: %s, %v, want %s", tt[0], got.GetJson(), err, tt[1])
			}
		}
		if err := talk.CloseRequest(); err != nil {
			t.Fatal(err)
		}
		if got, err := talk.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, %v, want the end", got, err)
		}
	})
}

func TestABrowserThatGoesEndsItsSubscription(t *testing.T) {
	eachBrowser(t, func(t *testing.T, n *node, b *browser) {
		before := n.gone(t)
		ctx, leave := context.WithCancel(within(t))
		events := b.subscribe(t, ctx, &leatv1.SubscribeRequest{Stream: "orders"})
		leave()
		for events.Receive() {
		}
		ticks := time.NewTicker(5 * time.Millisecond)
		defer ticks.Stop()
		enough := within(t)
		for n.gone(t) == before {
			select {
			case <-ticks.C:
			case <-enough.Done():
				t.Fatal("its connection is still there")
			}
		}
	})
}

func TestADrainTellsBrowsersToComeBack(t *testing.T) {
	n := start(t)
	url := front(t, n)
	native := dial(t, n, n.native)
	type open struct {
		name   string
		events *connect.ServerStreamForClient[leatv1.SubscribeResponse]
		upload *connect.ClientStreamForClient[leatv1.PublishStreamRequest, leatv1.PublishStreamResponse]
	}
	var opened []open
	arrived := native.subscribe(t, &leatv1.SubscribeRequest{Stream: "orders", Key: new("or_2")})
	for _, b := range browsers(t, url) {
		o := open{b.name, b.subscribe(t, within(t), &leatv1.SubscribeRequest{Stream: "orders", Key: new("or_1")}),
			generic[leatv1.PublishStreamRequest, leatv1.PublishStreamResponse](b, "PublishStream").CallClientStream(within(t))}
		if err := o.upload.Send(&leatv1.PublishStreamRequest{Publish: shipped("or_2")}); err != nil {
			t.Fatal(err)
		}
		arrived.next(t) // the call has begun; its client says nothing more
		opened = append(opened, o)
	}
	n.server.SetDraining()
	if err := n.hub.Drain(within(t), 0); err != nil {
		t.Fatal(err)
	}
	for _, o := range opened {
		t.Run(o.name, func(t *testing.T) {
			last := hear(t, o.events).Event
			if last.Type != "leat.end" || !strings.Contains(string(last.Data), `"reason":"drain"`) || last.Id == "" {
				t.Errorf("got %v, want leat.end", last)
			}
			if o.events.Receive() {
				t.Errorf("got %v after leat.end", o.events.Msg())
			}
			if wait := wantCode[*errdetails.RetryInfo](t, o.events.Err(), connect.CodeUnavailable); wait.RetryDelay.AsDuration() == 0 {
				t.Errorf("got %v, want a time to wait", wait)
			}
			_, err := o.upload.CloseAndReceive()
			if got := wantCode[*leatv1.PublishStreamResponse](t, err, connect.CodeUnavailable); got.Stored != 1 {
				t.Errorf("got %v, want 1 stored", got)
			}
		})
	}
}

// Protobuf's own libraries give up at a depth of 10,000 messages, of which a JSON array is two; a duration of theirs is
// at most 10,000 years.
func TestWhatProtobufsJSONCannotSayIsStillDelivered(t *testing.T) {
	eachBrowser(t, func(t *testing.T, n *node, b *browser) {
		if !strings.Contains(b.name, "JSON") {
			return // protobuf can say it; connect-go's own library cannot hear it
		}
		deep := shipped("or_9")
		deep.Event.Data = []byte(`{"orderId":"or_9","deep":` + strings.Repeat("[", 6000) + strings.Repeat("]", 6000) + `}`)
		id := dial(t, n, n.native).publish(t, deep)
		after := b.publish(t, shipped("or_9"))
		ctx, leave := context.WithTimeout(within(t), 20*time.Second)
		defer leave() // Close of connect-go would wait for the end
		events, err := b.typedCall(t, "Subscribe").CallServerStream(ctx, connect.NewRequest(
			typedMessage(t, typedService(t, "orders").Methods().ByName("Subscribe").Input(), `{"last": 2, "key": "or_9"}`)))
		if err != nil {
			t.Fatal(err)
		}
		got := asJSON(t, hear(t, events))
		untyped, _ := got["leatUntyped"].(map[string]any)
		if got["id"] != id || got["key"] != "or_9" || got["time"] == nil || untyped["type"] != "order.shipped" ||
			untyped["data"] != base64.StdEncoding.EncodeToString(deep.Event.Data) || !strings.Contains(fmt.Sprint(untyped["reason"]), "recursion") {
			t.Errorf("got %.300v, want %s as leat_untyped", got, id)
		}
		if got := asJSON(t, hear(t, events)); got["id"] != after {
			t.Errorf("got %v, want %s", got, after)
		}
	})
}

// net/http's own Close of a body waits for a Read of it, and that for a client with nothing to say.
func TestAnUploadThatIsIdleIsToldOfTheDrain(t *testing.T) {
	n := start(t)
	idle, err := net.Dial("tcp", strings.TrimPrefix(front(t, n), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	arrived := dial(t, n, n.native).subscribe(t, &leatv1.SubscribeRequest{Stream: "orders"})
	const message = `{"orderShipped":{"orderId":"or_1"}}`
	if _, err := fmt.Fprintf(idle, "POST /orders.v1.OrdersService/Publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/connect+json\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n%x\r\n\x00\x00\x00\x00%c%s\r\n", len(message)+5, len(message), message); err != nil {
		t.Fatal(err)
	}
	arrived.next(t)
	if err := n.hub.Drain(within(t), 0); err != nil {
		t.Fatal(err)
	}
	_ = idle.SetReadDeadline(time.Now().Add(time.Minute))
	response, err := http.ReadResponse(bufio.NewReader(idle), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(text), `"code":"unavailable"`) {
		t.Errorf("got %q, %v, want unavailable", text, err)
	}
}

func TestABrowserThatStopsReadingIsEndedAndDelaysNobody(t *testing.T) {
	t.Parallel() // it takes hub.SlowAfter
	n := start(t)
	deaf, err := net.Dial("tcp", strings.TrimPrefix(front(t, n), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	const body = `{"stream":"large"}`
	if _, err := fmt.Fprintf(deaf, "POST /leat.v1.StreamService/Subscribe HTTP/1.1\r\nHost: x\r\nContent-Type: application/connect+json\r\n"+
		"Content-Length: %d\r\n\r\n\x00\x00\x00\x00%c%s", len(body)+5, len(body), body); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(deaf, make([]byte, len("HTTP/1.1 200 OK"))); err != nil { // the subscription stands
		t.Fatal(err)
	}
	leat := dial(t, n, n.native)
	reading := leat.subscribe(t, &leatv1.SubscribeRequest{Stream: "large"})
	publish := func() {
		t.Helper()
		published := time.Now()
		if id, got := leat.publish(t, blob()), reading.next(t); got.Id != id || time.Since(published) > 5*time.Second {
			t.Fatalf("got %s after %v, want %s at once", got.Id, time.Since(published), id)
		}
	}
	began := time.Now()
	for range 60 { // more than the kernel's buffers
		publish()
	}
	filled := time.Now()
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for ; n.gone(t) == 0; <-ticks.C {
		if publish(); time.Since(filled) > 3*hub.SlowAfter {
			t.Fatal("it is still there")
		}
	}
	if took := time.Since(began); took < hub.SlowAfter {
		t.Errorf("ended after %v", took)
	}
}
