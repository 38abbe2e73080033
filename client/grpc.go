package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/leatstream/leat/event"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
)

// A grpcConnection reads the answers to a Subscribe: that of leat.v1.StreamService, or that of the stream's typed service.
type grpcConnection struct {
	server string
	conn   *grpc.ClientConn
	events grpc.ClientStream
	read   func() (message, error) // reads the next of events
}

func (f *follower) dialGRPC(ctx context.Context) (connection, error) {
	conn, err := f.client.newGRPC()
	if err != nil {
		return nil, err
	}
	c := &grpcConnection{server: f.client.server, conn: conn}
	if f.subscription.Transport == GRPCTyped {
		err = f.subscribeTyped(ctx, c)
	} else {
		err = f.subscribeGRPC(ctx, c)
	}
	if err == nil {
		err = c.stands()
	}
	if err != nil {
		c.close()
		if err = c.failed(err); final(err) || errors.As(err, new(*Error)) {
			return nil, err
		}
		return nil, &UnreachableError{c.server, err}
	}
	return c, nil
}

func (f *follower) subscribeGRPC(ctx context.Context, c *grpcConnection) error {
	service := leatv1.NewStreamServiceClient(c.conn)
	if f.live() {
		if err := f.askNewestGRPC(ctx, service); err != nil {
			return err
		}
	}
	events, err := service.Subscribe(ctx, f.grpcRequest())
	if err != nil {
		return err
	}
	c.events = events
	c.read = func() (message, error) {
		answer, err := events.Recv()
		if err != nil {
			return message{}, err
		}
		return received(answer.GetEvent())
	}
	return nil
}

// newGRPC makes a connection of its own for a subscription: it is made anew with the next one, so that there is one
// place that decides when to try again.
func (c *Client) newGRPC() (*grpc.ClientConn, error) {
	u, err := url.Parse(c.server)
	if err != nil {
		return nil, err
	}
	if u.Path != "" {
		return nil, protocolErrorf("gRPC has no place for the path %s of %s", u.Path, c.server)
	}
	transport, port := insecure.NewCredentials(), "80"
	if u.Scheme == "https" {
		transport, port = credentials.NewTLS(nil), "443"
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return grpc.NewClient("passthrough:///"+net.JoinHostPort(u.Hostname(), port),
		grpc.WithTransportCredentials(transport),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 25 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
}

func (f *follower) grpcRequest() *leatv1.SubscribeRequest {
	s := &f.subscription
	request := &leatv1.SubscribeRequest{Stream: s.Stream, EventTypes: s.EventTypes, AllKeys: s.AllKeys}
	if !f.key.IsZero() {
		request.Key = new(f.key.String())
	}
	switch from := f.from; {
	case !from.resume.IsZero():
		request.Start = &leatv1.SubscribeRequest_After{After: from.resume.String()}
	case from.after != "":
		request.Start = &leatv1.SubscribeRequest_After{After: from.after}
	case !from.since.IsZero():
		request.Start = &leatv1.SubscribeRequest_Since{Since: timestamppb.New(from.since)}
	case from.last != 0:
		request.Start = &leatv1.SubscribeRequest_Last{Last: uint32(from.last)} // no overflow: check saw to it
	}
	return request
}

// askNewestGRPC makes "from now on" a position, as askNewest does: Subscribe does not tell where it begins.
func (f *follower) askNewestGRPC(ctx context.Context, service leatv1.StreamServiceClient) error {
	answer, err := service.ListStreams(ctx, &leatv1.ListStreamsRequest{})
	if err != nil {
		return err
	}
	return f.beginAt(f.listed(answer))
}

// listed finds what a server says of the subscription's stream; nil where that is nothing.
func (f *follower) listed(answer *leatv1.ListStreamsResponse) *leatv1.Stream {
	for _, s := range answer.GetStreams() {
		if s.GetName() == f.subscription.Stream {
			return s
		}
	}
	return nil
}

// beginAt makes the newest event of a stream, if there is one, what to go on from.
func (f *follower) beginAt(stream *leatv1.Stream) error {
	if stream.GetLastId() == "" {
		return nil
	}
	newest, err := event.ParsePosition(stream.GetLastId())
	if err != nil {
		return protocolErrorf("last_id of a stream: %w", err)
	}
	f.from = start{resume: newest}
	return nil
}

// stands waits for the headers, which the server sends as soon as the subscription stands.
func (c *grpcConnection) stands() error {
	header, err := c.events.Header()
	if err == nil && header == nil { // it ended at once
		_, err = c.read()
	}
	return err
}

func (c *grpcConnection) close() { _ = c.conn.Close() }

func (c *grpcConnection) next(context.Context) (message, error) {
	m, err := c.read()
	if errors.As(err, new(*protocolError)) {
		return message{}, err
	}
	if status.Code(err) == codes.Unavailable && len(status.Convert(err).Details()) == 0 {
		return message{}, fmt.Errorf("%w: %s", io.ErrUnexpectedEOF, status.Convert(err).Message())
	}
	if err != nil {
		return message{}, c.failed(err)
	}
	return m, nil
}

func received(raw *leatv1.Event) (message, error) {
	kind, err := parseType(raw.GetType())
	if err != nil {
		return message{}, protocolErrorf("%w", err)
	}
	e := &event.Event{Stream: raw.GetStream(), Type: kind, Time: raw.GetTime().AsTime(), Data: raw.GetData()}
	if raw.GetId() != "" {
		if e.Position, err = event.ParsePosition(raw.GetId()); err != nil {
			return message{}, protocolErrorf("id of an event: %w", err)
		}
	}
	if raw.Key != nil {
		if e.Key, err = event.ParseKey(raw.GetKey()); err != nil {
			return message{}, protocolErrorf("%w", err)
		}
	}
	return message{event: e, at: e.Position}, nil
}

// failed tells a refusal from a lost connection: a refusal carries leat's problem, or says that the caller is wrong.
func (c *grpcConnection) failed(err error) error {
	s, ok := status.FromError(err)
	if errors.Is(err, io.EOF) || !ok {
		return err
	}
	for _, detail := range s.Details() {
		if p, ok := detail.(*leatv1.Problem); ok {
			return problem(p.GetJson(), 0)
		}
	}
	switch s.Code() {
	case codes.Unimplemented:
		return protocolErrorf("%s: %s", c.server, s.Message())
	case codes.InvalidArgument:
		return &Error{Status: http.StatusBadRequest, Detail: s.Message()}
	case codes.NotFound:
		return &Error{Status: http.StatusNotFound, Detail: s.Message()}
	case codes.Unauthenticated:
		return &Error{Status: http.StatusUnauthorized, Detail: s.Message()}
	case codes.PermissionDenied:
		return &Error{Status: http.StatusForbidden, Detail: s.Message()}
	}
	return errors.New(s.Message())
}
