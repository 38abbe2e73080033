package grpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/leatstream/leat/event"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/backend"
)

// object is a leat.v1 object from the server.
type object struct {
	Op, Ref, Stream, ID, Type, Key string
	Data                           json.RawMessage
	Error                          struct{ Status int }
}

type conversation struct {
	grpcgo.BidiStreamingClient[leatv1.ConnectRequest, leatv1.ConnectResponse]
}

func (c *client) connect(t *testing.T) *conversation {
	t.Helper()
	stream, err := c.Connect(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	return &conversation{stream}
}

func (c *conversation) say(t *testing.T, text string) {
	t.Helper()
	if err := c.Send(&leatv1.ConnectRequest{Json: []byte(text)}); err != nil {
		t.Fatal(err)
	}
}

func (c *conversation) hear(t *testing.T) (o object) {
	t.Helper()
	response, err := c.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(response.Json, &o); err != nil {
		t.Fatalf("%s: %v", response.Json, err)
	}
	return o
}

func TestConnectCarriesLeatV1(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		talk := leat.connect(t)
		talk.say(t, `{"op":"subscribe","ref":"1","stream":"orders"}`)
		if got := talk.hear(t); got.Op != "subscribed" || got.Ref != "1" || got.Stream != "orders" {
			t.Fatalf("got %+v, want subscribed", got)
		}
		id := leat.publish(t, shipped("or_1"))
		if got := talk.hear(t); got.Op != "event" || got.ID != id || got.Key != "or_1" || string(got.Data) != `{"orderId":"or_1"}` {
			t.Errorf("got %+v, want the event %s", got, id)
		}
		talk.say(t, `{"op":"shout","ref":"2"}`)
		if got := talk.hear(t); got.Op != "error" || got.Ref != "2" || got.Error.Status != 400 {
			t.Errorf("got %+v, want error 400", got)
		}
		leat.node.server.SetDraining()
		if err := leat.node.hub.Drain(within(t), 0); err != nil {
			t.Fatal(err)
		}
		if got := talk.hear(t); got.Op != "event" || got.Type != "leat.end" {
			t.Errorf("got %+v, want leat.end", got)
		}
		_, err := talk.Recv()
		wantComeBack(t, err)
	})
}

func TestAClientThatHasSaidAllHearsItsAnswersAndTheEnd(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		talk := leat.connect(t)
		talk.say(t, `{"op":"publish","ref":"1","stream":"orders","type":"order.shipped","data":{"orderId":"or_1"}}`)
		if err := talk.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if got := talk.hear(t); got.Op != "ack" || got.ID == "" {
			t.Errorf("got %+v, want an ack", got)
		}
		if _, err := talk.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want the end", err)
		}
	})
}

func TestAClientThatHasSaidAllGoesOnHearingItsSubscriptions(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		talk := leat.connect(t)
		talk.say(t, `{"op":"subscribe","stream":"orders"}`)
		if err := talk.CloseSend(); err != nil {
			t.Fatal(err)
		}
		talk.hear(t)
		id := leat.publish(t, shipped("or_1"))
		if got := talk.hear(t); got.ID != id {
			t.Errorf("got %+v, want the event %s", got, id)
		}
	})
}

func TestAMessageLargerThanAnyEventEndsTheConversation(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		talk := leat.connect(t)
		if err := talk.Send(&leatv1.ConnectRequest{Json: make([]byte, 300<<10)}); err != nil {
			t.Fatal(err)
		}
		_, err := talk.Recv()
		wantProblem(t, err, codes.ResourceExhausted)
	})
}

// What a client has sent ahead is not begun any more when its connection ends: what was forwarded has its answer, and what
// has none was not forwarded.
func TestNothingIsForwardedOnceAConnectionEnds(t *testing.T) {
	each(t, func(t *testing.T, leat *client) {
		for range 10 {
			arrived, release := make(chan struct{}, 9), make(chan struct{})
			if err := leat.node.backends.Handle("chat", "say", func(context.Context, backend.Command) (backend.Answer, error) {
				arrived <- struct{}{}
				<-release
				return backend.Answer{}, nil
			}); err != nil {
				t.Fatal(err)
			}
			talk := leat.connect(t)
			for _, ref := range []string{"0", "1", "2"} {
				talk.say(t, `{"op":"command","ref":"`+ref+`","stream":"chat","type":"say","data":{"text":"x"}}`)
			}
			<-arrived
			conns, err := leat.node.hub.Connections("")
			if err != nil || len(conns) != 1 {
				t.Fatalf("connections: %v, %v", conns, err)
			}
			conns[0].End(event.EndDrain)
			close(release)
			if got := talk.hear(t); got.Op != "ack" || got.Ref != "0" {
				t.Errorf("got %+v, want the ack", got)
			}
			for {
				response, err := talk.Recv()
				if err != nil {
					wantComeBack(t, err)
					break
				}
				if text := string(response.Json); !strings.Contains(text, `"status":503`) || !strings.Contains(text, "nothing was stored or sent") {
					t.Errorf("got %s behind the end", text)
				}
			}
			if len(arrived) > 0 {
				t.Fatalf("%d more were forwarded", len(arrived))
			}
		}
	})
}
