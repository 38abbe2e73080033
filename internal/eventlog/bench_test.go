package eventlog_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/eventlog/logtest"
	"golang.org/x/sync/errgroup"
)

func bench(b *testing.B) *eventlog.Stream {
	c := logtest.Stream(contract.Disk)
	c.Retention.Bytes = 4 << 30
	return stream(b, open(b, b.TempDir()), c)
}

// fill stores n events of about 200 bytes.
func fill(b *testing.B, s *eventlog.Stream, n int) {
	b.Helper()
	var wait func(context.Context) (eventlog.Appended, error)
	var err error
	for i := range n {
		if wait, err = s.AppendAsync(b.Context(), record(i)); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := wait(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkAppendOneAfterTheOther(b *testing.B) {
	s := bench(b)
	r := record(1)
	for b.Loop() {
		if _, err := s.Append(b.Context(), r, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendManyAtOnce(b *testing.B) {
	s := bench(b)
	b.ResetTimer()
	fill(b, s, b.N)
}

func BenchmarkAppendBatchOf1000(b *testing.B) {
	s := bench(b)
	records := make([]eventlog.Record, eventlog.MaxBatch)
	for i := range records {
		records[i] = record(i)
	}
	for b.Loop() {
		if _, err := s.AppendBatch(b.Context(), records); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(records))/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkRead(b *testing.B) {
	s := bench(b)
	const n = 100_000
	fill(b, s, n)
	var after uint64
	b.ResetTimer()
	for read := 0; read < b.N; {
		got, err := s.Read(b.Context(), eventlog.ReadRequest{After: after, Events: 1000, Bytes: 1 << 20})
		if err != nil || len(got) == 0 {
			b.Fatal(len(got), err)
		}
		read += len(got)
		if after = got[len(got)-1].Sequence(); after == n {
			after = 0
		}
	}
}

func BenchmarkFollow(b *testing.B) {
	s := bench(b)
	done := make(chan struct{})
	var got atomic.Int64
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	ended := make(chan error, 1)
	ready := make(chan struct{}, 1)
	go func() {
		ended <- s.Follow(ctx, 0, func(batch []eventlog.Entry) {
			if len(batch) == 0 {
				ready <- struct{}{}
			}
			if got.Add(int64(len(batch))) == int64(b.N) {
				close(done)
			}
		})
	}()
	<-ready
	b.ResetTimer()
	fill(b, s, b.N)
	<-done
	b.StopTimer()
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// One event after the other, from Append to delivery.
func BenchmarkAppendToDelivery(b *testing.B) {
	s := bench(b)
	delivered := make(chan struct{}, 1)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Follow(ctx, 0, func([]eventlog.Entry) { delivered <- struct{}{} })
	}()
	<-delivered
	r := record(1)
	b.ResetTimer()
	for range b.N {
		if _, err := s.AppendAsync(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		<-delivered
	}
	b.StopTimer()
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

func BenchmarkState(b *testing.B) {
	s := bench(b)
	for b.Loop() {
		if _, err := s.State(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// Open, 100 streams of 1,000 events each, a round trip to each.
func BenchmarkOpen100Streams(b *testing.B) {
	dir := b.TempDir()
	start := func(n int) *eventlog.Log {
		l, err := eventlog.Open(b.Context(), eventlog.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		declared := make([]*contract.Stream, 100)
		for i := range declared {
			declared[i] = logtest.Stream(contract.Disk)
			declared[i].Name = fmt.Sprint("orders-", i)
		}
		streams, err := l.Streams(b.Context(), declared)
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range streams {
			if n > 0 {
				fill(b, s, n)
			}
		}
		return l
	}
	shut(b, start(1000))
	for b.Loop() {
		l := start(0)
		b.StopTimer()
		shut(b, l)
		b.StartTimer()
	}
}

// What Append costs beside JetStream's own asynchronous publishing, with callers that each wait for their event.
func BenchmarkAppend(b *testing.B) {
	r := record(1)
	for _, callers := range []int{1, 8, 64} {
		s := bench(b)
		for name, store := range map[string]func() error{
			"leat": func() error { _, err := s.Append(b.Context(), r, nil); return err },
			"bare": s.Bare(b, r),
		} {
			b.Run(fmt.Sprintf("%s/%d", name, callers), func(b *testing.B) {
				b.ReportAllocs()
				var g errgroup.Group
				var begun atomic.Int64
				for range callers {
					g.Go(func() error {
						for begun.Add(1) <= int64(b.N) {
							if err := store(); err != nil {
								return err
							}
						}
						return nil
					})
				}
				if err := g.Wait(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
