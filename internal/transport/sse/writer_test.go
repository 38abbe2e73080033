package sse_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatstream/leat/internal/hub"
	"github.com/leatstream/leat/internal/transport/sse"
)

func batch(frames ...[]byte) hub.Batch {
	b := hub.Batch{Frames: frames}
	for _, f := range frames {
		b.Bytes += len(f)
	}
	return b
}

func TestASlowReaderThatMakesProgressIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		written := make(chan error, 1)
		go func() {
			written <- sse.ConnWriter(ours, false).Write(batch([]byte("abc"), []byte("defgh")))
		}()
		var got []byte
		for one := make([]byte, 1); len(got) < 8; got = append(got, one...) {
			time.Sleep(hub.SlowAfter - time.Second) // of the bubble's clock
			if _, err := io.ReadFull(theirs, one); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-written; err != nil || string(got) != "abcdefgh" {
			t.Errorf("got %q, %v; want abcdefgh", got, err)
		}
	})
}

func TestAReaderThatTakesNothingIsSlow(t *testing.T) {
	for name, encrypted := range map[string]bool{"plain": false, "in chunks": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				defer ours.Close()
				defer theirs.Close()
				begun := time.Now()
				err := sse.ConnWriter(ours, encrypted).Write(batch([]byte("abc")))
				if !errors.Is(err, sse.ErrSlow) || time.Since(begun) != hub.SlowAfter {
					t.Errorf("got %v after %v, want %v after %v", err, time.Since(begun), sse.ErrSlow, hub.SlowAfter)
				}
			})
		})
	}
}

func TestAReaderThatLeavesIsNotSlow(t *testing.T) {
	for name, encrypted := range map[string]bool{"plain": false, "in chunks": true} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			theirs.Close()
			defer ours.Close()
			err := sse.ConnWriter(ours, encrypted).Write(batch([]byte("abc")))
			if !errors.Is(err, sse.ErrGone) || errors.Is(err, sse.ErrSlow) {
				t.Errorf("got %v, want %v", err, sse.ErrGone)
			}
		})
	}
}

func TestWritersLeaveTheBatchAsItWas(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 10_000)
	for name, encrypted := range map[string]bool{"plain": false, "in chunks": true} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			received := make(chan []byte, 1)
			go func() {
				all, _ := io.ReadAll(theirs)
				received <- all
			}()
			b := batch([]byte("first"), long, nil, []byte("last"))
			if err := sse.ConnWriter(ours, encrypted).Write(b); err != nil {
				t.Fatal(err)
			}
			ours.Close()
			if got, want := <-received, "first"+string(long)+"last"; string(got) != want {
				t.Errorf("received %d bytes, want %d", len(got), len(want))
			}
			if string(b.Frames[0]) != "first" || len(b.Frames[1]) != len(long) || string(b.Frames[3]) != "last" {
				t.Error("the frames of the batch are changed")
			}
		})
	}
}

// tcp gives both ends of a connection whose far end reads all there is.
func tcp(t testing.TB) net.Conn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	theirs, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, theirs)
	}()
	t.Cleanup(func() { ours.Close(); theirs.Close(); <-done })
	return ours
}

func TestWritingABatchAllocatesNothing(t *testing.T) {
	w, b := sse.ConnWriter(tcp(t), false), batch([]byte("abc"), []byte("def"))
	allocations := testing.AllocsPerRun(100, func() {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("got %v allocations a batch, want none", allocations)
	}
}

func BenchmarkWrite(b *testing.B) {
	w, frames := sse.ConnWriter(tcp(b), false), batch(bytes.Repeat([]byte("x"), 250))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(frames); err != nil {
			b.Fatal(err)
		}
	}
}
