package wiretest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// A typedTalk sends commands over the Connect of a stream's typed service.
type typedTalk struct {
	stream         grpc.ClientStream
	conn           *grpc.ClientConn
	method         protoreflect.MethodDescriptor
	key            string
	sent, answered int
}

func dialTyped(ctx context.Context, s *Server, stream, key string, dial Dial) (Talk, error) {
	service, err := reflectedOnce(ctx, s, s.GRPC, stream)
	if err != nil {
		return nil, err
	}
	method := service.Methods().ByName("Connect")
	if method == nil {
		return nil, fmt.Errorf("stream %s has no Connect: it takes no commands", stream)
	}
	conn, err := dialGRPC(s.GRPC, dial)
	if err != nil {
		return nil, err
	}
	talk, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, fullMethod(method))
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &typedTalk{stream: talk, conn: conn, method: method, key: key}, nil
}

// Send sends a command.
func (t *typedTalk) Send(_ context.Context, c Command) error {
	t.sent++
	request := dynamicpb.NewMessage(t.method.Input())
	fields := t.method.Input().Fields()
	request.Set(fields.ByName("ref"), protoreflect.ValueOfString(fmt.Sprint(t.sent)))
	command := request.Mutable(fields.ByName("command")).Message()
	fields = command.Descriptor().Fields()
	if key := cmp.Or(c.Key, t.key); key != "" {
		command.Set(fields.ByName("key"), protoreflect.ValueOfString(key))
	}
	field := fields.ByJSONName(c.Type)
	if field == nil {
		return fmt.Errorf("there is no field for %s", c.Type)
	}
	if err := setData(command.Mutable(field).Message(), []byte(c.Data)); err != nil {
		return err
	}
	if err := t.stream.SendMsg(request); !errors.Is(err, io.EOF) { // then Answer says why it is over
		return err
	}
	return nil
}

// Answer gives the replies to the next command.
func (t *typedTalk) Answer(context.Context) (replies []Event, refused error) {
	t.answered++
	for {
		answer := dynamicpb.NewMessage(t.method.Output())
		if err := t.stream.RecvMsg(answer); err != nil {
			return nil, grpcProblem(err)
		}
		chosen := answer.WhichOneof(t.method.Output().Oneofs().ByName("answer"))
		if chosen == nil || chosen.Name() == "event" {
			continue
		}
		if ref := answer.Get(t.method.Output().Fields().ByName("ref")).String(); ref != fmt.Sprint(t.answered) {
			return nil, fmt.Errorf("the answer to %d: %v", t.answered, answer)
		}
		inner := answer.Get(chosen).Message()
		switch chosen.Name() {
		case "reply":
			e, err := typedEvent(inner)
			if err != nil {
				return nil, err
			}
			replies = append(replies, Event{Type: e.Type, Data: e.Data})
		case "ack":
			if inner.Has(chosen.Message().Fields().ByName("id")) {
				return nil, fmt.Errorf("the end of the answer: %v", answer)
			}
			return replies, nil
		case "error":
			return replies, asError(parseProblem(inner.Get(chosen.Message().Fields().ByName("problem")).Bytes()))
		}
	}
}

// Close ends the call and the connection.
func (t *typedTalk) Close() { t.conn.Close() }
