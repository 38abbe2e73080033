package grpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// A body that never ends counts what was read of it.
type endless struct {
	text []byte
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.read%len(e.text):])
	e.read += n
	return n, nil
}

func (e *endless) Close() error { return nil }

func messageOf(size int) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(size)), make([]byte, size)...)
}

func TestAnUploadIsReadNoFasterThanItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &endless{text: messageOf(1000)}
		body := newIntake(source)
		read := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, body)
			read <- err
		}()
		synctest.Wait() // the reader waits
		if source.read < maxAhead || source.read > maxAhead+64<<10 {
			t.Fatalf("%d bytes were read ahead, want about %d", source.read, maxAhead)
		}
		for range 100 {
			before := source.read
			for range 50 {
				body.take()
			}
			synctest.Wait()
			if source.read == before || source.read > before+50*1005+64<<10 {
				t.Fatalf("%d bytes were read for 50 messages that were taken", source.read-before)
			}
		}
		if err := body.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-read; !errors.Is(err, errIntakeClosed) {
			t.Errorf("the reader that waited got %v", err)
		}
	})
}

// However a body is cut into reads, it arrives as it is, and each message is counted once.
func TestAnUploadArrivesWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		sizes := rapid.SliceOfN(rapid.IntRange(0, 3000), 0, 20).Draw(t, "sizes")
		for _, size := range sizes {
			text = append(text, messageOf(size)...)
		}
		body := newIntake(io.NopCloser(bytes.NewReader(text)))
		var got []byte
		for len(got) < len(text) {
			p := make([]byte, rapid.IntRange(1, 2000).Draw(t, "read"))
			n, err := body.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p[:n]...)
		}
		if !bytes.Equal(got, text) {
			t.Fatal("the body is another one")
		}
		if len(body.sizes) != len(sizes) || body.ahead != int64(len(text)) {
			t.Fatalf("%d messages of %d bytes were counted, want %d of %d", len(body.sizes), body.ahead, len(sizes), len(text))
		}
		for range sizes {
			body.take()
		}
		if body.ahead != 0 || body.sizes != nil {
			t.Fatalf("%d bytes are left", body.ahead)
		}
	})
}

// A dripping body comes in pieces of a few bytes at first, so that headers are cut everywhere.
type dripping struct {
	io.Reader
	piece int
}

func (d *dripping) Read(p []byte) (int, error) {
	d.piece++
	if d.piece < 40 {
		p = p[:min(len(p), 1+d.piece%7)]
	}
	return d.Reader.Read(p)
}

func TestAnUploadArrivesWithoutWhatIsTooLarge(t *testing.T) {
	for first := range 7 {
		var text, want []byte
		for _, size := range []int{first, maxMessage + 1, 0, maxMessage, maxMessage + 2, 7} {
			text = append(text, messageOf(size)...)
			if size > maxMessage {
				want = append(want, untaken(oversize, "%d", size)...)
			} else {
				want = append(want, messageOf(size)...)
			}
		}
		body := newIntake(io.NopCloser(&dripping{bytes.NewReader(text), first}))
		var got []byte
		for p := make([]byte, 8196); ; {
			n, err := body.Read(p)
			got = append(got, p[:n]...)
			for len(body.sizes) > 0 { // the handler keeps up
				body.take()
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, want) || body.ahead != 0 {
			t.Fatalf("%d: got %d bytes, want %d, and %d bytes are left", first, len(got), len(want), body.ahead)
		}
	}
}
