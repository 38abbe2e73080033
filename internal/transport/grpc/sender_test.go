package grpc_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/grpc"
)

// A queue is a stream that writes when the test says so. As with grpc-go, SendMsg would block while 64 KiB are queued,
// and buffers are freed when they are written.
type queue struct {
	grpcgo.ServerStream // nil: nothing else is called
	t                   *testing.T
	queued              []mem.BufferSlice
	bytes               int
}

func (*queue) Context() context.Context { return context.Background() }

func (q *queue) SendMsg(message any) error {
	if q.bytes >= 64<<10 {
		q.t.Error("SendMsg would have blocked")
	}
	data, err := grpc.Marshal(message)
	q.queued = append(q.queued, data)
	q.bytes += data.Len() + 5
	return err
}

func (q *queue) write(n int) {
	for _, data := range q.queued[:n] {
		q.bytes -= data.Len() + 5
		data.Free()
	}
	q.queued = append(q.queued[:0], q.queued[n:]...)
}

// batch is n events of one size, as a pump hands them to one subscriber after the other.
func batch(n, size int, made *any) hub.Batch {
	b := hub.Batch{Events: n, Bytes: n * size, Made: made}
	for range n {
		b.Frames = append(b.Frames, bytes.Repeat([]byte{'x'}, size))
	}
	return b
}

func TestAPumpSendsOnlyWhatTheTransportQueuesWithoutBlocking(t *testing.T) {
	for name, size := range map[string]int{"small": 40, "usual": 250, "of many frames": 20 << 10, "larger than the queue": 200 << 10} {
		t.Run(name, func(t *testing.T) {
			q := &queue{t: t}
			sender := grpc.NewSender(q)
			for range 20 { // it goes on when the transport has written, however often
				sent := 0
				for full := false; !full; {
					written, err := sender.TryWrite(batch(3, size, nil))
					if full = errors.Is(err, hub.ErrFull); !full && err != nil {
						t.Fatal(err)
					}
					if sent += written; sent > 1<<20 {
						t.Fatal("it takes more than is ever queued")
					}
				}
				if queued := len(q.queued) * size; sent != queued || queued < 32<<10 {
					t.Fatalf("it has sent %d bytes, and %d are queued; want the same, and half of what fits at least", sent, queued)
				}
				q.write(len(q.queued) / 2)
				q.write(len(q.queued))
			}
		})
	}
}

func TestAPumpDoesNotWaitForAWriteThatBlocks(t *testing.T) {
	blocked := &blocking{entered: make(chan struct{}), leave: make(chan struct{})}
	sender := grpc.NewSender(blocked)
	ended := make(chan error)
	go func() { ended <- sender.Write(batch(1, 10, nil)) }()
	<-blocked.entered
	if n, err := sender.TryWrite(batch(1, 10, nil)); n != 0 || !errors.Is(err, hub.ErrFull) {
		t.Errorf("got %d, %v beside a write that blocks; want 0, ErrFull", n, err)
	}
	close(blocked.leave)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

type blocking struct {
	queue
	entered, leave chan struct{}
}

func (b *blocking) SendMsg(any) error {
	close(b.entered)
	<-b.leave
	return nil
}

func TestADeliveryAllocatesNothingOfOurs(t *testing.T) {
	const subscribers, k = 100, 4
	queues, senders := make([]*queue, subscribers), make([]hub.TryWriter, subscribers)
	for i := range queues {
		queues[i] = &queue{t: t}
		senders[i] = grpc.NewSender(queues[i])
	}
	made := new(any)
	events := batch(k, 250, made)
	deliver := func() {
		for i, sender := range senders {
			if _, err := sender.TryWrite(events); err != nil {
				t.Fatal(err)
			}
			queues[i].write(k)
		}
	}
	deliver()
	// A mark, once in 8 KiB, takes a few.
	if n := testing.AllocsPerRun(100, deliver) / subscribers / k; n > 0.2 {
		t.Errorf("%v allocations per delivery; want none but for marks", n)
	}
}
