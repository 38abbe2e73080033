package farewell_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"pgregory.net/rapid"

	"github.com/leatstream/leat/internal/transport/farewell"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var trailers = []hpack.HeaderField{{Name: "grpc-status", Value: "14"}, {Name: "grpc-message", Value: "come back"}}

// A wire takes down what is written, at most so many bytes at a time where that is not 0.
type wire struct {
	net.Conn
	out  bytes.Buffer
	most int
}

func (w *wire) Write(p []byte) (int, error) {
	if w.most > 0 && len(p) > w.most {
		n, _ := w.out.Write(p[:w.most])
		return n, os.ErrDeadlineExceeded
	}
	return w.out.Write(p)
}

// draw makes frames as a server writes them, and what becomes of them where streams 1 and 3 have last words.
func draw(t *rapid.T) (given, wanted []byte) {
	var in, out bytes.Buffer
	from, to := http2.NewFramer(&in, nil), http2.NewFramer(&out, nil)
	waiting, ended := map[uint32]bool{1: true, 3: true}, map[uint32]bool{}
	for _, f := range []*http2.Framer{from, to} {
		_ = f.WriteSettings()
	}
	for range rapid.IntRange(0, 20).Draw(t, "frames") {
		stream := rapid.SampledFrom([]uint32{1, 3, 5}).Draw(t, "stream")
		data := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
		switch kind := rapid.SampledFrom([]string{"data", "headers", "trailers", "reset"}).Draw(t, "kind"); {
		case kind == "data":
			_ = from.WriteData(stream, false, data)
			_ = to.WriteData(stream, false, data)
		case kind != "reset":
			p := http2.HeadersFrameParam{StreamID: stream, BlockFragment: data, EndHeaders: true, EndStream: kind == "trailers"}
			_ = from.WriteHeaders(p)
			_ = to.WriteHeaders(p)
			ended[stream] = ended[stream] || kind == "trailers"
		default:
			_ = from.WriteRSTStream(stream, http2.ErrCodeInternal)
			if !waiting[stream] {
				_ = to.WriteRSTStream(stream, http2.ErrCodeInternal)
			} else if !ended[stream] {
				_ = to.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: words(), EndHeaders: true, EndStream: true})
				if stream == 3 {
					_ = to.WriteRSTStream(3, http2.ErrCodeNo)
				}
			}
			waiting[stream] = false
		}
	}
	return in.Bytes(), out.Bytes()
}

func words() []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range trailers {
		field.Sensitive = true
		_ = encoder.WriteField(field)
	}
	return block.Bytes()
}

func TestResetsBecomeLastWordsHoweverTheServerWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given, wanted := draw(t)
		w := &wire{most: rapid.IntRange(0, 30).Draw(t, "most")}
		conn := farewell.New(w)
		before := rapid.IntRange(0, 9).Draw(t, "written before") // of the settings
		for rest := given; len(rest) > 0; {
			size := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if at := len(given) - len(rest); at < before {
				size = min(size, before-at)
			} else if at == before {
				conn.Prepare(1, trailers, false)
				conn.Prepare(3, trailers, true)
			}
			for piece := rest[:size]; len(piece) > 0; { // net/http goes on with the rest
				n, err := conn.Write(piece)
				if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) || err == nil && n != len(piece) {
					t.Fatalf("wrote %d of %d, %v", n, len(piece), err)
				}
				piece = piece[n:]
			}
			rest = rest[size:]
		}
		if !bytes.Equal(w.out.Bytes(), wanted) {
			t.Errorf("wrote\n%x, became\n%x, want\n%x", given, w.out.Bytes(), wanted)
		}
	})
}

func TestHTTP1PassesAsItIs(t *testing.T) {
	w := &wire{}
	conn := farewell.New(w)
	conn.Prepare(1, trailers, false)
	const answer = "HTTP/1.1 200 OK\r\n\r\n" + "\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x02"
	if n, err := io.WriteString(conn, answer); n != len(answer) || err != nil || w.out.String() != answer {
		t.Errorf("wrote %d, %v: %q", n, err, w.out.String())
	}
}

// A reset goes between frames, also where the client has stopped in the middle of one, and not into its headers.
func TestAResetComesBetweenTheFramesOfTheClient(t *testing.T) {
	var sent bytes.Buffer
	sent.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&sent, nil)
	_ = framer.WriteSettings()
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("abc")})
	_ = framer.WriteContinuation(1, true, []byte("def"))
	_ = framer.WriteData(1, false, []byte("ghi"))
	for at := range sent.Len() + 1 {
		client, server := net.Pipe()
		conn := farewell.New(server)
		taken := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(conn)
			taken <- all
		}()
		if _, err := client.Write(sent.Bytes()[:at]); err != nil {
			t.Fatal(err)
		}
		conn.Reset(7)
		if _, err := client.Write(sent.Bytes()[at:]); err != nil {
			t.Fatal(err)
		}
		client.Close()
		all := <-taken
		mistake := []byte{0, 0, 4, 8, 0, 0, 0, 0, 7, 0, 0, 0, 0}
		before, after, found := bytes.Cut(all, mistake)
		if !found || !bytes.Equal(append(bytes.Clone(before), after...), sent.Bytes()) {
			t.Fatalf("reset at %d: the server has read\n%q", at, all)
		}
		if !between[len(before)] {
			t.Errorf("reset at %d comes at %d, in the middle of a frame", at, len(before))
		}
		server.Close()
	}
}

// between are the places in what the client of TestAResetComesBetweenTheFramesOfTheClient sends.
var between = map[int]bool{24: true, 33: true, 57: true, 69: true}
